"""The SQL of a batch, but for its messages (`outbox.py`). Each statement names the race it closes where it closes one.

Locks are always taken in the order offsets (the fence), shipments, orders, each sorted; what is read before a lock is
a guess, what is read under it is true.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN, Scan
from services.runtime.errors import Conflict
from services.runtime.postgres import Connection
from services.status import versions
from services.status.claims import Claim
from services.status.messages import Message
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.replayed import CLAIM_KIND, LedgerRow, OrderRow

Events = dict[str, dict[tuple[str, str], StoredEvent]]

CREATE_SHIPMENTS: Final = """
insert into status.shipment (shipment) select unnest($1::text[]) on conflict do nothing
"""
# Sorted, so that two batches that touch the same shipments wait for each other instead of deadlocking.
LOCK_SHIPMENTS: Final = """
select shipment, next_n, closed_through from status.shipment where shipment = any($1::text[])
order by shipment for update
"""
CREATE_ORDERS: Final = """
insert into status.orders (order_key) select unnest($1::text[]) on conflict do nothing
"""
LOCK_ORDERS: Final = """
select order_key, version, state, doc, machine, closed, closed_through, restored,
    restored and exists (
        select from status.restoring goal
        left join status.consumer_offset read using (grp, topic, part)
        where coalesce(read.next_offset, 0) < goal.until_offset
    ) as waits
from status.orders where order_key = any($1::text[]) order by order_key for update of orders
"""
READ_EVENTS: Final = """
select order_key, source, id, content, body from status.order_event where order_key = any($1::text[])
"""
READ_CLAIMED_KEYS: Final = """
select distinct claimed_by as order_key, shipment from status.ledger where claimed_by = any($1::text[])
"""
READ_CLAIMANTS: Final = """
select distinct claimed_by from status.ledger where shipment = any($1::text[]) and claimed_by is not null
"""
READ_LEDGER: Final = """
select shipment, n, event_key, content, claimed_by, told_at, occurred_at, body
from status.ledger where shipment = any($1::text[]) order by shipment, n
"""
# The ledger's key is the lock between writers; a reading that was told earlier than we knew only moves its `told_at`.
APPEND_LEDGER: Final = """
insert into status.ledger (shipment, n, kind, event_key, content, claimed_by, told_at, occurred_at, body)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[], $9::jsonb[])
on conflict (shipment, event_key, content) do update set told_at = least(ledger.told_at, excluded.told_at)
"""
TOLD_EARLIER: Final = """
update status.ledger set told_at = least(told_at, $4) where shipment = $1 and event_key = $2 and content = $3
"""
ADVANCE_SHIPMENTS: Final = """
update status.shipment set next_n = new.next_n
from unnest($1::text[], $2::bigint[]) as new (shipment, next_n) where shipment.shipment = new.shipment
"""
SAVE_EVENTS: Final = """
insert into status.order_event (order_key, source, id, content, occurred_at, body)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
on conflict (order_key, source, id) do update
set content = excluded.content, occurred_at = excluded.occurred_at, body = excluded.body
where excluded.content < order_event.content
"""
SAVE_ORDER: Final = """
update status.orders set version = $2, state = $3, doc = $4, message = $5, message_headers = $6, message_ms = $7,
    machine = $8, restored = false, closed = null, updated_at = now() where order_key = $1
