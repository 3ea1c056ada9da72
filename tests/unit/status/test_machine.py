"""The fold of one shipment: the main line, walked stage by stage, and what must never move it."""

import itertools
from datetime import timedelta, timezone
from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Leg, Milestone, ScanKind, Stage
from services.status import machine
from services.status.machine import LEGAL, PHYSICAL, RANK, ShipmentState
from tests.builders import after, make_scan

LINE = tuple(RANK)
PAIRS = list(itertools.product(LINE, LINE))


def fold(*scans: Scan, zone: str | None = None) -> ShipmentState:
    return machine.fold(scans, zone=zone)


def staged(stage: str, hours: float, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), **overrides)


def reasons(state: ShipmentState) -> list[str]:
    return [verdict.reason for verdict in state.verdicts]


def reached(state: ShipmentState) -> list[tuple[Milestone, str | None]]:
    return [(one.name, one.occasion) for one in state.milestones]


def test_the_transition_table_has_a_row_for_every_stage_it_leads_to() -> None:
    assert set(LEGAL) == set(RANK)
    assert {target for row in LEGAL.values() for target in row} <= set(LEGAL)
    assert set(RANK) >= PHYSICAL
    assert len(set(RANK.values())) == len(RANK)


@pytest.mark.parametrize(("before", "then"), PAIRS)
def test_every_pair_of_stages_has_an_answer(before: Stage, then: Stage) -> None:
    state = fold(staged(before, 1), staged(then, 2))
    followed = then == before or then in LEGAL[before]
    assert state.stage == (then if followed else before)
    assert reasons(state)[1] == ("same_stage" if then == before else "moved" if followed else "illegal")


#: docs/state-model.md, written out by hand: from each stage, what a later scan of the main line may do.
FOLLOWED = {
    "announced": "announced accepted in_transit out_for_delivery available_for_pickup delivered cancelled",
    "accepted": "accepted in_transit out_for_delivery available_for_pickup delivered",
    "in_transit": "accepted in_transit out_for_delivery available_for_pickup delivered",
    "out_for_delivery": "accepted in_transit out_for_delivery available_for_pickup delivered",
    "available_for_pickup": "accepted in_transit out_for_delivery available_for_pickup delivered",
    "delivered": "delivered",
    "cancelled": "accepted in_transit out_for_delivery available_for_pickup delivered cancelled",
}


@pytest.mark.parametrize(("before", "then"), PAIRS)
def test_a_later_scan_leads_where_the_state_model_says(before: Stage, then: Stage) -> None:
    allowed = FOLLOWED[before].split()
    assert fold(staged(before, 1), staged(then, 2)).stage == (then if then in allowed else before)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_arrival_order_never_matters_for_two_scans(one: Stage, other: Stage) -> None:
    for hours in (1, 2):
        first, second = staged(one, 1), staged(other, hours, event_key="zz")
        assert fold(first, second) == fold(second, first)


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


@pytest.mark.parametrize("stage", ["out_for_delivery", "available_for_pickup", "delivered"])
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


def test_a_late_scan_stands_at_its_place_and_moves_nothing_back() -> None:
    delivered, late = staged("delivered", 5), staged("in_transit", 2, told_at=after(days=3))
    state = fold(delivered, late)
    assert state.stage is Stage.DELIVERED
    assert state.last == delivered
    assert [one.name for one in state.milestones] == [Milestone.SHIPPED, Milestone.DELIVERED]


@pytest.mark.parametrize("stage", ["accepted", "in_transit", "out_for_delivery", "available_for_pickup", "cancelled"])
def test_delivered_holds_against_whatever_comes_later(stage: str) -> None:
    state = fold(staged("delivered", 1), staged(stage, 2), staged(stage, 48))
    assert state.stage is Stage.DELIVERED
    assert [one.name for one in state.milestones] == [Milestone.SHIPPED, Milestone.DELIVERED]


def test_out_for_delivery_five_minutes_after_delivered_tells_nothing() -> None:
    state = fold(staged("delivered", 5), staged("out_for_delivery", 5.08))
    assert Milestone.OUT_FOR_DELIVERY not in {one.name for one in state.milestones}


def test_at_one_instant_the_lower_rank_stands_first() -> None:
    state = fold(*(staged(stage, 1) for stage in ("delivered", "out_for_delivery", "announced", "in_transit")))
    assert [v.scan.stage for v in state.verdicts] == ["announced", "in_transit", "out_for_delivery", "delivered"]


def test_a_minute_stands_at_its_first_second() -> None:
    told_exactly = make_scan(stage="out_for_delivery", occurred_at=after(hours=1).replace(second=10))
    told_roughly = make_scan(stage="delivered", occurred_at=after(hours=1).replace(second=40), time_precision="minute")
    assert [v.scan for v in fold(told_exactly, told_roughly).verdicts] == [told_roughly, told_exactly]


@pytest.mark.parametrize("stage", ["attempted", "returned", "lost", "disposed", "not_found", "teleported"])
def test_a_stage_this_version_does_not_know_is_kept_and_moves_nothing(stage: str) -> None:
    scan = staged(stage, 2)
    state = fold(staged("in_transit", 1), scan)
    assert state.stage is Stage.IN_TRANSIT
    assert state.last == scan
    assert reasons(state) == ["moved", "unknown_stage"]


def test_informational_and_unmapped_scans_are_told_apart_and_move_nothing() -> None:
    state = fold(staged("in_transit", 1), make_scan(stage=None, event_key="a", occurred_at=after(hours=2)),
                 make_scan(stage=None, event_key="b", occurred_at=after(hours=3), substatus="unmapped"))  # fmt: skip
    assert state.stage is Stage.IN_TRANSIT
    assert reasons(state) == ["moved", "informational", "unmapped"]


