"""An order with a hold, edits, a lost parcel, a return and an erasure, told in every order: the end is the same."""

from typing import Any

import pytest

from schemas.scans import Scan
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.generating import Keyed
from tests.unit.status.making import replayed, told
from tests.unit.status.windows import differing, item_of, windows


def at(hours: float, kind: str, key: str, **overrides: Any) -> Keyed:
    return KEY, told(kind, event_id=key, occurred_at=after(hours=hours), **overrides)


def scanned(stage: str, hours: float, key: str, **overrides: object) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), event_key=key, **overrides)


STORY: list[Keyed | Scan] = [
    at(0, "placed", "e1", lines=[line(3)], promised={"day": "2026-11-24"}),
    at(0.1, "on_hold", "e2"),
    at(0.2, "released", "e3"),
    at(0.3, "lines_edited", "e4", lines=[line(2), line(2, name="2")]),
    at(0.3, "backordered", "e5", lines=[line(1, name="2")]),
    at(0.4, "promise_changed", "e6", promised={"day": "2026-11-26"}),
    at(0.5, "shipment_created", "e7", shipment="S1", lines=[line(2)]),
    scanned("in_transit", 2, "k1"),
    at(3, "shipment_created", "e8", shipment="S2", number="ZZ1", lines=[line(2, name="2")]),
    scanned("lost", 9, "k2", number="ZZ1"),
    at(10, "override_set", "e9"),
    at(11, "override_ended", "e10"),
    scanned("delivered", 20, "k3"),
    at(30, "return_requested", "e11", lines=[line(1)]),
    at(31, "return_shipment_created", "e12", lines=[line(1)]),
    scanned("in_transit", 40, "k4", number="RT123456785GB"),
    at(50, "returned", "e13", lines=[line(1)]),
    at(51, "replaced", "e14"),
    at(60, "time_reached", "e15", rule="promise_missed", basis="oms#e6"),
]


@pytest.mark.parametrize("start", range(len(windows(STORY))))
def test_all_orders_of_six_records_of_an_eventful_order_end_in_the_same_document(start: int) -> None:
    assert differing([], windows([item_of(one) for one in STORY])[start]) == []


def test_the_eventful_order_ends_closed_short_either_way_and_erased_for_good() -> None:
    forwards, backwards = replayed(STORY), replayed(STORY[::-1])
    assert forwards.orders[KEY].document == backwards.orders[KEY].document
    states = [one.document["state"] for one in forwards.published]
    assert states[0] == "processing"
    assert "on_hold" in states
    assert "returning" in states
    assert states[-1] == "closed_short"
    erased = at(99, "erased", "e99")
    assert replayed([erased, *STORY]).orders[KEY].document == replayed([*STORY, erased]).orders[KEY].document
    assert len([one for one in replayed([erased, *STORY]).published if one.order == KEY]) == 1
