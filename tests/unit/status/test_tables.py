"""The tables of a parcel's rules, row by row: each row is told, and shows in what the fold makes of it."""

from dataclasses import replace
from datetime import date

import pytest

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Condition, Leg, Milestone, ScanKind, Stage
from services.status import machine
from services.status.expectations import Estimate, Mark, OrderOutlook, Rule, order_expectations
from services.status.folding import begin
from services.status.readings import merge
from services.status.sequence import is_of_a_day, outranked, sort_scans
from services.status.shipment import Override, ShipmentState
from services.status.transitions import Position, answer
from tests.builders import after, make_scan
from tests.unit.status.parcels import at, fold, reached, reasons, staged

CONSIGNEE = {
    "address_problem", "appointment_booked", "payment_due", "pickup_expiring", "redirected", "redirect_pending",
    "refused",
}  # fmt: skip
CUSTOMS = {"customs_hold", "documents_missing"}
BY_MOVING = {
    "held", "customs_hold", "weather", "missorted", "address_problem", "documents_missing", "payment_due",
    "appointment_booked", "silent",
}  # fmt: skip
BY_ANY_SCAN = {"pickup_expiring", "expired_tracking"}
ON_THE_WAY = [
    "not_found", "announced", "accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup",
    "delivered", "lost", "cancelled", "disposed", "returned",
]  # fmt: skip
HELD = {
    "accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup", "delivered", "returned",
}  # fmt: skip
AGGREGATORS = [
    "aftership", "easypost", "karrio", "parcellab", "sendcloud", "ship24", "shipengine", "shippo", "shopify",
    "track17", "trackingmore",
]  # fmt: skip


def troubled() -> Scan:
    """Return a scan that raises every condition there is."""
    return make_scan(stage=None, occurred_at=after(hours=1), conditions_set=[one.value for one in Condition])


def ended(state: ShipmentState) -> set[str]:
    return {one.name for one in state.episodes if one.cleared_at is not None}


@pytest.mark.parametrize("name", [*Condition, "soggy"])
def test_each_condition_is_somebodys_problem(name: str) -> None:
    (episode,) = fold(staged("in_transit", 1, conditions_set=[name])).episodes
    whose = "consignee" if name in CONSIGNEE else "customs" if name in CUSTOMS else "carrier"
    assert episode.cause == ("weather" if name == "weather" else whose)


def test_any_newer_scan_ends_what_waited_for_news() -> None:
    assert ended(fold(troubled(), staged(None, 2))) == BY_ANY_SCAN


def test_the_next_physical_scan_ends_what_held_the_parcel() -> None:
    assert ended(fold(troubled(), staged("in_transit", 2))) == BY_ANY_SCAN | BY_MOVING


def test_the_delivery_ends_the_delay_too() -> None:
    assert ended(fold(troubled(), staged("delivered", 2))) == BY_ANY_SCAN | BY_MOVING | {"delayed"}


def test_an_agents_word_ends_what_an_agent_was_asked_to_look_at() -> None:
    word = Override("desk#1", after(hours=2), Stage.IN_TRANSIT)
    assert ended(fold(troubled(), overrides=[word])) == {"contradiction", "action_required"}


@pytest.mark.parametrize("code", ["forwarded", "redirected"])
def test_the_scan_of_the_redirect_ends_the_wait_for_it(code: str) -> None:
    assert "redirect_pending" in ended(fold(troubled(), staged(None, 2, substatus=code)))


def test_at_one_instant_stages_stand_as_they_come_on_the_way() -> None:
    # Keys that would sort the other way round: only the rank can bring them into this order.
    told = [staged(stage, 1, event_key=f"k{99 - place}") for place, stage in enumerate(ON_THE_WAY)]
    assert [scan.stage for scan in sort_scans(told)] == ON_THE_WAY


@pytest.mark.parametrize("stage", ON_THE_WAY)
def test_the_first_scan_of_somebody_who_holds_it_is_its_dispatch(stage: str) -> None:
    state = fold(staged("announced", 0.5), staged(stage, 1))
    assert (state.first_physical is not None) == (stage in HELD)
    assert reasons(state)[-1] != "unknown_stage"


@pytest.mark.parametrize("stage", ["delivered", "returned", "lost", "cancelled", "disposed"])
def test_an_end_in_a_providers_summary_counts_beside_its_scans(stage: str) -> None:
    state = fold(staged("in_transit", 1), staged(stage, 2, kind="summary"))
    assert reasons(state)[-1] != "superseded"


