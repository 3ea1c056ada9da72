"""A batch in parts that have nothing in common: orders that share a parcel are in one, with all of their parcels.

So each can be folded by itself, and again if what it was folded from turns out to be old (`ahead.py`). Pure.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from services.status.inputs import OrderIn, ScanIn
from services.status.kept import Kept
from services.status.replay import World

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(slots=True)
class Part:
    """One part, and the batch's records that concern it, in record order."""

    world: World
    items: list[ScanIn | OrderIn] = field(default_factory=list)


def split(world: World, items: Iterable[ScanIn | OrderIn], claimed: Mapping[str, Collection[str]]) -> list[Part]:
    """Return the parts of a world that nothing was applied to yet.

    `claimed` says, for each of its orders, every shipment that it claims, once claimed, or will in this batch.
    """
    of_order, of_shipment = _named(claimed)
    orders: dict[str, list[str]] = defaultdict(list)
    shipments: dict[str, list[str]] = defaultdict(list)
    for order in world.orders:
        orders[of_order[order]].append(order)
    for shipment in world.histories:
        # What no order claims is a part of its own, under a name that is no order's.
        of_shipment.setdefault(shipment, f":{shipment}")
        shipments[of_shipment[shipment]].append(shipment)
    names = dict.fromkeys((*orders, *shipments))
    parts = {name: Part(_cut(world, orders.get(name, ()), shipments.get(name, ()))) for name in names}
    for item in items:
        name = of_shipment[item.shipment] if isinstance(item, ScanIn) else of_order[item.order]
        parts[name].items.append(item)
    return list(parts.values())


def _named(claimed: Mapping[str, Collection[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """Return of each order, and of each shipment that one claims, the name of its part: one of the orders in it."""
    leads = {order: order for order in claimed}

    def leader(order: str) -> str:
        while leads[order] != order:
            leads[order] = order = leads[leads[order]]
        return order

    first: dict[str, str] = {}
    for order, shipments in claimed.items():
        for shipment in shipments:
            other = first.setdefault(shipment, order)
            if other != order:
                leads[leader(order)] = leader(other)
    return {order: leader(order) for order in claimed}, {key: leader(order) for key, order in first.items()}


def _cut(world: World, orders: Iterable[str], shipments: Collection[str]) -> World:
    return World(
        histories={key: world.histories[key] for key in shipments},
        next_n={key: world.next_n[key] for key in shipments if key in world.next_n},
        events={order: world.events[order] for order in orders},
        orders={order: world.orders[order] for order in orders},
        closed={key: world.closed[key] for key in shipments if key in world.closed},
        kept=world.kept,
    )


def united(worlds: Sequence[World]) -> World:
    """Return worlds that have nothing in common as one, with all that was added to them."""
    return World(
        histories=_joined(one.histories for one in worlds),
        next_n=_joined(one.next_n for one in worlds),
        events=_joined(one.events for one in worlds),
        orders=_joined(one.orders for one in worlds),
        rows=[row for one in worlds for row in one.rows],
        told_earlier=[told for one in worlds for told in one.told_earlier],
        new_events=[event for one in worlds for event in one.new_events],
        published=[version for one in worlds for version in one.published],
        messages=[message for one in worlds for message in one.messages],
        refused=[refused for one in worlds for refused in one.refused],
        repeated=sum(one.repeated for one in worlds),
        readings_again=Counter(_joined(one.readings_again for one in worlds)),
        events_again=Counter(_joined(one.events_again for one in worlds)),
        contradicted=sum(one.contradicted for one in worlds),
        reread=set().union(*(one.reread for one in worlds)),
        kept=worlds[0].kept if worlds else Kept(),
        closed=_joined(one.closed for one in worlds),
        erased=_joined(one.erased for one in worlds),
        left=_joined(one.left for one in worlds),
        after_closing=sum((one.after_closing for one in worlds if one.after_closing), Counter()),
        claimed=_joined(one.claimed for one in worlds),
    )


def _joined(parts: Iterable[Mapping[Key, Value]]) -> dict[Key, Value]:
    whole: dict[Key, Value] = {}
    for one in parts:
        whole.update(one)
    return whole
