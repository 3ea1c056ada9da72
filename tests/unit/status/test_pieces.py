"""Several pieces under one number, and several numbers for one parcel (R22)."""

from typing import Any
from unittest.mock import Mock

import pytest

from schemas.order_events import PackedQuantity
from schemas.scans import Scan
from schemas.vocabulary import Leg, Milestone, Stage
from services.runtime.kafka import Record
from services.status.awaited import look
from services.status.inputs import SCANS, ScanIn, read
from services.status.machine import ShipmentState, sort_scans
from services.status.order import Document
from services.status.order_facts import gather
from services.status.parcel_fold import unit_positions
from services.status.pieces import MAX_PIECES, Telling, fold_pieces, names_of
from services.status.shipment import MAX_OCCASIONS, Override
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.making import buckets, fold, histories_of, milestones, parcel, told
from tests.unit.status.parcels import at, staged, times


def folded(*scans: Scan, declared: int = 2) -> ShipmentState:
    return fold_pieces(scans, names_of(scans), declared=declared, told=Telling())


def order(*scans: Scan, lines: list[dict[str, Any]] | None = None, **shipment: Any) -> Document:
    packed: dict[str, Any] = {"pieces": 2, "lines": lines or [], **shipment}
    return fold(told(lines=[line(2), line(1, name="2")]), told("shipment_created", **packed), *scans)


ON_THE_WAY = staged("in_transit", 2)
FIRST = staged("delivered", 20, piece="1")
SECOND = staged("delivered", 44, piece="2")


def test_r22_a_parcel_is_delivered_when_all_its_pieces_are_and_says_how_many_until_then() -> None:
    one = parcel(order(ON_THE_WAY, FIRST))
    assert (one["stage"], one["pieces"], one["pieces_delivered"]) == ("in_transit", 2, 1)
    assert [(piece["piece"], piece["stage"]) for piece in one["piece_states"]] == [("1", "delivered")]
    both = parcel(order(ON_THE_WAY, FIRST, SECOND))
    assert (both["stage"], both["pieces_delivered"]) == ("delivered", 2)


def test_r22_delivered_is_told_once_when_the_last_piece_came() -> None:
    assert times(folded(ON_THE_WAY, FIRST), Milestone.DELIVERED) == []
    state = folded(ON_THE_WAY, FIRST, SECOND)
    assert [one.event_key for one in state.milestones if one.name is Milestone.DELIVERED] == [SECOND.event_key]


def test_r22_a_scan_that_names_no_piece_speaks_of_all() -> None:
    assert folded(FIRST, staged("delivered", 30)).stage is Stage.DELIVERED
    assert parcel(order(FIRST, staged("delivered", 30)))["pieces_delivered"] == 2


def test_r22_pieces_nobody_named_wait_with_what_was_told_of_all() -> None:
    assert folded(FIRST).stage is Stage.ANNOUNCED
    assert folded(ON_THE_WAY, FIRST, SECOND, declared=3).stage is Stage.IN_TRANSIT
    assert folded(ON_THE_WAY, FIRST, SECOND, declared=1).stage is Stage.DELIVERED


def test_r22_being_out_for_delivery_is_told_of_any_piece_once_a_day() -> None:
    out = staged("out_for_delivery", 10, piece="1"), staged("out_for_delivery", 11, piece="2")
    tomorrow = staged("out_for_delivery", 34, piece="2")
    assert times(folded(ON_THE_WAY, *out, tomorrow), Milestone.OUT_FOR_DELIVERY) == ["2026-11-20", "2026-11-21"]


def test_r22_a_lost_piece_is_told_when_the_others_are_at_their_end() -> None:
    lost = staged("lost", 30, piece="2")
    assert times(folded(ON_THE_WAY, lost), Milestone.LOST) == []
    state = folded(ON_THE_WAY, FIRST, lost)
    assert (state.stage, times(state, Milestone.LOST), times(state, Milestone.DELIVERED)) == (Stage.LOST, [None], [])


def test_r22_a_piece_on_its_way_back_is_waited_for_before_an_end() -> None:
    back = staged("in_transit", 50, piece="2", leg="return")
    state = folded(ON_THE_WAY, FIRST, back)
    assert (state.stage, state.leg) == (Stage.IN_TRANSIT, Leg.RETURN)
    ended = folded(ON_THE_WAY, FIRST, back, staged("delivered", 60, piece="2", leg="return"))
    assert (ended.stage, ended.leg) == (Stage.RETURNED, Leg.RETURN)


def test_r22_a_piece_that_was_cancelled_holds_nothing_up() -> None:
    assert folded(staged("cancelled", 1, piece="2"), FIRST).stage is Stage.DELIVERED


