"""All SQL of the purge: finished orders are found, looked at again under their locks, and forgotten (rule E8).

Locks are taken as a batch takes them: shipments, then orders, each sorted. What is chosen before them is a guess.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final, NamedTuple

from schemas.vocabulary import OrderState
from services.runtime.postgres import Connection
from services.status import closing, repository
from services.status.closed import ERASED, PURGED
from services.status.messages import Message, tombstone
from services.status.replayed import OrderRow

#: Nothing more is expected of an order in one of these states.
FINISHED: Final = tuple(
    state.value
    for state in (
        OrderState.DELIVERED, OrderState.COLLECTED, OrderState.CANCELLED, OrderState.RETURNED, OrderState.LOST,
        OrderState.PARTIALLY_RETURNED, OrderState.CLOSED_SHORT,
    )
)  # fmt: skip

# Erased without a mark: by a program from before there were any.
_DUE: Final = """
closed is null and not restored and (
    state = 'erased' or ($1 > 0 and state = any($2::text[]) and updated_at < now() - make_interval(days => $1)))
"""
# A window of the primary key, however large the table is: an index on `updated_at` would be written by every change.
LOOK: Final = f"""
select order_key, {_DUE} as due
from (select * from status.orders where order_key > $3 order by order_key limit $4) as window_of_orders
order by order_key
"""  # noqa: S608 - ours
# One process at a time walks; the pool lets go of it too, where the process could not.
TRY_TURN: Final = "select pg_try_advisory_lock(hashtext('trackfold purge'))"
END_TURN: Final = "select pg_advisory_unlock(hashtext('trackfold purge'))"
LOCK_SHIPMENTS: Final = """
select shipment from status.shipment where shipment = any($1::text[]) order by shipment for update
"""
# All that claim one of the shipments, so that none can begin to while it is decided what goes.
LOCK_ORDERS: Final = """
select order_key from status.orders where order_key = any($1::text[]) order by order_key for update
"""
# Asked again under the locks: a batch may have changed an order since it was chosen.
STILL_DUE: Final = f"""
select order_key, version, state, greatest(now(), (
    select max(occurred_at) from status.order_event e where e.order_key = orders.order_key)) as closed_through
from status.orders where order_key = any($3::text[]) and {_DUE} order by order_key
"""  # noqa: S608 - ours
# A parcel goes when the last order that claims it is closed: until then the others are folded from all that is there.
# Asked once per parcel and not per row of its history: thousands of orders can claim one.
ENDS: Final = """
select shipment, closed_through from (
    select shipment, max(occurred_at) as closed_through from status.ledger
    where shipment = any($1::text[]) group by shipment
) parcel
where not exists (
    select from (
        select distinct on (event_key) claimed_by, body from status.ledger c
        where c.shipment = parcel.shipment and claimed_by is not null order by event_key, n desc
    ) newest join status.orders o on o.order_key = newest.claimed_by
    where o.closed is null and (newest.body ->> 'holds')::boolean)
"""
# A claim that stands on a parcel which others still read needs its order: it says that nothing is told of it.
FORGET_ORDERS: Final = """
delete from status.orders where order_key in (
    select order_key from status.orders where closed = 'purged' and closed_at < now() - make_interval(days => $1)
        and not exists (select from status.ledger l where l.claimed_by = orders.order_key)
    order by closed_at limit $2 for update skip locked)
"""
TAKE_SHIPMENTS: Final = """
select shipment from status.shipment s where closed_at < now() - make_interval(days => $1)
    and not exists (select from status.ledger l where l.shipment = s.shipment)
order by closed_at limit $2 for update skip locked
"""
# Asked again under the locks, as expiry does: a batch that committed in between is not in that statement's snapshot.
FORGET_SHIPMENTS: Final = """
delete from status.shipment s where shipment = any($1::text[])
    and not exists (select from status.ledger l where l.shipment = s.shipment)
"""


class Window(NamedTuple):
    """Some orders that were looked at."""

    last: str | None
    """The last of them, to go on behind; None: there are no more."""
    due: list[str]


@asynccontextmanager
async def turn(connection: Connection) -> AsyncIterator[bool]:
    """Give True while no other process walks, and keep it so on this connection."""
    if not await connection.fetchval(TRY_TURN):
        yield False
        return
    try:
        yield True
    finally:
        await connection.execute(END_TURN)


async def look(connection: Connection, after: str, *, days: int, limit: int) -> Window:
    """Look at the next orders; `days` 0: only those that were erased and have no mark yet are due."""
    rows = await connection.fetch(LOOK, days, FINISHED, after, limit)
    last = rows[-1]["order_key"] if len(rows) == limit else None
    return Window(last, [row["order_key"] for row in rows if row["due"]])


async def lock(connection: Connection, orders: Sequence[str]) -> list[str]:
    """Lock the orders and what they share parcels with; return those of them whose parcels are all locked."""
    shipments = await repository.claimed_keys(connection, orders)
    await connection.fetch(LOCK_SHIPMENTS, sorted(shipments))
    sharing = await repository.claimants(connection, sorted(shipments))
    await connection.fetch(LOCK_ORDERS, sorted({*orders, *sharing}))
    claimed = await connection.fetch(repository.READ_CLAIMED_KEYS, orders)
    # A claim that was made in between: another round sees it.
    moved = {row["order_key"] for row in claimed if row["shipment"] not in shipments}
    return sorted(set(orders) - moved)


async def due(connection: Connection, orders: Sequence[str], *, days: int) -> dict[str, OrderRow]:
    """Return the marks of the orders that are still to go, read under their locks."""
    return {
        row["order_key"]: OrderRow(
            row["version"],
            row["state"],
            closed=ERASED if row["state"] == ERASED else PURGED,
            closed_through=row["closed_through"],
        )
        for row in await connection.fetch(STILL_DUE, days, FINISHED, orders)
    }  # fmt: skip


async def close(connection: Connection, marks: dict[str, OrderRow], *, at: datetime) -> tuple[list[Message], int]:
    """Forget the orders and the parcels that are nobody's any more; return their tombstones and how many parcels went.

    What an erased order claimed goes at once, with its word on parcels that others have too.
    """
    shipments = await repository.claimed_keys(connection, sorted(marks))
    last = {key: tombstone(key, version=mark.version, at=at) for key, mark in marks.items()}
    await closing.close_orders(connection, marks, last)
    ends = {row["shipment"]: row["closed_through"] for row in await connection.fetch(ENDS, sorted(shipments))}
    await closing.leave(connection, [key for key, mark in marks.items() if mark.closed == ERASED], ends)
    return [last[key] for key in sorted(last)], len(ends)


async def forget(connection: Connection, *, days: int, limit: int) -> tuple[int, int]:
    """Delete marks that are older; return how many of orders and of shipments. Those of erased orders stay for ever."""
    orders = await connection.execute(FORGET_ORDERS, days, limit)
    taken = [row["shipment"] for row in await connection.fetch(TAKE_SHIPMENTS, days, limit)]
    shipments = await connection.execute(FORGET_SHIPMENTS, taken)
    return _count(orders), _count(shipments)


def _count(done: str) -> int:
    """Return how many rows a command tag speaks of, as `DELETE 3`."""
    return int(done.rpartition(" ")[2])
