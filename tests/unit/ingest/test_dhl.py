"""DHL: a token instead of a signature, times whose Z is not to be trusted, status codes against words, pieces."""

import json
from dataclasses import replace
from typing import Any

import pytest

from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.dhl import DHL
from services.ingest.carriers.dhl_codes import (
    EXPRESS_CODES,
    PARCEL_DE_CODES,
    STATUSES,
    carrier_name,
    meaning_of,
    without_signer,
)
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

CONTRADICTION = "dhl/status_code_contradicts_the_text"
PUSH = "dhl/push_of_a_delivered_parcel"


def reading_of(body: object) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(DHL, Webhook(body=raw, told_at=TOLD_AT))


def request(*headers: tuple[bytes, bytes], query: bytes = b"") -> Request:
    return Request(method="POST", path="/webhooks/dhl", headers=headers, body=b"{}", query=query)


def only(body: dict[str, Any]) -> dict[str, Any]:
    shipment: dict[str, Any] = body["shipments"][0]
    return shipment


def test_the_token_travels_in_the_header_or_in_the_address() -> None:
    keys = [DHL.secret_key("old token"), DHL.secret_key("tök/en+1")]
    assert DHL.verify(signed(DHL, b"{}", keys[0]), keys, now=TOLD_AT)
    assert DHL.verify(signed(DHL, b"{}", keys[1]), keys, now=TOLD_AT)
    assert DHL.verify(request(query=b"token=old+token"), keys, now=TOLD_AT)
    assert DHL.verify(request(query=b"a=b&token=t%C3%B6k%2Fen%2B1"), keys, now=TOLD_AT)


def test_another_a_missing_or_a_repeated_token_is_refused() -> None:
    keys = [DHL.secret_key("token")]
    right = (b"x-webhook-token", b"token")
    assert DHL.verify(request(right), keys, now=TOLD_AT)
    assert not DHL.verify(request(right), [], now=TOLD_AT)
    assert not DHL.verify(request(right, right), keys, now=TOLD_AT)
    assert not DHL.verify(request(right), [DHL.secret_key("other")], now=TOLD_AT)
    for headers in ((), ((b"x-webhook-token", b""),), ((b"x-webhook-token", b"Token"),), ((b"token", b"token"),)):
        assert not DHL.verify(request(*headers), keys, now=TOLD_AT)
    for query in (b"", b"token=", b"token=x", b"token=token&token=token", b"token=\xff%ff", b"token=" + b"t" * 5000):
        assert not DHL.verify(request(query=query), keys, now=TOLD_AT)


def test_a_wrong_header_is_not_mended_by_the_address() -> None:
    keys = [DHL.secret_key("token")]
    assert not DHL.verify(request((b"x-webhook-token", b"no"), query=b"token=token"), keys, now=TOLD_AT)


def test_what_is_told_is_a_hint_because_no_body_is_signed() -> None:
    key = DHL.secret_key("token")
    assert DHL.signs_the_body is False
    assert DHL.verify(replace(signed(DHL, b"{}", key), body=b"[]"), [key], now=TOLD_AT)


def test_the_secret_of_a_subscription_never_reaches_kafka() -> None:
    body = body_of("dhl/subscription_message_is_ignored")
    assert b"an-invented-secret" in body
    assert b"an-invented-secret" not in DHL.mask(body)
    assert json.loads(DHL.mask(body)) == json.loads(body) | {"secret": ""}
    assert b"hidden" not in DHL.mask(b'{"secret" : {"a":"hidden"}}')
    assert b"hidden" not in DHL.mask(b'{"secret":"hidd' + b"en")
    assert DHL.mask(body_of(PUSH)) == body_of(PUSH)


def test_a_number_as_id_is_read_as_its_digits() -> None:
    reading = reading_of(body_of(CONTRADICTION))
    assert {scan.number for scan in reading.scans} == {"8800000011"}
    assert DHL.number(body_of(CONTRADICTION)) == "8800000011"
    assert DHL.number(body_of(PUSH)) == "00340434000000000022"


