"""Steps: sessions that stop at points, and the scheduler that lets them go on one at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.interleaving.schedules import Schedule

if TYPE_CHECKING:
    import asyncpg

    from services.status.cache import Cache

#: How long a step is left alone before the server is asked whether it waits for a lock.
POLL_S: Final = 0.001
#: No step takes so long, unless the machine does not get to it at all.
STEP_LIMIT_S: Final = 60.0
# Waiting for anybody else (an autovacuum) is no more than being slow.
WAITS: Final = "select pg_blocking_pids($1) && $2::int[]"


@dataclass
class Session:
    """One connection and the work that goes on on it."""

    name: str
    connection: "asyncpg.Connection[asyncpg.Record]"
    points: Sequence[str] = ()
    """Statements at which it stops, each once and in this order; the first step begins with the work itself."""
    cache: "Cache | None" = None
    """What its process has kept of the batches before; None: it keeps nothing."""
    asking: bool = False
    """A statement is under way."""
    sqlstates: list[str] = field(default_factory=list)
    """What the server refused."""
    surprises: list[str] = field(default_factory=list)
    """What nobody expects of the work, whether it got over it or not."""
    steps: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """It stands at a point, or has ended."""
    ended: bool = False
    at: str = "begin"
    _met: int = 0
    _go: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self.connection.get_server_pid()

    @property
    def missed(self) -> Sequence[str]:
        """The points at which it has not stopped."""
        return self.points[self._met :]

    async def reach(self, statement: str) -> None:
        """Stop before a statement if it is the next point."""
        if self.missed and self.missed[0] == statement:
            self._met += 1
            self.at = " ".join(statement.split())[:40]
            await self.stop()

    async def stop(self) -> None:
        """Stand still until it is this session's turn."""
        self._go.clear()
        self.settled.set()
        await self._go.wait()

    def go_on(self) -> None:
        """Take the next step."""
        self.steps += 1
        self.settled.clear()
        self._go.set()

    async def run(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Do the work, the first step of it at its turn as well."""
        try:
            await self.stop()
            await work()
        except Exception as failure:  # noqa: BLE001 - judged with everything else
            self.surprises.append(f"{failure!r} from {failure.__cause__!r}")
        finally:
            self.ended = True
            self.settled.set()


class Scheduler:
    """Steps through sessions that are under way."""

    def __init__(self, observer: "asyncpg.Connection[asyncpg.Record]", sessions: Sequence[Session]) -> None:
        self._observer = observer
        self._sessions = sessions
        self._pids = [one.pid for one in sessions]
        self.trace: list[str] = []

    async def during(self, schedule: Schedule, works: Sequence[Callable[[], Awaitable[Any]]]) -> None:
        """Let each session do its work, one step at a time, until all have ended."""
        async with asyncio.TaskGroup() as tasks:
            for session, work in zip(self._sessions, works, strict=True):
                tasks.create_task(session.run(work))
            await self._step_through(schedule)

    async def _step_through(self, schedule: Schedule) -> None:
        while True:
            async with asyncio.timeout(STEP_LIMIT_S):
                await self._settle()
            ready = [number for number, one in enumerate(self._sessions) if one.settled.is_set() and not one.ended]
            if not ready:
                return
            session = self._sessions[schedule.choose(ready)]
            self.trace.append(f"{session.name}:{session.at}")
            session.go_on()

    async def _settle(self) -> None:
        """Return when every session stands at a point, has ended, or waits for one that does.

        All of them are asked again after each that got free: it may have freed others. When all wait for each other,
        the server ends one of them.
        """
        while True:
            moving = [one for one in self._sessions if not one.settled.is_set()]
            freed = [await self._settled(one) for one in moving]
            stuck = bool(moving) and not any(one.settled.is_set() and not one.ended for one in self._sessions)
            if not any(freed) and not stuck:
                return

    async def _settled(self, session: Session) -> bool:
        """Wait until a session stands still; False: it waits for another."""
        while not session.settled.is_set():
            try:
                async with asyncio.timeout(POLL_S):
                    await session.settled.wait()
            except TimeoutError:
                if session.asking and await self._observer.fetchval(WAITS, session.pid, self._pids):
                    return False
        return True
