"""Processes that are started again when they end, as systemd would: with a small pause, and never after a 78.

Every end is written down. What a member holds and whether it is ready is read here too: from /proc and its admin port.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from services.local.ports import free_port
from services.runtime import clock
from tests.oracle_evidence import ProcessEnd, ProcessNow
from tests.stack.processes import PORT_SETTINGS, Process, Processes

LOOK_S: Final = 0.05
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0
SETTLED_S: Final = 5.0
#: 78 needs a person; 0 was told to stop.
FOR_GOOD: Final = frozenset({0, 78})
SIGKILLED: Final = -9


@dataclass
class Member:
    """One place on the stage: a service with fixed ports, whoever fills it at the moment."""

    name: str
    service: str
    env: Mapping[str, str]
    once: Mapping[str, str]
    """Settings of its first life only: fail-points kill once."""
    processes: Processes
    under: Sequence[str] = ()
    """The command that runs ours in its place, in every life: another network, less memory (tests/faults)."""
    process: Process | None = None
    lives: int = 0
    ends: list[ProcessEnd] = field(default_factory=list)
    held: bool = False
    """Not started again while it is set."""
    killed: bool = False
    """Whether the test ended the present life itself."""
    may_end_with: set[int] = field(default_factory=set)
    """Exit codes that the test expects beside those that every service may have: -9 where the kernel kills it, 78."""
    logs: list[Path] = field(default_factory=list)
    started_at: float = 0.0
    http_url: str = ""
    """Where it is reached since its first life; the same in all."""

    @property
    def pid(self) -> int:
        """The pid of the present life."""
        return self.life.pid

    @property
    def life(self) -> Process:
        """The present process; a member that was never started has none."""
        assert self.process is not None, f"{self.name} was not started"
        return self.process

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.running

    async def start(self, *, wait_ready: bool = True) -> None:
        """Begin a life."""
        env = {**self.env, **(self.once if self.lives == 0 else {})}
        self.lives += 1
        self.killed = False
        self.started_at = clock.monotonic()
        self.process = await self.processes.start(self.service, env=env, wait_ready=False, under=self.under)
        self.http_url = self.process.http_url
        self.logs.append(self.process.child.log)
        if wait_ready:
            await self.process.wait_ready()

    def kill(self) -> None:
        """SIGKILL it; the supervisor starts it again."""
        self.killed = True
        self.life.kill()

    async def terminate(self, limit_s: float = 30) -> int:
        """SIGTERM it, for good unless `restart` follows; returns its exit code."""
        self.held = True
        return await self.life.terminate(limit_s)

    async def restart(self) -> None:
        """Start it again after a stop."""
        self.note_end()
        await self.start()
        self.held = False

    def note_end(self) -> int | None:
        """Write down how the present life ended, once; None while it runs."""
        if self.process is None or self.process.running:
            return None
        code = int(self.process.child.process.returncode)
        armed = code == SIGKILLED and self.lives == 1 and bool(self.once)
        wanted = self.killed or self.held or armed or code in self.may_end_with
        self.ends.append(ProcessEnd(f"{self.name} (life {self.lives})", code, wanted, clock.monotonic()))
        self.process = None
        return code

    async def now(self) -> ProcessNow:
        """Say how it is."""
        ready = self.running and await self.life.ready()
        return ProcessNow(self.name, self.running, ready, expected_gone=self.held)

    def log(self) -> str:
        """Everything that all its lives wrote."""
        return "\n".join(log.read_text(errors="replace") for log in self.logs)


class Supervisor:
    """Keeps its members running; `keep` is a task of the stage for each."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.members: list[Member] = []

    def add(
        self, service: str, env: Mapping[str, str], once: Mapping[str, str], *, under: Sequence[str] = ()
    ) -> Member:
        """Make a member with ports of its own, not started yet."""
        number = sum(one.service == service for one in self.members) + 1
        ports = {name: str(free_port()) for name in PORT_SETTINGS}
        member = Member(f"{service} {number}", service, {**ports, **env}, once, self._processes, under)
        self.members.append(member)
        return member

    async def keep(self, member: Member) -> None:
        """Start one member again whenever it ends, until cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            await asyncio.sleep(LOOK_S)
            if member.held:
                continue
            lasted = clock.monotonic() - member.started_at
            code = member.note_end()
            if code is None:
                continue
            if code in FOR_GOOD:
                member.held = code in member.may_end_with
                return
            pause = FIRST_PAUSE_S if lasted > SETTLED_S else min(pause * 2, LONGEST_PAUSE_S)
            await asyncio.sleep(pause)
            if not member.held:
                await member.start(wait_ready=False)
