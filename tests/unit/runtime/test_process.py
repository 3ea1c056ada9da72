"""Signals: what the first does and what the second, whatever the process is about."""

import asyncio
import signal

import pytest

from services.runtime import process
from services.runtime.errors import ExitCode
from services.runtime.life import Life
from services.runtime.settings import ServiceSettings


class _EndedError(Exception):
    """Stands for the end of the process."""


def test_the_first_signal_to_a_process_that_already_ends_lets_it_end_in_good_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(code: int) -> None:
        raise _EndedError(code)

    monkeypatch.setattr("os._exit", end)
    life, told = Life("test", ServiceSettings()), asyncio.Event()
    life.exit(ExitCode.TRY_AGAIN, "a loop failed")
    process._on_signal(life, signal.SIGTERM, told=told)  # noqa: SLF001 - what the event loop calls
    assert life.ended == (ExitCode.TRY_AGAIN, "a loop failed")
    with pytest.raises(_EndedError):
        process._on_signal(life, signal.SIGTERM, told=told)  # noqa: SLF001 - as above
