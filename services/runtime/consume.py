"""Consuming behind the fence in Postgres (status, notify, the poller): one polled batch is one transaction.

A batch that failed is never passed over: it is run again from the same records until it is done, its bad records are
set aside, or the process ends. `plain_consume.py` is the other way, for the normaliser, which has no database.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import asyncpg
import structlog
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from services.runtime import backoff, clock, delivery, failpoints, metrics, placement, sweeping
from services.runtime.delivery import Decision, Patience
from services.runtime.errors import Conflict, Poison, Transient
from services.runtime.fence import Fence
from services.runtime.going_back import GoingBack
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.positions import Hole, Holes, Late, Partition, Positions, Verdict
from services.runtime.postgres import Connection, Pool
from services.runtime.progress import Progress
from services.runtime.reader import Listener, Reader
from services.runtime.refusals import Refusals
from services.runtime.settings import KafkaSettings
from services.runtime.unblocking import Unblocking

log = structlog.stdlib.get_logger("trackfold.consume")

_SEEK_LIMIT_S: Final = 5.0
_GATE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to apply in the transaction of `connection`: sorted by topic, partition, offset; none applied before."""

    connection: Connection
    records: tuple[Record, ...]
    committed: list[Callable[[], None]] = field(default_factory=list)
    """What to do once COMMIT has returned, as counting: a batch that is run again must not count twice."""


Apply = Callable[[Batch], Awaitable[None]]
DeadLetter = Callable[[Connection, Record, str], Awaitable[None]]


