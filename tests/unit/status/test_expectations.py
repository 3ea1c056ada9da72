"""The rules of time, one by one: what silence would mean, from which event, and when (rule E15)."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from schemas.order_events import Window
from schemas.scans import SCAN
from schemas.vocabulary import Condition, Leg, Stage
from services.status.expectations import (
    LIMITS,
    SETS,
    Estimate,
    Expectation,
    Mark,
    OrderOutlook,
    Rule,
    ShipmentOutlook,
    Until,
    basis_of,
    expectations,
    expects,
    order_expectations,
)

T = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
SCANNED = Mark("scan-1", T)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
ENDS = (Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED, Stage.DISPOSED, Stage.LOST)


def parcel(
    stage: Stage = Stage.IN_TRANSIT, *conditions: str, leg: Leg = Leg.OUTBOUND, **facts: object
) -> ShipmentOutlook:
    """Return the outlook of a parcel with one scan at T."""
    given = {"last": SCANNED, "entered": SCANNED, "confirmed": SCANNED} | facts
    return ShipmentOutlook(stage=stage, leg=leg, conditions=conditions, **given)  # type: ignore[arg-type]


def order(*conditions: str, open_: bool = True, started: bool = False, **facts: object) -> OrderOutlook:
    """Return the outlook of an order that was paid at T."""
    given = {"free": Mark("paid", T)} | facts
    return OrderOutlook(open=open_, started=started, conditions=conditions, **given)  # type: ignore[arg-type]


def of_rule(rule: Rule, outlook: ShipmentOutlook | OrderOutlook) -> Expectation | None:
    """Return what is expected by that rule."""
    found = expectations(outlook) if isinstance(outlook, ShipmentOutlook) else order_expectations(outlook)
    return next((one for one in found if one.rule is rule), None)


def due(rule: Rule, outlook: ShipmentOutlook | OrderOutlook) -> datetime | None:
    """Return when the rule is due."""
    found = of_rule(rule, outlook)
    return None if found is None else found.due_at


def day(year: int, month: int, number: int) -> Window:
    return Window(day=date(year, month, number))


@pytest.mark.parametrize("stage", [Stage.ANNOUNCED, Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.ATTEMPTED])
def test_three_days_without_a_scan_are_silence(stage: Stage) -> None:
    assert of_rule(Rule.SILENT, parcel(stage)) == Expectation(Rule.SILENT, "scan-1", T + timedelta(days=3), "silent")


def test_in_customs_five_days_are_silence() -> None:
    assert due(Rule.SILENT, parcel(Stage.IN_TRANSIT, Condition.CUSTOMS_HOLD)) == T + timedelta(days=5)


@pytest.mark.parametrize("stage", [Stage.NOT_FOUND, Stage.OUT_FOR_DELIVERY, Stage.AVAILABLE_FOR_PICKUP, *ENDS])
def test_no_silence_where_no_scan_is_to_come(stage: Stage) -> None:
    assert due(Rule.SILENT, parcel(stage)) is None


def test_a_parcel_that_was_never_scanned_is_not_silent() -> None:
    assert expectations(parcel(Stage.ANNOUNCED, last=None, entered=None, confirmed=None)) == []


def test_a_parcel_on_its_way_back_can_be_silent_but_an_unused_label_cannot() -> None:
    assert due(Rule.SILENT, parcel(Stage.IN_TRANSIT, leg=Leg.RETURN)) == T + timedelta(days=3)
    assert due(Rule.SILENT, parcel(Stage.ANNOUNCED, leg=Leg.RETURN)) is None


def test_a_parcel_is_delayed_when_the_estimates_end_has_passed() -> None:
    estimate = Estimate("estimate-1", T, Window(ends=datetime(2026, 3, 12, 18, 0, tzinfo=BERLIN)))
    found = of_rule(Rule.DELAYED, parcel(estimate=estimate))
    assert found == Expectation(Rule.DELAYED, "estimate-1", datetime(2026, 3, 12, 17, 0, tzinfo=UTC), "delayed")


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        (BERLIN, datetime(2026, 3, 12, 23, 0, tzinfo=UTC)),
        (NEW_YORK, datetime(2026, 3, 13, 4, 0, tzinfo=UTC)),
        (UTC, datetime(2026, 3, 13, 0, 0, tzinfo=UTC)),
    ],
)
def test_an_estimated_day_ends_at_its_midnight_in_the_destinations_zone(
    zone: ZoneInfo | timezone, midnight: datetime
) -> None:
    estimate = Estimate("estimate-1", T, day(2026, 3, 12))
    assert due(Rule.DELAYED, parcel(estimate=estimate, zone=zone)) == midnight


def test_an_estimate_that_had_passed_when_it_was_told_is_due_at_once() -> None:
    told = Estimate("estimate-1", T, day(2026, 3, 1))
    assert due(Rule.DELAYED, parcel(estimate=told)) == T


@pytest.mark.parametrize("outlook", [parcel(Stage.AVAILABLE_FOR_PICKUP), parcel(leg=Leg.RETURN)])
def test_what_has_come_or_comes_back_is_not_late(outlook: ShipmentOutlook) -> None:
    late = Estimate("estimate-1", T, day(2026, 3, 12))
    facts = {"last": outlook.last, "entered": outlook.entered, "estimate": late}
    assert due(Rule.DELAYED, parcel(outlook.stage, leg=outlook.leg, **facts)) is None


@pytest.mark.parametrize("year", [1, 1989, 2200, 9999])
def test_a_day_outside_every_calendar_is_expected_by_nobody(year: int) -> None:
    assert due(Rule.DELAYED, parcel(estimate=Estimate("estimate-1", T, day(year, 12, 31)))) is None


def test_a_date_beyond_what_a_record_can_carry_is_expected_by_nobody() -> None:
    late = datetime(2199, 12, 30, tzinfo=UTC)
    assert expectations(parcel(last=Mark("scan-1", late))) == []


def test_a_pickup_expires_two_days_before_its_last_day() -> None:
    until = datetime(2026, 3, 20, 20, 0, tzinfo=BERLIN)
    found = of_rule(Rule.PICKUP_EXPIRING, parcel(Stage.AVAILABLE_FOR_PICKUP, pickup_until=until))
    limit = "pickup_expiring.before_until"
    assert found == Expectation(Rule.PICKUP_EXPIRING, "scan-1", datetime(2026, 3, 18, 19, 0, tzinfo=UTC), limit)


def test_a_pickup_of_unknown_end_expires_five_days_after_it_came_not_after_its_last_scan() -> None:
    later = Mark("scan-2", T + timedelta(days=2))
    waiting = parcel(Stage.AVAILABLE_FOR_PICKUP, last=later, confirmed=later)
    assert of_rule(Rule.PICKUP_EXPIRING, waiting) == Expectation(
        Rule.PICKUP_EXPIRING, "scan-1", T + timedelta(days=5), "pickup_expiring.after_arrival"
    )


def test_a_pickup_that_is_short_expires_at_once_and_never_before_it_came() -> None:
    short = parcel(Stage.AVAILABLE_FOR_PICKUP, pickup_until=T + timedelta(hours=20))
    assert due(Rule.PICKUP_EXPIRING, short) == T


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in ENDS])
def test_tracking_expires_45_days_after_the_last_scan_at_every_open_stage(stage: Stage) -> None:
    assert due(Rule.EXPIRED_TRACKING, parcel(stage)) == T + timedelta(days=45)


def test_the_day_ends_at_two_in_the_night_where_the_parcel_is() -> None:
    local = Mark("ofd", datetime(2026, 3, 10, 8, 0, tzinfo=timezone(timedelta(hours=-5))))
    by_offset = parcel(Stage.OUT_FOR_DELIVERY, confirmed=local)
    assert of_rule(Rule.DAY_ENDED, by_offset) == Expectation(
        Rule.DAY_ENDED, "ofd", datetime(2026, 3, 11, 7, 0, tzinfo=UTC), "day_ended.local_time"
    )
    in_utc = parcel(Stage.OUT_FOR_DELIVERY, confirmed=Mark("ofd", T), confirmed_zone=BERLIN)
    assert due(Rule.DAY_ENDED, in_utc) == datetime(2026, 3, 11, 1, 0, tzinfo=UTC)


def test_the_local_day_counts_and_not_that_of_utc() -> None:
    late = Mark("ofd", datetime(2026, 3, 10, 23, 30, tzinfo=UTC))  # the 11th in Berlin
    outlook = parcel(Stage.OUT_FOR_DELIVERY, confirmed=late, confirmed_zone=BERLIN)
    assert due(Rule.DAY_ENDED, outlook) == datetime(2026, 3, 12, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "scanned", "ended"),
    [
        # Two in the night is skipped: it moves forward by the gap, to three.
        (BERLIN, datetime(2026, 3, 28, 9, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        # Two in the night comes twice: the first.
        (BERLIN, datetime(2026, 10, 24, 9, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 0, tzinfo=UTC)),
    ],
)
def test_a_night_of_another_length_ends_the_day_as_well(zone: ZoneInfo, scanned: datetime, ended: datetime) -> None:
    outlook = parcel(Stage.OUT_FOR_DELIVERY, confirmed=Mark("ofd", scanned), confirmed_zone=zone)
    assert due(Rule.DAY_ENDED, outlook) == ended


def test_out_for_delivery_told_again_moves_the_day() -> None:
    again = Mark("ofd-2", T + timedelta(days=1))
    outlook = parcel(Stage.OUT_FOR_DELIVERY, confirmed=again)
    assert of_rule(Rule.DAY_ENDED, outlook) == Expectation(
        Rule.DAY_ENDED, "ofd-2", datetime(2026, 3, 12, 2, 0, tzinfo=UTC), "day_ended.local_time"
    )
    once = parcel(Stage.OUT_FOR_DELIVERY, confirmed=None)
    assert due(Rule.DAY_ENDED, once) == datetime(2026, 3, 11, 2, 0, tzinfo=UTC)


def test_an_override_expires_at_its_date_whatever_the_stage() -> None:
    override = Until("agent-1", T, until=T + timedelta(days=2))
    found = Expectation(Rule.OVERRIDE_EXPIRED, "agent-1", T + timedelta(days=2), "override_expired")
    assert of_rule(Rule.OVERRIDE_EXPIRED, parcel(Stage.DELIVERED, override=override)) == found
    assert of_rule(Rule.OVERRIDE_EXPIRED, order(open_=False, overrides=(override,))) == found
    assert due(Rule.OVERRIDE_EXPIRED, parcel(override=Until("agent-1", T))) is None


def test_a_promise_is_missed_when_its_day_has_passed_at_the_destination() -> None:
    promise = Estimate("placed", T - timedelta(days=1), day(2026, 3, 14))
    found = of_rule(Rule.PROMISE_MISSED, order(promise=promise, started=True, zone=NEW_YORK))
    assert found == Expectation(
        Rule.PROMISE_MISSED, "placed", datetime(2026, 3, 15, 4, 0, tzinfo=UTC), "promise_missed"
    )
    assert due(Rule.PROMISE_MISSED, order()) is None


def test_an_order_that_was_paid_is_dispatched_within_five_days() -> None:
    limit = "never_dispatched.after_payment"
    found = of_rule(Rule.NEVER_DISPATCHED, order())
    assert found == Expectation(Rule.NEVER_DISPATCHED, "paid", T + timedelta(days=5), limit)


@pytest.mark.parametrize(
    ("promised", "expected"),
    [
        (day(2026, 3, 12), datetime(2026, 3, 12, 0, 0, tzinfo=UTC)),
        (day(2026, 3, 30), T + timedelta(days=5)),
        (day(2026, 3, 10), T),
        (day(9999, 1, 1), T + timedelta(days=5)),
    ],
)
def test_or_a_day_before_the_promise_if_that_is_earlier(promised: Window, expected: datetime) -> None:
    assert due(Rule.NEVER_DISPATCHED, order(promise=Estimate("placed", T, promised))) == expected


@pytest.mark.parametrize("outlook", [order(started=True), order(free=None), order(open_=False)])
def test_nobody_waits_for_the_dispatch_of_what_went_is_unpaid_or_is_over(outlook: OrderOutlook) -> None:
    assert due(Rule.NEVER_DISPATCHED, outlook) is None


@pytest.mark.parametrize("stage", ENDS)
def test_nothing_is_expected_of_a_parcel_at_its_end(stage: Stage) -> None:
    late = Estimate("estimate-1", T, day(2026, 3, 12))
    assert expectations(parcel(stage, estimate=late)) == []


@pytest.mark.parametrize(("rule", "condition"), [*SETS.items()])
def test_what_is_true_already_is_not_expected_again(rule: Rule, condition: Condition) -> None:
    late = Estimate("estimate-1", T, day(2026, 3, 12))
    outlooks: tuple[ShipmentOutlook | OrderOutlook, ...] = (
        *(parcel(stage, condition, estimate=late) for stage in Stage),
        order(condition, promise=late),
    )
    assert all(of_rule(rule, outlook) is None for outlook in outlooks)


def test_a_state_expects_a_rule_only_from_the_event_that_it_counts_from() -> None:
    assert expects(parcel(), "silent", "scan-1")
    assert not expects(parcel(), "silent", "scan-0")
    assert not expects(parcel(), "day_ended", "scan-1")
    assert not expects(parcel(), "a_later_rule", None)
    assert expects(order(), "never_dispatched", "paid")


def test_an_identity_is_an_event_key_of_the_rule_its_basis_and_the_due_date() -> None:
    found = of_rule(Rule.SILENT, parcel())
    assert found is not None
    assert found.identity == "time:silent:scan-1:2026-03-13T09:30:00Z"


@pytest.mark.parametrize("key", ["x" * 128, "x" * 200, "oms#id with spaces", "trackfold/desk#1"])
def test_an_identity_is_an_event_key_whatever_the_basis_is_called(key: str) -> None:
    found = of_rule(Rule.SILENT, parcel(last=Mark(key, T)))
    assert found is not None
    assert len(found.basis) <= 128
    assert found.basis == basis_of(key)
    told = {"kind": "time", "event_key": found.identity, "provider": "trackfold", "carrier": "dhl", "number": "1"}
    SCAN.validate_python({**told, "basis": found.basis, "occurred_at": T, "told_at": T})
    other = of_rule(Rule.SILENT, parcel(last=Mark(key[:-1] + "y", T)))
    assert other is not None
    assert other.identity != found.identity


def test_a_due_date_is_a_whole_second_and_never_early() -> None:
    found = due(Rule.SILENT, parcel(last=Mark("scan-1", T + timedelta(microseconds=1))))
    assert found == T + timedelta(days=3, seconds=1)


def test_expectations_stand_by_their_date() -> None:
    late = Estimate("estimate-1", T, day(2026, 3, 11))
    assert [one.rule for one in expectations(parcel(estimate=late))] == ["delayed", "silent", "expired_tracking"]


def test_every_expectation_names_its_limit() -> None:
    late = Estimate("estimate-1", T, day(2026, 3, 12))
    found = [one for stage in Stage for one in expectations(parcel(stage, estimate=late))]
    found += order_expectations(order(promise=late))
    assert {one.limit for one in found} <= LIMITS.keys()
