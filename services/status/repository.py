"""The SQL of a batch, but for its messages (`outbox.py`). Each statement names the race it closes where it closes one.

Locks are always taken in the order offsets (the fence), shipments, orders, each sorted; what is read before a lock is
a guess, what is read under it is true.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import asyncpg

from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN, Scan
from services.runtime.errors import Conflict
from services.runtime.postgres import Connection
from services.status import packed, versions
from services.status.cache import Stamp
from services.status.claims import Claim
from services.status.order import Document
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.replayed import OrderRow

Events = dict[str, dict[tuple[str, str], StoredEvent]]

CREATE_SHIPMENTS: Final = """
insert into status.shipment (shipment) select unnest($1::text[]) on conflict do nothing
"""
# Sorted, so that two batches that touch the same shipments wait for each other instead of deadlocking.
LOCK_SHIPMENTS: Final = """
select shipment, created_at, revision, next_n, closed_through from status.shipment where shipment = any($1::text[])
order by shipment for update
"""
# Of parcels that others may be scanning: under the lock of the order that claims them, nobody appends to them.
READ_STAMPS: Final = """
select shipment, created_at, revision, next_n from status.shipment where shipment = any($1::text[])
"""
CREATE_ORDERS: Final = """
insert into status.orders (order_key) select unnest($1::text[]) on conflict do nothing
"""
# Not true before they are locked: to fold ahead of the locks (`ahead.py`), and judged under them.
READ_ORDERS: Final = """
select order_key, version, state, events, machine, closed, closed_through, restored,
    restored and exists (
        select from status.restoring goal
        left join status.consumer_offset read using (grp, topic, part)
        where coalesce(read.next_offset, 0) < goal.until_offset
    ) as waits
from status.orders where order_key = any($1::text[])
"""
# Sorted, as shipments. Where it waited for a row, `waits` is of before that: what is folded under the lock asks again.
LOCK_ORDERS: Final = f"{READ_ORDERS} order by order_key for update of orders"
# The message of a lost future (rule E7) is none that this database knows of.
READ_DOCUMENTS: Final = """
select order_key, doc, case when doc is null and not restored then message end as message
from status.orders where order_key = any($1::text[])
"""
READ_EVENTS: Final = """
select order_key, source, id, content, body from status.order_event where order_key = any($1::text[])
"""
READ_CLAIMED_KEYS: Final = """
select distinct claimed_by as order_key, shipment from status.ledger where claimed_by = any($1::text[])
"""
READ_CLAIMANTS: Final = """
select distinct shipment, claimed_by from status.ledger where shipment = any($1::text[]) and claimed_by is not null
"""
READ_LEDGER: Final = """
select shipment, n, event_key, content, claimed_by, told_at, occurred_at, body
from status.ledger where shipment = any($1::text[]) order by shipment, n
"""
READ_LEDGER_FROM: Final = """
select shipment, n, event_key, content, claimed_by, told_at, occurred_at, body
from unnest($1::text[], $2::bigint[]) as wanted (shipment, first) join status.ledger using (shipment)
where n >= first order by shipment, n
"""
# A shipment that every order gave up again, and nobody scanned, is mended: it is no longer of interest.
CARRIERS_SEEN: Final = """
select split_part(shipment, ':', 1) as carrier, count(*) as shipments, min(shipment) as example
from status.shipment s
where shipment not like 'ref:%:%' and exists (
    select from (
        select distinct on (event_key) claimed_by, body from status.ledger l
        where l.shipment = s.shipment order by event_key, n desc
    ) newest
    where claimed_by is null or (body ->> 'holds')::boolean)
group by 1 order by 2 desc, 1
"""


class LockedShipment(NamedTuple):
    """The row of a shipment under its lock."""

    stamp: Stamp
    closed_through: datetime | None
    """Of one that was purged or erased: until when it is over."""


class StoredOrder(NamedTuple):
    """The row of an order, but for its document; the defaults are those of an order that nobody has told of."""

    version: int = 0
    state: str | None = None
    events_stamp: int = 0
    """Changes whenever the order's own events do."""
    stale: bool = False
    restored: bool = False
    waits: bool = False
    closed: str | None = None
    closed_through: datetime | None = None

    def row(self) -> OrderRow:
        """Return it for a replay, which changes it."""
        return OrderRow(
            self.version,
            self.state,
            stale=self.stale,
            restored=self.restored,
            waits=self.waits,
            closed=self.closed,
            closed_through=self.closed_through,
        )


async def create_and_lock_shipments(
    connection: Connection, shipments: Sequence[str], missing: Sequence[str] | None = None
) -> dict[str, LockedShipment]:
    """Lock the shipments, creating missing ones (None: any can be), before their ledger is read."""
    if missing is None or missing:
        await connection.execute(CREATE_SHIPMENTS, shipments if missing is None else missing)
    rows = await connection.fetch(LOCK_SHIPMENTS, shipments)
    if len(rows) != len(shipments):
        raise Conflict("shipment_expired", "an unclaimed shipment expired while it was being locked")
    return {row["shipment"]: LockedShipment(_stamp(row), row["closed_through"]) for row in rows}


