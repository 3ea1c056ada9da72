"""One round's figures: events a second, CPU and WAL an event, from the first tenth of a load to its end.

How far a design is its Kafka group's committed offsets say, read every 20 ms near the moments that count; the end is
when all are committed and nothing waits to be published. CPU is what /proc says of whole trees of processes.
"""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from benchmarks.engine.designs.design import Design
from benchmarks.engine.lock_waits import lock_waits
from benchmarks.engine.stack import Stack, Workers

POLL_S: Final = 0.02
"""At the moments that count."""
_LONGEST_PAUSE_S: Final = 0.5
_PART_OF_THE_REST: Final = 0.2
MEASURED_FROM: Final = 0.1
"""Of the load: before that caches are cold."""
_STANDS_STILL_S: Final = 60.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_WAL: Final = "select pg_current_wal_lsn() - '0/0'::pg_lsn"


class StandsStillError(RuntimeError):
    """A design makes no progress any more, and is not at its end."""


class TooSmallError(RuntimeError):
    """A load is done at once: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU time, in seconds or an event in microseconds."""

    service: float
    postgres: float
    broker: float

    def since(self, before: "Cpu", events: int) -> "Cpu":
        """Return the microseconds an event between two moments."""
        pairs = (
            (self.service, before.service),
            (self.postgres, before.postgres),
            (self.broker, before.broker),
        )
        return Cpu(*(round((now - then) / events * 1e6, 1) for now, then in pairs))

    @property
    def total(self) -> float:
        """All of it."""
        return self.service + self.postgres + self.broker


@dataclass(frozen=True, slots=True)
class Measured:
    """What one design did in one round."""

    events: int
    """Within the measured span."""
    seconds: float
    cpu_us: Cpu
    """An event."""
    wal_bytes: float
    """An event."""
    lock_waits: float = 0.0
    """The share of the workers' time in which they waited for a lock of Postgres."""
    deadlocks: int = 0

    @property
    def events_per_second(self) -> float:
        """The rate."""
        return self.events / self.seconds


@dataclass(frozen=True, slots=True)
class _Moment:
    at: float
    done: int
    cpu: Cpu
    wal: int


class Watch:
    """Watches one design in one round; use as a context manager."""

    def __init__(self, stack: Stack, design: Design, workers: Workers, *, prefix: str, dsn: str) -> None:
        self._stack = stack
        self._design = design
        self._workers = workers
        self._group = prefix + design.group
        self._dsn = dsn
        self._admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
        self._coordinator: int | None = None
        self._database: Any = None
        self._done_before = 0

    async def __aenter__(self) -> Self:
        self._database = await asyncpg.connect(self._dsn, timeout=10, command_timeout=60)
        if self._design.progress_sql is not None:
            self._done_before = await self._database.fetchval(self._design.progress_sql)
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()
        await self._database.close(timeout=5)

    async def until_done(self, count: int) -> None:
        """Return when so many records are done, and nothing waits to be published."""
        await self._until(count)
        await self._all_out()

    async def measure(self, begins: int, total: int, *, measured_from: float = MEASURED_FROM) -> Measured:
        """Measure the records between two counts but for a first part; raises StandsStillError, TooSmallError."""
        await self._until(begins + round((total - begins) * measured_from))
        async with lock_waits(self._dsn) as waits:
            first = await self._moment()
            await self.until_done(total)
            last = await self._moment()
        events = total - first.done
        if events <= 0:
            raise TooSmallError(f"{self._design.name}: the load was done at once")
        return Measured(
            events=events,
            seconds=last.at - first.at,
            cpu_us=last.cpu.since(first.cpu, events),
            wal_bytes=round((last.wal - first.wal) / events),
            lock_waits=waits.share(self._design.processes),
            deadlocks=waits.deadlocks,
        )

    async def _until(self, count: int) -> None:
        """Return when so many records are done. The nearer that is, the sooner it is asked again: asking costs CPU."""
        began, first = time.perf_counter(), await self.done()
        seen, seen_at = first, began
        while (done := await self.done()) < count:
            self._workers.check()
            now = time.perf_counter()
            if done != seen:
                seen, seen_at = done, now
            if now - seen_at > _STANDS_STILL_S:
                raise StandsStillError(f"{self._design.name} stands still at {done} of {count} records")
            pause = pause_s(done=done - first, left=count - done, seconds=now - began)
            # A design that only stores makes its rows ready for long, and then is done in a moment.
            await asyncio.sleep(pause if self._design.publishes else POLL_S)

    async def _all_out(self) -> None:
        """Return when nothing waits to be published."""
        ends_at = time.perf_counter() + _STANDS_STILL_S
        while waiting := await self._database.fetchval(self._design.pending_sql):
            self._workers.check()
            if time.perf_counter() > ends_at:
                raise StandsStillError(f"{self._design.name}: {waiting} messages wait to be published")
            await asyncio.sleep(POLL_S)

    async def _moment(self) -> _Moment:
        done, at = await self.done(), time.perf_counter()
        cpu = Cpu(
            service=cpu_seconds(self._workers.pids),
            postgres=cpu_seconds([self._stack.postgres_pid]),
            broker=cpu_seconds([self._stack.broker_pid]),
        )
        return _Moment(at, done, cpu, int(await self._database.fetchval(_WAL)))

    async def done(self) -> int:
        """Return how many input records were committed since it watches."""
        if self._design.progress_sql is not None:
            return int(await self._database.fetchval(self._design.progress_sql)) - self._done_before
        try:
            self._coordinator = self._coordinator or await self._admin.find_coordinator(self._group)
            found = await self._admin.list_consumer_group_offsets(self._group, self._coordinator)
        except KafkaError:  # no group yet
            return 0
        return sum(max(0, one.offset) for one in found.values())


def pause_s(*, done: int, left: int, seconds: float) -> float:
    """Return when to ask again: after a part of what is left at the rate so far."""
    if not done:
        return POLL_S
    return min(_LONGEST_PAUSE_S, max(POLL_S, left / done * seconds * _PART_OF_THE_REST))


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU time that processes and all their descendants have used, the ended ones too."""
    children: dict[int, list[int]] = defaultdict(list)
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(entry)):
            children[int(fields[1])].append(int(entry.name))
            used[int(entry.name)] = sum(map(int, fields[11:15])) / _TICKS
    wanted, total = list(roots), 0.0
    while wanted:
        pid = wanted.pop()
        total += used.get(pid, 0.0)
        wanted += children[pid]
    return total


def _stat(entry: Path) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name; none where the process is gone."""
    try:
        return (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
