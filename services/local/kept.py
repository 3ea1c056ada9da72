"""One process that the supervisor keeps alive: started again when it dies, later each time, not for ever.

A process that says its configuration is wrong (78) is not started again: it would say the same.
"""

import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.local.child import Child, listens
from services.runtime import clock
from services.runtime.errors import ExitCode

MAX_RESTARTS: Final = 5
FORGIVEN_AFTER_S: Final = 60.0
FIRST_WAIT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, with which environment, logging where, and how long its end may take."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    log: Path
    cwd: Path
    ports: tuple[int, ...] = ()
    grace_s: float = 6.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What `Kept.look` found: how it ended, and whether that is the end."""

    code: int
    final: bool


class Kept:
    """A program and its present process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.restarts = 0
        self._child: Child | None = None
        self._started = 0.0
        self._again_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The present process, if there is one."""
        return None if self._child is None else self._child.process.pid

    def lost_its_port(self) -> bool:
        """Say whether somebody else listens where a process that has ended was to listen."""
        ended = self._child is not None and self._child.process.poll() is not None
        return ended and any(listens(port) for port in self.program.ports)

    def start(self) -> None:
        """Start it now; call from the main thread."""
        program = self.program
        self._child = Child.start(program.name, program.argv, log=program.log, env=program.env, cwd=program.cwd)
        self._started = clock.monotonic()
        self._again_at = None

    def look(self) -> Fate | None:
        """Start it again when that is due; a Fate when it has just died, final when it stays dead."""
        now = clock.monotonic()
        if self._again_at is not None:
            if now >= self._again_at:
                self.start()
            return None
        code = None if self._child is None else self._child.process.poll()
        if code is None:
            return None
        if now - self._started > FORGIVEN_AFTER_S:
            self.restarts = 0
        final = code == ExitCode.CONFIG or self.restarts >= MAX_RESTARTS
        if not final:
            self._again_at = now + FIRST_WAIT_S * 2.0**self.restarts
            self.restarts += 1
        return Fate(code, final)

    def stop(self) -> int | None:
        """Ask it to stop, kill it after its grace; its exit code, None when nothing ran."""
        self._again_at = None
        return None if self._child is None else self._child.stop(signal.SIGTERM, grace_s=self.program.grace_s)

    def kill(self) -> None:
        """End it at once."""
        if self._child is not None and self._child.process.poll() is None:
            self._child.process.kill()

    def tail(self, lines: int = 20) -> str:
        """Give the last lines it said, each with its name in front."""
        width = shutil.get_terminal_size((160, 24)).columns
        text = "" if self._child is None else self._child.tail(lines)
        return "\n".join(f"{self.program.name} | {line}"[: max(width, 80) * 3] for line in text.splitlines())