async def create_and_lock_orders(
    connection: Connection, orders: Sequence[str], missing: Sequence[str] | None = None
) -> dict[str, StoredOrder]:
    """Lock the orders, creating missing ones (None: any can be); only now may they and their shipments be read."""
    if missing is None or missing:
        await connection.execute(CREATE_ORDERS, orders if missing is None else missing)
    rows = await connection.fetch(LOCK_ORDERS, orders)
    if len(rows) != len(orders):
        raise Conflict("order_forgotten", "the mark of an order was forgotten while it was being locked")
    return {row["order_key"]: _stored_order(row) for row in rows}


async def orders(connection: Connection, keys: Sequence[str]) -> dict[str, StoredOrder]:
    """Return orders as they are just now, those without a row as nobody has told of them. Not true without locks."""
    found = {row["order_key"]: _stored_order(row) for row in await connection.fetch(READ_ORDERS, keys)}
    return {key: found.get(key, StoredOrder()) for key in keys}


def _stored_order(row: asyncpg.Record) -> StoredOrder:
    return StoredOrder(
        version=row["version"],
        state=row["state"],
        events_stamp=row["events"],
        stale=row["version"] > 0 and row["machine"] != versions.MACHINE_VERSION,
        restored=row["restored"],
        waits=row["waits"],
        closed=row["closed"],
        closed_through=row["closed_through"],
    )


def _stamp(row: asyncpg.Record) -> Stamp:
    return Stamp(row["created_at"], row["revision"], row["next_n"])


async def stamps(connection: Connection, shipments: Sequence[str]) -> dict[str, Stamp]:
    """Return how far the ledgers of shipments are that others may lock. True only under their orders' locks."""
    return {row["shipment"]: _stamp(row) for row in await connection.fetch(READ_STAMPS, shipments)}


async def documents(connection: Connection, orders: Sequence[str]) -> dict[str, Document | None]:
    """Return what orders showed last."""
    rows = await connection.fetch(READ_DOCUMENTS, orders)
    return {row["order_key"]: packed.document(row["order_key"], row["doc"], row["message"]) for row in rows}


async def claimants_of(connection: Connection, shipments: Sequence[str]) -> dict[str, set[str]]:
    """Return the orders that claim, or once claimed, each of the shipments. True only under their locks."""
    found: dict[str, set[str]] = {shipment: set() for shipment in shipments}
    for row in await connection.fetch(READ_CLAIMANTS, shipments):
        found[row["shipment"]].add(row["claimed_by"])
    return found


async def claimants(connection: Connection, shipments: Sequence[str]) -> set[str]:
    """Return the orders that claim, or once claimed, any of the shipments. True only under their locks."""
    return set().union(*(await claimants_of(connection, shipments)).values())


async def keys_of(connection: Connection, orders: Sequence[str]) -> dict[str, set[str]]:
    """Return the shipments that each of the orders claims, or once claimed."""
    found: dict[str, set[str]] = {order: set() for order in orders}
    for row in await connection.fetch(READ_CLAIMED_KEYS, orders):
        found[row["order_key"]].add(row["shipment"])
    return found


async def claimed_keys(connection: Connection, orders: Sequence[str]) -> set[str]:
    """Return the shipments that the orders claim, or once claimed."""
    return set().union(*(await keys_of(connection, orders)).values())


async def events(connection: Connection, orders: Sequence[str]) -> Events:
    """Return the orders' own events."""
    found: Events = {order: {} for order in orders}
    for row in await connection.fetch(READ_EVENTS, orders):
        event = ORDER_EVENT.validate_json(row["body"])
        stored = StoredEvent(row["source"], row["id"], event, row["content"])
        found[row["order_key"]][stored.source, stored.id] = stored
    return found


async def histories(connection: Connection, shipments: Sequence[str]) -> dict[str, History]:
    """Return the ledger of each shipment as readings and the claims that hold."""
    found = {shipment: History() for shipment in shipments}
    for row in await connection.fetch(READ_LEDGER, shipments):
        _read_row(found[row["shipment"]], row)
    return found


async def read_on(
    connection: Connection, histories: Mapping[str, History], first: Mapping[str, int]
) -> list[tuple[str, Scan | None]]:
    """Read rows into the histories, of each shipment from its first n; return (shipment, scan; None: a claim)."""
    rows = await connection.fetch(READ_LEDGER_FROM, list(first), list(first.values()))
    return [(row["shipment"], _read_row(histories[row["shipment"]], row)) for row in rows]


def _read_row(history: History, row: asyncpg.Record) -> Scan | None:
    # Not by `kind`: that is an open vocabulary, and a scan may call itself a claim.
    if row["claimed_by"] is not None:
        _read_claim(history, row)
        return None
    scan = history.readings[row["event_key"], row["content"]] = _read_scan(row)
    return scan


def _read_scan(row: asyncpg.Record) -> Scan:
    # One text instead of a dict, for half the time. Rows of before have the key in their body as well: the same one.
    key, told_at = row["event_key"], row["told_at"].isoformat()
    return SCAN.validate_json(f'{row["body"][:-1]}, "event_key": "{key}", "told_at": "{told_at}"}}')


def _read_claim(history: History, row: asyncpg.Record) -> None:
    body = json.loads(row["body"])
    identity = row["claimed_by"], body["parcel"]
    if body["holds"]:
        history.claims[identity] = Claim(row["occurred_at"], *identity)
    else:
        history.claims.pop(identity, None)


async def carriers_seen(connection: Connection) -> list[asyncpg.Record]:
    """Return every carrier slug with the number of its shipments and one of its keys."""
    return await connection.fetch(CARRIERS_SEEN)
