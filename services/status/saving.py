"""What a batch leaves behind, under its locks: rows of the ledger, events, what orders show. SQL; a statement a kind.

Messages have their own file (`outbox.py`), and so have timers and marks of what has ended.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import asyncpg

from schemas.scans import Scan
from services.runtime.errors import Conflict
from services.runtime.postgres import Connection
from services.status import packed, versions
from services.status.messages import Message, headers_apart
from services.status.order_facts import StoredEvent
from services.status.replayed import CLAIM_KIND, LedgerRow, OrderRow

# The ledger's key (shipment, n) is the lock between writers. Rows are copied in: for what COPY does not say, no
# statement has a name, and this stands for it.
APPEND_LEDGER: Final = "copy status.ledger"
LEDGER_COLUMNS: Final = (
    "shipment", "n", "kind", "event_key", "content", "claimed_by", "told_at", "occurred_at", "body",
)  # fmt: skip
#: Fields of a scan that have a column of their own; what else it says is its row's body.
_COLUMNS: Final = {"event_key", "told_at"}
# A reading that was told earlier than we knew only moves its `told_at`; who has read the row before must see that.
TOLD_EARLIER: Final = """
with moved as (
    update status.ledger set told_at = least(told_at, $4) where shipment = $1 and event_key = $2 and content = $3)
update status.shipment set revision = revision + 1 where shipment = $1
"""
# Named twice, so that however large the table is, it is found by its key.
ADVANCE_SHIPMENTS: Final = """
update status.shipment set next_n = new.next_n from unnest($1::text[], $2::bigint[]) as new (shipment, next_n)
where shipment.shipment = any($1::text[]) and shipment.shipment = new.shipment
"""
SAVE_EVENTS: Final = """
insert into status.order_event (order_key, source, id, content, occurred_at, body)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[])
on conflict (order_key, source, id) do update
set content = excluded.content, occurred_at = excluded.occurred_at, body = excluded.body
where excluded.content < order_event.content
"""
# The message has the document in it; a document of its own only a row has whose message leaves some of it out.
SAVE_ORDERS: Final = """
update status.orders set version = new.version, state = new.state, doc = new.doc, message = new.message,
    message_headers = new.headers, message_ms = new.ms, machine = $8, restored = false, closed = null,
    updated_at = now()
from unnest($1::text[], $2::bigint[], $3::text[], $4::jsonb[], $5::bytea[], $6::jsonb[], $7::bigint[])
    as new (order_key, version, state, doc, message, headers, ms)
where orders.order_key = new.order_key
"""
# Whoever has read an order's events before must see that there are others.
COUNT_EVENTS: Final = "update status.orders set events = events + 1 where order_key = any($1::text[])"
# An order that reads the same has no new message; without this it would be folded once more by every batch.
NOTE_REREAD: Final = "update status.orders set machine = $2 where order_key = any($1::text[])"


async def append_ledger(connection: Connection, rows: Sequence[LedgerRow], *, at: datetime) -> None:
    """Append rows; raises Conflict when another writer took the next n."""
    if not rows:
        return
    # Encoded before COPY opens: inside it a backend obeys no timeout (rule E11).
    records = [_ledger_columns(row, at) for row in rows]
    try:
        await connection.copy_records_to_table("ledger", schema_name="status", columns=LEDGER_COLUMNS, records=records)
    except asyncpg.UniqueViolationError as error:
        raise Conflict("ledger_taken", "another writer took the next row of a shipment") from error


def _ledger_columns(row: LedgerRow, at: datetime) -> tuple[object, ...]:
    if row.scan is not None:
        scan = row.scan
        body = scan.model_dump_json(exclude=_COLUMNS, exclude_defaults=True)
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
    await connection.execute(COUNT_EVENTS, sorted({order for order, _ in united}))


async def save_orders(connection: Connection, orders: Sequence[tuple[str, OrderRow, Message]]) -> None:
    """Store what orders show now and their newest messages."""
    if not orders:
        return
    rows = [
        (key, row.version, row.state, *_shown(row, newest), _headers(key, row, newest), newest.timestamp_ms)
        for key, row, newest in orders
    ]
    columns = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(SAVE_ORDERS, *columns, versions.MACHINE_VERSION)


def _shown(row: OrderRow, newest: Message) -> tuple[str | None, bytes]:
    value = newest.value
    assert value is not None  # noqa: S101 - of an order that is shown something is told
    document = json.dumps(row.document, ensure_ascii=False) if packed.is_shortened(value) else None
    return document, packed.pack(value)


def _headers(key: str, row: OrderRow, newest: Message) -> str | None:
    apart = headers_apart(newest, key=key, version=row.version)
    return None if apart is None else json.dumps(apart)


async def note_reread(connection: Connection, orders: Sequence[str]) -> None:
    """Note that this machine has folded orders of which it published nothing new."""
    if orders:
        await connection.execute(NOTE_REREAD, orders, versions.MACHINE_VERSION)
