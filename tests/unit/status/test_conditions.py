"""Conditions of a parcel: what raises them, since when they stand, and what ends them (docs/state-model.md)."""

from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Condition
from services.status import conditions
from services.status.machine import ShipmentState
from tests.builders import after, make_scan
from tests.unit.status.parcels import fold, in_any_order, reasons, staged


def problem(*names: str, hours: float = 1) -> Scan:
    return staged(None, hours, event_key="problem", conditions_set=names, raw_code="X7")


def estimate(hours: float, **window: Any) -> Scan:
    return staged(None, hours, kind="estimate", window=window)


def reached(rule: str, basis: Scan, hours: float) -> Scan:
    key = f"time:{rule}"
    return staged(
        None, hours + 1, kind="time", event_key=key, rule=rule, basis=basis.event_key, due_at=after(hours=hours)
    )


MOVING = ["held", "customs_hold", "weather", "missorted", "address_problem", "documents_missing", "payment_due",
          "appointment_booked", "silent"]  # fmt: skip


@pytest.mark.parametrize("name", MOVING)
def test_a_problem_ends_with_the_next_physical_scan(name: str) -> None:
    assert set(fold(problem(name)).conditions) == {name}
    assert set(fold(problem(name), staged(None, 2)).conditions) == {name}
    assert fold(problem(name), staged("in_transit", 2)).conditions == {}
    assert name in conditions.ENDED_BY_MOVING
    assert len(conditions.ENDED_BY_MOVING) == len(MOVING)


def test_a_condition_says_since_when_why_by_whom_and_when_it_ended() -> None:
    state = in_any_order(problem("customs_hold", "soggy"), staged("in_transit", 5))
    told = {one.name: one for one in state.episodes}
    assert (told["customs_hold"].since, told["customs_hold"].reason) == (after(hours=1), "X7")
    assert (told["customs_hold"].source, told["customs_hold"].cause) == ("problem", "customs")
    assert told["customs_hold"].cleared_at == after(hours=5)
    assert (told["soggy"].cause, told["soggy"].cleared_at) == ("carrier", None)


def test_a_scan_can_move_and_raise_a_problem_at_once_and_the_first_one_says_since_when() -> None:
    first = staged("in_transit", 1, conditions_set=["missorted", "damaged"])
    again = staged("in_transit", 2, conditions_set=["missorted", "damaged"])
    state = fold(first, again)
    assert state.conditions["missorted"] == again
    assert state.conditions["damaged"] == first


def test_damaged_stays_until_a_code_says_otherwise_and_an_unknown_condition_is_kept() -> None:
    assert set(fold(problem("damaged", "soggy"), staged("delivered", 2)).conditions) == {"damaged", "soggy"}
    cleared = staged("in_transit", 2, conditions_cleared=["damaged", "soggy"])
    assert fold(problem("damaged", "soggy"), cleared).conditions == {}


@pytest.mark.parametrize("kind", ["scan", "summary"])
def test_delivery_ends_a_delay(kind: str) -> None:
    setter = problem(Condition.DELAYED)
    assert set(fold(setter, staged("in_transit", 2)).conditions) == {"delayed"}
    assert fold(setter, staged("delivered", 3, kind=kind)).conditions == {}
    assert set(fold(setter, staged("delivered", 3, leg="return")).conditions) == {"delayed"}


@pytest.mark.parametrize("name", ["pickup_expiring", "expired_tracking"])
def test_any_newer_scan_ends_what_only_silence_meant(name: str) -> None:
    assert fold(problem(name), staged(None, 2)).conditions == {}


@pytest.mark.parametrize("redirect", [{"substatus": "forwarded"}, {"conditions_set": ["redirected"]}])
def test_a_redirect_is_pending_until_its_scan(redirect: dict[str, Any]) -> None:
    assert set(fold(problem("redirect_pending"), staged("in_transit", 2)).conditions) == {"redirect_pending"}
    assert "redirect_pending" not in fold(problem("redirect_pending"), staged("in_transit", 2, **redirect)).conditions


