"""ShipEngine: whose signature is believed, where its carrier stands, and what its events say."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers import public_keys
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.shipengine import SHIPENGINE
from services.ingest.carriers.shipengine_codes import DETAILS, STATUSES, meaning_of, told_by_wording
from services.ingest.carriers.shipment import UNKNOWN_CARRIER
from tests.unit.ingest.rsa_keys import PRIVATE_KEYS, jwk_text, public_pem
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

BODY = body_of("shipengine/in_transit")
PRIVATE = SHIPENGINE.secret_key(PRIVATE_KEYS[0])
REQUEST = signed(SHIPENGINE, BODY, PRIVATE)
NAMES = ("x-shipengine-rsa-sha256-signature", "x-shipengine-rsa-sha256-key-id", "x-shipengine-timestamp")
KID = dict(REQUEST.headers)[b"x-shipengine-rsa-sha256-key-id"].decode()
PUBLISHED = SHIPENGINE.secret_key(jwk_text(PRIVATE_KEYS[0], KID))
#: As ShipEngine's SDKs list them, with those of its carrier API.
DOCUMENTED = (
    "COLLECTION_FAILED AWAITING_DESPATCH COLLECTION_REQUESTED DESPATCHED ELEC_ADVICE_RECD_BY_CARRIER "
    "NOT_YET_RECEIVED_BY_CARRIER COLLECTION_MADE ATTEMPTED_DELIVERY ATTEMPTED_DELIVERY_2ND ATTEMPTED_DELIVERY_3RD "
    "COD_AMOUNT_NOT_PAID COD_AMOUNT_PAID CUSTOMER_CARDED CUSTOMER_IDENTIFICATION_FAILED INVALID_METHOD_OF_PAYMENT "
    "NO_ACCESS_TO_RECIPIENTS_ADDRESS OUT_FOR_DELIVERY DELIVERED DELIVERED_DAMAGED DELIVERED_IN_PART "
    "DELIVERED_SPECIFIED_SAFE_PLACE DELIVERED_TO_ALTERNATIVE_DELIVERY_LOCATION DELIVERED_TO_NEIGHBOUR "
    "DELIVERED_TO_PO_BOX PARCEL_COLLECTED_FROM_PICKUP_POINT POST_TRANSIT_STATUS PROOF_OF_DELIVERY CANCELLED "
    "CANCELLED_BEFORE_DESPATCH CUSTOMER_MOVED HAZARDOUS_PROHIBITED NOT_COLLECTED_FROM_PICKUP_POINT NOT_DELIVERED "
    "NOT_DELIVERED_ADDRESSEE_DECEASED PARCEL_DAMAGED PARCEL_DISPOSED PARCEL_LOST PARCEL_OUTSIDE_OF_SERVICE_CAPABILITY "
    "REFUSED_BY_CUSTOMER RETURN_TO_SENDER ADDRESS_QUERY CARRIER_DELAYS CUSTOMS_CLEARED CUSTOMS_PROCESSING "
    "DELAYED_NOT_CARRIER DELIVERY_ARRANGED_WITH_RECIPIENT HELD_BY_CARRIER "
    "HELD_BY_CARRIER_FOR_CLEARANCE_PRE_PROCESSING HELD_BY_CUSTOMS HELD_BY_EXPORT_CUSTOMS HELD_BY_IMPORT_CUSTOMS "
    "HUB_SCAN_OUT IN_TRANSIT INCORRECT_DECLARATION INFORMATION MISSORTED PARCEL_OVER_LABELLED PARCEL_REPACKED "
    "PARCEL_UPDATE_NOTIFICATION_VIA_EMAIL PARCEL_UPDATE_NOTIFICATION_VIA_SMS RECEIVED_BY_CARRIER "
    "RECEIVED_LOCAL_DELIVERY_DEPOT ROUTING_ERROR SUB_CONTRACTOR_EVENT SUB_CONTRACTOR_RECEIVED "
    "RECD_BY_CARRIER_NO_ELEC_ADVICE AWAITING_ELECTRONIC_ADVICE AWAITING_COLLECTION_FROM_PICKUP_POINT "
    "COLLECT_AT_LOCAL_PO CUSTOMER_TO_COLLECT_FROM_CARRIER DELIVERED_TO_LOCKER_COLLECTION_POINT SHIPMENT_CREATED "
    "AWAITING_PICKUP_DROP_OFF DROPPED_OFF PICKED_UP HUB_SCAN_IN PARCEL_UPDATE_NOTIFICATION PARCEL_REDIRECTED "
    "DELIVERY_SCHEDULED HUB_PROCESSING DELIVERY_RESCHEDULED ATTEMPTED_DELIVERY_FINAL"
)


def with_header(name: str, value: str | None) -> Request:
    kept = tuple(pair for pair in REQUEST.headers if pair[0] != name.encode())
    added = () if value is None else ((name.encode(), value.encode("utf-8", "surrogateescape")),)
    return replace(REQUEST, headers=(*kept, *added))


def reading_of(body: dict[str, Any]) -> Reading:
    return read(SHIPENGINE, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))


def of_events(*events: object, **data: object) -> Reading:
    body = document("shipengine/in_transit")
    body["data"] |= {"events": list(events)} | data
    return reading_of(body)


class TestSignature:
    """RSA over `timestamp.body`, under the key that is named."""

    @pytest.mark.parametrize(
        "key", [PRIVATE, PUBLISHED, SHIPENGINE.secret_key(public_pem(PRIVATE_KEYS[0]))], ids=["private", "jwk", "pem"]
    )
    def test_every_form_of_the_key_that_signed_fits(self, key: bytes) -> None:
        assert SHIPENGINE.verify(REQUEST, [key], now=TOLD_AT)
        assert SHIPENGINE.verify(REQUEST, [SHIPENGINE.secret_key(PRIVATE_KEYS[1]), key], now=TOLD_AT)

    def test_another_key_another_body_and_no_key_are_refused(self) -> None:
        assert not SHIPENGINE.verify(REQUEST, [SHIPENGINE.secret_key(PRIVATE_KEYS[1])], now=TOLD_AT)
        assert not SHIPENGINE.verify(replace(REQUEST, body=BODY + b"\n"), [PUBLISHED], now=TOLD_AT)
        assert not SHIPENGINE.verify(REQUEST, [], now=TOLD_AT)
        assert not SHIPENGINE.verify(REQUEST, [b"no key at all"], now=TOLD_AT)

    def test_a_key_that_fits_under_another_name_is_refused(self) -> None:
        renamed = SHIPENGINE.secret_key(jwk_text(PRIVATE_KEYS[0], "another"))
        assert not SHIPENGINE.verify(REQUEST, [renamed], now=TOLD_AT)

    def test_it_is_good_for_five_minutes_both_ways(self) -> None:
        for seconds, good in ((0, True), (300, True), (-300, True), (301, False), (-301, False)):
            assert SHIPENGINE.verify(REQUEST, [PUBLISHED], now=TOLD_AT + timedelta(seconds=seconds)) is good

    @pytest.mark.parametrize("name", NAMES)
    def test_each_header_is_needed_once(self, name: str) -> None:
        assert not SHIPENGINE.verify(with_header(name, None), [PUBLISHED], now=TOLD_AT)
        doubled = (*REQUEST.headers, (name.encode(), dict(REQUEST.headers)[name.encode()]))
        assert not SHIPENGINE.verify(replace(REQUEST, headers=doubled), [PUBLISHED], now=TOLD_AT)

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize(
        "value", ["", "x", "=", "1", "\udcff\udcfe", "2026-11-21T10:00:05+00:00", "A" * 344, "A" * 5000]
    )
    def test_a_strange_header_is_refused(self, name: str, value: str) -> None:
        assert not SHIPENGINE.verify(with_header(name, value), [PUBLISHED], now=TOLD_AT)

    @pytest.mark.parametrize(
        "stamp", ["2026-11-21T10:00:05Z", "2026-11-21T10:00:05.1234567Z", "2026-11-21T11:00:05+01:00"]
    )
    def test_the_time_may_be_written_in_any_form_of_iso_8601(self, stamp: str) -> None:
        signature, kid = public_keys.rsa_signature(PRIVATE, stamp.encode(), b".", BODY)
        values = (base64.b64encode(signature).decode(), kid, stamp)
        headers = tuple((name.encode(), value.encode()) for name, value in zip(NAMES, values, strict=True))
        assert SHIPENGINE.verify(replace(REQUEST, headers=headers), [PUBLISHED], now=TOLD_AT)

    def test_a_public_key_signs_nothing(self) -> None:
        assert not SHIPENGINE.verify(signed(SHIPENGINE, BODY, PUBLISHED), [PUBLISHED], now=TOLD_AT)

    def test_the_key_id_is_known_before_the_key_is(self) -> None:
        assert SHIPENGINE.key_id(REQUEST) == KID
        assert SHIPENGINE.key_id(with_header(NAMES[1], "a b")) is None
        assert SHIPENGINE.key_id(with_header(NAMES[1], None)) is None


class TestCarrier:
    """Only the URL says who carries it, or not even that."""

    @pytest.mark.parametrize(
        ("url", "carrier"),
        [
            ("https://api.shipengine.com/v1/tracking?carrier_code=fedex&tracking_number=1", "fedex"),
            ("https://api.shipengine.com/v1/tracking?tracking_number=1&carrier_code=stamps_com", "usps"),
            ("https://api.shipengine.com/v1/tracking/usps/9400100000000000000017", "usps"),
            ("https://api.shipengine.com/v1/labels/se-1/track", UNKNOWN_CARRIER),
            ("https://api.shipengine.com/v1/tracking?carrier_code=", UNKNOWN_CARRIER),
            ("http://[", UNKNOWN_CARRIER),
            ("?" + "a=1&" * 50, UNKNOWN_CARRIER),
            (None, UNKNOWN_CARRIER),
            (7, UNKNOWN_CARRIER),
        ],
    )
    def test_it_is_found_in_the_query_or_in_the_path(self, url: object, carrier: str) -> None:
        body = document("shipengine/in_transit") | {"resource_url": url}
        body["data"]["tracking_number"] = "QX77120045"
        assert {scan.carrier for scan in reading_of(body).scans} == {carrier}

    def test_what_the_object_says_itself_wins(self) -> None:
        assert {scan.carrier for scan in of_events(carrier_code="dhl_express").scans} == {"dhl-express"}

    def test_an_event_of_nobody_knows_whom_is_never_lost(self) -> None:
        reading = reading_of(document("shipengine/bare_object_of_nobody_knows_whom"))
        assert {scan.key for scan in reading.scans} == {"unknown:QX77120045"}
        assert reading.problems == ()


class TestMeaning:
    """The tables."""

    def test_every_documented_code_has_its_row(self) -> None:
        assert set(STATUSES) == {"UN", "AC", "IT", "DE", "EX", "AT", "NY", "SP"}
        assert set(DOCUMENTED.split()) == set(DETAILS)

    @pytest.mark.parametrize(
        ("status", "detail", "stage", "conditions"),
        [
            ("SP", None, "available_for_pickup", ()),
            ("NY", None, "announced", ()),
            ("UN", None, None, ()),
            ("IT", "OUT_FOR_DELIVERY", "out_for_delivery", ()),
            ("IT", "CARRIER_DELAYS", "in_transit", ("delayed",)),
            ("EX", "CARRIER_DELAYS", None, ("delayed",)),
            ("EX", "PARCEL_DAMAGED", None, ("damaged",)),
            ("EX", "PARCEL_LOST", "lost", ()),
            ("IT", "INFORMATION", None, ()),
            ("DE", "POST_TRANSIT_STATUS", "delivered", ()),
            ("DE", "OUT_FOR_DELIVERY", "delivered", ()),
            ("DE", "DELIVERED_TO_LOCKER_COLLECTION_POINT", "available_for_pickup", ()),
            ("DE", "DELIVERED_IN_PART", None, ()),
        ],
    )
    def test_what_a_detail_adds(self, status: str, detail: str | None, stage: str | None, conditions: Any) -> None:
        meaning = meaning_of(status, detail, wording=None)
        assert (meaning.stage, meaning.sets) == (stage, conditions)

    @pytest.mark.parametrize("detail", ["CARRIER_STATUS_NOT_MAPPED", "BRAND_NEW"])
    def test_a_status_whose_detail_nobody_knows_keeps_its_stage_and_wants_a_row(self, detail: str) -> None:
        meaning = meaning_of("IT", detail, wording="Out for delivery")
        assert (meaning.stage, meaning.substatus) == ("in_transit", "unmapped")

    @pytest.mark.parametrize(
        ("status", "wording", "stage", "leg"),
        [
            ("AC", "Shipping Label Created, USPS Awaiting Item", "announced", "outbound"),
            ("AC", "Origin Scan", "accepted", "outbound"),
            ("AC", "Picked Up by Shipping Partner, USPS Awaiting Item", "accepted", "outbound"),
            ("EX", "Being returned to shipper", "in_transit", "return"),
            ("DE", "Delivered to original sender", "returned", "return"),
            ("IT", "Out For Delivery Today", "out_for_delivery", "outbound"),
            ("IT", "On FedEx vehicle for delivery", "out_for_delivery", "outbound"),
            ("IT", "Individual picked up at post office", "in_transit", "outbound"),
        ],
    )
    def test_wording_refines_where_there_is_no_detail(self, status: str, wording: str, stage: str, leg: str) -> None:
        meaning = meaning_of(status, None, wording=wording)
        assert (meaning.stage, meaning.leg) == (stage, leg)

    def test_a_text_without_any_code_that_says_nothing_sure_means_nothing(self) -> None:
        assert told_by_wording("Grid event 7") is None
        assert told_by_wording(None) is None


EVENT: Final = {
    "occurred_at": "2026-11-20T17:30:00Z",
    "event_code": "IT",
    "description": "In Transit",
    "city_locality": "X",
}


class TestEvents:
    """The events of a tracking object."""

    def test_the_codes_of_the_object_are_shown_at_the_newest_event_and_are_no_part_of_its_identity(self) -> None:
        older = EVENT | {"occurred_at": "2026-11-19T17:30:00Z"}
        before = of_events(older, status_code="IT", carrier_status_code="NT").scans[0]
        after, newest = of_events(EVENT, older, status_code="IT", carrier_status_code="OF").scans[:2]
        assert (before.raw_code, after.raw_code, newest.raw_code) == ("IT/NT", "IT", "IT/OF")
        assert before.event_key == after.event_key

    def test_an_event_without_codes_takes_the_status_of_the_object_only_where_it_is_the_newest(self) -> None:
        bare = {"event_date": "2026-11-20T17:30:00Z", "description": "Grid event 7"}
        scans = of_events(bare, bare | {"event_date": "2026-11-19T17:30:00Z"}, status_code="IT").scans
        assert [(scan.stage, scan.substatus) for scan in scans if scan.kind == "scan"] == [
            (None, "unmapped"),
            ("in_transit", "processed"),
        ]

    def test_an_odd_scan_after_the_delivery_is_not_another_delivery(self) -> None:
        scans = reading_of(document("shipengine/delivered_with_a_later_odd_scan")).scans
        assert [(scan.kind, scan.stage) for scan in scans] == [
            ("scan", "delivered"),
            ("scan", "in_transit"),
            ("summary", "delivered"),
        ]

    def test_the_wall_clock_is_the_carriers_and_the_instant_is_as_told(self) -> None:
        (scan, *_) = of_events(EVENT | {"carrier_occurred_at": "2026-11-20T09:30:00"}).scans
        assert scan.occurred_at.isoformat() == "2026-11-20T09:30:00-08:00"
        assert scan.occurred_at_text == "2026-11-20T17:30:00Z 2026-11-20T09:30:00"

    def test_a_wall_clock_of_exactly_midnight_is_a_day(self) -> None:
        event = EVENT | {"occurred_at": "2026-11-20T05:00:00Z", "carrier_occurred_at": "2026-11-20T00:00:00"}
        assert of_events(event).scans[0].time_precision == "day"

    def test_one_instant_in_other_words_is_one_scan(self) -> None:
        times = ("2026-11-20T17:30:00Z", "2026-11-20T17:30:00.734Z", "2026-11-20T17:30:00", "2026-11-20T18:30:00+01:00")
        events = (EVENT | {"occurred_at": at, "description": at, "status_code": "IT"} for at in times)
        assert len({of_events(event).scans[0].event_key for event in events}) == 1

    def test_who_signed_stays_behind(self) -> None:
        reading = reading_of(document("shipengine/service_point_then_signed"))
        assert [scan.pod for scan in reading.scans if scan.kind == "scan"] == [(), ("signature",)]
        assert all("sampleperson" not in scan.model_dump_json().lower() for scan in reading.scans)

    @pytest.mark.parametrize(
        ("status", "detail", "days"),
        [
            ("IT", None, ["2026-11-24"]),
            ("EX", None, ["2026-11-24"]),
            ("DE", None, []),
            ("SP", None, []),
            ("EX", "RETURN_TO_SENDER", []),
        ],
    )
    def test_an_estimate_stands_while_something_is_to_come(
        self, status: str, detail: str | None, days: list[str]
    ) -> None:
        told = of_events(status_code=status, status_detail_code=detail, estimated_delivery_date="2026-11-24T00:00:00")
        windows = [scan.window for scan in told.scans if scan.window is not None]
        assert [window.day.isoformat() for window in windows if window.day is not None] == days

    @pytest.mark.parametrize("topic", ["API_BATCH", "API_RATE", "API_REPORT_COMPLETE", "LABEL_CREATED_V2"])
    def test_a_body_about_anything_else_is_ignored(self, topic: str) -> None:
        assert reading_of(document("shipengine/in_transit") | {"resource_type": topic}).ignored == "not_a_tracker"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
            max_leaves=8,
        )
    )
    def test_no_object_of_any_shape_stops_the_reader(self, value: Any) -> None:
        for name in ("events", "status_code", "estimated_delivery_date", "carrier_code", "tracking_number"):
            for problem in of_events(**{name: value}).problems:
                assert problem.reason != "parser_failed"
        assert all(problem.reason != "parser_failed" for problem in of_events(value, EVENT).problems)
