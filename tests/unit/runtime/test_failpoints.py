"""Fail-points: what the setting means, and that nothing happens unless armed."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from services.runtime import failpoints
from services.runtime.errors import Misconfigured


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    failpoints.arm("")


async def test_an_unarmed_fail_point_does_nothing() -> None:
    await failpoints.hit("relay.after_send")


def test_arming_is_said_loudly() -> None:
    with capture_logs() as lines:
        failpoints.arm("")
        failpoints.arm("relay.after_send:kill")
    assert [(line["log_level"], line["points"]) for line in lines] == [("warning", ["relay.after_send"])]


async def test_raise_with_a_count_fails_only_so_often() -> None:
    failpoints.arm("relay.after_send:raise*2, consume.polled:raise")
    for _ in range(2):
        with pytest.raises(failpoints.FailpointError):
            await failpoints.hit("relay.after_send")
    await failpoints.hit("relay.after_send")


async def test_sleep_lets_others_run_and_block_does_not() -> None:
    failpoints.arm("relay.after_send:sleep=0.05,relay.before_send:block=0.05")
    for name, turned in (("relay.after_send", True), ("relay.before_send", False)):
        other = asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        began = time.monotonic()
        await failpoints.hit(name)
        assert other.done() is turned
        assert time.monotonic() - began >= 0.04
        await other


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL)])
def test_kill_ends_the_process_as_kill_9_does(action: str, number: int) -> None:
    code = (
        "import asyncio\nfrom services.runtime import failpoints\n"
        f"failpoints.arm('relay.after_send:{action}')\nasyncio.run(failpoints.hit('relay.after_send'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -number


@pytest.mark.parametrize(
    "text", ["nowhere:kill", "relay.after_send:explode", "relay.after_send", "relay.after_send:sleep=x"]
)
def test_a_misspelt_fail_point_is_a_misconfiguration(text: str) -> None:
    with pytest.raises(Misconfigured):
        failpoints.arm(text)


def test_every_registered_fail_point_is_hit_somewhere() -> None:
    from pathlib import Path  # noqa: PLC0415

    source = "\n".join(path.read_text() for path in Path("services").rglob("*.py") if path.name != "failpoints.py")
    assert [name for name in failpoints.POINTS if f'"{name}"' not in source] == []
