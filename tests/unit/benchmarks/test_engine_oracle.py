"""The oracle is clean for a design without fault, and finds each kind of fault in what one left behind."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.engine.load import Profile, records
from benchmarks.engine.oracle import SHOWN, Expected, Found, Told, expected_of, judge
from tests.unit.benchmarks.made import FOLDING, PARCELS_ONLY, STORING, left_behind, left_by_parcels

LOAD = records(12, Profile(seed=5))
EXPECTED = expected_of(LOAD)
ORDER = "main:100003"
OTHER = "main:100004"


@pytest.fixture
def found() -> Found:
    return left_behind(LOAD)


def set_row(found: Found, key: str, *, version: int = 0, **changes: object) -> None:
    found.orders = [
        (one, stored + version, json.dumps(json.loads(text) | changes)) if one == key else (one, stored, text)
        for one, stored, text in found.orders
    ]


def set_message(found: Found, key: str, **changes: object) -> None:
    message = json.loads(found.status.values[key]) | changes
    found.status.values[key] = found.snapshots[key] = json.dumps(message).encode()


def tell_again(found: Found) -> None:
    found.status.take(ORDER.encode(), found.status.values[ORDER])


def leave_a_gap(found: Found) -> None:
    message = json.loads(found.status.values[ORDER])
    message["change"]["version"] += 2
    found.status.take(ORDER.encode(), json.dumps(message).encode())


def lose_a_row(found: Found) -> None:
    found.orders = [row for row in found.orders if row[0] != ORDER]


def invent_a_row(found: Found) -> None:
    found.orders = [*found.orders, ("main:invented", 1, "{}")]


def lose_messages(found: Found) -> None:
    del found.status.values[ORDER], found.status.versions[ORDER], found.snapshots[ORDER]


def lose_a_snapshot(found: Found) -> None:
    del found.snapshots[ORDER]


def age_a_snapshot(found: Found) -> None:
    found.snapshots[ORDER] = found.snapshots[OTHER]


def write_a_snapshot_anew(found: Found) -> None:
    found.snapshots[ORDER] = json.dumps(json.loads(found.snapshots[ORDER]), indent=1).encode()


def store_twice(found: Found) -> None:
    found.history += 1


def lose_a_scan(found: Found) -> None:
    found.history -= 1


BROKEN: dict[str, tuple[Callable[[Found], None], str]] = {
    "a scan lost": (lose_a_scan, "history: .* rows, expected"),
    "a scan twice": (store_twice, "history: .* rows, expected"),
    "an order missing": (lose_a_row, f"orders: {ORDER} is missing"),
    "an order that nobody sent": (invent_a_row, "orders: nobody sent main:invented"),
    "another state": (lambda found: set_row(found, ORDER, state="lost"), f"orders: {ORDER} .* document: state"),
    "a field too many": (lambda found: set_row(found, ORDER, more=1), f"orders: {ORDER} .* document: more"),
    "a version not told": (lambda found: set_row(found, ORDER, version=1), f"orders: {ORDER} is at version"),
    "a version told twice": (tell_again, f"status: {ORDER} tells version"),
    "a gap": (leave_a_gap, f"status: {ORDER} tells version"),
    "an order never told": (lose_messages, f"status: {ORDER} is missing"),
    "another last message": (lambda found: set_message(found, ORDER, lines=[]), f"last message of {ORDER} .*: lines"),
    "a message with more": (lambda found: set_message(found, ORDER, more=1), f"last message of {ORDER} .*: more"),
    "a snapshot missing": (lose_a_snapshot, f"snapshots: {ORDER} is missing"),
    "an old snapshot": (age_a_snapshot, f"snapshots: {ORDER} is not its newest"),
    "a snapshot in other bytes": (write_a_snapshot_anew, f"snapshots: {ORDER} is not its newest"),
}


def test_a_design_without_fault_is_clean(found: Found) -> None:
    assert judge(FOLDING, EXPECTED, found) == []
    assert EXPECTED.records == len(LOAD)


@pytest.mark.parametrize(("break_it", "says"), BROKEN.values(), ids=BROKEN)
def test_each_kind_of_fault_is_found(found: Found, break_it: Callable[[Found], None], says: str) -> None:
    break_it(found)
    assert re.search(says, "\n".join(judge(FOLDING, EXPECTED, found)))


def test_versions_out_of_order_are_found() -> None:
    told = Told()
    for version in (2, 1):
        told.take(ORDER.encode(), json.dumps({"change": {"version": version}}).encode())
    assert len(told.wrong) == 2


def test_a_design_without_snapshots_is_not_asked_for_them(found: Found) -> None:
    found.snapshots.clear()
    assert judge(replace(FOLDING, snapshots=False), EXPECTED, found) == []


def test_a_design_that_only_stores_is_judged_by_its_history() -> None:
    assert judge(STORING, EXPECTED, Found(history=EXPECTED.history)) == []
    assert judge(STORING, EXPECTED, Found(history=0)) == [f"history: 0 rows, expected {EXPECTED.history}"]


def test_a_design_without_the_order_fold_is_judged_by_its_parcels() -> None:
    assert judge(PARCELS_ONLY, EXPECTED, left_by_parcels(EXPECTED)) == []


def test_a_parcel_in_a_wrong_stage_is_found() -> None:
    shipment = next(iter(EXPECTED.stages))
    wrong = replace(EXPECTED, stages={**EXPECTED.stages, shipment: {"stage": "lost"}})
    assert judge(PARCELS_ONLY, EXPECTED, left_by_parcels(wrong)) == [
        f"orders: {shipment} holds another document: stage",
        f"status: the last message of {shipment} differs: stage",
    ]


def test_many_findings_of_a_kind_are_counted() -> None:
    many = Expected(records=0, history=0, documents={f"main:{n}": {} for n in range(SHOWN + 3)}, stages={})
    assert judge(replace(FOLDING, snapshots=False), many, Found(history=0)).count("... and 3 more") == 2