@pytest.mark.parametrize("kind", ["void", "time", "remap", "override", "prophecy"])
def test_a_kind_without_a_rule_in_this_version_moves_nothing(kind: str) -> None:
    state = fold(staged("in_transit", 1), staged("delivered", 2, kind=kind))
    assert (state.stage, reasons(state)) == (Stage.IN_TRANSIT, ["moved", "set_aside"])


@pytest.mark.parametrize("leg", ["return", "sideways"])
def test_delivered_on_the_way_back_is_not_delivered(leg: str) -> None:
    state = fold(staged("in_transit", 1), staged("delivered", 2, leg=leg))
    assert state.stage is Stage.IN_TRANSIT
    assert Milestone.DELIVERED not in {one.name for one in state.milestones}
    assert reasons(state) == ["moved", "return_leg"]


def test_a_void_label_that_moves_is_followed() -> None:
    state = fold(staged("announced", 1), staged("cancelled", 2), staged("in_transit", 3))
    assert state.stage is Stage.IN_TRANSIT


def test_a_label_cannot_be_void_once_the_parcel_moved() -> None:
    assert fold(staged("in_transit", 1), staged("cancelled", 2)).stage is Stage.IN_TRANSIT


@pytest.mark.parametrize("day", range(3))
def test_out_for_delivery_is_reached_once_a_local_date(day: int) -> None:
    scans = [staged("out_for_delivery", 24 * back + hour) for back in range(day + 1) for hour in (0, 1, 2)]
    assert [one.occasion for one in fold(*scans).milestones if one.name is Milestone.OUT_FOR_DELIVERY] == [
        f"2026-11-{20 + back}" for back in range(day + 1)
    ]


@pytest.mark.parametrize(
    ("scan", "zone", "date"),
    [
        ({"time_kind": "utc"}, "Australia/Sydney", "2026-11-21"),
        ({"time_kind": "utc"}, "America/New_York", "2026-11-20"),
        ({"time_kind": "utc"}, None, "2026-11-20"),
        ({"time_kind": "utc", "place": {"time_zone": "Pacific/Auckland"}}, "America/New_York", "2026-11-21"),
        ({"time_kind": "offset"}, "Australia/Sydney", "2026-11-20"),
        ({"time_kind": "unknown_zone"}, "Australia/Sydney", "2026-11-20"),
        ({"time_kind": "offset", "place": {"time_zone": "Pacific/Auckland"}}, None, "2026-11-21"),
    ],
)
def test_the_local_date_is_that_of_the_place_then_the_offset_then_the_destination(
    scan: dict[str, Any], zone: str | None, date: str
) -> None:
    told = make_scan(occurred_at=after(hours=8), **scan)
    assert machine.local_date(told, zone) == date


def test_an_offset_carries_its_own_date() -> None:
    east = after(hours=15.5).astimezone(timezone(timedelta(hours=11)))
    assert machine.local_date(make_scan(occurred_at=east), None) == "2026-11-21"


@pytest.mark.parametrize(
    "name", ["Europe", "America/Argentina", "../../etc/passwd", "zone.tab", "x" * 200, "é", "Mars/X"]
)
def test_a_zone_that_nobody_knows_stops_nothing(name: str) -> None:
    scan = make_scan(occurred_at=after(hours=8), time_kind="utc", place={"time_zone": name})
    assert machine.local_date(scan, name) == "2026-11-20"
    assert machine.local_date(scan, "Australia/Sydney") == "2026-11-21"
    assert machine.local_date(scan.model_copy(update={"time_kind": "offset"}), "Australia/Sydney") == "2026-11-20"


def test_twenty_days_out_for_delivery_are_kept_and_no_more() -> None:
    state = fold(*(staged("out_for_delivery", 24 * day) for day in range(30)))
    days = [one.occasion for one in state.milestones if one.name is Milestone.OUT_FOR_DELIVERY]
    assert len(days) == machine.MAX_OCCASIONS
    assert days[0] == "2026-11-20"


def test_a_future_time_stands_when_we_were_told_and_keeps_its_offset() -> None:
    tomorrow = after(days=300).astimezone(timezone(timedelta(hours=2)))
    scan = make_scan(stage="in_transit", occurred_at=tomorrow, told_at=after(hours=2))
    delivered = staged("delivered", 3)
    assert machine.instant(scan).isoformat() == "2026-11-20T13:00:00+02:00"
    assert fold(scan, delivered).stage is Stage.DELIVERED
    assert fold(scan, delivered).last == delivered


def test_a_future_time_reads_the_same_in_whatever_offset_we_were_told_of_it() -> None:
    scan = make_scan(occurred_at=after(days=300), told_at=after(hours=2))
    same = scan.model_copy(update={"told_at": scan.told_at.astimezone(timezone(timedelta(hours=9)))})
    assert machine.instant(scan).isoformat() == machine.instant(same).isoformat()


def test_a_proof_of_delivery_that_comes_later_is_attached_without_a_second_delivery() -> None:
    first = staged("delivered", 1, substatus="neighbour", pod=["photo"])
    state = fold(first, staged("delivered", 2, pod=["signature"]))
    assert state.pod == ("photo", "signature")
    assert state.substatus == "neighbour"
    assert [one.event_key for one in state.milestones if one.name is Milestone.DELIVERED] == [first.event_key]


def test_another_scan_of_the_same_stage_brings_its_own_substatus() -> None:
    departed = staged("in_transit", 1, substatus="departed")
    assert fold(departed, staged("in_transit", 2)).substatus is None
    assert fold(departed, staged("in_transit", 2, substatus="arrived")).substatus == "arrived"


def test_the_newest_estimate_holds_and_moves_nothing() -> None:
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