def test_r22_a_problem_of_any_piece_shows_until_that_piece_is_rid_of_it() -> None:
    held = staged("in_transit", 5, piece="1", conditions_set=["held"])
    damaged = staged("in_transit", 6, piece="2", conditions_set=["damaged"])
    assert set(folded(ON_THE_WAY, held, damaged).conditions) == {"held", "damaged"}
    assert set(folded(ON_THE_WAY, held, damaged, staged("in_transit", 9, piece="2")).conditions) == {"held", "damaged"}
    state = folded(ON_THE_WAY, held, damaged, staged("in_transit", 9, piece="1"))
    assert set(state.conditions) == {"damaged"}
    assert {one.name for one in state.episodes if one.cleared_at is None} == {"damaged"}


def test_r22_every_scan_has_one_verdict_in_the_order_of_the_fold() -> None:
    void = make_scan(kind="void", stage=None, voids=FIRST.event_key, occurred_at=after(hours=25))
    scans = [SECOND, void, ON_THE_WAY, FIRST, staged("in_transit", 3, piece="3")]
    state = folded(*scans)
    assert [one.scan for one in state.verdicts] == sort_scans(scans)
    reasons = {one.scan.event_key: one.reason for one in state.verdicts}
    assert (reasons[void.event_key], reasons[FIRST.event_key]) == ("void", "voided")


def test_r22_units_that_name_a_piece_go_with_it_and_the_others_with_the_slowest() -> None:
    packed = [{"line": "1", "quantity": 1, "piece": "1"}, {"line": "1", "quantity": 1}, {"line": "2", "quantity": 1}]
    document = order(ON_THE_WAY, FIRST, lines=packed)
    assert buckets(document, "1") == {"delivered": 1, "shipped": 1}
    assert buckets(document, "2") == {"shipped": 1}
    assert document["state"] == "partially_delivered"
    assert order(ON_THE_WAY, FIRST, SECOND, lines=packed)["state"] == "delivered"


def test_r22_silence_is_counted_from_the_slowest_piece_and_the_newest_scan_is_shown() -> None:
    one = staged("in_transit", 2, piece="1", description="early")
    two = staged("out_for_delivery", 9, piece="2", description="late")
    state = folded(one, two)
    assert state.last == one
    assert parcel(order(one, two))["last_scan"]["description"] == "late"


def test_r22_numbers_of_two_carriers_are_one_parcel_counted_once() -> None:
    other = {"carrier": "USPS", "number": "9400111899223197428490"}
    scans = [
        staged("in_transit", 2, substatus="handed_to_partner"),
        make_scan(stage="delivered", carrier="usps", number=other["number"], occurred_at=after(hours=30)),
    ]
    document = fold(told(lines=[line(2)]), told("shipment_created", aliases=[other]), *scans)
    assert (document["state"], buckets(document)) == ("delivered", {"delivered": 2})
    assert milestones(parcel(document))[-1][0] == "delivered"
    unjoined = fold(told(lines=[line(2)]), told("shipment_created"), *scans)
    assert unjoined["state"] == "in_transit", "nothing is joined by what a carrier says alone"


def test_r22_a_second_number_can_be_told_later_and_taken_back() -> None:
    other = {"carrier": "USPS", "number": "9400111899223197428490"}
    scan = make_scan(stage="delivered", carrier="usps", number=other["number"], occurred_at=after(hours=30))
    later = told("shipment_corrected", aliases=[other], occurred_at=after(hours=3))
    assert fold(told(), told("shipment_created"), later, scan)["state"] == "delivered"
    gone = told("shipment_corrected", aliases=[], occurred_at=after(hours=4))
    assert fold(told(), told("shipment_created"), later, gone, scan)["state"] == "processing"


@pytest.mark.parametrize("number", ["N/A", "no number!"])
def test_r22_a_second_number_that_cannot_be_read_is_none(number: str) -> None:
    created = told("shipment_created", aliases=[{"carrier": "USPS", "number": number}])
    assert fold(told(), created)["state"] == "processing"


def test_r22_a_delivery_that_was_taken_back_before_all_had_come_is_told_once() -> None:
    premature = staged("delivered", 10, piece="1", **at("Bath"))
    out = staged("out_for_delivery", 34, piece="1")
    state = folded(ON_THE_WAY, premature, out, SECOND, staged("delivered", 60, piece="1"))
    assert (state.stage, times(state, Milestone.DELIVERED)) == (Stage.DELIVERED, [None])


def test_r22_a_delivery_of_all_that_was_taken_back_is_told_again() -> None:
    out, again = staged("out_for_delivery", 70, piece="1"), staged("delivered", 80, piece="1")
    taken_back = folded(ON_THE_WAY, FIRST, SECOND, out)
    assert (taken_back.stage, times(taken_back, Milestone.DELIVERED)) == (Stage.OUT_FOR_DELIVERY, [None])
    told_again = folded(ON_THE_WAY, FIRST, SECOND, out, again)
    assert times(told_again, Milestone.DELIVERED) == [None, "correction:1"]


def test_r22_a_withdrawn_scan_names_no_piece_and_what_tells_no_stage_neither() -> None:
    ghost = staged("in_transit", 3, piece="Z")
    void = make_scan(kind="void", stage=None, voids=ghost.event_key, occurred_at=after(hours=4))
    unmapped = staged(None, 5, piece="Y", substatus="unmapped")
    assert folded(FIRST, ghost, void, unmapped, declared=1).stage is Stage.DELIVERED
    assert parcel(order(ghost, void, staged("delivered", 9), pieces=1))["piece_states"] == []