def test_one_event_told_with_a_z_and_without_it_is_one_scan() -> None:
    body = document(CONTRADICTION)
    (once,) = [scan for scan in reading_of(body).scans if scan.kind == "scan"]
    only(body)["events"][0]["timestamp"] += "Z"
    (again,) = [scan for scan in reading_of(body).scans if scan.kind == "scan"]
    assert once.event_key == again.event_key
    assert (once.time_kind, again.time_kind) == ("assumed_zone", "utc")


def test_a_real_offset_makes_an_instant() -> None:
    body = document(PUSH)
    before = {scan.event_key for scan in reading_of(body).scans if scan.kind == "scan"}
    for event in only(body)["events"]:
        hour = int(event["timestamp"][11:13]) + 1
        event["timestamp"] = f"{event['timestamp'][:11]}{hour:02}{event['timestamp'][13:19]}+02:00"
    assert {scan.event_key for scan in reading_of(body).scans if scan.kind == "scan"} == before


def test_a_status_is_a_scan_only_where_the_history_lacks_it() -> None:
    body = document("dhl/status_newer_than_the_last_event")
    told = [scan for scan in reading_of(body).scans if scan.kind == "scan"]
    assert [scan.stage for scan in told] == ["in_transit", "out_for_delivery"]
    only(body)["events"].insert(0, only(body)["status"])
    assert [scan.event_key for scan in reading_of(body).scans if scan.kind == "scan"] == [one.event_key for one in told]
    only(body)["status"] = only(body)["status"] | {"timestamp": "2026-11-18T10:00:00+01:00"}
    assert len([scan for scan in reading_of(body).scans if scan.kind == "scan"]) == 2


def test_a_push_without_events_tells_its_status_as_the_scan_it_is() -> None:
    body = document("dhl/push_with_a_status_and_no_events")
    pushed = reading_of(body).scans[0]
    only(body)["events"] = [only(body)["status"]]
    assert reading_of(body).scans[0].event_key == pushed.event_key


@pytest.mark.parametrize(
    ("code", "own", "wording", "stage", "substatus"),
    [
        ("pre-transit", None, "DELIVERED", "announced", "label_created"),
        ("transit", "OK", "", "in_transit", "processed"),
        ("transit", "PU", "", "accepted", "picked_up"),
        ("transit", "CD", "Clearance event", "in_transit", "customs_held"),
        ("transit", "CC", "", "in_transit", "customs_presented"),
        ("transit", "CC", "Awaiting collection by recipient", "available_for_pickup", None),
        ("transit", "QQ", "", "in_transit", "unmapped"),
        ("transit", None, "Customs clearance status updated. Clearance processing complete", "in_transit",
         "customs_released"),
        ("transit", None, "The shipment is being returned to the sender", "in_transit", "started"),
        ("delivered", None, "Delivered to a Packstation", "available_for_pickup", "locker"),
        ("delivered", None, "Delivered to the ServicePoint", "available_for_pickup", None),
        ("delivered", None, "returned to the sender", "returned", "received_by_sender"),
        ("delivered", "OK", "Delivered - neighbour", "delivered", "neighbour"),
        ("failure", None, "Shipment is on hold", None, "held"),
        ("failure", None, "Something", None, "exception"),
        ("failure", "OK", "", None, "exception"),
        ("failure", "NH", "", "attempted", "nobody_home"),
        ("failure", "RT", "", "in_transit", "started"),
        ("unknown", None, "Delivery delayed", None, "informational"),
        ("unknown", "OK", "Delivered", None, "informational"),
        ("teleported", None, "Delivered", None, "unmapped"),
    ],
)  # fmt: skip
def test_words_and_codes_count_as_far_as_the_status_code_allows(
    code: str, own: str | None, wording: str, stage: str | None, substatus: str | None
) -> None:
    meaning = meaning_of(code, own, wording)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


def test_unknown_is_never_delayed() -> None:
    assert STATUSES["unknown"].sets == ()
    assert [scan.conditions_set for scan in reading_of(body_of("dhl/unknown_is_never_a_delay")).scans] == [()]