"""
# An order that reads the same has no new message; without this it would be folded once more by every batch.
NOTE_REREAD: Final = "update status.orders set machine = $2 where order_key = any($1::text[])"

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


async def create_and_lock_shipments(
    connection: Connection, shipments: Sequence[str]
) -> tuple[dict[str, int], dict[str, datetime]]:
    """Lock the shipments, creating missing ones, before their ledger is read.

    Return the next n of each, and of those that were purged or erased until when they are over.
    """
    await connection.execute(CREATE_SHIPMENTS, shipments)
    rows = await connection.fetch(LOCK_SHIPMENTS, shipments)
    if len(rows) != len(shipments):
        raise Conflict("shipment_expired", "an unclaimed shipment expired while it was being locked")
    closed = {row["shipment"]: row["closed_through"] for row in rows if row["closed_through"] is not None}
    return {row["shipment"]: row["next_n"] for row in rows}, closed


async def create_and_lock_orders(connection: Connection, orders: Sequence[str]) -> dict[str, OrderRow]:
    """Lock the orders, creating missing ones; only now may they and their shipments be read."""
    await connection.execute(CREATE_ORDERS, orders)
    rows = await connection.fetch(LOCK_ORDERS, orders)
    if len(rows) != len(orders):
        raise Conflict("order_forgotten", "the mark of an order was forgotten while it was being locked")
    return {
        row["order_key"]: OrderRow(
            row["version"],
            row["state"],
            None if row["doc"] is None else json.loads(row["doc"]),
            stale=row["machine"] != versions.MACHINE_VERSION,
            restored=row["restored"],
            waits=row["waits"],
            closed=row["closed"],
            closed_through=row["closed_through"],
        )
        for row in rows
    }  # fmt: skip


async def claimants(connection: Connection, shipments: Sequence[str]) -> set[str]:
    """Return the orders that claim, or once claimed, any of the shipments. True only under their locks."""
    return {row["claimed_by"] for row in await connection.fetch(READ_CLAIMANTS, shipments)}


async def claimed_keys(connection: Connection, orders: Sequence[str]) -> set[str]:
    """Return the shipments that the orders claim, or once claimed."""
    return {row["shipment"] for row in await connection.fetch(READ_CLAIMED_KEYS, orders)}


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
        history = found[row["shipment"]]
        # Not by `kind`: that is an open vocabulary, and a scan may call itself a claim.
        if row["claimed_by"] is not None:
            _read_claim(history, row)
        else:
            history.readings[row["event_key"], row["content"]] = read_scan(row["body"], row["told_at"])
    return found


def read_scan(body: str, told_at: datetime) -> Scan:
    """Return a reading as its ledger row holds it."""
    return SCAN.validate_python({**json.loads(body), "told_at": told_at})


def _read_claim(history: History, row: asyncpg.Record) -> None:
    body = json.loads(row["body"])
    identity = row["claimed_by"], body["parcel"]
    if body["holds"]:
        history.claims[identity] = Claim(row["occurred_at"], *identity)
    else:
        history.claims.pop(identity, None)


async def append_ledger(connection: Connection, rows: Sequence[LedgerRow], *, at: datetime) -> None:
    """Append rows; raises Conflict when another writer took the next n."""
    if not rows:
        return
    columns = zip(*(_ledger_columns(row, at) for row in rows), strict=True)
    try:
        await connection.execute(APPEND_LEDGER, *(list(column) for column in columns))
    except asyncpg.UniqueViolationError as error:
        raise Conflict("ledger_taken", "another writer took the next row of a shipment") from error


def _ledger_columns(row: LedgerRow, at: datetime) -> tuple[object, ...]:
    if row.scan is not None:
        scan = row.scan
        body = scan.model_dump_json(exclude={"told_at"}, exclude_defaults=True)
        what = scan.kind, scan.event_key, row.content, None, scan.told_at, scan.occurred_at, body
        return row.shipment, row.n, *what
    claim = row.claim
    assert claim is not None  # noqa: S101 - a row is a scan or a claim
    body = json.dumps({"parcel": claim.parcel, "holds": row.holds})
    event_key = f"claim:{claim.order}:{claim.parcel}"
    return row.shipment, row.n, CLAIM_KIND, event_key, row.content, claim.order, at, claim.start, body


async def note_told_earlier(connection: Connection, readings: Iterable[tuple[str, Scan, str]]) -> None:
    """Move back when a known reading was first told."""
    rows = [(shipment, scan.event_key, content, scan.told_at) for shipment, scan, content in readings]
    if rows:
        await connection.executemany(TOLD_EARLIER, rows)


async def advance_shipments(connection: Connection, next_n: Mapping[str, int]) -> None:
    """Store the next n of each shipment."""
    await connection.execute(ADVANCE_SHIPMENTS, list(next_n), list(next_n.values()))


async def save_events(connection: Connection, new: Sequence[tuple[str, StoredEvent]]) -> None:
    """Store order events; of two contents under one id the smaller hash stays."""
    # One row an identity: a statement may not touch a row twice.
    united = {(order, stored.source, stored.id): (order, stored) for order, stored in new}.values()
    if not united:
        return
    rows = [
        (order, s.source, s.id, s.content, s.event.occurred_at, s.event.model_dump_json(exclude_defaults=True))
        for order, s in united
    ]
    await connection.execute(SAVE_EVENTS, *(list(column) for column in zip(*rows, strict=True)))


async def save_order(connection: Connection, order: str, row: OrderRow, newest: Message) -> None:
    """Store what an order shows now and its newest message."""
    document = json.dumps(row.document, ensure_ascii=False)
    headers = json.dumps(newest.headers)
    await connection.execute(
        SAVE_ORDER,
        order,
        row.version,
        row.state,
        document,
        newest.value,
        headers,
        newest.timestamp_ms,
        versions.MACHINE_VERSION,
    )


async def note_reread(connection: Connection, orders: Sequence[str]) -> None:
    """Note that this machine has folded orders of which it published nothing new."""
    if orders:
        await connection.execute(NOTE_REREAD, orders, versions.MACHINE_VERSION)


async def carriers_seen(connection: Connection) -> list[asyncpg.Record]:
    """Return every carrier slug with the number of its shipments and one of its keys."""
    return await connection.fetch(CARRIERS_SEEN)
