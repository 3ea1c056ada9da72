"""All SQL of the timers: one row per open order, the date on which somebody must look at it again (rule E15).

Rows are locked after the orders they belong to, sorted, and never while anybody waits for Kafka.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.runtime.postgres import Connection
from services.status import repository
from services.status.awaited import Awaited, look

# To an earlier date only: a row that is early costs one look, and nobody must find and cancel anything.
# Never sooner than the grace: while a backlog or a replay is read, each state passed on the way would look overdue, and
# its silence would be told although the next record ends it.
KEEP: Final = """
insert into status.timer (key, due_at)
select key, greatest(due_at, now() + make_interval(secs => $3))
from unnest($1::text[], $2::timestamptz[]) as t (key, due_at) order by key
on conflict (key) do update set due_at = excluded.due_at, due_since = null where excluded.due_at < timer.due_at
"""
# Taken for a while instead of locked: a batch that wants to move a row must not wait for Kafka's answer to its timer.
# Whoever dies with a row in hand leaves it due again.
# Materialized: a plan that ran the choice again for each row would take more than the limit.
TAKE: Final = """
with due as materialized (
    select key from status.timer where due_at <= now() order by due_at limit $1 for update skip locked)
update status.timer set due_at = now() + make_interval(secs => $2), due_since = coalesce(due_since, due_at)
from due where timer.key = due.key
returning timer.key, now() as now
"""
LOCK: Final = "select key from status.timer where key = any($1::text[]) order by key for update"
MOVE: Final = """
update status.timer set due_at = new.due_at, due_since = null
from unnest($1::text[], $2::timestamptz[]) as new (key, due_at) where timer.key = new.key
"""
DELETE: Final = "delete from status.timer where key = any($1::text[])"
# What is taken and never moved keeps the time at which it was due first: each lease would hide it again. Two looks, as
# each has an index, and there are few rows that are taken.
OVERDUE: Final = """
select coalesce(extract(epoch from now() - least(
    (select min(due_at) from status.timer), (select min(due_since) from status.timer where due_since is not null)
)), 0)::float8
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Orders whose time has come, and the database's clock."""

    orders: Sequence[str]
    now: datetime


async def keep(connection: Connection, due: Mapping[str, datetime], *, grace_s: float) -> None:
    """Create the rows of orders or move them to an earlier date, at least `grace_s` from now; under their locks."""
    if due:
        await connection.execute(KEEP, list(due), list(due.values()), grace_s)


async def take(connection: Connection, *, limit: int, lease_s: float) -> Taken | None:
    """Take orders that are due, so that nobody else does for a while; None when there are none."""
    rows = await connection.fetch(TAKE, limit, lease_s)
    return Taken(sorted(row["key"] for row in rows), rows[0]["now"]) if rows else None


async def awaited(connection: Connection, orders: Sequence[str]) -> dict[str, list[Awaited]]:
    """Return what each order awaits now."""
    events = await repository.events(connection, orders)
    histories = await repository.histories(connection, sorted(await repository.claimed_keys(connection, orders)))
    return {order: look(order, events[order].values(), histories) for order in orders}


async def lock(connection: Connection, orders: Sequence[str]) -> None:
    """Lock rows before what they depend on is read: a batch that commits later will move them itself."""
    await connection.execute(LOCK, orders)


async def move(connection: Connection, due: Mapping[str, datetime | None]) -> None:
    """Move rows to their next date; None: there is nothing to wait for."""
    moved = {key: at for key, at in due.items() if at is not None}
    await connection.execute(MOVE, list(moved), list(moved.values()))
    await connection.execute(DELETE, sorted(due.keys() - moved.keys()))


async def overdue_s(connection: Connection) -> float:
    """Return for how many seconds the oldest row has been due; below 0: none is."""
    seconds: float = await connection.fetchval(OVERDUE)
    return seconds


def next_date(found: Iterable[Awaited]) -> datetime | None:
    """Return the earliest date."""
    return min((one.expectation.due_at for one in found), default=None)
