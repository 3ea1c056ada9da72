"""The work for one record has its limits: an order is folded again for every record that touches it."""

import time
from typing import Any

import pytest

from schemas.order_events import MAX_LINES, MAX_PARCELS
from schemas.vocabulary import Bucket
from services.status import replay
from services.status.inputs import OrderIn, ScanIn, read
from services.status.order import fold_order
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.replayed import OrderRow
from tests.records import placed, record, scan, shipment

LONGEST_S = 1.5


def test_many_parcels_of_many_lines_are_counted_in_a_moment() -> None:
    lines = [{"line": str(number), "quantity": 1} for number in range(MAX_LINES)]
    bodies = [placed(lines=lines), *(shipment(f"B{n}", parcel=f"P{n}", lines=lines) for n in range(MAX_PARCELS))]
    items = [read(record(body)) for body in bodies]
    events = [item.stored for item in items if isinstance(item, OrderIn)]
    began = time.process_time()
    document = fold_order("main:1001", events, {})
    assert time.process_time() - began < LONGEST_S
    assert len(document["parcels"]) == MAX_PARCELS
    assert all(line["buckets"] == {Bucket.OPEN: 1} for line in document["lines"])


def test_orders_that_share_a_number_nobody_scanned_are_not_folded_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orders = [f"F{number}" for number in range(10)]
    world = World(
        histories={"royal-mail:SAME1": History()},
        next_n={"royal-mail:SAME1": 1},
        events={f"main:{order}": {} for order in orders},
        orders={f"main:{order}": OrderRow() for order in orders},
    )
    folded: list[str] = []

    def noted(key: str, *rest: Any, **kept: Any) -> Any:
        folded.append(key)
        return fold_order(key, *rest, **kept)

    monkeypatch.setattr(replay, "fold_order", noted)
    for order in orders:
        apply(world, shipment("SAME1", order=order))
    assert folded == [f"main:{order}" for order in orders]
    apply(world, scan("in_transit", minutes=60, number="SAME1", event_key="one"))
    assert len(folded) == 2 * len(orders)
    assert [row.document is not None and row.document["state"] for row in world.orders.values()] == ["in_transit"] * 10
    apply(world, shipment("SAME1", order="F0", parcel="S2", minutes=60 * 24 * 40))
    assert len(folded) == 3 * len(orders)


def apply(world: World, body: dict[str, Any]) -> None:
    """Apply one record."""
    item = read(record(body))
    assert isinstance(item, ScanIn | OrderIn)
    world.apply(item)
