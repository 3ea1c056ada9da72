"""EasyPost: what leaves a body before Kafka, whose names stay behind, and that no body stops the reader."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers.base import Reading, Webhook, read
from services.ingest.carriers.easypost import EASYPOST
from services.ingest.carriers.easypost_codes import DETAILS, KNOWN_DETAILS, STATUSES, meaning_of
from services.ingest.carriers.standard import STANDARD
from tests.unit.ingest.samples import TOLD_AT, body_of, document

DELIVERED = "easypost/royal_mail_5_delivered"


def reading_of(body: bytes, *, allow_test: bool = False) -> Reading:
    return read(EASYPOST, Webhook(body=body, told_at=TOLD_AT, allow_test=allow_test))


def changed(**fields: object) -> Reading:
    body = document(DELIVERED)
    body["result"].update(fields)
    return reading_of(json.dumps(body).encode())


@pytest.mark.parametrize(
    "part",
    [
        b'"pending_urls":["https://user:secret@shop.example/hook"]',
        b'"pending_urls" :\n [ "https://user:secret@shop.example/hook" , "https://[::1]/]secret\\"]" ]',
        b'"completed_urls":["https://shop.example/?token=secret",null]',
        b'"failed_urls":["secret"]',
        b'"PENDING_URLS":["secret"]',
        b'"pending\\u005furls":["secret"]',
        b'"\\u0070ending\\u005F\\u0075\\u0072\\u006C\\u0073":["secret"]',
        b'"pending_urls":[{"url":"https://user:secret@shop.example"}]',
        b'"pending_urls":"https://user:secret@shop.example"',
        b'"pending_urls":["https://user:secret@shop.exa',
        b'"pending_urls":["https://user:secret@shop.example" "and ',
    ],
)
def test_addresses_of_receivers_never_reach_kafka(part: bytes) -> None:
    masked = EASYPOST.mask(b'{"id":"evt_1",' + part + b',"result":{"tracking_code":"1"}}')
    assert b"secret" not in masked
    assert masked.startswith(b'{"id":"evt_1","')


def test_masking_changes_nothing_but_the_addresses() -> None:
    body = body_of(DELIVERED)
    before, after = json.loads(body), json.loads(EASYPOST.mask(body))
    assert before.pop("pending_urls") != []
    assert after.pop("pending_urls") == []
    assert after == before
    harmless = (
        b'{"pending_urls":null,"completed_urls":[],"message":"the \\"pending_urls\\": [1]","public_url":"https://x"}'
    )
    assert EASYPOST.mask(harmless) == harmless


def test_masking_a_large_hostile_body_is_quick() -> None:
    for body in (
        b'"a_urls":[' + b" " * 250_000,
        b'"a_urls":["' + b"\\" * 250_000,
        b'"a_urls":[' * 25_000,
        b'"_urls"' * 35_000,
        b'"' + b"\\u005f" * 40_000,
    ):
        EASYPOST.mask(body)
        EASYPOST.number(body)


def test_the_name_of_who_signed_stays_behind() -> None:
    reading = reading_of(body_of(DELIVERED))
    assert [scan.kind for scan in reading.scans if scan.pod == ("signature",)] == ["scan", "summary"]
    for scan in reading.scans:
        assert "testperson" not in scan.model_dump_json().lower()


def test_a_test_tracker_is_read_only_where_a_setting_allows_it() -> None:
    body = body_of("easypost/test_mode_is_ignored")
    assert reading_of(body) == Reading(ignored="test_mode")
    assert reading_of(body, allow_test=True).scans
    assert changed(mode="test").ignored == "test_mode"
    assert changed(tracking_code="EZ4000000004").ignored == "test_mode"
    assert changed(tracking_code="EZ4000000005").ignored is None


@pytest.mark.parametrize("description", ["tracker.deleted", "batch.created", "insurance.purchased", ""])
def test_an_event_about_anything_else_is_ignored(description: str) -> None:
    body = document(DELIVERED) | {"description": description}
    reading = reading_of(json.dumps(body).encode())
    assert reading.scans == ()
    assert reading.ignored == "not_a_tracker" or not description


@pytest.mark.parametrize("status", ["unknown", "teleported", "", None, 7])
def test_a_tracker_status_that_says_nothing_makes_no_summary(status: object) -> None:
    assert {scan.kind for scan in changed(status=status).scans} <= {"scan", "estimate"}


def test_a_tracker_that_failed_keeps_the_scans_it_had_and_says_nothing_of_the_parcel() -> None:
    failed = changed(status="error")
    assert [scan for scan in failed.scans if scan.kind == "scan"] == [
        scan for scan in changed().scans if scan.kind == "scan"
    ]
    assert {scan.kind for scan in failed.scans} <= {"scan", "estimate"}
    assert changed(status="error", tracking_details=[]).ignored == "tracker_error"


def test_a_tracker_without_a_time_is_told_when_we_were_told_and_keeps_its_key() -> None:
    body = document(DELIVERED)
    body["result"]["updated_at"] = None
    body["created_at"] = "soon"
    raw = json.dumps(body).encode()
    first = read(EASYPOST, Webhook(body=raw, told_at=TOLD_AT)).scans[-1]
    second = read(EASYPOST, Webhook(body=raw, told_at=TOLD_AT + timedelta(hours=1))).scans[-1]
    assert (first.kind, first.occurred_at) == ("summary", TOLD_AT)
    assert first.event_key == second.event_key


@pytest.mark.parametrize(
    ("local", "plain", "day"),
    [
        ("2026-11-20", "2026-11-21T00:00:00Z", "2026-11-20"),
        (None, "2026-11-21T00:00:00Z", "2026-11-21"),
        ("soon", "2026-11-21", "2026-11-21"),
        ("2175-10-22", None, "2175-10-22"),
        ("2875-10-22", "2026-11-21", "2026-11-21"),
    ],
)
def test_an_estimate_is_a_local_day(local: str | None, plain: str | None, day: str) -> None:
    body = document("easypost/royal_mail_2_accepted")
    body["result"]["est_delivery_date"] = plain
    body["result"]["carrier_detail"]["est_delivery_date_local"] = local
    estimate = reading_of(json.dumps(body).encode()).scans[-1]
    assert estimate.window is not None
    assert (estimate.kind, str(estimate.window.day), estimate.stage) == ("estimate", day, None)


def test_a_raw_code_holds_what_was_given_and_nothing_for_what_was_not() -> None:
    body = document("easypost/bare_tracker_object")
    one = body["tracking_details"][0]
    given = [("in_transit", None, "PU"), ("in_transit", "unknown", None), ("failure", "", "0174"), (None, None, "DL")]
    body["tracking_details"] = [
        one | {"status": status, "status_detail": detail, "carrier_code": code, "datetime": f"2026-01-0{day}T10:00:00Z"}
        for day, (status, detail, code) in enumerate(given, 1)
    ]
    scans = [scan for scan in reading_of(json.dumps(body).encode()).scans if scan.kind == "scan"]
    assert [scan.raw_code for scan in scans] == ["in_transit/PU", "in_transit/unknown", "failure/0174", "DL"]


def test_a_list_of_trackers_is_read_as_each_of_them() -> None:
    listed = document("easypost/list_of_trackers")
    apart = [reading_of(json.dumps(one).encode()) for one in listed["trackers"]]
    together = reading_of(json.dumps(listed).encode())
    assert {scan.event_key for scan in together.scans} == {
        scan.event_key for reading in apart for scan in reading.scans
    }
    assert [problem.reason for problem in together.problems] == ["no_number"]
    assert reading_of(b'{"trackers":[],"has_more":false}').ignored == "no_tracking"
    assert reading_of(json.dumps({"trackers": [{}] * 201}).encode()).problems[0].reason == "too_many_trackings"


def test_another_object_with_a_tracking_code_is_no_tracker() -> None:
    shipment = document("easypost/tracker_with_little_in_it") | {"object": "Shipment"}
    assert [problem.reason for problem in reading_of(json.dumps(shipment).encode()).problems] == ["bad_shape"]


def test_every_row_of_the_map_is_a_documented_status_and_detail() -> None:
    assert STATUSES.keys() >= DETAILS.keys()
    assert {detail for table in DETAILS.values() for detail in table} <= KNOWN_DETAILS


@pytest.mark.parametrize("status", STATUSES)
def test_a_new_detail_under_a_known_status_keeps_its_stage_and_is_put_on_the_mapping_queue(status: str) -> None:
    plain = meaning_of(status, None, carrier="ups", code=None, wording=None)
    new = meaning_of(status, "by_balloon", carrier="ups", code=None, wording=None)
    assert (new.stage, new.leg, new.sets) == (plain.stage, plain.leg, plain.sets)
    assert new.substatus == ("informational" if plain.substatus == "informational" else "unmapped")


@pytest.mark.parametrize(
    ("status", "wording", "stage", "substatus"),
    [
        ("failure", "Delivery exception (Customer not available or business closed)", "attempted", "nobody_home"),
        ("failure", "Delivery attempted - no one home", "attempted", "nobody_home"),
        ("failure", "Local delivery restriction, delivery not attempted", None, "exception"),
        ("failure", "Pickup attempted", None, "exception"),
        ("failure", "Delivery was refused by the recipient", "attempted", "refused"),
        ("failure", "Incorrect address", None, "bad_address"),
        ("failure", "Recipient requested a signature copy", None, "exception"),
        ("delivered", "Delivered, To Original Sender", "returned", "received_by_sender"),
        ("delivered", "Delivered; proof mailed to shipper", "delivered", "to_recipient"),
        ("delivered", "Left with neighbor", "delivered", "neighbour"),
        ("delivered", "Delivered, Individual Picked Up at Post Office", "delivered", "collected"),
        ("return_to_sender", "Returning to sender", "in_transit", "started"),
        ("available_for_pickup", "Available in a parcel locker", "available_for_pickup", "locker"),
        ("in_transit", "Delivery attempted", "in_transit", "processed"),
        ("in_transit", "Picked up", "accepted", "picked_up"),
        ("in_transit", "Not yet picked up", "in_transit", "processed"),
    ],
)
def test_wording_decides_only_where_the_codes_say_too_little(
    status: str, wording: str, stage: str | None, substatus: str
) -> None:
    meaning = meaning_of(status, None, carrier="usps", code=None, wording=wording)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


# Garbage.
GARBAGE = (
    b"",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b'{"object":"Tracker"\x00}',
    '{"object":"Tracker"}'.encode("utf-16"),
    b'{"a":"\\ud800"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"1" * 5_000,
    b'{"a":1e999}',
    b'{"a":NaN}',
    b"null",
    b'"text"',
    b"42",
    b"[]",
    b"[" + b"{}," * 9_999 + b"{}]",
    b'{"__proto__":{"object":"Tracker"}}',
    b'{"object":"Tracker","object":"Event"}',
)


@pytest.mark.parametrize("carrier", [EASYPOST, STANDARD], ids=["easypost", "standard"])
@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_authentic_garbage_is_a_problem_with_a_reason(carrier: Any, body: bytes) -> None:
    reading = read(carrier, Webhook(body=body, told_at=TOLD_AT))
    assert reading.scans == ()
    assert reading.problems
    assert reading.problems[0].reason != "parser_failed"


def test_a_mistake_in_a_providers_file_sets_one_body_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Webhook) -> Reading:
        raise KeyError("somebody@example.org")

    monkeypatch.setattr(EASYPOST, "parse", broken, raising=False)
    (problem,) = reading_of(b"{}").problems
    assert (problem.reason, problem.detail) == ("parser_failed", "KeyError")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
SPOTS = st.sampled_from(
    [("result",), *(("result", name) for name in document(DELIVERED)["result"]), ("description",), ("created_at",),
     *(("result", "tracking_details", 5, name) for name in document(DELIVERED)["result"]["tracking_details"][5]),
     *(("result", "tracking_details", 5, "tracking_location", name) for name in ("city", "state", "country", "zip")),
     ("result", "carrier_detail", "est_delivery_date_local")]
)  # fmt: skip


@given(st.lists(st.tuples(SPOTS, JSON), min_size=1, max_size=4))
def test_whatever_stands_in_a_field_the_body_is_read_or_set_aside(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    body: Any = document(DELIVERED)
    for path, value in changes:
        spot = body
        for step in path[:-1]:
            inside = (isinstance(spot, dict) and step in spot) or (isinstance(spot, list) and len(spot) > 5)
            spot = spot[step] if inside else {}
        if isinstance(spot, dict):
            spot[path[-1]] = value
    reading = reading_of(json.dumps(body).encode(), allow_test=True)
    assert "parser_failed" not in {problem.reason for problem in reading.problems}


@given(st.binary(max_size=400))
def test_no_bytes_stop_any_step(body: bytes) -> None:
    for carrier in (EASYPOST, STANDARD):
        read(carrier, Webhook(body=carrier.mask(body), told_at=TOLD_AT))
        carrier.number(body)


@given(JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(document("standard/one_scan"), JSON)))
def test_no_document_stops_the_standard_reader(value: Any) -> None:
    reading = read(STANDARD, Webhook(body=json.dumps([value]).encode(), told_at=TOLD_AT))
    assert "parser_failed" not in {problem.reason for problem in reading.problems}
