"""The relay: committed messages go from the outbox to Kafka, per output partition in id order (rule E1).

One record batch is outstanding per partition, the next only after its acknowledgement, because a client that sends on
after a failed batch reorders. Rows are deleted in the transaction that advances the relay's position; a crash between
acknowledgement and delete sends the same bytes again, which readers know by (key, version).
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import uuid4

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer

from services.runtime import delivery, incarnation, metrics
from services.runtime.failpoints import hit
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.settings import KafkaSettings
from services.runtime.watchdog import Heart
from services.status.consumer import SCHEMA
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs

log = structlog.stdlib.get_logger("trackfold.status.relay")

#: Kafka bounds a record batch by the topic's max.message.bytes (256 KiB): stay under it with the batch's own overhead.
MAX_BATCH_BYTES: Final = 240 * 1024
SEND_TIMEOUT_S: Final = 10.0
#: A repeat that Kafka still holds can arrive this late; then the newest snapshot must be written once more.
REPEAT_AFTER: Final = "10 minutes"
_REPEATS_AT_ONCE: Final = 20
#: What one transaction reads at most, so that a backlog of large orders neither fills the memory nor goes on for ever.
MAX_ROUND_BYTES: Final = 1024 * 1024

QUEUES: Final = "select distinct topic, part from status.outbox order by topic, part"
# One relay a partition: two would interleave. The lock ends with the transaction, so a frozen relay loses it to the
# server's idle limit, and nobody has to guess whether it still lives.
TRY_LOCK: Final = "select pg_try_advisory_xact_lock(hashtextextended('relay ' || $1, 0))"
READ_ROWS: Final = """
select id, key, value, headers, timestamp_ms, tombstone from (
    select head.*, coalesce(sum(octet_length(value)) over (
        order by id rows between unbounded preceding and 1 preceding), 0) as bytes_before
    from (select * from status.outbox where topic = $1 and part = $2 order by id limit $3) as head
) as measured where bytes_before < $4 order by id
"""
# The server takes a silent transaction for a frozen one, and waiting for Kafka is silence.
STILL_HERE: Final = "select 1"
DELETE_ROWS: Final = "delete from status.outbox where topic = $1 and part = $2 and id = any($3::bigint[])"
READ_OWNER: Final = "select owner from status.relay_position where topic = $1 and part = $2"
# A round of tombstones alone puts nothing on the topic and does not know where it ends.
ADVANCE: Final = """
insert into status.relay_position (topic, part, next_offset, owner) values ($1, $2, coalesce($3::bigint, 0), $4)
on conflict (topic, part) do update
set next_offset = coalesce($3, relay_position.next_offset), owner = excluded.owner, updated_at = now()
"""
SCHEDULE_REPEATS: Final = f"""
insert into status.snapshot_repeat (order_key, due_at)
select distinct key, now() + interval '{REPEAT_AFTER}' from unnest($1::text[]) as t (key) order by key
on conflict (order_key) do update set due_at = excluded.due_at
"""  # noqa: S608 - a constant of ours
# One statement, so that an owner is never written down without its repeats.
TAKE_OVER: Final = f"""
with planned as ({SCHEDULE_REPEATS})
insert into status.relay_position (topic, part, next_offset, owner) values ($2, $3, 0, $4)
on conflict (topic, part) do update set owner = excluded.owner, updated_at = now()
"""  # noqa: S608 - a constant of ours
# Put off before they are sent, and not in the transaction of the sends: whoever dies in one leaves them planned, for a
# repeat can be late as well.
TAKE_REPEATS: Final = f"""
update status.snapshot_repeat set due_at = now() + interval '{REPEAT_AFTER}' where order_key in (
    select order_key from status.snapshot_repeat where due_at <= now() order by order_key limit $1
    for update skip locked)
returning order_key, due_at
"""  # noqa: S608 - a constant of ours
# Only as it was put off here: what was planned anew meanwhile stays.
END_REPEATS: Final = """
delete from status.snapshot_repeat as planned using unnest($1::text[], $2::timestamptz[]) as done (order_key, due_at)
where planned.order_key = done.order_key and planned.due_at = done.due_at
"""
# Of a closed order that is a tombstone again: it has no message.
NEWEST: Final = """
select order_key, message as value, message_headers as headers, message_ms as timestamp_ms
from status.orders where order_key = any($1::text[]) and (message is not null or closed is not null)
order by order_key for update
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One message as the outbox holds it."""

    id: int
    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp_ms: int
    tombstone: bool = False
    """Its order's snapshot is a record without value (rules E8, E9); without a value of its own it is nothing else."""


