"""The relay: committed messages go from the outbox to Kafka, per output partition in id order (rule E1).

One record batch is outstanding per partition, the next only after its acknowledgement, because a client that sends on
after a failed batch reorders. Rows are deleted in the transaction that advances the relay's position; a crash between
acknowledgement and delete sends the same bytes again, which readers know by (key, version).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from uuid import uuid4

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer

from services.runtime import clock, delivery, incarnation, metrics
from services.runtime.failpoints import hit
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.settings import KafkaSettings
from services.runtime.watchdog import Heart
from services.status import relay_rows, snapshot_repeats
from services.status.consumer import SCHEMA
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.record_batches import MAX_BATCH_BYTES, Ready, count, pack
from services.status.relay_rows import Head, Queue

__all__ = ["MAX_BATCH_BYTES", "Relay"]

log = structlog.stdlib.get_logger("trackfold.status.relay")

SEND_TIMEOUT_S: Final = 10.0
#: What one round reads at most, so that a backlog neither fills the memory nor goes on for ever; compressed.
MAX_ROUND_BYTES: Final = 4 * 1024 * 1024

# The server takes a silent transaction for a frozen one, and waiting for Kafka is silence.
STILL_HERE: Final = "select 1"
STILL_HERE_S: Final = 0.5

_Send: TypeAlias = "asyncio.Future[int | None]"


@dataclass(slots=True)
class Relay:
    """Relays what the outbox holds; one loop a process."""

    life: Life
    kafka: KafkaSettings
    pool: Pool
    producer: AIOKafkaProducer
    outputs: Outputs
    poll_s: float = 0.05
    limit: int = 500
    """Rows of one queue that a round takes at most."""
    patience_s: float = 2.0
    """How long a queue waits for the relay that had it last, before another one takes it."""
    repeat_s: float = 1.0
    """How often it is asked which snapshots are to be repeated."""
    name: str = field(default_factory=lambda: uuid4().hex)
    _heart: Heart | None = None
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _unplanned: set[str] = field(default_factory=set)
    """Orders whose snapshots must be repeated and of which the database could not be told yet."""
    _repeats_at: float = 0.0

    def wake(self) -> None:
        """Look at once: this process has just committed something."""
        self._woken.set()

    async def run(self) -> None:
        """Relay until the process stops; a loop for `life.spawn`. Waits for Kafka and Postgres as long as they need."""
        self._heart = self.life.heart("relay")
        while not self.life.stopping.is_set():
            self._beat()
            self._woken.clear()
            moved = await delivery.persist(self.relay_once, life=self.life, what="relay", heart=self._heart)
            if not moved:
                await self._rest()

    async def _rest(self) -> None:
        """Wait for this process's next commit; not for long, because others may leave something."""
        ends = [asyncio.ensure_future(event.wait()) for event in (self._woken, self.life.stopping)]
        try:
            await asyncio.wait(ends, timeout=self.poll_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in ends:
                one.cancel()

    async def relay_once(self) -> int:
        """Relay once through every queue that has rows; return how many messages were relayed."""
        async with self.pool.acquire() as connection:
            queues = await relay_rows.queues(connection, self.name, patience_s=self.patience_s)
        moved = await self._relay(queues) if queues else 0
        await self._repeat_snapshots()
        return moved

    async def _relay(self, queues: Sequence[Queue]) -> int:
        """Relay the heads of queues under their locks: read, send, delete what was acknowledged; raise what failed."""
        heads: Sequence[Head] = ()
        sends: Sequence[_Send] = ()
        try:
            async with self.pool.transaction() as connection:
                heads = await self._heads(connection, queues)
                if not heads:
                    return 0
                await hit("relay.before_send")
                sends = [asyncio.ensure_future(self._send(head)) for head in heads]
                await self._all_settled(connection, sends)
                done = {place: one.result() for place, one in enumerate(sends) if one.exception() is None}
                await hit("relay.after_send")
                if done:
                    await relay_rows.sent(connection, [heads[place] for place in done], list(done.values()), self.name)
                await hit("relay.before_commit")
        except Exception:
            if sends:
                await self._plan_repeats(heads)
            raise
        return await self._account(heads, sends)

    async def _heads(self, connection: Connection, queues: Sequence[Queue]) -> Sequence[Head]:
        locked = await relay_rows.lock(connection, queues)
        if not locked:
            return ()
        heads = await relay_rows.read(connection, locked, limit=self.limit, limit_bytes=MAX_ROUND_BYTES)
        if heads:
            # What a lost future has published is marked first: this moves the place from which it is read back.
            await incarnation.hold(connection, SCHEMA)
            await self._take_over(heads)
        return heads

    async def _all_settled(self, connection: Connection, sends: Sequence[_Send]) -> None:
        """Wait until each queue was sent or has failed; end all sends where this ends early."""
        try:
            while (await asyncio.wait(sends, timeout=STILL_HERE_S))[1]:
                await connection.execute(STILL_HERE)
                self._beat()
        finally:
            for one in sends:
                one.cancel()
            await asyncio.gather(*sends, return_exceptions=True)

    async def _account(self, heads: Sequence[Head], sends: Sequence[_Send]) -> int:
        """Count what was relayed; see to what failed and raise the first of it: one dead partition stops no other."""
        outcomes = [(head, one.exception()) for head, one in zip(heads, sends, strict=True)]
        relayed = [head for head, failed in outcomes if failed is None]
        for head in relayed:
            metrics.RELAYED.labels(head.queue.topic).inc(head.messages)
        if len(relayed) < len(heads):
            await self._plan_repeats([head for head, failed in outcomes if failed is not None])
            raise next(failed for _, failed in outcomes if failed is not None)
        return sum(head.messages for head in relayed)

    async def _send(self, head: Head) -> int | None:
        """Send rows; return the offset behind the last. Snapshots first: a reader of snapshots misses nothing (E1)."""
        topic, part = head.queue
        next_offset = None
        for row in head.rows:
            if row.snapshots:
                await self._send_batches(SNAPSHOT_TOPIC, part, row.snapshots)
                await hit("relay.after_snapshot")
            next_offset = await self._send_batches(topic, part, row.batches) or next_offset
        return next_offset

    async def _send_batches(self, topic: str, part: int, batches: Sequence[bytes]) -> int | None:
        wire, next_offset = self.kafka.topic(topic), None
        for batch in batches:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                done = await (await self.producer.send_batch(Ready(batch), wire, partition=part))
            self._beat()
            next_offset = done.offset + count(batch)
        return next_offset

    async def _take_over(self, heads: Sequence[Head]) -> None:
        """Plan to repeat the snapshots of queues that another process relayed: its last send may be under way.

        Committed before the first send, apart from the transaction that holds the lock: whoever is killed or cancelled
        on that send leaves its name, and the one before it, which may still be there, sees that it was not alone. A
        queue without an owner may have lost its first one before that was written down.
        """
        taken = [one for one in heads if one.queue.topic == STATUS_TOPIC and one.owner != self.name]
        if not taken:
            return
        async with self.pool.acquire() as apart:
            for one in taken:
                await snapshot_repeats.take_over(apart, *one.queue, keys=one.keys, name=self.name)

    async def _plan_repeats(self, heads: Sequence[Head]) -> None:
        """After sends of unknown outcome: the same bytes can appear late, behind newer ones."""
        self._unplanned.update(key for head in heads if head.queue.topic == STATUS_TOPIC for key in head.keys)
        keys = sorted(self._unplanned)
        if not keys:
            return
        try:
            async with self.pool.transaction() as connection:
                await snapshot_repeats.plan(connection, keys)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("cannot plan to repeat snapshots yet", error=delivery.describe(error))
        else:
            self._unplanned.difference_update(keys)

    async def _repeat_snapshots(self) -> None:
        """Send the newest snapshots once more that are due; the orders stay locked, so none can get newer meanwhile."""
        if self._unplanned:
            await self._plan_repeats(())
        if clock.monotonic() < self._repeats_at:
            return
        async with self.pool.acquire() as connection:
            due = await snapshot_repeats.take(connection)
        if len(due) < snapshot_repeats.AT_ONCE:
            self._repeats_at = clock.monotonic() + self.repeat_s
        if not due:
            return
        async with self.pool.transaction() as connection:
            await incarnation.hold(connection, SCHEMA)
            for one in await snapshot_repeats.newest(connection, list(due)):
                await self._send_batches(SNAPSHOT_TOPIC, self.outputs.partition(SNAPSHOT_TOPIC, one.key), [pack([one])])
                await connection.execute(STILL_HERE)
            await snapshot_repeats.end(connection, due)

    def _beat(self) -> None:
        if self._heart is not None:
            self._heart.beat()