@pytest.mark.parametrize(
    ("told", "ends"),
    [
        (estimate(2, day="2026-11-20"), True),
        (estimate(2, ends=after(hours=3)), True),
        (estimate(2, ends=after(hours=2)), False),
        (estimate(2, day="2026-11-19"), False),
        (staged(None, 2, kind="estimate"), False),
    ],
)
def test_r11_a_new_latest_date_that_has_not_passed_ends_a_delay(told: Scan, *, ends: bool) -> None:
    assert in_any_order(problem("delayed"), told).conditions.keys() == (set() if ends else {"delayed"})


def test_r11_the_same_date_again_ends_no_delay() -> None:
    scans = (estimate(0.5, day="2026-11-22"), problem("delayed"), estimate(2, day="2026-11-22"))
    assert set(in_any_order(*scans).conditions) == {"delayed"}


def test_r11_a_day_ends_at_midnight_where_the_parcel_goes() -> None:
    told = (problem("delayed"), estimate(7, day="2026-11-20"))
    assert fold(*told, zone="Pacific/Auckland").conditions
    assert fold(*told, zone="America/New_York").conditions == {}


def silent(*scans: Scan) -> ShipmentState:
    return in_any_order(*scans)


def test_e15_a_time_event_that_is_expected_sets_its_condition_when_it_was_due() -> None:
    seen = staged("in_transit", 1)
    fired = reached("silent", seen, 73)
    state = silent(seen, fired)
    assert (state.conditions, reasons(state)) == ({"silent": fired}, ["moved", "time"])
    assert state.episodes[0].since == after(hours=73)
    assert state.last == seen


def test_e15_a_late_scan_takes_back_what_silence_meant() -> None:
    seen, late = staged("in_transit", 1), staged("in_transit", 70)
    state = silent(seen, reached("silent", seen, 73), late)
    assert (state.conditions, reasons(state)[-1]) == ({}, "not_expected")
    assert silent(seen, reached("silent", seen, 73), staged("in_transit", 90)).conditions == {}


def test_e15_a_rule_of_the_order_or_of_nobody_is_set_aside() -> None:
    seen = staged("in_transit", 1)
    for rule in ("promise_missed", "full_moon"):
        assert reasons(silent(seen, reached(rule, seen, 73)))[-1] == "not_expected"


def test_r20_out_for_delivery_and_the_day_ended_is_delayed() -> None:
    out = staged("out_for_delivery", 1)
    state = silent(out, reached("day_ended", out, 17))
    assert (state.stage, set(state.conditions)) == ("out_for_delivery", {"delayed"})
    assert state.verdicts[1].rule == "R20"
    assert silent(out, reached("day_ended", out, 17), staged("delivered", 12)).conditions == {}


def test_e15_waiting_at_a_point_until_its_last_day() -> None:
    waiting = staged("available_for_pickup", 1, window={"ends": after(days=7)})
    for told, basis in ((waiting, waiting), (staged("available_for_pickup", 1), staged("available_for_pickup", 1))):
        assert set(silent(told, reached("pickup_expiring", basis, 130)).conditions) == {"pickup_expiring"}


def test_e15_the_carriers_latest_date_passed() -> None:
    told = estimate(1, day="2026-11-21")
    moving = make_scan(occurred_at=after(hours=2))
    assert set(silent(moving, told, reached("delayed", told, 40)).conditions) == {"delayed"}
    newer = estimate(20, day="2026-11-25")
    assert silent(moving, told, reached("delayed", told, 40), newer).conditions == {}


@pytest.mark.parametrize("substatus", ["informational", "unmapped"])
def test_r10_a_condition_names_the_carriers_code_where_the_sub_status_tells_no_reason(substatus: str) -> None:
    told = staged(None, 1, conditions_set=["held"], substatus=substatus, raw_code="ENQ")
    (episode,) = fold(told).episodes
    assert episode.reason == "ENQ"
