"""The order in which scans stand (R3, R14, R16, R23): nothing of it depends on arrival."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Leg, Stage
from services.ingest.apis.registry import APIS
from services.ingest.carriers.registry import CARRIERS
from services.status.sequence import AGGREGATORS, instant, local_date, rank, sort_scans
from tests.builders import after, make_scan
from tests.unit.status.parcels import fold, in_any_order, reasons, staged


def keys(*scans: Scan, zone: str | None = None) -> list[str]:
    return [scan.event_key for scan in sort_scans(scans, zone)]


def named(key: str, stage: str | None, hours: float, **overrides: Any) -> Scan:
    return staged(stage, hours, event_key=key, **overrides)


def test_r3_at_one_instant_the_lower_rank_stands_first_and_the_way_back_last() -> None:
    outbound = [
        "not_found", "announced", "accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup",
        "delivered", "lost", "cancelled", "disposed",
    ]  # fmt: skip
    scans = [named(f"{stage}:{leg}", stage, 1, leg=leg) for leg in Leg for stage in outbound]
    scans.append(named("returned:return", "returned", 1, leg="return"))
    expected = [f"{stage}:{leg}" for leg in ("outbound", "return") for stage in outbound] + ["returned:return"]
    assert keys(*reversed(scans)) == expected
    assert rank(named("x", "returned", 1)) == rank(scans[-1])


def test_r3_at_one_instant_and_rank_the_event_key_decides() -> None:
    assert keys(named("b", "in_transit", 1), named("a", "in_transit", 1)) == ["a", "b"]


def test_r3_a_minute_stands_at_its_first_second() -> None:
    exact = named("exact", "out_for_delivery", 1 + 10 / 3600)
    rough = named("rough", "delivered", 1 + 40 / 3600, time_precision="minute")
    assert keys(exact, rough) == ["rough", "exact"]


def test_r3_a_day_stands_after_the_last_timed_event_of_that_day_that_it_can_follow() -> None:
    day = after(hours=-9)
    delivered = make_scan(stage="delivered", occurred_at=day, time_precision="day", event_key="day")
    accepted = make_scan(stage="accepted", occurred_at=day, time_precision="day", event_key="pickup")
    timed = [named("hub", "in_transit", 2), named("van", "out_for_delivery", 3), named("next", "in_transit", 30)]
    assert keys(delivered, accepted, *timed) == ["pickup", "hub", "van", "day", "next"]
    assert in_any_order(delivered, *timed[:2]).stage is Stage.DELIVERED


def test_r3_a_day_stands_before_what_it_cannot_follow() -> None:
    pickup = make_scan(stage="accepted", occurred_at=after(hours=-9), time_precision="day", event_key="pickup")
    assert keys(pickup, named("early", "announced", -8), named("van", "out_for_delivery", 1)) == [
        "early", "pickup", "van",
    ]  # fmt: skip


def test_r3_the_day_is_that_of_the_timed_events_own_place() -> None:
    late = named("late", "in_transit", 14, time_kind="utc", place={"time_zone": "Australia/Sydney"})
    day = make_scan(stage="delivered", occurred_at=after(hours=-9), time_precision="day", event_key="day")
    assert keys(late, day) == ["day", "late"]
    assert keys(late.model_copy(update={"place": None}), day) == ["late", "day"]
    assert keys(late.model_copy(update={"place": None}), day, zone="Australia/Sydney") == ["day", "late"]


def test_r16_where_sources_differ_at_one_instant_the_carrier_itself_counts() -> None:
    aggregator = named("a", "delivered", 1, provider="easypost")
    carrier = named("c", "out_for_delivery", 1, provider="ups")
    state = in_any_order(aggregator, carrier)
    assert (state.stage, reasons(state)) == (Stage.OUT_FOR_DELIVERY, ["superseded", "moved"])
    assert state.verdicts[0].rule == "R3"
    assert in_any_order(aggregator, named("c", "out_for_delivery", 0.9, provider="ups")).stage is Stage.DELIVERED


def test_r16_sources_of_equal_trust_both_count() -> None:
    state = in_any_order(named("a", "delivered", 1), named("b", "out_for_delivery", 1, provider="aftership"))
    assert reasons(state) == ["moved", "moved"]


def test_r16_after_a_handover_the_former_holder_is_set_aside() -> None:
    handed = named("handed", "in_transit", 1, carrier="ups", number="1Z1", substatus="handed_to_partner")
    between = named("between", "in_transit", 2, carrier="ups", number="1Z1")
    first = named("first", "in_transit", 3, carrier="usps", number="94001")
    false = named("false", "delivered", 4, carrier="ups", number="1Z1", conditions_set=["delayed"])
    state = in_any_order(handed, between, first, false)
    assert (state.stage, state.conditions, state.last) == (Stage.IN_TRANSIT, {}, first)
    assert reasons(state) == ["moved", "same_stage", "same_stage", "superseded"]
    assert state.verdicts[3].rule == "R16"


def test_r16_a_parcel_can_be_handed_back() -> None:
    scans = [
        named("one", "in_transit", 1, carrier="ups", number="1Z1", substatus="handed_to_partner"),
        named("two", "in_transit", 2, carrier="usps", number="94001", substatus="handed_to_partner"),
        named("three", "out_for_delivery", 3, carrier="ups", number="1Z1"),
        named("four", "delivered", 4, carrier="usps", number="94001"),
    ]
    state = in_any_order(*scans)
    assert (state.stage, reasons(state)[3]) == (Stage.OUT_FOR_DELIVERY, "superseded")


def test_r16_two_carriers_without_a_handover_both_count() -> None:
    scans = [named("one", "in_transit", 1, carrier="ups", number="1Z1"), named("two", "out_for_delivery", 2)]
    assert in_any_order(*scans, named("three", "delivered", 3, carrier="ups", number="1Z1")).stage is Stage.DELIVERED


def test_r14_a_future_time_stands_when_we_were_told_and_keeps_its_offset() -> None:
    tomorrow = after(days=300).astimezone(timezone(timedelta(hours=2)))
    scan = make_scan(stage="in_transit", occurred_at=tomorrow, told_at=after(hours=2))
    delivered = staged("delivered", 3)
    assert instant(scan).isoformat() == "2026-11-20T13:00:00+02:00"
    assert (fold(scan, delivered).stage, fold(scan, delivered).last) == (Stage.DELIVERED, delivered)
    same = scan.model_copy(update={"told_at": scan.told_at.astimezone(timezone(timedelta(hours=9)))})
    assert instant(scan).isoformat() == instant(same).isoformat()


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
    assert local_date(make_scan(occurred_at=after(hours=8), **scan), zone) == date


def test_an_offset_carries_its_own_date() -> None:
    east = after(hours=15.5).astimezone(timezone(timedelta(hours=11)))
    assert local_date(make_scan(occurred_at=east), None) == "2026-11-21"


@pytest.mark.parametrize(
    "name", ["Europe", "America/Argentina", "../../etc/passwd", "zone.tab", "x" * 200, "é", "Mars/X"]
)
def test_a_zone_that_nobody_knows_stops_nothing(name: str) -> None:
    scan = make_scan(occurred_at=after(hours=8), time_kind="utc", place={"time_zone": name})
    assert local_date(scan, name) == "2026-11-20"
    assert local_date(scan, "Australia/Sydney") == "2026-11-21"
    assert local_date(scan.model_copy(update={"time_kind": "offset"}), "Australia/Sydney") == "2026-11-20"


def test_r16_whoever_passes_on_what_other_carriers_told_is_called_as_ingest_calls_it() -> None:
    of_any_carrier = {provider for provider, api in APIS.items() if api.traits.carriers is None}
    without_an_api = {"shopify"}
    assert of_any_carrier == {"aftership", "easypost", "sendcloud", "shipengine", "shippo", "track17"}
    assert of_any_carrier | without_an_api == AGGREGATORS & set(CARRIERS)
