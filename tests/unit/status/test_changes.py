"""What a version changed: the state before, the cause, whether it corrects, and who must act."""

from typing import Any

import pytest

from schemas.scans import Scan
from services.status.changes import action
from services.status.order import Document
from services.status.order_facts import StoredEvent
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.making import Told, fold, replayed, told


def event(kind: str, minutes: float = 20, **overrides: Any) -> StoredEvent:
    return told(kind, occurred_at=after(minutes=minutes), **overrides)


def scanned(stage: str, hours: float = 2, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), **overrides)


def changes(*records: Told) -> list[Document]:
    """Return the changes of order 1001 as these records come in one by one."""
    keyed = [one if isinstance(one, Scan) else (KEY, one) for one in records]
    return [one.change for one in replayed(keyed).published if one.order == KEY]


PARCEL = (told(), event("shipment_created", 10))


def test_a_change_says_the_state_before_and_what_caused_it() -> None:
    first, *_, last = changes(*PARCEL, scanned("in_transit", event_key="k1"))
    assert (first["previous"], first["cause"]["type"]) == (None, "placed")
    assert (last["previous"], last["cause"]["event"], last["correction"]) == ("processing", "k1", False)


@pytest.mark.parametrize(
    "correcting",
    [
        event("shipment_corrected", 90, number="OTHER1"),
        event("shipment_voided", 90),
        event("override_set", 300, stage="lost", pinned=True),
    ],
)
def test_what_takes_back_or_overrules_is_a_correction_with_its_reason(correcting: StoredEvent) -> None:
    last = changes(*PARCEL, correcting)[-1]
    assert (last["correction"], last["reason"]) == (True, correcting.event.type)


def test_a_delivery_told_too_early_is_a_correction() -> None:
    early = (*PARCEL, scanned("out_for_delivery", 1), scanned("delivered", 2))
    last = changes(*early, scanned("out_for_delivery", 26, place={"city": "Leeds"}))[-1]
    assert (last["previous"], last["correction"]) == ("delivered", True)
    assert last["reason"] in {"reopened", "withdrawn"}


def test_a_delivery_that_another_reading_of_its_scan_takes_back_is_withdrawn() -> None:
    told_late = scanned("delivered", event_key="k1", told_at=after(hours=9))
    told_first = scanned("in_transit", event_key="k1", told_at=after(hours=3))
    last = changes(*PARCEL, told_late, told_first)[-1]
    assert (last["previous"], last["correction"], last["reason"]) == ("delivered", True, "withdrawn")


def test_a_return_of_what_was_delivered_corrects_nothing() -> None:
    label = event("return_shipment_created", 600, lines=[line(2)])
    last = changes(*PARCEL, scanned("delivered"), label, scanned("in_transit", 20, number="RT123456785GB"))[-1]
    assert (last["previous"], last["correction"], last["reason"]) == ("delivered", False, "moved")


def test_erasure_is_no_correction_and_nothing_follows_it() -> None:
    told_after = changes(*PARCEL, scanned("delivered"), event("erased", 900), scanned("lost", 99), event("note", 990))
    assert [one["previous"] for one in told_after][-1] == "delivered"
    assert (told_after[-1]["cause"]["type"], told_after[-1]["correction"]) == ("erased", False)
    assert told_after[-1]["reason"] == "erased"


def test_every_change_has_a_reason() -> None:
    told_of = changes(told(payment_awaited=True), event("payment_confirmed", 2))
    assert [one["reason"] for one in told_of] == ["placed", "confirmed"]
    packed = changes(*PARCEL, event("packed", 12), event("packed", 15, lines=[line(1, name="7")]))
    assert [one["reason"] for one in packed][2:] == ["units_moved", "unknown_line"]
    late = event("time_reached", 60 * 24 * 8, rule="never_dispatched", basis="x", due_at=after(days=8))
    assert changes(*PARCEL, late)[-1]["reason"] == "not_expected"
    promised = event("promise_changed", 20, promised={"day": "2026-11-25"})
    assert changes(*PARCEL, promised)[-1]["reason"] == "promise_changed"


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ([scanned("in_transit")], "moved"),
        ([scanned("in_transit"), scanned("in_transit", 3)], "scan"),
        ([scanned("in_transit"), scanned("announced", 3)], "illegal"),
        ([scanned("in_transit"), scanned("accepted", 3, kind="summary", conditions_set=["damaged"])], "superseded"),
        ([scanned("in_transit"), scanned("in_transit", 3, conditions_set=["weather", "delayed"])], "delayed"),
        ([scanned("in_transit", conditions_set=["weather"]), scanned("in_transit", 3)], "weather"),
        ([scanned("in_transit"), scanned("in_transit", 3, conditions_set=["soggy"])], "scan"),
        ([scanned("out_for_delivery"), scanned("out_for_delivery", 30)], "out_for_delivery"),
        ([scanned("delivered"), scanned("in_transit", 5, place={"city": "Leeds"})], "contradiction"),
        ([scanned("in_transit"), scanned("in_transit", 3, kind="estimate", window={"day": "2026-11-25"})], "estimate"),
    ],
)
def test_the_reason_of_what_corrects_nothing_is_what_was_made_of_its_cause(scans: list[Scan], expected: str) -> None:
    last = changes(*PARCEL, *scans)[-1]
    assert (last["reason"], last["correction"]) == (expected, False)


