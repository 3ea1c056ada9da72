"""The identity of scans (rule R1): the same scan told anew keeps its key, another one gets its own."""

import itertools
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.scans import Place
from schemas.vocabulary import TimeKind, TimePrecision
from services.ingest.carriers.base import Webhook, read
from services.ingest.carriers.identity import event_key
from services.ingest.carriers.registry import CARRIERS
from services.ingest.carriers.times import Told
from tests.unit.ingest.samples import TOLD_AT, document

BODIES = [
    f"easypost/royal_mail_{name}"
    for name in ("1_label", "2_accepted", "3_in_transit", "4_out_for_delivery", "5_delivered")
]


def keys(body: dict[str, Any], *, told_at: datetime = TOLD_AT) -> list[str]:
    reading = read(CARRIERS["easypost"], Webhook(body=json.dumps(body).encode(), told_at=told_at))
    return [scan.event_key for scan in reading.scans if scan.kind == "scan"]


def all_keys(body: dict[str, Any], *, told_at: datetime = TOLD_AT) -> list[str]:
    reading = read(CARRIERS["easypost"], Webhook(body=json.dumps(body).encode(), told_at=told_at))
    return [scan.event_key for scan in reading.scans]


def test_a_growing_body_keeps_the_keys_of_its_scans() -> None:
    grown = [keys(document(case)) for case in BODIES]
    assert [len(one) for one in grown] == [1, 2, 4, 5, 6]
    for shorter, longer in itertools.pairwise(grown):
        assert longer[: len(shorter)] == shorter
    assert len(set(grown[-1])) == 6


@pytest.mark.parametrize("case", BODIES)
def test_a_body_sent_again_later_under_another_delivery_has_the_same_keys(case: str) -> None:
    """R1, E5: neither the delivery nor our clock is part of a scan's identity."""
    again = document(case) | {"id": "evt_other", "created_at": "2026-11-22T00:00:00.000Z"}
    assert all_keys(again, told_at=TOLD_AT + timedelta(days=2)) == all_keys(document(case))


def test_wording_is_no_part_of_the_key() -> None:
    reworded = document(BODIES[-1])
    for detail in reworded["result"]["tracking_details"]:
        detail.update(message="Andere Worte", description="andere", source="elsewhere")
    assert keys(reworded) == keys(document(BODIES[-1]))


@given(st.integers(-14 * 60, 14 * 60))
@example(375)
def test_another_offset_for_the_same_instant_is_the_same_scan(minutes: int) -> None:
    zone = timezone(timedelta(minutes=minutes))  # 375 makes a midnight of one of them
    moved = document(BODIES[-1])
    for detail in moved["result"]["tracking_details"]:
        detail["datetime"] = datetime.fromisoformat(detail["datetime"]).astimezone(zone).isoformat()
    assert sorted(keys(moved)) == sorted(keys(document(BODIES[-1])))


def test_a_place_written_another_way_or_told_more_fully_is_the_same_place() -> None:
    changed = document(BODIES[-1])
    for detail in changed["result"]["tracking_details"]:
        place = detail["tracking_location"]
        if place["city"] is not None:
            place.update(city=f" {place['city'].title()}.", zip=None, state="England")
    assert keys(changed) == keys(document(BODIES[-1]))


@pytest.mark.parametrize(
    ("field", "value"),
    [("datetime", "2026-11-19T12:20:18Z"), ("carrier_code", "EVKDN"), ("status_detail", "status_update")],
)
def test_another_second_code_or_place_is_another_scan(field: str, value: str) -> None:
    """R1: the instant, the raw code and the place are its identity."""
    changed = document(BODIES[-1])
    changed["result"]["tracking_details"][-1][field] = value
    assert keys(changed)[:-1] == keys(document(BODIES[-1]))[:-1]
    assert keys(changed)[-1] != keys(document(BODIES[-1]))[-1]


def test_two_equal_codes_seconds_apart_are_two_scans() -> None:
    doubled = document(BODIES[0])
    detail = doubled["result"]["tracking_details"][0]
    doubled["result"]["tracking_details"].append(detail | {"datetime": "2026-11-17T16:02:14Z"})
    assert len(set(keys(doubled))) == 2


