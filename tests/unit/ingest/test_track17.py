"""17TRACK: a plain hash over the very bytes, two carriers' histories of one number, and times that are told thrice."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.scans import Scan
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.track17 import TRACK17
from services.ingest.carriers.track17_codes import OLD_STATES
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

MERGED = "track17/first_and_last_mile_merged"
KEY = TRACK17.secret_key("0F1E2D3C")


def reading_of(body: Any) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(TRACK17, Webhook(body=raw, told_at=TOLD_AT))


def scans_of(body: Any, kind: str = "scan") -> list[Scan]:
    return [scan for scan in reading_of(body).scans if scan.kind == kind]


def keys(body: Any) -> list[str]:
    return [scan.event_key for scan in scans_of(body)]


def event(number: int = 0, provider: int = 0, **fields: object) -> dict[str, Any]:
    body = document(MERGED)
    body["data"]["track_info"]["tracking"]["providers"][provider]["events"][number].update(fields)
    return body


# --- signatures ------------------------------------------------------------------------------------------------------


def test_the_signature_is_a_plain_hash_over_body_slash_and_key() -> None:
    body = body_of(MERGED)
    hashed = hashlib.sha256(body + b"/0F1E2D3C").hexdigest().encode()
    request = Request(method="POST", path="/", headers=((b"sign", hashed),), body=body)
    assert TRACK17.verify(request, [KEY], now=TOLD_AT)
    assert TRACK17.verify(replace(request, headers=((b"Sign", hashed.upper()),)), [KEY], now=TOLD_AT)
    assert TRACK17.verify(request, [b"old", KEY], now=TOLD_AT)


def test_an_hmac_is_not_what_17track_sends() -> None:
    body = body_of(MERGED)
    made = hmac.new(KEY, body, hashlib.sha256).hexdigest().encode()
    assert not TRACK17.verify(
        Request(method="POST", path="/", headers=((b"sign", made),), body=body), [KEY], now=TOLD_AT
    )


def test_chinese_text_is_hashed_as_it_was_sent() -> None:
    request = signed(TRACK17, body_of(MERGED), KEY)
    escaped = json.dumps(json.loads(request.body)).encode()
    assert TRACK17.verify(request, [KEY], now=TOLD_AT)
    assert not TRACK17.verify(replace(request, body=escaped), [KEY], now=TOLD_AT)


@pytest.mark.parametrize("value", [b"", b"0" * 64, b"\xff", b"a" * 5000])
def test_any_other_value_is_refused(value: bytes) -> None:
    request = Request(method="POST", path="/", headers=((b"sign", value),), body=b"{}")
    assert not TRACK17.verify(request, [KEY], now=TOLD_AT)
    assert not TRACK17.verify(request, [], now=TOLD_AT)


# --- one number, several carriers ------------------------------------------------------------------------------------


def test_the_histories_of_both_miles_are_one_and_what_both_tell_is_one_scan() -> None:
    scans = scans_of(document(MERGED))
    assert [scan.occurred_at for scan in scans] == sorted(scan.occurred_at for scan in scans)
    assert {scan.carrier for scan in scans} == {"china-post"}
    assert (len(scans), len(set(keys(document(MERGED))))) == (8, 7)


def test_push_and_poll_share_their_keys() -> None:
    answer = document("track17/answer_of_gettrackinfo")
    polled = [scan.event_key for scan in scans_of(answer) if scan.number == "RR472829301CN"]
    assert polled == keys(document(MERGED))
    assert keys(answer["data"]["accepted"][0]) == keys(document(MERGED))


@pytest.mark.parametrize(
    "fields",
    [
        {"description": "other words"},
        {"time_iso": "2026-06-20T22:59:15+00:00"},
        {"address": {"country": "CN", "city": "Zhengzhou", "postal_code": "450000"}},
        {"location": "CN  郑州 "},
        {"stage": "Departure"},
    ],
)
def test_wording_offset_and_a_parsed_address_are_no_part_of_the_identity(fields: dict[str, object]) -> None:
    assert keys(event(0, 0, **fields)) == keys(document(MERGED))


@pytest.mark.parametrize(
    "fields", [{"time_utc": "2026-06-20T22:59:16Z"}, {"sub_status": "InTransit_Other"}, {"location": "CN 北京"}]
)
def test_another_second_code_or_place_is_another_scan(fields: dict[str, object]) -> None:
    assert len(set(keys(event(0, 0, **fields)))) == 8


def test_hashes_of_the_content_and_our_own_tag_are_no_part_of_it() -> None:
    body = document(MERGED)
    body["data"].update(tag="#other")
    body["data"]["track_info"]["tracking"]["providers_hash"] = 99
    assert keys(body) == keys(document(MERGED))
    assert all(scan.references == {} for scan in reading_of(body).scans)


@pytest.mark.parametrize(
    ("key", "name", "slug"),
    [
        (3011, "China Post", "china-post"),
        ("3011", "anything", "china-post"),
        (9999902, "Nimbus Freight", "nimbus-freight"),
        (9999902, None, "track17-9999902"),
        (9999902, "???", "track17-9999902"),
    ],
)
def test_a_carrier_goes_by_its_key_and_an_unlisted_one_by_its_name(key: object, name: str | None, slug: str) -> None:
    body = document("track17/unknown_sub_status_and_carrier")
    body["data"]["carrier"] = key
    body["data"]["track_info"]["tracking"]["providers"][0]["provider"] = {"key": key, "name": name}
    assert {scan.carrier for scan in reading_of(body).scans} == {slug}


def test_an_undetected_carrier_is_the_first_that_tells_something() -> None:
    body = document(MERGED)
    body["data"]["carrier"] = 0
    assert keys(body) == keys(document(MERGED))


@pytest.mark.parametrize(
    ("number", "slug"), [("QX77120045", "unknown"), ("1Z999AA10123456784", "ups"), ("RB123456785CN", "china-post")]
)
def test_a_number_whose_carrier_nobody_says_is_never_lost(number: str, slug: str) -> None:
    body = document(MERGED)
    body["data"] |= {"number": number, "carrier": None}
    for told in body["data"]["track_info"]["tracking"]["providers"]:
        told["provider"] = None
    assert {scan.carrier for scan in reading_of(body).scans} == {slug}


def test_what_stands_beside_track_info_counts_where_it_is_not_inside() -> None:
    body = document("track17/fields_beside_track_info")
    beside = {name: body["data"].pop(name) for name in ("latest_status", "latest_event", "tracking")}
    assert [problem.reason for problem in reading_of(body).problems] == ["bad_shape"]
    body["data"]["track_info"] |= beside
    assert keys(body) == keys(document("track17/fields_beside_track_info"))
    outdated = {"latest_status": {"status": "NotFound", "sub_status": "NotFound_Other"}}
    body["data"] |= outdated
    assert scans_of(body, "summary")[0].stage == "delivered"


# --- times -----------------------------------------------------------------------------------------------------------


def test_the_utc_time_counts_and_the_offset_of_the_provider_does_not() -> None:
    (first, *_) = scans_of(document(MERGED))
    assert (first.time_kind, first.occurred_at.isoformat()) == ("utc", "2026-06-17T12:00:00+00:00")
    assert first.occurred_at_text == "2026-06-17T12:00:00Z"


@pytest.mark.parametrize("written", ["2026-06-20T22:59:15", "2026-06-20T22:59:15+00:00", "2026-06-21T00:59:15+02:00"])
def test_a_utc_time_in_another_dress_is_the_same_scan(written: str) -> None:
    assert keys(event(0, 0, time_utc=written)) == keys(document(MERGED))


def test_an_event_without_a_time_costs_only_itself() -> None:
    reading = reading_of(event(0, 0, time_utc=None, time_iso="", time_raw={"date": None, "time": None}))
    assert [problem.reason for problem in reading.problems] == ["bad_scan"]
    assert len([scan for scan in reading.scans if scan.kind == "scan"]) == 7


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "city", "country"),
    [
        ("ES Albacete", "Albacete", "ES"),
        ("CN ShipmentArrived at", None, "CN"),
        ("US", None, "US"),
        ("XX Nowhere", "XX Nowhere", None),
        ("Köln, DE", "Köln, DE", None),
        ("郑州", "郑州", None),
    ],
)
def test_a_location_is_read_as_far_as_it_is_a_place(location: str, city: str | None, country: str | None) -> None:
    place = next(scan.place for scan in scans_of(event(0, 0, location=location)) if scan.description == "航班已起飞")
    assert place is not None
    assert (place.city, place.country) == (city, country)


# --- envelopes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ({"event": "TRACKING_STOPPED", "data": {"number": "A1", "carrier": 3011}}, "tracking_stopped"),
        ({"event": "QUOTA_LOW", "data": {}}, "not_a_tracking"),
        ({"code": -18010013, "data": {"errors": [{"code": -18010013}]}}, "no_tracking"),
        ({"code": 0, "data": {"accepted": [], "rejected": [{"number": "A1"}]}}, "no_tracking"),
    ],
)
def test_what_says_nothing_of_a_parcel_is_ignored(body: dict[str, Any], ignored: str) -> None:
    assert reading_of(body) == Reading(ignored=ignored)


def test_a_bad_number_in_an_answer_costs_only_itself_and_a_huge_answer_is_set_aside() -> None:
    body = document("track17/answer_of_gettrackinfo")
    body["data"]["accepted"].append("no number")
    assert [problem.reason for problem in reading_of(body).problems] == ["no_number", "bad_shape"]
    body["data"]["accepted"] = [{}] * 201
    assert [problem.reason for problem in reading_of(body).problems] == ["too_many_trackings"]


def test_the_shape_of_v1_tells_its_events_without_a_code_and_its_state() -> None:
    body = document("track17/shape_of_v1")
    assert [scan.stage for scan in reading_of(body).scans] == [None, None, "delivered"]
    body["data"]["track"].update(z1=[], e=20)
    assert [scan.kind for scan in reading_of(body).scans] == ["scan"]
    assert {"20", "50"}.isdisjoint(OLD_STATES)
