"""All SQL of the relay's queues: whose they are, what lies in them, and that it was sent (rule E1)."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

from services.runtime.postgres import Connection
from services.status import outbox
from services.status.messages import STATUS_TOPIC, Message
from services.status.outbox import Packed
from services.status.record_batches import split, unpack

# A queue is left to the relay that had it last, unless that one lets it lie: changing hands has a price (E1), paid in
# snapshots that are repeated. An owner at work moves its position.
QUEUES: Final = """
select topic, part
from (select topic, part, min(created_at) as oldest from status.outbox group by topic, part) as queue
left join status.relay_position as position using (topic, part)
where owner is null or owner = $1 or greatest(oldest, updated_at) <= now() - make_interval(secs => $2)
order by topic, part
"""
# One relay a partition: two would interleave. The locks end with the transaction, so a frozen relay loses them to the
# server's idle limit, and nobody has to guess whether it still lives.
TRY_LOCK: Final = """
with asked as materialized (select topic, part from unnest($1::text[], $2::int[]) as t (topic, part))
select topic, part from asked where pg_try_advisory_xact_lock(hashtextextended('relay ' || topic || '/' || part, 0))
"""
# A statement behind the locks: what another relay has deleted, or taken, before it lost them is seen.
READ_ROWS: Final = """
select topic, part, owner, id, payload, snapshots, messages, key, value, headers, timestamp_ms, tombstone
from (
    select head.*, coalesce(sum(coalesce(octet_length(payload), octet_length(value), 0)) over (
        partition by topic, part order by id rows between unbounded preceding and 1 preceding), 0) as bytes_before
    from unnest($1::text[], $2::int[]) as queue (asked_topic, asked_part) cross join lateral (
        select * from status.outbox where topic = asked_topic and part = asked_part order by id limit $3) as head
) as measured left join status.relay_position using (topic, part)
where bytes_before < $4 order by topic, part, id
"""
# Deleted and advanced at once. A queue of tombstones alone puts nothing on its topic and does not know where that ends.
SENT: Final = """
with gone as (delete from status.outbox where id = any($1::bigint[]))
insert into status.relay_position (topic, part, next_offset, owner)
select topic, part, coalesce(sent.next_offset, before.next_offset, 0), $5
from unnest($2::text[], $3::int[], $4::bigint[]) as sent (topic, part, next_offset)
left join status.relay_position as before using (topic, part) order by topic, part
on conflict (topic, part) do update
set next_offset = excluded.next_offset, owner = excluded.owner, updated_at = now()
"""


class Queue(NamedTuple):
    """One output partition."""

    topic: str
    part: int


class Row(NamedTuple):
    """What one batch of the consumer said to one partition."""

    batches: Sequence[bytes]
    """Record batches as they are sent, one after the other."""
    snapshots: Sequence[bytes]
    """Those for the snapshots, to be acknowledged first: the newest message of each order in the row."""
    messages: int


@dataclass(frozen=True, slots=True)
class Head:
    """The first rows of a queue, read under its lock."""

    queue: Queue
    owner: str | None
    """Who relayed it last."""
    ids: Sequence[int]
    rows: Sequence[Row]

    @property
    def keys(self) -> list[str]:
        """The orders whose snapshots are in it."""
        return sorted({one.key.decode() for row in self.rows for one in unpack(row.snapshots)})

    @property
    def messages(self) -> int:
        """How many messages it has."""
        return sum(row.messages for row in self.rows)


async def queues(connection: Connection, name: str, *, patience_s: float) -> list[Queue]:
    """Return the queues that have rows and are the named relay's, or nobody's, or have waited for their owner."""
    return [Queue(*row) for row in await connection.fetch(QUEUES, name, patience_s)]


async def lock(connection: Connection, asked: Sequence[Queue]) -> list[Queue]:
    """Lock the queues until the transaction ends; return those that no other relay has."""
    return [Queue(*row) for row in await connection.fetch(TRY_LOCK, *_columns(asked))]


async def read(connection: Connection, locked: Sequence[Queue], *, limit: int, limit_bytes: int) -> list[Head]:
    """Return the heads of the queues that still have rows: each so many at most, the bytes for all of them together."""
    found: dict[Queue, list[Any]] = {}
    share = limit_bytes // max(1, len(locked))
    for row in await connection.fetch(READ_ROWS, *_columns(locked), limit, share):
        found.setdefault(Queue(row["topic"], row["part"]), []).append(row)
    return [_head(queue, rows) for queue, rows in found.items()]


async def sent(connection: Connection, heads: Sequence[Head], next_offsets: Sequence[int | None], name: str) -> None:
    """Delete what was acknowledged, and write down how far its topics reach and who has seen to it."""
    ids = [one for head in heads for one in head.ids]
    await connection.execute(SENT, ids, *_columns([head.queue for head in heads]), list(next_offsets), name)


def _columns(found: Sequence[Queue]) -> tuple[list[str], list[int]]:
    return [one.topic for one in found], [one.part for one in found]


def _head(queue: Queue, stored: Sequence[Any]) -> Head:
    rows: list[Row] = []
    for older, group in groupby(stored, key=lambda row: row["payload"] is None):
        some = list(group)
        packed = _of_older(queue.topic, some) if older else map(_packed, some)
        rows += [_row(queue.topic, one) for one in packed]
    return Head(queue, stored[0]["owner"], [row["id"] for row in stored], rows)


def _row(topic: str, packed: Packed) -> Row:
    batches = split(packed.payload)
    if topic != STATUS_TOPIC:
        return Row(batches, (), packed.messages)
    return Row(batches, batches[-1:] if packed.snapshots is None else split(packed.snapshots), packed.messages)


def _packed(stored: Any) -> Packed:
    return Packed(stored["payload"], stored["snapshots"], stored["messages"])


def _of_older(topic: str, stored: Iterable[Any]) -> Iterator[Packed]:
    """Make of rows that an older program wrote, a message each, what they would be today."""
    return outbox.packed(
        topic,
        [
            Message(topic, row["key"], row["value"], json.loads(row["headers"]), row["timestamp_ms"], row["tombstone"])
            for row in stored
        ],
    )
