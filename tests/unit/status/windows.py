"""Six records in a row, told in all 720 orders, record by record: what two orders have in common is folded once.

The orders of a window are a tree: a world that has heard the first records of some is copied where they part, with
everything it keeps for going on. Dictionaries keep the order in which each path filled them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from schemas.scans import SCAN, Scan
from services.ingest.carriers.base import Webhook, read
from services.ingest.carriers.registry import CARRIERS
from services.local.record_lines import read_lines
from services.runtime.kafka import Record
from services.status import replay
from services.status.claiming import wanted_claims
from services.status.folding import Folding
from services.status.inputs import ORDER_EVENTS, SCANS, OrderIn, ScanIn
from services.status.inputs import read as read_record
from services.status.kept import Kept, KeptOrder, KeptParcel
from services.status.machine import Run
from services.status.order import Document
from services.status.order_facts import OrderFacts, StoredEvent
from services.status.parcel_fold import History, facts_of, fold_parcel
from services.status.readings import content_hash
from services.status.replay import World
from services.status.replayed import OrderRow
from services.status.shipment import Attempts, Custody, ShipmentState
from tests.unit.status.making import told

WINDOW: Final = 6
#: Long after every fixture: what bodies say lies in the past.
TOLD_AT: Final = datetime(2100, 1, 1, tzinfo=UTC)
ORDER: Final = "main:1001"

Item = ScanIn | OrderIn
Parts = dict[str, tuple[OrderFacts, dict[str, ShipmentState]]]
"""What each order's document is made of."""
T = TypeVar("T")


def windows(items: Sequence[T]) -> list[tuple[T, ...]]:
    """Return every six in a row; fewer than six are one window."""
    return [tuple(items[start : start + WINDOW]) for start in range(max(1, len(items) - WINDOW + 1))]


def items_of(path: Path) -> list[Item]:
    """Return the records of a file of lines."""
    return read_lines(BytesIO(path.read_bytes()), path.name).items


def item_of(one: tuple[str, StoredEvent] | Scan) -> Item:
    """Return an event beside its order's key, or a scan, as an item to apply."""
    if isinstance(one, Scan):
        return ScanIn(
            Record(SCANS, 0, 0, 0, one.key.encode(), SCAN.dump_json(one), ()), one, one.key, content_hash(one)
        )
    key, stored = one
    return OrderIn(Record(ORDER_EVENTS, 0, 0, 0, key.encode(), b"{}", ()), key, stored)


def streams(paths: Iterable[tuple[str, Path]]) -> dict[str, list[ScanIn]]:
    """Return what (provider, body) files say of each shipment, as status gets it from ingest, each reading once."""
    found: dict[str, list[ScanIn]] = {}
    for provider, path in paths:
        reading = read(CARRIERS[provider], Webhook(body=path.read_bytes(), told_at=TOLD_AT, allow_test=True))
        for scan in reading.scans:
            value = scan.model_dump_json(exclude_none=True).encode()
            item = read_record(Record(SCANS, 0, 0, 0, scan.key.encode(), value, ()))
            assert isinstance(item, ScanIn)
            held = found.setdefault(f"{provider} {item.shipment}", [])
            if item not in held:
                held.append(item)
    return found


def claiming(scans: Sequence[ScanIn]) -> list[Item]:
    """Return an order that claims what the scans are of."""
    scan, start = scans[0].scan, min(item.scan.occurred_at for item in scans)
    named: dict[str, Any] = {"carrier": scan.carrier, "number": scan.number, "references": scan.references}
    events = [
        told("placed", event_id="p", occurred_at=start),
        told("shipment_created", event_id="s", occurred_at=start, shipment="S1", **named),
    ]
    return [item_of((ORDER, stored)) for stored in events]