def test_the_codes_of_express_and_of_paket_have_their_rows() -> None:
    express = (
        "AD AF AR BA BN BR CA CC CD CM CR CS DD DF DM DS FD HP IC MC MD MS ND NH OH OK PD PL PU RD RR RT "
        "SA SC SS TP TR UD WC"
    )
    paket = "AA AE AN BV DD EE ES GT LA NB PO VA ZF ZN ZO ZU"
    assert set(express.split()) <= EXPRESS_CODES.keys()
    assert set(paket.split()) == PARCEL_DE_CODES.keys()


def test_one_code_of_two_divisions_means_what_its_division_says() -> None:
    event = {"timestamp": "2026-11-19T09:00:00", "statusCode": "transit", "status": "PO"}
    told = {
        service: reading_of({"shipments": [{"id": "8800000130", "service": service, "events": [event]}]}).scans[0].stage
        for service in ("express", "parcel-de")
    }
    assert told == {"express": "in_transit", "parcel-de": "out_for_delivery"}


@pytest.mark.parametrize(
    ("wording", "told"),
    [
        ("Delivered - Signed for by: FICTIVE", "Delivered - Signed for by: ***"),
        ("Delivered - Signed by ANNA FICTIVE\nReception", "Delivered - Signed by ***"),
        ("Delivered - Signed for by", "Delivered - Signed for by"),
        ("Designed by nobody", "Designed by nobody"),
        (None, None),
    ],
)
def test_a_name_inside_the_words_stays_behind(wording: str | None, told: str | None) -> None:
    assert without_signer(wording) == told
    event = {"timestamp": "2026-11-19T09:00:00", "statusCode": "delivered", "description": wording}
    assert reading_of({"shipments": [{"id": "8800000131", "events": [event]}]}).scans[0].description == told


@pytest.mark.parametrize(
    ("service", "carrier"),
    [
        ("express", "dhl-express"), ("parcel-de", "dhl-parcel-de"), ("Parcel_UK", "dhl-parcel-uk"),
        ("ecommerce", "dhl-ecommerce"), ("freight", "dhl-freight"), ("post-de", "deutsche-post"), (None, "dhl"),
    ],
)  # fmt: skip
def test_a_service_is_a_carrier_of_its_own(service: str | None, carrier: str) -> None:
    assert carrier_name(service) == carrier


def test_a_piece_is_named_only_where_an_event_names_some_of_several() -> None:
    scans = reading_of(body_of("dhl/pieces_where_events_name_them")).scans
    told = [(scan.stage, scan.piece) for scan in scans if scan.kind == "scan"]
    assert told[:2] == [("in_transit", None), ("out_for_delivery", None)]
    assert {stage for stage, _ in told[2:]} == {"delivered"}
    assert {piece for _, piece in told[2:]} == {"JD0146000000000100", "JD0146000000000101"}
    assert len({scan.event_key for scan in scans}) == len(scans)


@pytest.mark.parametrize("signed_by", [{"name": "Testperson"}, {"familyName": "Testperson"}, "Testperson"])
def test_who_signed_stays_behind(signed_by: object) -> None:
    body = document(PUSH)
    only(body)["details"] = {"proofOfDelivery": {"signed": signed_by}}
    only(body)["events"][0]["status"] = "Delivered - signed for by: TESTPERSON"
    reading = reading_of(body)
    assert ("signature",) in [scan.pod for scan in reading.scans]
    assert "testperson" not in " ".join(scan.model_dump_json().lower() for scan in reading.scans)


@pytest.mark.parametrize(
    ("body", "ignored"),
    [
        ({"status": 404, "title": "No result found"}, "not_found"),
        ({"status": 429, "title": "Too many requests"}, "api_error"),
        ({"shipments": []}, "no_shipments"),
        ({"scope": "subscription.ready"}, "subscription"),
    ],
)
def test_what_names_no_parcel_is_ignored(body: object, ignored: str) -> None:
    assert reading_of(body) == Reading(ignored=ignored)


def test_masking_a_large_hostile_body_is_quick() -> None:
    for body in (
        b'"secret":"' + b"\\" * 250_000,
        b'"secret":' * 25_000,
        b'"secret"' + b" " * 250_000,
        b'"id":' * 50_000,
    ):
        DHL.mask(body)
        DHL.number(body)
