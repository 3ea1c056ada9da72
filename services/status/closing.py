"""All SQL that makes marks of orders and parcels: their data go, their rows stay (rules E8 and E9).

Called inside the transaction of a batch (erasure) or of the purge loop, under the locks of all that is named.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from services.runtime.postgres import Connection
from services.status import versions
from services.status.messages import Message
from services.status.replayed import OrderRow

# The newest end counts: a parcel can be purged, and its number erased later, or the other way round.
CLOSE_SHIPMENTS: Final = """
update status.shipment set revision = revision + 1, closed_at = now(),
    closed_through = greatest(shipment.closed_through, new.closed_through)
from unnest($1::text[], $2::timestamptz[]) as new (shipment, closed_through) where shipment.shipment = new.shipment
"""
DELETE_LEDGER: Final = "delete from status.ledger where shipment = any($1::text[])"
# Who has read a shared parcel's ledger before must see that a claim is gone from it.
DELETE_CLAIMS: Final = """
with gone as (delete from status.ledger where claimed_by = any($1::text[]) returning shipment)
update status.shipment set revision = revision + 1 where shipment in (select shipment from gone)
"""
DELETE_EVENTS: Final = "delete from status.order_event where order_key = any($1::text[])"
DELETE_TIMERS: Final = "delete from status.timer where key = any($1::text[])"
# Headers and time stay: a tombstone that must be repeated is the same record again (rule E1).
CLOSE_ORDERS: Final = """
update status.orders set events = events + 1, version = new.version, state = new.state, doc = null, message = null,
    message_headers = new.headers, message_ms = new.ms, machine = $8, restored = false, closed = new.closed,
    closed_through = new.closed_through, closed_at = now(), updated_at = now()
from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::bigint[])
    as new (order_key, version, state, closed, closed_through, headers, ms)
where orders.order_key = new.order_key
"""


async def leave(connection: Connection, orders: Iterable[str], shipments: Mapping[str, datetime]) -> None:
    """Delete what erased orders said of any parcel, and the history of the parcels that were theirs alone.

    Before the batch's own rows are written: another order can claim such a number anew in the same batch.
    """
    if erased := sorted(orders):
        await connection.execute(DELETE_CLAIMS, erased)
    if shipments:
        await close_shipments(connection, shipments)


async def close_shipments(connection: Connection, shipments: Mapping[str, datetime]) -> None:
    """Delete the history of parcels and leave marks: what happened until then is over."""
    keys = sorted(shipments)
    await connection.execute(DELETE_LEDGER, keys)
    await connection.execute(CLOSE_SHIPMENTS, keys, [shipments[key] for key in keys])


async def close_orders(connection: Connection, orders: Mapping[str, OrderRow], last: Mapping[str, Message]) -> None:
    """Leave marks of orders, each with what was last said of it; delete all that they said of themselves.

    Their timers too: those come after their orders in the order of locks.
    """
    if not orders:
        return
    marks = [(key, row.version, row.state, row.closed, row.closed_through) for key, row in sorted(orders.items())]
    headers = [json.dumps(last[key].headers) for key in sorted(orders)]
    times = [last[key].timestamp_ms for key in sorted(orders)]
    columns = [list(column) for column in zip(*marks, strict=True)]
    await connection.execute(CLOSE_ORDERS, *columns, headers, times, versions.MACHINE_VERSION)
    await connection.execute(DELETE_EVENTS, list(orders))
    await connection.execute(DELETE_TIMERS, list(orders))
