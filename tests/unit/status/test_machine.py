"""The fold of one shipment: the main line, attempts, the way back, and what must never move it."""

import pytest

from schemas.vocabulary import Leg, Milestone, ScanKind, Stage
from services.status import machine
from services.status.machine import Route, ShipmentState
from tests.builders import after, make_scan
from tests.unit.status.parcels import at, fold, in_any_order, reached, reasons, staged, times


def test_nothing_told_is_announced() -> None:
    state = fold()
    assert (state.stage, state.leg, state.milestones) == (Stage.ANNOUNCED, Leg.OUTBOUND, [])


def test_the_main_line_reaches_its_milestones_once() -> None:
    line = ["announced", "accepted", "in_transit", "in_transit", "out_for_delivery", "delivered", "delivered"]
    state = fold(*(staged(stage, hours) for hours, stage in enumerate(line)))
    assert state.stage is Stage.DELIVERED
    assert reached(state) == [
        (Milestone.SHIPPED, None),
        (Milestone.OUT_FOR_DELIVERY, "2026-11-20"),
        (Milestone.DELIVERED, None),
    ]
    assert [one.at for one in state.milestones] == [after(hours=1), after(hours=4), after(hours=5)]
    assert not any(one.inferred for one in state.milestones)


@pytest.mark.parametrize("stage", ["out_for_delivery", "attempted", "available_for_pickup", "delivered"])
def test_a_skipped_shipped_is_shown_and_never_told(stage: str) -> None:
    state = fold(staged(stage, 1))
    assert [(one.name, one.inferred) for one in state.milestones] == [(Milestone.SHIPPED, True), (stage, False)]


@pytest.mark.parametrize("stage", ["accepted", "in_transit"])
def test_the_first_physical_scan_is_the_shipping(stage: str) -> None:
    state = fold(staged("announced", 0), staged(stage, 1))
    assert [(one.name, one.inferred) for one in state.milestones] == [(Milestone.SHIPPED, False)]
    assert state.first_physical is not None


def test_a_label_alone_is_not_shipped() -> None:
    state = fold(staged("announced", 1))
    assert (state.first_physical, state.milestones) == (None, [])


def test_r2_a_late_scan_stands_at_its_place_and_moves_nothing_back() -> None:
    delivered, late = staged("delivered", 5), staged("in_transit", 2, told_at=after(days=3))
    state = fold(delivered, late)
    assert state.stage is Stage.DELIVERED
    assert state.last == delivered
    assert [one.name for one in state.milestones] == [Milestone.SHIPPED, Milestone.DELIVERED]


def test_r12_informational_and_unmapped_scans_are_told_apart_and_move_nothing() -> None:
    state = fold(staged("in_transit", 1), make_scan(stage=None, event_key="a", occurred_at=after(hours=2)),
                 make_scan(stage=None, event_key="b", occurred_at=after(hours=3), substatus="unmapped"))  # fmt: skip
    assert state.stage is Stage.IN_TRANSIT
    assert reasons(state) == ["moved", "informational", "unmapped"]


@pytest.mark.parametrize("kind", ["remap", "prophecy"])
def test_a_kind_nobody_knows_is_kept_and_moves_nothing(kind: str) -> None:
    state = fold(staged("in_transit", 1), staged("delivered", 2, kind=kind))
    assert (state.stage, reasons(state)) == (Stage.IN_TRANSIT, ["moved", "set_aside"])


@pytest.mark.parametrize("day", range(3))
def test_r8_out_for_delivery_is_reached_once_a_local_date(day: int) -> None:
    scans = [staged("out_for_delivery", 24 * back + hour) for back in range(day + 1) for hour in (0, 1, 2)]
    assert [one.occasion for one in fold(*scans).milestones if one.name is Milestone.OUT_FOR_DELIVERY] == [
        f"2026-11-{20 + back}" for back in range(day + 1)
    ]


def test_twenty_days_out_for_delivery_are_kept_and_no_more() -> None:
    state = fold(*(staged("out_for_delivery", 24 * day) for day in range(30)))
    days = [one.occasion for one in state.milestones if one.name is Milestone.OUT_FOR_DELIVERY]
    assert len(days) == machine.MAX_OCCASIONS
    assert days[0] == "2026-11-20"


def test_r5_a_proof_of_delivery_that_comes_later_is_attached_without_a_second_delivery() -> None:
    first = staged("delivered", 1, substatus="neighbour", pod=["photo"])
    state = fold(first, staged("delivered", 2, pod=["signature"]))
    assert state.pod == ("photo", "signature")
    assert state.substatus == "neighbour"
    assert [one.event_key for one in state.milestones if one.name is Milestone.DELIVERED] == [first.event_key]


def test_another_scan_of_the_same_stage_brings_its_own_substatus() -> None:
    departed = staged("in_transit", 1, substatus="departed")
    assert fold(departed, staged("in_transit", 2)).substatus is None
    assert fold(departed, staged("in_transit", 2, substatus="arrived")).substatus == "arrived"


def test_r11_the_newest_estimate_holds_and_moves_nothing() -> None:
    first, second = (
        make_scan(
            kind="estimate",
            stage=None,
            event_key=f"e{day}",
            occurred_at=after(hours=day),
            window={"day": f"2026-11-2{day}"},
        )
        for day in (5, 6)
    )
    for told in ((first, second), (second, first)):
        state = fold(staged("in_transit", 9), *told)
        assert state.window == second
        assert state.stage is Stage.IN_TRANSIT
        assert state.last is not None
        assert state.last.kind == ScanKind.SCAN


def test_r12_a_stage_nobody_knows_is_kept_and_moves_nothing() -> None:
    scan = staged("teleported", 2)
    state = fold(staged("in_transit", 1), scan)
    assert (state.stage, state.last, reasons(state)) == (Stage.IN_TRANSIT, scan, ["moved", "unknown_stage"])


