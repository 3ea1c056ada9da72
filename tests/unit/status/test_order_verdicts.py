"""Order events that moved nothing: each is named with its reason and rule, and the state is the same without it."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given

from schemas.scans import Scan
from services.status.expectations import basis_of
from services.status.order_facts import StoredEvent, gather
from services.status.order_times import unexpected
from services.status.order_verdicts import CONTRADICTS, MOST_SHOWN, set_aside, set_aside_of
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.generating import Telling, tellings
from tests.unit.status.making import Told, fold, histories_of, told

PLACED = told(event_id="p", lines=[line(2)], promised={"day": "2026-11-25"})
CREATED = told("shipment_created", event_id="s", occurred_at=after(minutes=10), shipment="S1")


def event(kind: str, key: str, minutes: float = 60, **overrides: Any) -> StoredEvent:
    return told(kind, event_id=key, occurred_at=after(minutes=minutes), **overrides)


def why(*events: StoredEvent) -> list[tuple[str, str, str]]:
    everything = [PLACED, CREATED, *events]
    late = unexpected(KEY, gather(everything), histories_of({KEY: everything}, []))
    return [(one.stored.key, one.rule, one.reason) for one in set_aside(everything, unexpected=late)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("gift_wrapped", "x")], ("R12", "unknown_type")),
        ([event("placed", "x", lines=[line(9)])], ("R1", "placed_before")),
        ([event("picking_started", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("packed", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("returned", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("return_requested", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("collection_expired", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("backordered", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("ready_to_collect", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("collected", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("cancelled", "x", lines=[line(1, name="7")])], ("R12", "unknown_line")),
        ([event("shipment_created", "x", shipment="S1", number="ZZ1")], ("R1", "known_shipment")),
        ([event("return_shipment_created", "x", shipment="S1")], ("R1", "known_shipment")),
        ([event("shipment_corrected", "x", shipment="S9", number="ZZ1")], ("R12", "unknown_shipment")),
        ([event("shipment_voided", "x", shipment="S9")], ("R12", "unknown_shipment")),
        ([event("shipment_voided", "v", 30), event("shipment_voided", "x")], ("R1", "voided_before")),
        ([event("dispatched", "x", shipment="S9")], ("R12", "unknown_shipment")),
        ([event("dispatched", "d", 30), event("dispatched", "x", shipment="S1")], ("R1", "dispatched_before")),
        ([event("dispatched", "d", 30), event("dispatched", "x")], ("R1", "dispatched_before")),
        ([event("override_set", "x", shipment="S9")], ("R12", "unknown_shipment")),
        ([event("override_set", "x", stage="teleported")], ("R12", "unknown_stage")),
        ([event("override_set", "x", leg="sideways")], ("R12", "unknown_leg")),
        ([event("override_ended", "x", shipment="S9")], ("R12", "unknown_shipment")),
        ([event("time_reached", "x", rule="promise_missed", basis="oms#old")], ("E15", "not_expected")),
        ([event("time_reached", "x", rule="override_expired", basis="oms#old")], ("E15", "not_expected")),
        ([event("time_reached", "x", rule="full_moon", basis="oms#p")], ("E15", "not_expected")),
    ],
)
def test_an_event_that_moved_nothing_is_set_aside_with_rule_and_reason(
    events: Sequence[StoredEvent], expected: tuple[str, str]
) -> None:
    assert why(*events) == [("oms#x", *expected)]
    shown = fold(PLACED, CREATED, *events)["set_aside"]
    assert shown == [{"event": "oms#x", "rule": expected[0], "why": expected[1]}]


@pytest.mark.parametrize(
    "counts",
    [
        event("refunded", "x"),
        event("note", "x", text="call back"),
        event("contact_changed", "x", contacts=[{"role": "buyer", "email": "a@example.com"}]),
        event("preference_changed", "x", preferences={"sms": False}),
        event("packed", "x"),
        event("packed", "x", lines=[line(1), line(1, name="7")]),
        event("dispatched", "x"),
        event("override_set", "x"),
        event("override_ended", "x"),
        event("time_reached", "x", rule="promise_missed", basis=basis_of("oms#p")),
        event("time_reached", "x", rule="never_dispatched", basis=basis_of("oms#p")),
    ],
)
def test_what_counts_or_is_a_fact_by_design_is_not_set_aside(counts: StoredEvent) -> None:
    assert why(counts) == []


def test_lines_nobody_has_told_yet_may_still_be_named() -> None:
    assert set_aside([CREATED, event("packed", "x", lines=[line(1, name="7")])]) == []


def test_the_end_of_an_override_counts() -> None:
    word = event("override_set", "o", until=after(days=2))
    ended = event("time_reached", "t", 60 * 48, rule="override_expired", basis=basis_of("oms#o"), due_at=after(days=2))
    assert why(word, ended) == []


@pytest.mark.parametrize(("at", "aside"), [(30, [("oms#x", "E15", "not_expected")]), (120, [])])
def test_e15_a_time_is_judged_at_its_place_whatever_was_promised_later(
    at: int, aside: list[tuple[str, str, str]]
) -> None:
    promised = event("promise_changed", "n", at, promised=None)
    missed = event("time_reached", "x", 90, rule="promise_missed", basis=basis_of("oms#p"), due_at=after(minutes=90))
    assert why(promised, missed) == aside


def test_e15_a_scan_that_comes_late_takes_the_ground_from_a_time_that_was_told() -> None:
    missed = event("time_reached", "x", 90, rule="promise_missed", basis=basis_of("oms#p"), due_at=after(minutes=90))
    out = make_scan(occurred_at=after(minutes=60))
    came = make_scan(stage="delivered", occurred_at=after(minutes=80))
    back = make_scan(leg="return", occurred_at=after(days=9))
    assert fold(PLACED, CREATED, missed, out)["conditions"] == ["delayed"]
    document = fold(PLACED, CREATED, missed, out, came, back)
    assert (document["state"], document["conditions"]) == ("returning", [])
    assert [one["why"] for one in document["set_aside"]] == ["not_expected"]


def test_e15_an_erased_order_expected_nothing() -> None:
    missed = event("time_reached", "x", 90, rule="promise_missed", basis=basis_of("oms#p"), due_at=after(minutes=90))
    assert unexpected(KEY, gather([PLACED, event("erased", "z", 30), missed]), {}) == {"oms#x"}


def test_of_two_contents_under_one_id_one_is_set_aside_and_no_document_knows_it() -> None:
    one, other = event("packed", "x"), event("dispatched", "x")
    assert [found[1:] for found in why(one, other, one)] == [("R1", CONTRADICTS)]
    assert why(one, other) == why(other, one)
    assert fold(PLACED, CREATED, one, other)["set_aside"] == []


def test_e9_of_an_erased_order_nobody_is_told_what_was_set_aside() -> None:
    erased, unknown, other = event("erased", "x"), event("gift_wrapped", "g"), event("packed", "g")
    assert why(unknown, other) != []
    assert why(erased, unknown, other, event("note", "n", 99, text="gone")) == []
    assert fold(PLACED, CREATED, erased, unknown)["set_aside"] == []


OF_LINE_7: Any = {"lines": [line(1, name="7")]}


@pytest.mark.parametrize(
    "kind", ["backordered", "picking_started", "packed", "ready_to_collect", "collected", "cancelled", "returned"]
)
def test_r12_what_names_only_lines_that_the_order_does_not_have_moves_nothing(kind: str) -> None:
    without = fold(PLACED, CREATED)
    assert {**fold(PLACED, CREATED, event(kind, "x", **OF_LINE_7)), "set_aside": []} == without


@pytest.mark.parametrize("kind", ["ready_to_collect", "collected"])
def test_r12_it_is_not_the_first_of_its_kind(kind: str) -> None:
    first, real = event(kind, "x", 30, **OF_LINE_7), event(kind, "y", 40)
    reached = [one["event_key"] for one in fold(PLACED, first, real)["milestones"] if one["name"] == kind]
    assert reached == ["oms#y"]


def test_r12_it_is_not_the_last_of_its_kind() -> None:
    real = event("cancelled", "y", 40)
    assert (
        fold(PLACED, real, event("cancelled", "x", 50, **OF_LINE_7))["milestones"] == fold(PLACED, real)["milestones"]
    )
    there, elsewhere = (event("ready_to_collect", "r", 20), event("ready_to_collect", "x", 50, store="B", **OF_LINE_7))
    assert fold(PLACED, there, elsewhere)["collection"]["store"] == "Store Bath"


@pytest.mark.parametrize("edited_at", [30, 90])
def test_r12_an_edit_that_brings_the_line_makes_it_count_whenever_it_stands(edited_at: float) -> None:
    edited = event("lines_edited", "l", edited_at, lines=[line(2), line(1, name="7")])
    document = fold(PLACED, event("ready_to_collect", "x", **OF_LINE_7), edited)
    assert [one["buckets"] for one in document["lines"]] == [{"open": 2}, {"ready": 1}]
    assert (document["state"], document["set_aside"]) == ("ready_to_collect", [])


def test_a_document_names_the_newest_twenty() -> None:
    unknown = [event("gift_wrapped", f"x{number:02}", number) for number in range(MOST_SHOWN + 5)]
    shown = fold(PLACED, *unknown)["set_aside"]
    assert [one["event"] for one in shown] == [f"oms#x{number:02}" for number in range(5, MOST_SHOWN + 5)]


@given(tellings(orders=(KEY,)))
def test_the_state_is_the_same_without_what_was_set_aside(telling: Telling) -> None:
    events = [one[1] for one in telling.once if not isinstance(one, Scan)]
    scans: list[Told] = [one for one in telling.once if isinstance(one, Scan)]
    aside = {(one.stored.source, one.stored.id, one.stored.content) for one in set_aside(events)}
    kept = [one for one in events if (one.source, one.id, one.content) not in aside]
    assert {**fold(*events, *scans), "set_aside": []} == {**fold(*kept, *scans), "set_aside": []}


def test_e9_not_even_the_ids_of_an_erased_orders_events_are_told() -> None:
    told_of = [PLACED, event("gift_wrapped", "x"), event("erased", "z", 99)]
    assert set_aside(told_of) == set_aside_of(gather(told_of)) == []