class FencedConsumer(Reader):
    """One polled batch = one Postgres transaction: fence, apply, advance, COMMIT; then Kafka, for lag metrics only."""

    def __init__(  # noqa: PLR0913 - what a consumer is, by name
        self,
        life: Life,
        settings: KafkaSettings,
        pool: Pool,
        *,
        schema: str,
        group: str,
        topics: Sequence[str],
        apply: Apply,
        dead_letter: DeadLetter,
        max_records: int | None = None,
        may_take: Callable[[], bool] = lambda: True,
    ) -> None:
        """Take the service's work.

        `apply` does it inside the batch's transaction, or raises: Conflict to be run again with fewer records, Poison
        (or what Postgres refuses) to be run again one by one. `dead_letter(connection, record, reason)` sets aside,
        in its own transaction, the one record that cannot be applied. `may_take` says whether the next batch may begin:
        who says no shows in `/readyz` what is waited for.
        """
        super().__init__(life, settings, group=group, topics=topics, max_records=max_records)
        self._pool = pool
        self._fence = Fence(schema, settings.group(group))
        self._apply = apply
        self._dead_letter = dead_letter
        self._may_take = may_take
        self._unblocking = Unblocking(pool, group)
        self._refusals = Refusals()
        self._positions = Positions()
        self._going_back = GoingBack(life, settings, pool, self._fence, self._positions, name=group)
        self._rows: set[Partition] = set()
        self._explained: dict[Hole, bool] = {}

    async def start(self) -> None:
        """Join the group; raises Exit (78) when a log is not the one that the database has applied (rule E7)."""
        await self._going_back.remember()
        await super().start()
        try:
            await self._going_back.know(self._assigned)
        except BaseException:
            await self.stop()
            raise
        self._life.spawn(f"{self.name} log", lambda: self._going_back.watch(self._assigned))
        self._life.spawn(f"{self.name} database", lambda: self._going_back.follow(self._go_back))

    def _listener(self) -> ConsumerRebalanceListener:
        return Listener(lost=self._positions.rebalanced, gained=self._seek_to_stored)

    async def _go_back(self) -> None:
        self._positions.rebalanced()
        await self._seek_to_known(self._assigned())

    async def _seek_to_known(self, partitions: set[Partition]) -> None:
        """Go to where the database stands, or to the log's start: what Kafka has committed may be a lost database's."""
        async with self._pool.acquire() as connection:
            stored = await self._fence.stored(connection, sorted(partitions))
        for partition in partitions:
            # Kafka is not asked, it may be away: where the log starts above 0, aiokafka goes to its start by itself.
            self._seek(partition, stored.get(partition, 0))

    async def _take(self, records: list[Record]) -> None:
        """Work through one polled batch; raises Stopping or Exit, never leaves records behind otherwise."""
        await failpoints.hit("consume.polled")
        await self._pass_gate()
        run = Progress(records)
        patience = Patience(self._life, self.name, heart=self.heart)
        while run.left:
            chunk = run.chunk()
            self.heart.beat()
            try:
                with sweeping.OURS.put_off():  # around the whole call: what it holds is gone when it returns
                    await self._transaction(chunk, self._bury(run.reason) if run.reason else self._apply)
            except Holes as found:
                await self._settle(found.holes, run, patience)
            except Late as found:
                await self._leave(found.partitions, run)
            except Conflict as exc:
                self._doubt(chunk)
                await self._conflict(exc, run)
            except Exception as exc:  # noqa: BLE001 - decided by delivery
                self._doubt(chunk)
                if delivery.decide(exc) is not Decision.DEAD_LETTER or run.reason:
                    await patience.after(delivery.not_the_record(exc) if run.reason else exc)
                    run.smaller()  # what the database cut off for taking too long would take as long again
                else:
                    self._refused(exc, run)
            else:
                self._refusals.applied(0 if run.reason else len(chunk), now=clock.monotonic())
                run.done(chunk)
                patience.over()

    async def _transaction(self, records: Sequence[Record], apply: Apply) -> None:
        began, epoch = clock.monotonic(), self._positions.epoch
        lasts = {self._partition(one): one for one in records}
        ends = {partition: one.offset + 1 for partition, one in lasts.items()}
        await self._going_back.check({self._partition(one): one.offset for one in reversed(records)})
        await self._create_rows(ends)
        committed: list[Callable[[], None]] = []
        async with self._pool.transaction() as connection, self._unblocking.watching(connection):
            stored = await self._lock(connection, sorted(ends))
            await failpoints.hit("consume.fenced")
            fresh = tuple(one for one in records if one.offset >= stored[self._partition(one)])
            gaps = await self._pass_holes(connection, fresh, stored)
            if fresh:
                await apply(Batch(connection, fresh, committed))
                await failpoints.hit("consume.applied")
                used = {p: one for p, one in lasts.items() if one.offset >= stored[p]}
                await self._fence.advance(connection, self._going_back.marks(used))
            await failpoints.hit("consume.before_commit")
        self._positions.left({p: max(end, stored[p]) for p, end in ends.items() if end >= stored[p]}, epoch=epoch)
        self._count(records, fresh, gaps=gaps, seconds=clock.monotonic() - began)
        for act in committed:
            act()
        await failpoints.hit("consume.after_commit")
        await self._commit_to_kafka({p: max(end, stored[p]) for p, end in ends.items()})
        await failpoints.hit("consume.after_kafka_commit")

    async def _lock(self, connection: Connection, partitions: Sequence[Partition]) -> dict[Partition, int]:
        """Lock the offset rows; a database that has lost its last commits may have lost rows that were there (E7)."""
        stored = await self._fence.lock(connection, partitions)
        if lost := set(partitions) - stored.keys():
            self._rows -= lost
            raise Transient("offset_rows_lost", "the database has lost the offsets of partitions: they are made anew")
        return stored

    async def _pass_holes(
        self, connection: Connection, fresh: Iterable[Record], stored: Mapping[Partition, int]
    ) -> int:
        """Go over the holes that are explained, writing down lost records; raise Holes for the others."""
        firsts: dict[Partition, int] = {}
        for one in fresh:
            firsts.setdefault(self._partition(one), one.offset)
        holes = [Hole(p, stored[p], first) for p, first in firsts.items() if first > stored[p]]
        if unknown := [hole for hole in holes if hole not in self._explained]:
            raise Holes(unknown)
        lost = [hole for hole in holes if self._explained.pop(hole)]
        for hole in lost:
            await self._fence.write_gap(connection, hole.partition, want=hole.stored, got=hole.first)
            log.error("records were gone before they were read", partition=str(hole.partition), want=hole.stored)
        return len(lost)

    async def _settle(self, holes: Sequence[Hole], run: Progress, patience: Patience) -> None:
        """Go back where nothing is known; where it is, ask for the log's start: above the stored offset means loss."""
        known = [hole for hole in holes if self._positions.judge(hole) is Verdict.ASK]
        for hole in (one for one in holes if one not in known):
            log.info("going back", group=self.name, partition=str(hole.partition), to=hole.stored, from_=hole.first)
            if self._seek(hole.partition, hole.stored):
                self._positions.sought(hole.partition, hole.stored)
            run.drop([one for one in run.left if self._partition(one) == hole.partition])
        try:
            starts = await self._log_starts({hole.partition for hole in known}) if known else {}
        except Late as found:
            await self._leave(found.partitions, run)
            return
        except Exception as exc:  # noqa: BLE001 - decided by patience
            await patience.after(exc)
            return
        self._explained = {hole: starts[hole.partition] > hole.stored for hole in known}

    async def _leave(self, late: Collection[Partition], run: Progress) -> None:
        """Hand partitions back that cannot be judged now: what came with them, or comes after, does not wait (E7)."""
        gone = [one for one in run.left if self._partition(one) in late]
        log.warning("left for later", group=self.name, partitions=len(late), records=len(gone))
        self._hand_back(gone)
        self._doubt(gone)
        run.drop(gone)
        if not run.left:
            await self._life.rest(_GATE_S)  # what is handed over again at once shall not turn in circles

    def _doubt(self, records: Iterable[Record]) -> None:
        self._positions.doubt({self._partition(one) for one in records})

    async def _conflict(self, exc: Conflict, run: Progress) -> None:
        metrics.CONFLICTS.labels(self.name).inc()
        delay = backoff.full_jitter(run.conflicts, random.random, longest_s=1.0)
        run.conflict()
        log.info("conflict", group=self.name, why=exc.reason, next_try=run.limit)
        self.heart.beat()
        await self._life.rest(delay)

    async def _create_rows(self, partitions: Iterable[Partition]) -> None:
        """Create the rows that are missing, at the log's start: what retention took before we existed is not a loss."""
        unknown = {one for one in partitions if one not in self._rows}
        if not unknown:
            return
        async with self._pool.acquire() as connection:
            known = await self._fence.stored(connection, sorted(unknown))
        if missing := unknown - known.keys():
            starts = await self._log_starts(missing)
            async with self._pool.transaction() as connection:
                await self._fence.create(connection, starts, cluster=self._going_back.cluster)
        self._rows |= unknown

    async def _seek_to_stored(self, gained: set[Partition]) -> None:
        """Save reading what would be dropped; where that fails `follow` does it: Kafka may be ahead of what is kept."""
        try:
            async with asyncio.timeout(_SEEK_LIMIT_S):
                await self._seek_to_known(gained)
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError) as exc:
            self._going_back.forget()
            log.warning("cannot seek yet", group=self.name, why=delivery.describe(exc))

    @property
    def waits(self) -> bool:
        """Whether it waits for something that has a name in `/readyz`: also at the gate."""
        return super().waits or not self._may_take()

    async def done(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return where the database stands."""
        async with self._pool.acquire() as connection:
            return await self._fence.stored(connection, sorted(partitions))

    async def _pass_gate(self) -> None:
        while not self._may_take():
            self.heart.beat()
            await self._life.rest(_GATE_S)

    def _refused(self, exc: Exception, run: Progress) -> None:
        run.refused(delivery.reason(exc).lower())  # a word, as a dead letter has it: there are a 22P05 and a DataError
        if run.reason and not isinstance(exc, Poison):
            metrics.REFUSED_RECORDS.labels(self.name).inc()
            self._refusals.refused(run.reason, now=clock.monotonic())

    def _bury(self, reason: str) -> Apply:
        async def apply(batch: Batch) -> None:
            for one in batch.records:
                log.warning("dead letter", group=self.name, place=one.place, reason=reason)
                await self._dead_letter(batch.connection, one, reason)
                metrics.RECORDS.labels(self.name, "dead_letter").inc()

        return apply

    def _count(self, records: Sequence[Record], fresh: Sequence[Record], *, gaps: int, seconds: float) -> None:
        metrics.RECORDS.labels(self.name, "applied").inc(len(fresh))
        metrics.RECORDS.labels(self.name, "repeated").inc(len(records) - len(fresh))
        metrics.MISPLACED.labels(self.name).inc(placement.misplaced(fresh, self._partitions_of))
        metrics.OFFSET_GAPS.labels(self.name).inc(gaps)
        metrics.BATCH_SECONDS.labels(self.name).observe(seconds)