@pytest.mark.parametrize("stage", ["accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup"])
def test_no_other_stage_in_a_providers_summary_counts_beside_its_scans(stage: str) -> None:
    state = fold(staged("announced", 1), staged(stage, 2, kind="summary"))
    assert reasons(state)[-1] == "superseded"


@pytest.mark.parametrize("provider", AGGREGATORS)
def test_the_carrier_itself_counts_more_than_who_tells_what_carriers_told(provider: str) -> None:
    passed_on = staged("in_transit", 1, provider=provider)
    assert outranked([passed_on, staged("accepted", 1, provider="royal-mail")]) == {passed_on.event_key}


def test_two_carriers_count_the_same() -> None:
    assert not outranked([staged("in_transit", 1, provider="ups"), staged("accepted", 1, provider="royal-mail")])


@pytest.mark.parametrize("code", ["received_by_sender", "returned_to_sender"])
def test_delivered_to_the_sender_is_returned(code: str) -> None:
    state = fold(staged("delivered", 1, substatus=code))
    assert (state.stage, state.leg) == (Stage.RETURNED, Leg.RETURN)


@pytest.mark.parametrize(
    ("stage", "outbound", "back"),
    [
        ("accepted", [Milestone.SHIPPED], [Milestone.SHIPPED]),
        ("in_transit", [Milestone.SHIPPED], [Milestone.SHIPPED]),
        ("out_for_delivery", [Milestone.SHIPPED, Milestone.OUT_FOR_DELIVERY], [Milestone.SHIPPED]),
        ("attempted", [Milestone.SHIPPED, Milestone.ATTEMPTED], [Milestone.SHIPPED]),
        ("available_for_pickup", [Milestone.SHIPPED, Milestone.AVAILABLE_FOR_PICKUP], [Milestone.SHIPPED]),
        ("delivered", [Milestone.SHIPPED, Milestone.DELIVERED], [Milestone.SHIPPED, Milestone.RETURNED]),
        ("returned", [Milestone.SHIPPED, Milestone.RETURNED], [Milestone.SHIPPED, Milestone.RETURNED]),
        ("lost", [Milestone.LOST], [Milestone.LOST]),
        ("cancelled", [], []),
        ("disposed", [], []),
    ],
)
def test_each_stage_is_told_on_its_leg(stage: str, outbound: list[Milestone], back: list[Milestone]) -> None:
    there, returning = fold(staged(stage, 1)), fold(staged(stage, 1, leg="return"))
    assert [name for name, _ in reached(there)] == outbound
    assert [name for name, _ in reached(returning)] == back


@pytest.mark.parametrize(
    ("stage", "skipped"),
    [
        ("accepted", False), ("in_transit", False), ("out_for_delivery", True), ("attempted", True),
        ("available_for_pickup", True), ("delivered", True), ("returned", True),
    ],
)  # fmt: skip
def test_shipped_is_inferred_where_the_first_scan_is_beyond_it(stage: str, *, skipped: bool) -> None:
    assert fold(staged(stage, 1)).milestones[0].inferred is skipped


@pytest.mark.parametrize("stage", ["out_for_delivery", "attempted"])
def test_going_out_is_told_once_a_local_date(stage: str) -> None:
    state = fold(staged(stage, 1), staged("in_transit", 5), staged(stage, 25))
    days = [occasion for name, occasion in reached(state) if name == stage]
    assert days == ["2026-11-20", "2026-11-21"]


@pytest.mark.parametrize("stage", ["available_for_pickup", "lost", "returned"])
def test_what_is_no_daily_event_is_told_once(stage: str) -> None:
    state = machine.fold([staged(stage, 1), staged("in_transit", 5), staged(stage, 25)])
    assert [occasion for name, occasion in reached(state) if name == stage] == [None]


@pytest.mark.parametrize("kind", list(ScanKind))
def test_a_fold_goes_on_with_what_stands_last_and_neither_withdraws_nor_overrules(kind: ScanKind) -> None:
    goes_on = {ScanKind.SCAN, ScanKind.SUMMARY, ScanKind.ESTIMATE, ScanKind.TIME}
    assert begin([staged("in_transit", 1)]).take(staged("in_transit", 2, kind=kind)) == (kind in goes_on)