def test_two_parcels_and_two_carriers_never_share_a_key() -> None:
    other_number, other_carrier = document(BODIES[0]), document(BODIES[0])
    other_number["result"]["tracking_code"] = "AB123456799GB"
    other_carrier["result"]["carrier"] = "Parcelforce"
    assert len({*keys(document(BODIES[0])), *keys(other_number), *keys(other_carrier)}) == 3


def test_a_summary_told_later_is_another_event_than_the_one_before() -> None:
    later = document(BODIES[-1])
    later["result"]["updated_at"] = "2026-11-19T12:24:55Z"
    assert all_keys(later)[:-1] == all_keys(document(BODIES[-1]))[:-1]
    assert all_keys(later)[-1] != all_keys(document(BODIES[-1]))[-1]


@pytest.mark.parametrize(
    "other",
    [
        {"stage": "delivered"},
        {"leg": "return"},
        {"substatus": "departed"},
        {"conditions_set": ["customs_hold"]},
        {"conditions_cleared": ["delayed"]},
    ],
)
def test_without_a_code_two_readings_of_one_instant_are_two_scans(other: dict[str, Any]) -> None:
    scan: dict[str, Any] = {"carrier": "UPS", "number": "1Z1", "occurred_at": "2026-07-01T09:58:00Z"}
    scan |= {"stage": "in_transit", "conditions_set": ["delayed"]}
    body = [scan, scan | other, scan | other | {"description": "said anew", "code": ""}]
    reading = read(CARRIERS["standard"], Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))
    first, second, third = (one.event_key for one in reading.scans)
    assert first != second == third


INSTANT = datetime(2026, 7, 1, 9, 58, tzinfo=UTC)


def told(at: datetime, precision: TimePrecision = TimePrecision.SECOND, *, date_only: bool = False) -> Told:
    return Told(at, precision, TimeKind.OFFSET, at.isoformat(), date_only=date_only)


def key_of(when: Told | None, **other: Any) -> str:
    return event_key("scan", "ups:1Z", told=when, code=other.get("code", "X"), place=other.get("place"))


def test_a_minute_stands_at_its_first_second() -> None:
    assert key_of(told(INSTANT, TimePrecision.MINUTE)) == key_of(told(INSTANT))


def test_a_date_without_a_time_of_day_is_that_date_in_every_zone() -> None:
    day = told(datetime(2026, 7, 1, tzinfo=timezone(timedelta(hours=2))), TimePrecision.DAY, date_only=True)
    assert key_of(day) == key_of(told(datetime(2026, 7, 1, tzinfo=UTC), TimePrecision.DAY, date_only=True))
    assert key_of(day) != key_of(told(datetime(2026, 7, 1, tzinfo=UTC)))


def test_a_midnight_read_as_a_day_keeps_the_key_of_its_instant() -> None:
    midnight = datetime(2026, 7, 1, tzinfo=UTC)
    elsewhere = midnight.astimezone(timezone(timedelta(hours=2)))
    assert key_of(told(midnight, TimePrecision.DAY)) == key_of(told(elsewhere))


@given(st.text(), st.text())
def test_no_field_can_pose_as_its_neighbour(left: str, right: str) -> None:
    one = event_key("scan", "ups:1Z", told=None, code=left, place=Place(city=right or "x"))
    other = event_key("scan", "ups:1Z", told=None, code=left + "x", place=Place(city=right or "x"))
    assert one != other


def test_a_time_without_a_zone_is_its_wall_clock_whatever_zone_is_assumed_later() -> None:
    def told(zone: str | None, kind: TimeKind) -> Told:
        at = datetime(2026, 11, 21, 10, tzinfo=UTC if zone is None else ZoneInfo(zone))
        return Told(at, TimePrecision.SECOND, kind, "2026-11-21T10:00:00")

    without = event_key("scan", "evri:A1", told=told(None, TimeKind.UNKNOWN_ZONE), code="X")
    later = event_key("scan", "evri:A1", told=told("Europe/Berlin", TimeKind.ASSUMED_ZONE), code="X")
    sure = event_key("scan", "evri:A1", told=told("Europe/Berlin", TimeKind.OFFSET), code="X")
    assert without == later
    assert sure != later
