"""FedEx: both encodings of its signature, event types against derived statuses, shared numbers, and every code."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.vocabulary import Stage
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.fedex import FEDEX
from services.ingest.carriers.fedex_codes import CODES, delayed, meaning_of
from services.ingest.carriers.meanings import DELIVERED, NOT_MAPPED, RETURNING
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

BODY = b'{"output":{"completeTrackResults":[]}}'
DELIVERED_CASE = "fedex/delivered_with_signature"


def reading_of(body: object, *, allow_test: bool = False) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(FEDEX, Webhook(body=raw, told_at=TOLD_AT, allow_test=allow_test))


def request(signature: str, *, body: bytes = BODY) -> Request:
    headers = ((b"fdx-signature", signature.encode()),)
    return Request(method="POST", path="/webhooks/fedex", headers=headers, body=body)


def code_of(secret: str, body: bytes = BODY) -> bytes:
    return hmac.new(secret.encode(), body, hashlib.sha256).digest()


def first(body: dict[str, Any]) -> dict[str, Any]:
    shipment: dict[str, Any] = body["output"]["completeTrackResults"][0]["trackResults"][0]
    return shipment


def test_base64_is_accepted_and_hex_only_behind_its_flag() -> None:
    in_base64, in_hex = base64.b64encode(code_of("token")).decode(), code_of("token").hex()
    plain, flagged = [FEDEX.secret_key("token")], [FEDEX.secret_key("hex:token")]
    assert FEDEX.verify(request(in_base64), plain, now=TOLD_AT)
    assert not FEDEX.verify(request(in_hex), plain, now=TOLD_AT)
    assert FEDEX.verify(request(in_base64), flagged, now=TOLD_AT)
    assert FEDEX.verify(request(in_hex.upper()), flagged, now=TOLD_AT)
    assert not FEDEX.verify(request(in_base64.swapcase()), flagged, now=TOLD_AT)


@pytest.mark.parametrize("secret", ["", "hex:"])
def test_a_flag_without_a_token_is_no_secret(secret: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        FEDEX.secret_key(secret)


@pytest.mark.parametrize("flag", ["", "hex:"])
def test_what_fedex_signs_is_refused_under_another_token_and_for_another_body(flag: str) -> None:
    key, other = FEDEX.secret_key(f"{flag}one"), FEDEX.secret_key(f"{flag}two")
    sent = signed(FEDEX, BODY, key)
    assert FEDEX.verify(sent, [other, key], now=TOLD_AT)
    assert not FEDEX.verify(sent, [other], now=TOLD_AT)
    assert not FEDEX.verify(sent, [], now=TOLD_AT)
    assert not FEDEX.verify(replace(sent, body=BODY.replace(b":", b": ")), [key], now=TOLD_AT)
    assert not FEDEX.verify(replace(sent, headers=()), [key], now=TOLD_AT)
    assert not FEDEX.verify(replace(sent, headers=(*sent.headers, *sent.headers)), [key], now=TOLD_AT)


@pytest.mark.parametrize("signature", ["", " ", "=", "é", "A" * 5000])
def test_a_signature_that_is_none_is_refused_without_an_error(signature: str) -> None:
    assert not FEDEX.verify(request(signature), [FEDEX.secret_key("hex:token")], now=TOLD_AT)


def test_the_requested_number_is_the_number_whatever_the_result_names() -> None:
    reading = reading_of(body_of("fedex/door_tag_number_and_an_error_beside_scans"))
    assert {scan.number for scan in reading.scans} == {"DT105900000088"}


def test_two_shipments_under_one_number_are_two_boxes() -> None:
    scans = reading_of(body_of("fedex/one_number_two_shipments_and_an_unknown_number")).scans
    ids = {scan.unique_id for scan in scans if scan.number == "794600000022"}
    assert len(ids) == 2
    body = document("fedex/one_number_two_shipments_and_an_unknown_number")
    results = body["output"]["completeTrackResults"][0]["trackResults"]
    results[1]["scanEvents"] = results[0]["scanEvents"]
    told = [scan for scan in reading_of(body).scans if scan.kind == "scan"]
    assert len({scan.event_key for scan in told}) == 2


def test_a_number_fedex_does_not_know_says_so_and_hides_no_other() -> None:
    reading = reading_of(body_of("fedex/one_number_two_shipments_and_an_unknown_number"))
    assert reading.problems == ()
    assert [scan.stage for scan in reading.scans if scan.number == "794600000033"] == [Stage.NOT_FOUND]


@pytest.mark.parametrize(("code", "ignored"), [("TRACKING.SYSTEM.ERROR", "api_error"), (None, "no_events")])
def test_another_error_of_one_number_says_nothing_of_the_parcel(code: str | None, ignored: str) -> None:
    body = document(DELIVERED_CASE)
    first(body).update({"scanEvents": [], "latestStatusDetail": {}, "error": {"code": code}})
    assert reading_of(body) == Reading(ignored=ignored)


def test_an_event_type_wins_over_the_status_derived_from_it() -> None:
    scans = reading_of(body_of("fedex/event_type_wins_over_the_derived_status")).scans
    assert [(scan.raw_code, scan.stage, scan.leg) for scan in scans if scan.kind == "scan"] == [
        ("HP/IT/", "available_for_pickup", "outbound"),
        ("RS/DL/060G", "in_transit", "return"),
    ]


def test_without_an_event_type_the_derived_status_is_all_there_is() -> None:
    body = document(DELIVERED_CASE)
    del first(body)["scanEvents"][0]["eventType"]
    scan = [one for one in reading_of(body).scans if one.kind == "scan"][-1]
    assert (scan.raw_code, scan.stage) == ("DL/", "delivered")


@pytest.mark.parametrize(
    ("code", "wording", "stage", "substatus"),
    [
        ("EA", "Enroute to Airport", "in_transit", "departed"),
        ("EA", "Export Approved", "in_transit", "customs_released"),
        ("EA", "", "in_transit", "processed"),
        ("DE", "Delivery exception", "attempted", None),
        ("DE", "Delivery exception Customer not available or business closed", "attempted", "nobody_home"),
        ("DE", "Delivery exception Business closed", "attempted", "closed"),
        ("DE", "Refused by recipient", "attempted", "refused"),
        ("DE", "Incorrect address", "attempted", "bad_address"),
        ("DE", "Delivery not attempted", "attempted", "not_really_attempted"),
        ("DE", "Package redirected", None, "forwarded"),
        ("DE", "Local weather delay", None, "exception"),
        ("DE", "Unable to deliver shipment - Returning to shipper", "in_transit", "started"),
        ("DE", "Package damaged", None, "damaged"),
        ("SE", "Shipment exception Package declared lost", "lost", "lost"),
        ("SE", "Shipment exception Label lost, attempting to identify", None, "exception"),
        ("HA", "Hold at location request accepted", None, "informational"),
        ("SE", "Shipment exception", None, "exception"),
        ("DL", "Delivered", "delivered", "to_recipient"),
        ("DL", "Left at front door", "delivered", "safe_place"),
        ("DL", "Package returned to shipper", "returned", "received_by_sender"),
        ("Ow", "On the way", "in_transit", "processed"),
        ("ZZ", "Delivered", None, "unmapped"),
        (None, "Delivered", None, "unmapped"),
    ],
)
def test_wording_decides_where_a_code_says_too_little(
    code: str | None, wording: str, stage: str | None, substatus: str | None
) -> None:
    meaning = meaning_of(code, wording)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


def test_an_exception_is_never_an_end_by_itself() -> None:
    ends = {Stage.DELIVERED, Stage.RETURNED, Stage.DISPOSED, Stage.CANCELLED, Stage.LOST}
    assert {CODES[code].stage for code in ("DE", "SE", "DD", "DY", "PD")}.isdisjoint(ends)


@pytest.mark.parametrize("meaning", [DELIVERED, RETURNING])
def test_what_has_arrived_or_goes_back_is_not_late(meaning: Any) -> None:
    assert delayed(meaning, status="DELAYED", reason="WEATHER") == meaning


def test_a_signature_that_was_not_needed_is_no_proof() -> None:
    body = document(DELIVERED_CASE)
    first(body)["deliveryDetails"] = {"signedByName": "Signature not required"}
    assert {scan.pod for scan in reading_of(body).scans} == {()}


def test_a_delay_is_told_with_its_reason_and_an_unknown_code_stays_unknown() -> None:
    late = delayed(NOT_MAPPED, status="DELAYED", reason="WEATHER")
    assert (late.substatus, late.sets) == ("unmapped", ("weather", "delayed"))
    assert delayed(NOT_MAPPED, status="ON_TIME", reason=None) == NOT_MAPPED


def test_a_pickup_at_midnight_without_an_offset_is_a_day() -> None:
    scans = reading_of(body_of(DELIVERED_CASE)).scans
    (pickup,) = [scan for scan in scans if scan.raw_code == "PU/PU/"]
    assert (pickup.time_precision, pickup.time_kind) == ("day", "assumed_zone")


def test_who_received_a_parcel_stays_behind() -> None:
    reading = reading_of(body_of(DELIVERED_CASE))
    assert [scan.kind for scan in reading.scans if scan.pod == ("signature",)] == ["scan", "summary"]
    assert "testperson" not in " ".join(scan.model_dump_json().lower() for scan in reading.scans)


@pytest.mark.parametrize("blank", ["", None, False, []])
def test_a_blank_is_an_absent_value(blank: object) -> None:
    body = document(DELIVERED_CASE)
    first(body)["trackingNumberInfo"]["trackingNumberUniqueId"] = blank
    first(body)["deliveryDetails"] = {"signedByName": blank, "receivedByName": blank}
    for scan in reading_of(body).scans:
        assert scan.unique_id is None
        assert scan.pod == ()


@pytest.mark.parametrize("envelope", ["bare", "output", "data", "list"])
def test_results_are_found_in_every_envelope(envelope: str) -> None:
    body = document(DELIVERED_CASE)
    wrapped: Any = {
        "bare": body["output"],
        "output": body,
        "data": {"data": body},
        "list": [body],
    }[envelope]
    assert reading_of(wrapped).scans == reading_of(body).scans


def test_tests_are_read_only_where_a_setting_allows_it() -> None:
    for case in ("fedex/test_number_is_ignored", "fedex/sandbox_answer_is_ignored"):
        assert reading_of(body_of(case)) == Reading(ignored="test_mode")
        assert reading_of(body_of(case), allow_test=True).scans


def test_a_picture_is_found_by_its_length_and_named_by_its_field() -> None:
    photo, ink = b"A" * 4096 + b"==", rb"iVBOR\/" + b"w" * 4000
    body = b'{"output":{"ppodImage" : "' + photo + b'","signatureImage":"' + ink + b'","note":"short"}}'
    found = FEDEX.attachments(body)
    assert [(one.kind, body[one.start : one.end]) for one in found] == [("photo", photo), ("signature", ink)]


def test_looking_for_pictures_in_a_hostile_body_is_quick() -> None:
    for body in (b'"a":"' + b"A" * 1_000_000, b'"a":' * 200_000, b'"' + b"a" * 1_000_000, b'"a":"\\/' * 100_000):
        FEDEX.attachments(body)
        FEDEX.number(body)


def test_more_results_than_a_body_can_hold_are_refused() -> None:
    body: dict[str, Any] = {"output": {"completeTrackResults": [{}] * 201}}
    assert [problem.reason for problem in reading_of(body).problems] == ["too_many_trackings"]


def test_every_code_fedex_publishes_has_its_row(recorded_folders: list[Path]) -> None:
    published = {
        "OC OX EP PU PX OF AP IT IX AA AC AF AR AX DP EA EO FD LO Ow PF PL PM SF TR AD ED OD CC CD CP HL HP DE SE DY",
        "DD PD DL RS RT CA AO AE RR RM RC CH RP LP RG RD SP",
    }
    codes = {code for line in published for code in line.split()}
    for path in (path for folder in recorded_folders for path in folder.glob("_reference/fedex_status_codes.json")):
        rows = json.loads(path.read_text("utf-8"))["rows"][1:]
        codes |= {row[place] for row in rows for place in (0, 2) if len(row[place]) == 2}
    assert {code for code in codes if code.upper() not in CODES} == set()


def test_a_picture_that_was_taken_out_of_the_body_is_referred_to_by_the_delivery_alone() -> None:
    taken = f"proof:photo:{'ab' * 32}:image/jpeg:2048"
    events = [
        {"date": "2026-11-20T10:00:00-06:00", "eventType": "DL", "eventDescription": "Delivered"},
        {"date": "2026-11-20T08:00:00-06:00", "eventType": "OD", "eventDescription": "On FedEx vehicle for delivery"},
    ]
    result = {"scanEvents": events, "deliveryDetails": {"pictures": [{"image": taken}, {"image": taken}]}}
    body = {"output": {"completeTrackResults": [{"trackingNumber": "794800000012", "trackResults": [result]}]}}
    out, delivered = read(FEDEX, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT)).scans
    assert (out.proofs, out.pod) == ((), ())
    assert [(proof.kind, proof.sha256, proof.bytes) for proof in delivered.proofs] == [("photo", "ab" * 32, 2048)]
    assert delivered.pod == ("photo",)


def test_an_empty_exception_code_is_shown_as_sent_and_makes_no_other_scan() -> None:
    event = {"date": "2026-11-20T08:00:00-06:00", "eventType": "OD", "derivedStatusCode": "IT", "exceptionCode": ""}
    number = "794800000012"
    bodies = (event, {name: event[name] for name in event if name != "exceptionCode"})
    blank, absent = (
        reading_of(
            {"completeTrackResults": [{"trackingNumber": number, "trackResults": [{"scanEvents": [one]}]}]}
        ).scans[0]
        for one in bodies
    )
    assert (blank.raw_code, absent.raw_code) == ("OD/IT/", "OD/IT")
    assert blank.event_key == absent.event_key