@dataclass(slots=True)
class Relay:
    """Relays what the outbox holds; one loop a process."""

    life: Life
    kafka: KafkaSettings
    pool: Pool
    producer: AIOKafkaProducer
    """Its `max_batch_size` is MAX_BATCH_BYTES."""
    outputs: Outputs
    poll_s: float = 0.05
    limit: int = 500
    name: str = field(default_factory=lambda: uuid4().hex)
    _heart: Heart | None = None
    _at: tuple[str, int] = ("", -1)
    """The queue at work. After a failure the next round begins behind it, or one dead partition would stop all."""
    _unplanned: set[str] = field(default_factory=set)
    """Orders whose snapshots must be repeated and of which the database could not be told yet."""

    async def run(self) -> None:
        """Relay until the process stops; a loop for `life.spawn`. Waits for Kafka and Postgres as long as they need."""
        self._heart = self.life.heart("relay")
        while not self.life.stopping.is_set():
            self._heart.beat()
            moved = await delivery.persist(self.relay_once, life=self.life, what="relay", heart=self._heart)
            if not moved:
                await self.life.pause(self.poll_s)

    async def relay_once(self) -> int:
        """Relay once through every queue that has rows; return how many rows were relayed."""
        async with self.pool.acquire() as connection:
            queues = [(row["topic"], row["part"]) for row in await connection.fetch(QUEUES)]
        moved = 0
        for queue in [*(one for one in queues if one > self._at), *(one for one in queues if one <= self._at)]:
            self._at = queue
            moved += await self._relay(*queue)
        self._at = ("", -1)
        await self._repeat_snapshots()
        return moved

    async def _relay(self, topic: str, part: int) -> int:
        """Relay the head of one queue: read, send, await the acknowledgement, delete, all under the queue's lock."""
        rows: Sequence[Row] = ()
        sending = False
        try:
            async with self.pool.transaction() as connection:
                if not await connection.fetchval(TRY_LOCK, f"{topic}/{part}"):
                    return 0
                rows = await _read(connection, topic, part, limit=self.limit)
                if not rows:
                    return 0
                # What a lost future has published is marked first: this moves the place from which it is read back.
                await incarnation.hold(connection, SCHEMA)
                await self._take_over(connection, topic, part, rows=rows)
                await hit("relay.before_send")
                sending = True
                next_offset = await self._send(connection, topic, part, rows=rows)
                await hit("relay.after_send")
                await connection.execute(DELETE_ROWS, topic, part, [row.id for row in rows])
                await connection.execute(ADVANCE, topic, part, next_offset, self.name)
                await hit("relay.before_commit")
        except Exception:
            if sending and topic == STATUS_TOPIC:
                await self._schedule_repeats(_keys(rows))
            raise
        metrics.RELAYED.labels(topic).inc(len(rows))
        return len(rows)

    async def _send(self, connection: Connection, topic: str, part: int, *, rows: Sequence[Row]) -> int | None:
        """Send rows; return the offset behind the last. Snapshots first: a reader of snapshots misses nothing (E1)."""
        if topic == STATUS_TOPIC:
            newest = {row.key: row for row in rows}
            snapshots = [replace(row, value=None) if row.tombstone else row for row in newest.values()]
            await self._send_batches(connection, SNAPSHOT_TOPIC, part, rows=snapshots)
            await hit("relay.after_snapshot")
        told = [row for row in rows if row.value is not None]
        return await self._send_batches(connection, topic, part, rows=told)

    async def _send_batches(self, connection: Connection, topic: str, part: int, *, rows: Sequence[Row]) -> int | None:
        wire, next_offset, left = self.kafka.topic(topic), None, list(rows)
        while left:
            batch = self.producer.create_batch()
            taken = 0
            for row in left:
                if batch.append(key=row.key, value=row.value, timestamp=row.timestamp_ms, headers=row.headers) is None:
                    break
                taken += 1
            batch.close()
            async with asyncio.timeout(SEND_TIMEOUT_S):
                done = await (await self.producer.send_batch(batch, wire, partition=part))
            await connection.execute(STILL_HERE)
            if self._heart is not None:
                self._heart.beat()
            next_offset = done.offset + taken
            left = left[taken:]
        return next_offset

    async def _take_over(self, connection: Connection, topic: str, part: int, *, rows: Sequence[Row]) -> None:
        """Plan to repeat the snapshots of a queue that another process relayed: its last send may be under way.

        Committed before the first send, apart from the transaction that holds the lock: whoever is killed or cancelled
        on that send leaves its name, and the one before it, which may still be there, sees that it was not alone. A
        queue without an owner may have lost its first one before that was written down.
        """
        if topic == STATUS_TOPIC and await connection.fetchval(READ_OWNER, topic, part) != self.name:
            async with self.pool.acquire() as apart:
                await apart.execute(TAKE_OVER, _keys(rows), topic, part, self.name)

    async def _schedule_repeats(self, keys: Sequence[str]) -> None:
        """After a send of unknown outcome: the same bytes can appear late, behind newer ones."""
        self._unplanned.update(keys)
        try:
            async with self.pool.transaction() as connection:
                await connection.execute(SCHEDULE_REPEATS, keys)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("cannot plan to repeat snapshots yet", error=delivery.describe(error))
        else:
            self._unplanned.difference_update(keys)

    async def _repeat_snapshots(self) -> None:
        """Send the newest snapshots once more that are due; the orders stay locked, so none can get newer meanwhile."""
        if self._unplanned:
            await self._schedule_repeats(sorted(self._unplanned))
        async with self.pool.acquire() as connection:
            due = {row["order_key"]: row["due_at"] for row in await connection.fetch(TAKE_REPEATS, _REPEATS_AT_ONCE)}
        if not due:
            return
        async with self.pool.transaction() as connection:
            await incarnation.hold(connection, SCHEMA)
            for row in await connection.fetch(NEWEST, list(due)):
                key = row["order_key"].encode()
                one = Row(0, key, row["value"], _headers(row["headers"]), row["timestamp_ms"])
                await self._send_batches(
                    connection, SNAPSHOT_TOPIC, self.outputs.partition(SNAPSHOT_TOPIC, key), rows=[one]
                )
            await connection.execute(END_REPEATS, list(due), list(due.values()))


async def _read(connection: Connection, topic: str, part: int, *, limit: int) -> list[Row]:
    return [
        Row(row["id"], row["key"], row["value"], _headers(row["headers"]), row["timestamp_ms"], row["tombstone"])
        for row in await connection.fetch(READ_ROWS, topic, part, limit, MAX_ROUND_BYTES)
    ]


def _headers(stored: str) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in json.loads(stored)]


def _keys(rows: Sequence[Row]) -> list[str]:
    return [row.key.decode() for row in rows]
