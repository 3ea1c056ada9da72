"""A batch in parts: each folded by itself, together they are the batch folded as one."""

import copy
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from services.runtime.kafka import Record
from services.status.claiming import claims_on_the_way
from services.status.inputs import OrderIn, Refused, ScanIn, read
from services.status.parcel_fold import History
from services.status.parts import Part, split, united
from services.status.replay import World
from services.status.replayed import OrderRow
from tests.integration.cache_streams import stream
from tests.records import placed, record, scan, shipment

Item = ScanIn | OrderIn


def items_of(records: Sequence[Record]) -> list[Item]:
    """Read records; all of them can be."""
    found = [read(one) for one in records]
    return [one for one in found if not isinstance(one, Refused)]


def claims_of(world: World, items: Sequence[Item]) -> dict[str, set[str]]:
    """Return what each order claims, or will at any step."""
    news = defaultdict(list)
    for item in items:
        if isinstance(item, OrderIn):
            news[item.order].append(item.stored)
    return {
        order: world.claimed.get(order, set()) | claims_on_the_way(order, held.values(), news[order])
        for order, held in world.events.items()
    }


def world_for(items: Sequence[Item]) -> World:
    """Return an empty world in which all items can be applied."""
    orders = sorted({item.order for item in items if isinstance(item, OrderIn)})
    world = World({}, {}, {order: {} for order in orders}, {order: OrderRow() for order in orders})
    keys = {item.shipment for item in items if isinstance(item, ScanIn)}.union(*claims_of(world, items).values())
    world.histories.update({key: History() for key in sorted(keys)})
    world.next_n.update(dict.fromkeys(sorted(keys), 1))
    return world


def with_what_is_open(world: World) -> World:
    """Return the same rows as a next batch would load them: an erased order's events are gone."""
    events = {order: {} if order in world.erased else held for order, held in world.events.items()}
    return World(world.histories, dict(world.next_n), events, world.orders, kept=world.kept, closed=world.closed)


def apply(parts: Sequence[Part]) -> World:
    """Fold each part."""
    for part in parts:
        for item in part.items:
            part.world.apply(item)
    return united([part.world for part in parts])


def told(world: World) -> dict[str, Any]:
    """Return what was added, by what it was added to: between orders, and between parcels, there is no order."""
    published, rows, letters = defaultdict(list), defaultdict(list), [str(one) for one in world.refused]
    for version in world.published:
        published[version.order].append((version.document, version.change))
    for row in world.rows:
        rows[row.shipment].append(row)
    return {
        "published": published, "rows": rows, "refused": sorted(letters), "next": world.next_n,
        "earlier": sorted(map(str, world.told_earlier)), "events": sorted(map(str, world.new_events)),
        "orders": world.orders, "histories": world.histories, "closed": world.closed,
        "left": world.left, "erased": world.erased, "again": (world.readings_again, world.events_again),
        "counts": (world.repeated, world.contradicted, world.after_closing),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_parts_folded_apart_are_the_batch_folded_as_one(seed: int) -> None:
    batches = [items_of(batch) for batch in stream(seed)]
    together = world_for([item for batch in batches for item in batch])
    apart = copy.deepcopy(together)
    for items in batches:
        together, apart = with_what_is_open(together), with_what_is_open(apart)
        for item in items:
            together.apply(item)
        apart = apply(split(apart, items, claims_of(apart, items)))
        assert told(apart) == told(together)


def parts_of(*bodies: dict[str, Any]) -> list[list[str]]:
    """Return whose records each part has: orders by their number, parcels by theirs."""
    items = items_of([record(body) for body in bodies])
    world = world_for(items)
    parts = split(world, items, claims_of(world, items))
    return [[item.order if isinstance(item, OrderIn) else item.shipment for item in part.items] for part in parts]


def test_orders_without_a_parcel_in_common_are_parts_of_their_own() -> None:
    parts = parts_of(placed(order="1"), placed(order="2"), shipment("A", order="1"), shipment("B", order="2"))
    assert parts == [["main:1", "main:1"], ["main:2", "main:2"]]


def test_orders_that_share_a_parcel_are_one_part_over_as_many_others_as_it_takes() -> None:
    one = shipment("A", order="1"), shipment("B", order="2"), shipment("C", order="3"), shipment("D", order="4")
    other = shipment("B", parcel="S2", order="1"), shipment("C", parcel="S2", order="2")
    assert [len(part) for part in parts_of(*one, *other)] == [5, 1]


def test_a_parcel_that_no_order_claims_is_a_part_of_its_own() -> None:
    parts = parts_of(
        placed(order="1"), scan("accepted", minutes=1, number="A"), scan("accepted", minutes=1, number="B")
    )
    assert parts == [["main:1"], ["royal-mail:A"], ["royal-mail:B"]]


def test_a_batch_of_nothing_is_an_empty_world() -> None:
    assert split(World({}, {}, {}, {}), [], {}) == []
    assert told(united([])) == told(World({}, {}, {}, {}))