def test_r22_a_withdrawal_that_names_a_piece_withdraws_a_scan_of_all() -> None:
    everywhere = staged("delivered", 20)
    void = make_scan(kind="void", stage=None, voids=everywhere.event_key, occurred_at=after(hours=25), piece="1")
    state = folded(staged("in_transit", 2, piece="1"), staged("in_transit", 2, piece="2"), everywhere, void)
    assert {one.stage for one in state.pieces.values()} == {Stage.IN_TRANSIT}


def test_r22_more_pieces_than_declared_are_that_many_and_beyond_two_hundred_they_are_set_aside() -> None:
    one = parcel(order(FIRST, SECOND, pieces=1))
    assert (one["pieces"], one["pieces_delivered"]) == (2, 2)
    many = [staged("delivered", 20, piece=f"{number:03}", event_key=f"k{number}") for number in range(202)]
    state = folded(*many)
    assert len(state.pieces) == MAX_PIECES
    assert [(one.scan.piece, one.rule) for one in state.verdicts if one.reason == "too_many_pieces"] == [
        ("200", "R22"), ("201", "R22"),
    ]  # fmt: skip


def test_r22_of_very_many_pieces_a_parcel_has_twenty_of_each_milestone() -> None:
    days = [staged("out_for_delivery", 24 * day, piece=f"{day:02}", event_key=f"k{day}") for day in range(30)]
    assert len(times(folded(*days), Milestone.OUT_FOR_DELIVERY)) == MAX_OCCASIONS


def test_r22_each_piece_waits_for_its_own_and_an_agents_word_ends_on_each() -> None:
    until = after(days=2)
    said = staged("delivered", 3, kind="override", piece="1", until=until, by={"kind": "agent"})
    scans = [staged("in_transit", 1, piece="1"), staged("in_transit", 2, piece="2"), said]
    events = [told(lines=[line(2)]), told("shipment_created", pieces=2)]
    found = look(KEY, events, histories_of({KEY: events}, scans))
    assert [(one.expectation.rule, one.expectation.basis) for one in found if one.topic == SCANS] == [
        ("override_expired", said.event_key), ("silent", scans[1].event_key), ("expired_tracking", scans[1].event_key),
    ]  # fmt: skip


def test_a_parcel_with_another_carriers_number_alone_is_waited_for_under_that_number() -> None:
    other = {"carrier": "USPS", "number": "9400111899223197428490"}
    events = [told(lines=[line(2)]), told("shipment_created", number="TBD", aliases=[other])]
    scan = make_scan(carrier="usps", number=other["number"])
    found = look(KEY, events, histories_of({KEY: events}, [scan]))
    assert {one.key for one in found if one.topic == SCANS} == {scan.key}
    item = read(Record(SCANS, 0, 0, 0, scan.key.encode(), found[0].value, ()))
    assert isinstance(item, ScanIn)
    assert item.scan.kind == "time"


def test_many_lines_in_pieces_are_placed_in_a_moment() -> None:
    packed = tuple(PackedQuantity(line=str(number), quantity=1, piece=str(number % 2)) for number in range(500))
    event = told("shipment_created", lines=packed)
    facts = gather([told(lines=[line(1, name=str(number)) for number in range(500)]), event])
    state = folded(staged("delivered", 1, piece="0"), staged("in_transit", 1, piece="1"))
    compared = Mock(return_value=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PackedQuantity, "__eq__", compared)
        positions = unit_positions(facts.parcels["S1"], state)
    assert [len(one.facts.lines) for one in positions] == [250, 250]
    assert not compared.called, "no line is compared with the others"


def test_r22_a_summary_can_name_a_piece() -> None:
    summed_up = staged("delivered", 20, kind="summary", piece="1")
    assert list(folded(ON_THE_WAY, summed_up).pieces) == ["1"]


def test_r22_a_withdrawal_counts_where_its_scan_is_whatever_another_piece_makes_of_it() -> None:
    later = staged("delivered", 44, piece="9")
    void = make_scan(kind="void", stage=None, voids=later.event_key, occurred_at=after(hours=50))
    state = folded(ON_THE_WAY, FIRST, later, staged("in_transit", 3, piece="9"), void)
    assert {one.scan.event_key: one.reason for one in state.verdicts}[void.event_key] == "void"


def test_r17_an_agents_word_of_a_parcel_in_pieces_is_told_as_of_any_other() -> None:
    said = Override("desk#1", after(hours=50), Stage.DELIVERED, pinned=True)
    scans = [staged("in_transit", 2, piece="1"), staged("in_transit", 3, piece="2")]
    state = fold_pieces(scans, names_of(scans), declared=2, told=Telling(overrides=(said,)))
    assert (state.stage, state.beneath, times(state, Milestone.DELIVERED)) == (
        Stage.DELIVERED,
        Stage.IN_TRANSIT,
        [None],
    )