def world_of(items: Sequence[Item]) -> World:
    """Return an empty world in which all of these can be applied in any order."""
    orders = {item.order for item in items if isinstance(item, OrderIn)}
    keys = {item.shipment for item in items if isinstance(item, ScanIn)}
    for order in orders:
        own = [item.stored for item in items if isinstance(item, OrderIn) and item.order == order]
        # A number that is corrected away in one order of telling is claimed for a while in another.
        created = [one for one in own if one.event.type.endswith("shipment_created")]
        corrected = [one for one in own if one.event.type == "shipment_corrected"]
        keys |= {
            key for one in created for many in _subsets(corrected) for key, _ in wanted_claims(order, [one, *many])
        }
    return World(
        histories={key: History() for key in sorted(keys)},
        next_n=dict.fromkeys(sorted(keys), 1),
        events={order: {} for order in sorted(orders)},
        orders={order: OrderRow() for order in sorted(orders)},
    )


def _subsets(events: Sequence[StoredEvent]) -> Iterator[list[StoredEvent]]:
    for chosen in range(2 ** len(events)):
        yield [one for place, one in enumerate(events) if chosen >> place & 1]


def ends(before: Sequence[Item], window: Sequence[Item]) -> Iterator[tuple[tuple[int, ...], Parts]]:
    """Give every order of a window, told after `before`, and what the orders' documents are then made of."""
    world = world_of([*before, *window])
    with pytest.MonkeyPatch.context() as patch:
        # Documents follow from their parts: made at each of 2,000 steps, they would take most of the time.
        patch.setattr(replay, "fold_order", _only_parts)
        patch.setattr(replay, "change_of", lambda *_, **__: {})
        for item in before:
            world.apply(item)
        yield from _orders(world, window, ())


def differing(before: Sequence[Item], window: Sequence[Item]) -> list[str]:
    """Return the orders of a window, and those of their parts, that do not end as the written order does."""
    told = ends(before, window)
    _, expected = next(told)
    found = [f"{key} told as {path}" for path, parts in told for key in expected if parts[key] != expected[key]]
    return found[:3]


def _orders(world: World, window: Sequence[Item], path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Parts]]:
    left = [place for place in range(len(window)) if place not in path]
    if not left:
        yield (
            path,
            {key: parts_of(key, world.events[key].values(), world.histories, kept=world.kept) for key in world.orders},
        )
    for place in left:
        # The last way on needs no copy: nobody comes back to this world.
        on = world if place == left[-1] else branched(world)
        on.apply(window[place])
        yield from _orders(on, window, (*path, place))


def parts_of(
    key: str, events: Iterable[StoredEvent], histories: Mapping[str, History], *, kept: Kept
) -> tuple[OrderFacts, dict[str, ShipmentState]]:
    """Return what an order's document is made of, with what is kept to go on with."""
    facts = facts_of(key, events, kept)
    held = kept.orders[key]
    return facts, {
        name: fold_parcel(key, facts, parcel, histories, held=held) for name, parcel in facts.parcels.items()
    }


def _only_parts(key: str, events: Iterable[StoredEvent], histories: Mapping[str, History], *, kept: Kept) -> Document:
    parts_of(key, events, histories, kept=kept)
    return {"state": "not asked for"}


def branched(world: World) -> World:
    """Return a copy that goes another way; what never changes is shared, and so is what is only replaced."""
    return World(
        histories={key: History(dict(one.readings), dict(one.claims)) for key, one in world.histories.items()},
        next_n=dict(world.next_n),
        events={order: dict(events) for order, events in world.events.items()},
        orders={order: OrderRow(row.version, row.state, row.document) for order, row in world.orders.items()},
        kept=copied(world.kept),
    )


#: What a fold changes in place, and the fields of each.
_CHANGED: Final = {
    kind: tuple(field.name for field in fields(kind))
    for kind in (Kept, KeptOrder, KeptParcel, Folding, Run, ShipmentState, Attempts, Custody)
}


def copied(value: Any) -> Any:
    """Return a copy of what a fold changes in place: its state, and the lists, dicts and sets in it."""
    kind = type(value)
    if kind in (list, set):
        return value.copy()
    if kind is dict:
        return {key: copied(one) for key, one in value.items()}
    if kind not in _CHANGED:
        return value
    double = object.__new__(kind)
    for name in _CHANGED[kind]:
        setattr(double, name, copied(getattr(value, name)))
    return double