@pytest.mark.parametrize("kind", list(ScanKind))
def test_only_what_a_carrier_tells_of_a_day_has_no_time(kind: ScanKind) -> None:
    exact = {ScanKind.SUMMARY, ScanKind.TIME, ScanKind.OVERRIDE}
    assert is_of_a_day(make_scan(kind=kind, time_precision="day")) == (kind not in exact)


@pytest.mark.parametrize(
    ("now", "then", "rule"),
    [
        (Stage.OUT_FOR_DELIVERY, Stage.ATTEMPTED, "R21"),
        (Stage.ATTEMPTED, Stage.OUT_FOR_DELIVERY, "R7"),
        (Stage.AVAILABLE_FOR_PICKUP, Stage.LOST, "R21"),
        (Stage.DELIVERED, Stage.LOST, "R23"),
        (Stage.LOST, Stage.IN_TRANSIT, "R21"),
    ],
)
def test_a_move_is_legal_by_its_rule(now: Stage, then: Stage, rule: str) -> None:
    made = answer(Position(now), Position(then))
    assert (made.follows, made.reason, made.rule) == (True, "moved", rule)


@pytest.mark.parametrize("now", [Stage.NOT_FOUND, Stage.ANNOUNCED, Stage.ACCEPTED, Stage.ATTEMPTED, Stage.LOST])
def test_returned_is_no_move_of_the_outbound_leg(now: Stage) -> None:
    assert answer(Position(now), Position(Stage.RETURNED)).reason == "contradiction"


def test_a_label_for_a_return_that_is_the_first_word_is_where_the_parcel_begins() -> None:
    state = fold(staged("announced", 1, leg="return"))
    assert (state.stage, state.leg) == (Stage.ANNOUNCED, Leg.RETURN)


@pytest.mark.parametrize("end", ["lost", "disposed"])
def test_what_is_lost_or_destroyed_on_its_way_back_need_not_have_been_scanned_there(end: str) -> None:
    state = fold(staged("in_transit", 1), staged(end, 2, leg="return"))
    assert (state.stage, state.leg) == (end, Leg.RETURN)


def test_a_void_label_that_moves_contradicts_and_asks_for_somebody() -> None:
    state = fold(staged("cancelled", 1), staged("in_transit", 2))
    assert [one.name for one in state.episodes] == ["contradiction", "action_required"]


def test_what_a_remap_clears_is_what_it_says_and_nothing_before_it() -> None:
    told = staged("in_transit", 1, event_key="k1", conditions_cleared=["held"])
    remapped = staged("in_transit", 1, event_key="k1", kind="remap", map_version=2)
    assert merge([told, remapped]).conditions_cleared == ()


@pytest.mark.parametrize(("hours", "made"), [(2, "batch_noise"), (2 + 1 / 3600, "contradiction")])
def test_for_two_hours_after_a_delivery_scans_of_the_round_still_trickle_in(hours: float, made: str) -> None:
    assert (
        reasons(fold(staged("delivered", 1, **at("Bath")), staged("in_transit", 1 + hours, **at("Leeds"))))[1] == made
    )


def test_two_addresses_in_one_town_are_one_place() -> None:
    bath = [{"city": "Bath", "postcode": code} for code in ("BA1 1AA", "BA2 2BB")]
    told = staged("delivered", 1, place=bath[0]), staged("in_transit", 9, place=bath[1])
    assert reasons(fold(*told))[1] == "batch_noise"


def test_where_a_town_is_not_named_the_postcode_tells_two_places_apart() -> None:
    told = staged("delivered", 1, place={"postcode": "BA1 1AA"}), staged("in_transit", 9, place={"postcode": "LS1 1AA"})
    assert reasons(fold(*told))[1] == "contradiction"


@pytest.mark.parametrize("rule", [Rule.PROMISE_MISSED, Rule.NEVER_DISPATCHED])
def test_what_makes_an_order_late_is_not_awaited_where_it_is_late_already(rule: Rule) -> None:
    mark = Mark("oms#p", after(hours=1))
    promise = Estimate("oms#p", after(hours=1), Window(day=date(2026, 11, 30)))
    on_time = OrderOutlook(open=True, started=False, free=mark, promise=promise)
    assert rule in {one.rule for one in order_expectations(on_time)}
    assert rule not in {one.rule for one in order_expectations(replace(on_time, conditions=["delayed"]))}