def test_what_began_is_named_before_what_ended_and_a_parcel_before_the_order() -> None:
    before = scanned("in_transit", conditions_set=["customs_hold"])
    assert changes(*PARCEL, before, scanned("in_transit", 3, conditions_set=["delayed"]))[-1]["reason"] == "delayed"
    assert changes(*PARCEL, before, scanned("in_transit", 3, conditions_set=["weather"]))[-1]["reason"] == "weather"


def test_what_a_new_parcel_brings_along_is_not_what_its_cause_raised() -> None:
    known = scanned("in_transit", 0.1, conditions_set=["weather"])
    assert changes(PARCEL[0], known, PARCEL[1])[-1]["reason"] == "units_moved"


def test_another_orders_claim_that_takes_scans_away_is_a_correction() -> None:
    late = scanned("delivered", 24 * 45)
    stranger = ("main:1002", told("shipment_created", order="1002", occurred_at=after(days=45)))
    published = replayed([(KEY, PARCEL[0]), (KEY, PARCEL[1]), scanned("in_transit"), late, stranger]).published
    last = [one.change for one in published if one.order == KEY][-1]
    assert (last["correction"], last["reason"]) == (True, "regrouped")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ((told(),), (False, "shop")),
        ((told(payment_awaited=True),), (True, "customer")),
        ((told(), event("on_hold")), (True, "shop")),
        ((told(), event("ready_to_collect")), (True, "customer")),
        ((told(), event("ready_to_collect"), event("collected", 40, lines=[line(1)])), (True, "customer")),
        ((told(), event("ready_to_collect"), event("on_hold", 40)), (True, "shop")),
        ((told(), event("backordered", 40)), (False, "shop")),
        ((*PARCEL, scanned("delivered"), event("return_requested", 300)), (False, "customer")),
        ((*PARCEL, scanned("in_transit"), event("return_requested", 300)), (False, "carrier")),
        ((*PARCEL, scanned("in_transit")), (False, "carrier")),
        ((*PARCEL, scanned("in_transit", conditions_set=["delayed"])), (False, "carrier")),
        ((*PARCEL, scanned("in_transit", conditions_set=["payment_due", "damaged"])), (True, "customer")),
        ((*PARCEL, scanned("in_transit", conditions_set=["address_problem", "soggy"])), (True, "shop")),
        ((*PARCEL, scanned("in_transit", conditions_set=["weather"])), (False, "carrier")),
        ((*PARCEL, scanned("delivered", conditions_set=["damaged"])), (True, "shop")),
        ((*PARCEL, scanned("delivered", conditions_set=["redirected"])), (False, "nobody")),
        ((*PARCEL, scanned("delivered"), scanned("in_transit", 5, place={"city": "Leeds"})), (True, "shop")),
        ((*PARCEL, scanned("returned"), scanned("in_transit", 5)), (True, "shop")),
        ((*PARCEL, scanned("announced", conditions_set=["address_problem"]), scanned("cancelled", 5)), (False, "shop")),
        ((*PARCEL, scanned("in_transit"), scanned("lost", 9)), (True, "shop")),
    ],
)
def test_a_change_says_whether_somebody_must_act_and_who(records: tuple[Told, ...], expected: tuple[bool, str]) -> None:
    assert action(fold(*records)) == expected
    last = changes(*records)[-1]
    assert (last["action_required"], last["action_by"]) == expected
