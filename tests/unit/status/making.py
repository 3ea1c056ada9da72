"""Orders and histories out of plain lists, in the ways the engine would build them."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from schemas.order_status import ORDER_STATUS, OrderStatus
from schemas.scans import SCAN, Scan
from services.runtime.kafka import Record
from services.status.claiming import claims_on_the_way, wanted_claims
from services.status.inputs import ORDER_EVENTS, SCANS, OrderIn, ScanIn, stored_event
from services.status.order import Document, fold_order
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.readings import content_hash
from services.status.replay import World
from services.status.replayed import OrderRow
from tests.builders import KEY, START, make_order_event

CHANGE = {
    "version": 1,
    "previous": None,
    "cause": {"topic": SCANS, "type": "scan", "event": "x", "at": START.isoformat()},
}
Told = StoredEvent | Scan

_numbers = itertools.count(1)


def told(kind: str = "placed", *, event_id: str | None = None, source: str = "oms", **overrides: Any) -> StoredEvent:
    """Return a stored order event; its id is new unless given."""
    event = make_order_event(kind, **overrides)
    return stored_event(source, event_id or f"e{next(_numbers):05d}", event)


def histories_of(orders: Mapping[str, Sequence[StoredEvent]], scans: Iterable[Scan]) -> dict[str, History]:
    """Return every history as the ledger would hold it: all claims of all orders, all readings once."""
    histories: dict[str, History] = {}
    for order, events in orders.items():
        for shipment, claim in wanted_claims(order, events):
            histories.setdefault(shipment, History()).claims[order, claim.parcel] = claim
    for scan in scans:
        readings = histories.setdefault(scan.key, History()).readings
        slot = scan.event_key, content_hash(scan)
        held = readings.get(slot)
        readings[slot] = scan if held is None or scan.told_at < held.told_at else held
    return histories


def fold(*everything: Told, key: str = KEY, others: Mapping[str, Sequence[StoredEvent]] | None = None) -> Document:
    """Return the document of one order from its events and all scans, with other orders' events beside it."""
    events = [one for one in everything if isinstance(one, StoredEvent)]
    scans = [one for one in everything if isinstance(one, Scan)]
    return fold_order(key, events, histories_of({**(others or {}), key: events}, scans))


def read_back(document: Document) -> OrderStatus:
    """Return the document as its readers read it: a status message."""
    return ORDER_STATUS.validate_python({**document, "change": CHANGE})


def parcel(document: Document, shipment: str = "S1") -> Document:
    """Return one parcel of a document."""
    found: Document = next(one for one in document["parcels"] if one["shipment"] == shipment)
    return found


def buckets(document: Document, line: str = "1") -> dict[str, int]:
    """Return where the units of a line are."""
    found: dict[str, int] = next(one for one in document["lines"] if one["line"] == line)["buckets"]
    return found


def milestones(part: Document) -> list[tuple[str, str]]:
    """Return the milestones of an order or parcel as (name, occasion)."""
    return [(one["name"], one["occasion"]) for one in part["milestones"]]


def replayed(
    told_in_order: Sequence[tuple[str, StoredEvent] | Scan],
    *,
    batches: Collection[int] = (),
    delivery_ids: Sequence[str] = (),
) -> World:
    """Return the engine's world after these records, one after the other, each order keyed beside its event.

    After each of `batches` (places in the list) the world is loaded again as the next batch would. Deliveries have the
    ids given, as far as they go.
    """
    ids = dict(enumerate(delivery_ids))
    items = [item_of(offset, one, ids.get(offset, f"d{offset}")) for offset, one in enumerate(told_in_order)]
    orders = {item.order for item in items if isinstance(item, OrderIn)}
    keys = {item.shipment for item in items if isinstance(item, ScanIn)}
    for order in orders:
        own = [item.stored for item in items if isinstance(item, OrderIn) and item.order == order]
        keys |= claims_on_the_way(order, (), own)
    world = World(
        histories={key: History() for key in keys},
        next_n=dict.fromkeys(keys, 1),
        events={order: {} for order in orders},
        orders={order: OrderRow() for order in orders},
    )
    for place, item in enumerate(items):
        world.apply(item)
        world = _loaded_again(world) if place in batches else world
    return world


def _loaded_again(world: World) -> World:
    """Return what the next batch loads: what was saved, and nothing that was kept beside it."""
    return World(histories=world.histories, next_n=world.next_n, events=world.events, orders=world.orders)


def item_of(offset: int, one: tuple[str, StoredEvent] | Scan, delivery: str) -> ScanIn | OrderIn:
    """Return a record as the engine reads it."""
    if isinstance(one, Scan):
        record = _record(SCANS, offset, SCAN.dump_json(one), key=one.key, delivery=delivery)
        return ScanIn(record, one, one.key, content_hash(one))
    order, stored = one
    return OrderIn(_record(ORDER_EVENTS, offset, b"{}", key=order, delivery=stored.id), order, stored)


def _record(topic: str, offset: int, value: bytes, *, key: str, delivery: str) -> Record:
    headers = (("ce_id", delivery.encode()),)
    return Record(topic, partition=0, offset=offset, timestamp_ms=0, key=key.encode(), value=value, headers=headers)
