"""All SQL of a database that was restored: what it had relayed, which orders are marked, how far the inputs were read.

Marking is done in small transactions and may be done again: a version is only ever raised.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import asyncpg

from services.runtime.fence import Fence
from services.runtime.positions import Partition
from services.runtime.postgres import Connection
from services.status import packed, repository
from services.status.consumer import SCHEMA
from services.status.messages import STATUS_TOPIC
from services.status.reading_back import Seen

ANY_ABOVE: Final = """
select exists (
    select from unnest($1::text[], $2::bigint[]) as seen (order_key, version)
    left join status.orders using (order_key) where seen.version > coalesce(orders.version, 0))
"""
POSITIONS: Final = "select part, next_offset from status.relay_position where topic = $1"
# Of rows that a batch has moved: one that was only made, as for a new partition, says when that was.
LAST_APPLIED: Final = """
select max(updated_at) as at, now() - max(updated_at) as age from status.consumer_offset where last_hash is not null
"""
KNOWN: Final = """
select order_key, version, doc, case when doc is null and not restored then message end as message
from status.orders where order_key = any($1::text[]) order by order_key for update
"""
# The message goes with the version: a snapshot that is repeated meanwhile is then the newest that readers know.
# What this database showed is the document from then on: the correction says what changed since.
# What was purged here was opened anew in the lost future, or it had no version: `closed_through` says what stays over.
MARK: Final = """
update status.orders
set version = seen.version, doc = seen.doc, message = seen.message, message_headers = seen.headers,
    message_ms = seen.ms, restored = true, closed = case orders.closed when 'erased' then 'erased' end
from unnest($1::text[], $2::bigint[], $3::jsonb[], $4::bytea[], $5::jsonb[], $6::bigint[])
    as seen (order_key, version, doc, message, headers, ms)
where orders.order_key = seen.order_key and orders.version < seen.version
returning orders.order_key
"""
SET_GOALS: Final = """
insert into status.restoring as goal (grp, topic, part, until_offset)
select $1, topic, part, until from unnest($2::text[], $3::int[], $4::bigint[]) as t (topic, part, until)
order by topic, part
on conflict (grp, topic, part) do update set until_offset = greatest(goal.until_offset, excluded.until_offset)
"""
_NOT_REACHED: Final = """
select goal.grp, goal.topic, goal.part, coalesce(done.next_offset, 0) as next_offset, goal.until_offset
from status.restoring goal left join status.consumer_offset done using (grp, topic, part)
where coalesce(done.next_offset, 0) < goal.until_offset
"""
# One cheap statement while there is nothing to do: each process asks every second.
ANYTHING: Final = """
select exists (select from status.restoring) as goals,
    exists (select from status.orders where restored and closed is null) as marked
"""
READY: Final = f"""
select order_key from status.orders
where restored and closed is null and exists (select from status.order_event e where e.order_key = orders.order_key)
    and not exists ({_NOT_REACHED}) order by order_key limit $1
"""  # noqa: S608 - a constant of ours
FORGET_GOALS: Final = """
delete from status.restoring goal using unnest($1::text[], $2::int[], $3::bigint[]) as t (topic, part, until)
where goal.topic = t.topic and goal.part = t.part and goal.until_offset = t.until
"""
FORGET_REACHED: Final = f"""
delete from status.restoring where (grp, topic, part) not in (select grp, topic, part from ({_NOT_REACHED}) as open)
"""  # noqa: S608 - a constant of ours


class Anything(NamedTuple):
    """Whether there is anything to do."""

    goals: bool
    """Inputs are to be read again."""
    marked: bool
    """Orders have a restored version to publish, if only an event of theirs comes."""


class LastApplied(NamedTuple):
    """When the newest batch began that the database knows of."""

    at: datetime
    age: timedelta
    """By the database's own clock."""


class Goals(NamedTuple):
    """How far a group had read its inputs: per partition where the log starts, and where it was."""

    group: str
    spans: Mapping[Partition, tuple[int, int]]


class Goal(NamedTuple):
    """A partition of the inputs that is to be read again up to an offset."""

    partition: Partition
    next_offset: int
    until: int


async def relayed(connection: Connection) -> dict[int, int]:
    """Return, per partition of the status topic, from where on it holds what this database did not delete yet."""
    return {row["part"]: row["next_offset"] for row in await connection.fetch(POSITIONS, STATUS_TOPIC)}


async def last_applied(connection: Connection) -> LastApplied | None:
    """Return when the last batch began that this database knows of; None: it knows of none."""
    row = await connection.fetchrow(LAST_APPLIED)
    return None if row is None or row["at"] is None else LastApplied(row["at"], row["age"])


async def any_above(connection: Connection, seen: Mapping[str, Seen]) -> bool:
    """Tell whether an order was published at a version above its own."""
    found: bool = await connection.fetchval(ANY_ABOVE, list(seen), [one.version for one in seen.values()])
    return found


async def mark(connection: Connection, seen: Mapping[str, Seen], goals: Goals) -> dict[str, int]:
    """Mark the orders that were published at a version above their own, and how far to read first.

    Return them with the version that they had. `seen` holds one at least.
    """
    places = goals.group, [one.topic for one in goals.spans], [one.number for one in goals.spans]
    # Offsets before orders, as everywhere. A partition that the database knows nothing of is read from its start,
    # whatever Kafka believes was read.
    starts = {one: start for one, (start, _) in goals.spans.items()}
    await Fence(SCHEMA, goals.group).create(connection, starts, cluster=None)
    await connection.execute(SET_GOALS, *places, [until for _, until in goals.spans.values()])
    # Made first, so that all are locked before it is read what they showed.
    await connection.execute(repository.CREATE_ORDERS, sorted(seen))
    known = {row["order_key"]: row for row in await connection.fetch(KNOWN, list(seen))}
    rows = [
        (
            order, one.version, _shown(order, known[order]), packed.pack(one.value),
            json.dumps(one.headers), one.timestamp_ms,
        )
        for order, one in seen.items()
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows, strict=True)]
    return {row["order_key"]: known[row["order_key"]]["version"] for row in await connection.fetch(MARK, *columns)}


def _shown(order: str, row: asyncpg.Record) -> str | None:
    document = packed.document(order, row["doc"], row["message"])
    return None if document is None else json.dumps(document, ensure_ascii=False)


async def anything(connection: Connection) -> Anything:
    """Look whether there is anything to do."""
    row = await connection.fetchrow(ANYTHING)
    assert row is not None  # noqa: S101 - it has no FROM
    return Anything(row["goals"], row["marked"])


async def ready(connection: Connection, *, limit: int) -> list[str]:
    """Return marked orders that can be published: none before all inputs are read again."""
    return [row["order_key"] for row in await connection.fetch(READY, limit)]


async def not_reached(connection: Connection) -> list[Goal]:
    """Return the goals that are not reached; forget the others."""
    await connection.execute(FORGET_REACHED)
    rows = await connection.fetch(_NOT_REACHED)
    return [Goal(Partition(row["topic"], row["part"]), row["next_offset"], row["until_offset"]) for row in rows]


async def forget(connection: Connection, goals: Sequence[Goal]) -> None:
    """Forget goals below which nothing is left to read."""
    columns = [one.partition.topic for one in goals], [one.partition.number for one in goals], [g.until for g in goals]
    await connection.execute(FORGET_GOALS, *columns)
