"""One order's life, told in every order: all 720 orders of each six records in a row end in the same document."""

import pytest

from schemas.scans import Scan
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.generating import Keyed
from tests.unit.status.making import replayed, told
from tests.unit.status.windows import differing, item_of, windows


def scanned(stage: str | None, hours: float, key: str, **overrides: object) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), event_key=key, **overrides)


STORY: list[Keyed | Scan] = [
    (KEY, told(event_id="e1", lines=[line(2), line(1, name="2")], payment_awaited=True)),
    (KEY, told("payment_failed", event_id="e2", occurred_at=after(minutes=1))),
    (KEY, told("payment_confirmed", event_id="e3", occurred_at=after(minutes=2))),
    (KEY, told("picking_started", event_id="e4", occurred_at=after(minutes=5))),
    (KEY, told("cancelled", event_id="e5", occurred_at=after(minutes=6), lines=[line(1)])),
    (KEY, told("shipment_created", event_id="e6", occurred_at=after(minutes=10), number="TYPO1")),
    scanned("announced", 0.2, "k1"),
    (KEY, told("shipment_corrected", event_id="e7", occurred_at=after(minutes=20), number="AB123456785GB")),
    ("main:1002", told("shipment_created", event_id="e8", order="1002", occurred_at=after(days=45))),
    (KEY, told("dispatched", event_id="e9", occurred_at=after(minutes=30))),
    scanned("accepted", 1, "k2"),
    scanned("in_transit", 1, "k3", description="first telling"),
    scanned("in_transit", 1, "k3", description="second telling", place={"city": "Bath"}, told_at=after(hours=9)),
    scanned(None, 2, "k4", conditions_set=["delayed"]),
    scanned("out_for_delivery", 24, "k5", time_kind="utc"),
    scanned(None, 25, "k6", kind="estimate", window={"day": "2026-11-21"}),
    scanned("out_for_delivery", 26, "k7", time_kind="utc"),
    scanned("attempted", 27, "k8"),
    scanned("delivered", 50, "k9", pod=["photo"]),
    scanned("out_for_delivery", 50, "k10"),
    scanned("delivered", 51, "k11", kind="summary"),
    scanned(None, 52, "k13", kind="void", voids="k8"),
    scanned(None, 18, "k14", kind="time", rule="day_ended", basis="k5", due_at=after(hours=42)),
    scanned("in_transit", 24 * 46, "k12"),
]


@pytest.mark.parametrize("start", range(len(windows(STORY))))
def test_all_orders_of_six_records_in_a_row_end_in_the_same_documents(start: int) -> None:
    assert differing([], windows([item_of(one) for one in STORY])[start]) == []


def test_the_story_backwards_ends_where_the_story_ends() -> None:
    forwards, backwards = replayed(STORY), replayed(STORY[::-1])
    for key, row in forwards.orders.items():
        assert backwards.orders[key].document == row.document
    ended = forwards.orders[KEY].document
    assert ended is not None
    assert ended["state"] == "delivered"
    assert {key: row.document["state"] for key, row in forwards.orders.items() if row.document is not None} == {
        KEY: "delivered", "main:1002": "in_transit",
    }  # fmt: skip
