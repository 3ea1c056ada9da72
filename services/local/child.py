"""A process of our own: started apart from the terminal, gone when we are gone, stopped by its own pid.

Used for the embedded database and broker and by the tests; start from the main thread, since Linux ends such a child
with the thread that made it. Never searches for processes by name.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

POLL_S = 0.02
_PR_SET_PDEATHSIG = 1


class ChildFailedError(RuntimeError):
    """A process ended, or did not become ready in time; the message ends with the tail of its log."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account that a child runs as when we are root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Child:
    """One running process and the file that its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: Account | None = None,
        on_parent_death: signal.Signals = signal.SIGKILL,
    ) -> Self:
        """Start `argv` in a session of its own, so that a Ctrl-C in the terminal reaches only us."""
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 -- callers start fixed programs of the project
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=_dies_with_parent(on_parent_death),  # noqa: PLW1509 -- nothing else ties it to our life
            )
        return cls(name, process, log)

    def wait_ready(self, ready: Callable[[], bool], *, limit_s: float) -> None:
        """Return when `ready()` says so; raise when the process ends first or the limit passes."""
        deadline = time.monotonic() + limit_s
        while not ready():
            if self.process.poll() is not None:
                raise ChildFailedError(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ChildFailedError(f"{self.name} was not ready within {limit_s:.0f} s\n{self.tail()}")
            time.sleep(POLL_S)

    def stop(self, how: signal.Signals = signal.SIGTERM, *, grace_s: float = 10) -> int:
        """Ask it to stop, kill it after the grace, and give its exit code; a process that is gone is fine."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def tail(self, lines: int = 30) -> str:
        """Give the last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def listens(port: int) -> bool:
    """Say whether somebody accepts connections on a port of the loopback address."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _dies_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """Make the hook that runs in the child before its program: a signal for the day its parent dies (Linux only)."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def hook() -> None:
        prctl(_PR_SET_PDEATHSIG, how.value)
        if os.getppid() != parent:  # it died between fork and here: no signal will come
            os._exit(1)

    return hook
