"""What a fault must show to count: somebody met it; one that struck nobody did not happen, and the reason is told."""

import asyncio
import random
import smtplib
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import cast

import pytest

from tests.chaos import strikes_inputs
from tests.chaos.strikes_processes import CPU_GROUPS, held_back
from tests.chaos.world import World
from tests.contract import providers
from tests.contract.providers import SmtpSetup
from tests.faults import limits
from tests.waiting import eventually

MODES = ("busy", "data_451", "drops_before", "silent_before", "drops_after_body", "silent_after_body")
ANSWER_S = 0.5


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSetup]:
    """The fake mail server of a stage."""
    async with providers.smtp() as made:
        yield made


@pytest.fixture
def world(smtp: SmtpSetup) -> World:
    """As much of a world as a fault of the mail server needs."""
    return cast("World", SimpleNamespace(stage=SimpleNamespace(smtp=smtp)))


def send(port: int) -> None:
    """Hand over one mail, whatever comes of it."""
    with suppress(smtplib.SMTPException, OSError), smtplib.SMTP(providers.HOST, port, timeout=ANSWER_S) as client:
        client.sendmail("shop@example.com", ["ada@example.com"], "Subject: Shipped\n\nHello,\n")


@contextmanager
def running(code: str) -> Iterator[int]:
    """Run a program of Python's within the block; gives its pid."""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("mode", MODES)
async def test_a_fault_of_the_mail_server_that_no_mail_met_did_not_happen(
    world: World, smtp: SmtpSetup, mode: str
) -> None:
    await asyncio.to_thread(send, smtp.port)  # before it
    async with strikes_inputs.provider(mode)(world, random.Random(1)) as blow:  # noqa: S311 - a seed
        pass
    assert (blow.struck, blow.detail) == (False, "0 mails")


@pytest.mark.parametrize("mode", MODES)
async def test_a_fault_of_the_mail_server_counts_the_mails_that_met_it(
    world: World, smtp: SmtpSetup, mode: str
) -> None:
    async with strikes_inputs.provider(mode)(world, random.Random(1)) as blow:  # noqa: S311 - a seed
        await asyncio.to_thread(send, smtp.port)
    assert (blow.struck, blow.detail) == (True, "1 mails")
    assert smtp.mode == "takes"


async def test_a_process_that_wants_more_than_its_share_of_a_core_is_held_back() -> None:
    with running("while True: pass") as pid, limits.cpu_share(pid, 0.1):
        await eventually(lambda: held_back(pid) > 0)


@pytest.mark.skipif(not CPU_GROUPS.exists(), reason="without groups a process is held back by SIGSTOP, all the time")
def test_a_process_that_wants_nothing_is_not_held_back() -> None:
    with running("import signal; signal.pause()") as pid, limits.cpu_share(pid, 1.0):
        assert held_back(pid) == 0


def test_a_process_that_has_ended_over_it_was_held_back() -> None:
    with running("") as pid:
        pass
    assert held_back(pid) == 1
