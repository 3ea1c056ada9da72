"""A thread that ends the process with 70 when something that must turn has stopped turning.

Whoever loops registers a heart and beats it; waiting for a named dependency counts as beating, because restarting would
not bring the dependency back. It never judges what the loop does, only that it turns.
"""

import faulthandler
import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Final

from services.runtime.errors import ExitCode
from services.runtime.log_stream import push

_CHECK_S: Final = 1.0
_STDERR: Final = 2


class Heart:
    """One thing that must turn."""

    def __init__(self, name: str, limit_s: float, *, clock: Callable[[], float]) -> None:
        self.name = name
        self.limit_s = limit_s
        self._clock = clock
        self._last = clock()

    def beat(self) -> None:
        """Say that it turned."""
        self._last = self._clock()

    @property
    def still_s(self) -> float:
        """For how long it has not turned."""
        return self._clock() - self._last


def die(message: str) -> None:
    """Write the stacks of all threads and end the process at once: nothing in it can be trusted to clean up."""
    try:
        push(message.encode() + b"\n" + _stacks(), _STDERR)
    finally:
        os._exit(ExitCode.WATCHDOG)


def _stacks() -> bytes:
    """Return the stacks of all threads, by way of a file: a dump into a pipe that nobody reads would never end."""
    try:
        with tempfile.TemporaryFile() as dump:
            faulthandler.dump_traceback(file=dump, all_threads=True)
            dump.seek(0)
            return dump.read()
    except OSError:
        return b"the stacks cannot be shown: no temporary file can be made\n"


class Watchdog:
    """Watches the hearts from a thread of its own."""

    def __init__(
        self, limit_s: float, *, clock: Callable[[], float] = time.monotonic, kill: Callable[[str], None] = die
    ) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._kill = kill
        self._hearts: dict[str, Heart] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def heart(self, name: str, limit_s: float | None = None) -> Heart:
        """Register something that must turn at least every `limit_s` (the setting `process.watchdog_s` by default)."""
        heart = Heart(name, limit_s or self._limit_s, clock=self._clock)
        self._hearts[name] = heart
        return heart

    def forget(self, heart: Heart) -> None:
        """Stop watching a heart whose loop ended as it should."""
        if self._hearts.get(heart.name) is heart:
            del self._hearts[heart.name]

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; the thread ends within its check."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2 * _CHECK_S)

    def check(self) -> None:
        """Look once; a heart that is still for too long ends the process."""
        for heart in tuple(self._hearts.values()):
            if heart.still_s > heart.limit_s:
                self._kill(
                    f"watchdog: {heart.name!r} has not turned for {heart.still_s:.0f} s (limit {heart.limit_s:g} s);"
                    f" exit {int(ExitCode.WATCHDOG)}"
                )

    def _watch(self) -> None:
        due = self._clock() + _CHECK_S
        while not self._end.wait(_CHECK_S):
            late = self._clock() - due
            if late > _CHECK_S:
                # The whole process stood still (SIGSTOP, a frozen machine): the hearts get their time again.
                for heart in tuple(self._hearts.values()):
                    heart.beat()
            self.check()
            due = self._clock() + _CHECK_S