def test_a_leg_nobody_knows_is_kept_and_moves_nothing() -> None:
    state = fold(staged("in_transit", 1), staged("delivered", 2, leg="sideways"))
    assert (state.stage, reasons(state)[1]) == (Stage.IN_TRANSIT, "unknown_leg")


def test_r6_delivered_on_the_way_back_is_returned() -> None:
    state = in_any_order(staged("in_transit", 1), staged("in_transit", 2, leg="return"), staged("delivered", 3))
    assert (state.stage, state.leg) == (Stage.RETURNED, Leg.RETURN)
    assert reached(state) == [(Milestone.SHIPPED, None), (Milestone.RETURNED, None)]


@pytest.mark.parametrize("substatus", ["received_by_sender", "returned_to_sender"])
def test_r6_delivered_to_the_sender_is_returned(substatus: str) -> None:
    state = fold(staged("in_transit", 1), staged("delivered", 2, substatus=substatus))
    assert (state.stage, state.leg) == (Stage.RETURNED, Leg.RETURN)


@pytest.mark.parametrize(
    ("route", "stage"),
    [
        ({"origin": "Leeds", "destination": "Bath"}, "returned"),
        ({"origin": "Leeds", "destination": "Leeds"}, "delivered"),
        ({"origin": "Leeds"}, "delivered"),
        ({"origin": "Leeds", "destination": "Bath", "store": "Leeds"}, "delivered"),
        ({"origin": "York", "destination": "Bath"}, "delivered"),
        ({}, "delivered"),
    ],
)
def test_r6_a_place_decides_only_where_it_is_the_origin(route: dict[str, str], stage: str) -> None:
    places = {name: make_scan(place={"city": city}).place for name, city in route.items()}
    known = Route(places.get("origin"), places.get("destination"), places.get("store"))
    assert fold(staged("in_transit", 1), staged("delivered", 2, **at("Leeds")), route=known).stage == stage


def test_r6_a_delivered_parcel_can_come_back_and_its_proof_stays() -> None:
    scans = [staged("delivered", 1, pod=["photo"]), staged("accepted", 100, leg="return"), staged("delivered", 200)]
    state = in_any_order(*scans)
    assert (state.stage, state.leg, state.pod) == (Stage.RETURNED, Leg.RETURN, ("photo",))
    assert times(state, Milestone.DELIVERED) == [None]


def test_a_label_for_a_return_leaves_the_parcel_where_it_is() -> None:
    state = fold(staged("delivered", 1), staged("announced", 2, leg="return"))
    assert (state.stage, state.leg, reasons(state)[1]) == (Stage.DELIVERED, Leg.OUTBOUND, "return_announced")


def test_a_parcel_that_is_a_return_from_the_first_day_is_never_told_as_shipped_or_on_its_way() -> None:
    state = fold(
        *(staged(stage, n, leg="return") for n, stage in enumerate(["announced", "accepted", "out_for_delivery"]))
    )
    assert (state.stage, state.leg, state.attempt_no) == (Stage.OUT_FOR_DELIVERY, Leg.RETURN, None)
    assert [(one.name, one.inferred) for one in state.milestones] == [(Milestone.SHIPPED, True)]


def test_a_parcel_can_be_lost_on_its_way_back() -> None:
    state = fold(staged("in_transit", 1, leg="return"), staged("lost", 2))
    assert (state.stage, state.leg) == (Stage.LOST, Leg.RETURN)
    assert Milestone.LOST in {one.name for one in state.milestones}
    assert fold(staged("in_transit", 1, leg="return"), staged("cancelled", 2)).stage is Stage.IN_TRANSIT


def walk(*steps: tuple[str, float] | tuple[str, float, str]) -> ShipmentState:
    return fold(*(staged(stage, hours, substatus=rest[0] if rest else None) for stage, hours, *rest in steps))


def test_r7_attempted_then_out_again_is_the_next_attempt() -> None:
    state = walk(("out_for_delivery", 1), ("attempted", 3), ("in_transit", 5), ("out_for_delivery", 24))
    assert (state.stage, state.attempt_no, state.conditions) == (Stage.OUT_FOR_DELIVERY, 2, {})
    assert times(state, Milestone.OUT_FOR_DELIVERY) == ["2026-11-20", "2026-11-21"]
    assert times(state, Milestone.ATTEMPTED) == ["2026-11-20"]


def test_attempts_are_counted_from_one_and_only_after_a_failed_one() -> None:
    assert walk(("in_transit", 1)).attempt_no is None
    assert walk(("out_for_delivery", 1), ("out_for_delivery", 2)).attempt_no == 1
    assert walk(("attempted", 1), ("attempted", 2)).attempt_no == 1
    assert walk(("attempted", 1), ("attempted", 25)).attempt_no == 2
    assert walk(("out_for_delivery", 1), ("attempted", 2), ("attempted", 3)).attempt_no == 1
    assert walk(("out_for_delivery", 1), ("in_transit", 2), ("out_for_delivery", 24)).attempt_no == 1


def test_r9_no_attempt_is_not_the_customers_failure() -> None:
    state = walk(("out_for_delivery", 1), ("attempted", 3, "not_really_attempted"), ("out_for_delivery", 24))
    assert state.attempt_no == 1
    assert times(state, Milestone.ATTEMPTED) == []
    assert walk(("attempted", 3, "not_really_attempted")).attempt_no is None


def test_r10_a_problem_code_ends_nothing() -> None:
    state = fold(staged("in_transit", 1), staged(None, 2, conditions_set=["damaged", "held"]))
    assert (state.stage, set(state.conditions)) == (Stage.IN_TRANSIT, {"damaged", "held"})
