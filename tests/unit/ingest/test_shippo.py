"""Shippo: who may tell us something, and what its statuses, sub-statuses and texts say."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.shippo import SHIPPO
from services.ingest.carriers.shippo_codes import KNOWN_SUBSTATUSES, STATUSES, SUBSTATUSES, meaning_of
from services.ingest.http import _request
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

BODY = body_of("shippo/old_shape_delivered")
KEY = SHIPPO.secret_key("a secret that they mailed")
TOKEN = "t0ken of +20 chars/&="
TOKEN_KEY = SHIPPO.secret_key(f"token:{TOKEN}")
IN_URL = b"token=t0ken%20of%20%2B20%20chars%2F%26%3D"
#: As Shippo's tracking guide lists them.
DOCUMENTED = {
    "PRE_TRANSIT": "information_received",
    "TRANSIT": (
        "address_issue contact_carrier delayed delivery_attempted delivery_rescheduled delivery_scheduled "
        "location_inaccessible notice_left out_for_delivery package_accepted package_arrived package_damaged "
        "package_departed package_forwarded package_held package_processed package_processing pickup_available "
        "reschedule_delivery"
    ),
    "DELIVERED": "delivered",
    "RETURNED": "return_to_sender package_unclaimed",
    "FAILURE": "package_undeliverable package_disposed package_lost",
    "UNKNOWN": "other",
}


def with_header(value: str, *, body: bytes = BODY, times: int = 1) -> Request:
    headers = ((b"shippo-auth-signature", value.encode("utf-8", "surrogateescape")),) * times
    return Request(method="POST", path="/webhooks/shippo", headers=headers, body=body)


def with_query(query: bytes) -> Request:
    return Request(method="POST", path="/webhooks/shippo", headers=(), body=BODY, query=query)


def header_of(**parts: str) -> str:
    sent = dict(signed(SHIPPO, BODY, KEY).headers)[b"shippo-auth-signature"].decode()
    return ",".join(
        f"{name}={value}" for name, value in (dict(one.split("=") for one in sent.split(",")) | parts).items()
    )


def changed(**fields: object) -> Reading:
    body = document("shippo/old_shape_delivered")
    body["data"].update(fields)
    return read(SHIPPO, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))


def _nested(children: Any) -> Any:
    return st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3)


class TestSignature:
    """`t=...,v1=...` over `time.body`."""

    def test_it_is_the_hmac_of_the_time_a_dot_and_the_bytes(self) -> None:
        stamp = str(int(TOLD_AT.timestamp()))
        digest = hmac.new(KEY, f"{stamp}.".encode() + BODY, hashlib.sha256).hexdigest()
        for sent in (
            f"t={stamp},v1={digest}",
            f"t={stamp}, v1={digest.upper()}",
            f"t={stamp},v1={'0' * 64},v1={digest}",
        ):
            assert SHIPPO.verify(with_header(sent), [KEY], now=TOLD_AT)
        assert not SHIPPO.verify(with_header(f"t={stamp},v1={digest}", body=BODY + b" "), [KEY], now=TOLD_AT)
        assert not SHIPPO.verify(with_header(f"t={stamp},v1={digest}"), [b"another"], now=TOLD_AT)

    def test_it_is_good_for_five_minutes_both_ways(self) -> None:
        request = signed(SHIPPO, BODY, KEY)
        for seconds, good in ((0, True), (299, True), (-299, True), (301, False), (-301, False)):
            assert (
                SHIPPO.verify(request, [KEY], now=TOLD_AT.replace(microsecond=0) + timedelta(seconds=seconds)) is good
            )

    @pytest.mark.parametrize("stamp", ["", "-1", "NaN", "1e300", "1795255205000", "\u0661", "2026-11-21T10:00:05Z"])
    def test_a_strange_time_is_refused(self, stamp: str) -> None:
        digest = hmac.new(KEY, stamp.encode() + b"." + BODY, hashlib.sha256).hexdigest()
        assert not SHIPPO.verify(with_header(f"t={stamp},v1={digest}"), [KEY], now=TOLD_AT)

    @pytest.mark.parametrize("sent", ["", "v1", "t=,v1=", ",,,,", "t=1,t=1", "v1=x", "\udcff", "t=1" * 2000])
    def test_a_strange_header_is_refused(self, sent: str) -> None:
        assert not SHIPPO.verify(with_header(sent), [KEY], now=TOLD_AT)

    def test_a_time_that_stands_twice_and_a_header_that_stands_twice_are_refused(self) -> None:
        good = header_of()
        assert SHIPPO.verify(with_header(good), [KEY], now=TOLD_AT)
        assert not SHIPPO.verify(with_header(f"t=1,{good}"), [KEY], now=TOLD_AT)
        assert not SHIPPO.verify(with_header(good, times=2), [KEY], now=TOLD_AT)

    def test_a_signature_behind_many_others_is_not_looked_for(self) -> None:
        stamp, fitting = header_of().split(",")
        assert not SHIPPO.verify(with_header(",".join([stamp, *["v1=00"] * 9, fitting])), [KEY], now=TOLD_AT)


class TestToken:
    """`?token=` in the URL."""

    def test_the_token_in_the_url_is_enough_and_is_read_as_a_url_is_written(self) -> None:
        assert SHIPPO.verify(with_query(IN_URL), [TOKEN_KEY], now=TOLD_AT)
        assert SHIPPO.verify(with_query(b"a=1&" + IN_URL + b"&b=2"), [KEY, TOKEN_KEY], now=TOLD_AT)

    @pytest.mark.parametrize(
        "query",
        [
            b"",
            b"token=",
            b"token",
            b"TOKEN=" + IN_URL[6:],
            IN_URL + b"x",
            IN_URL + b"&" + IN_URL,
            b"token=%",
            b"x" * 9999,
        ],
    )
    def test_any_other_query_is_refused(self, query: bytes) -> None:
        assert not SHIPPO.verify(with_query(query), [TOKEN_KEY], now=TOLD_AT)

    def test_a_signing_secret_in_the_url_is_no_token(self) -> None:
        assert not SHIPPO.verify(with_query(b"token=a%20secret%20that%20they%20mailed"), [KEY], now=TOLD_AT)
        assert not SHIPPO.verify(with_query(b"token="), [], now=TOLD_AT)

    def test_both_are_accepted_side_by_side_while_they_switch_the_signature_on(self) -> None:
        keys = [KEY, TOKEN_KEY]
        assert SHIPPO.verify(signed(SHIPPO, BODY, KEY), keys, now=TOLD_AT)
        assert SHIPPO.verify(with_query(IN_URL), keys, now=TOLD_AT + timedelta(days=1))

    @pytest.mark.parametrize("secret", ["token:", "token:123abc"])
    def test_a_token_that_could_be_guessed_is_no_secret(self, secret: str) -> None:
        with pytest.raises(ValueError, match="secret"):
            SHIPPO.secret_key(secret)

    def test_the_token_is_never_shown(self) -> None:
        assert "t0ken" not in repr(with_query(IN_URL))

    def test_the_route_hands_over_the_query(self) -> None:
        scope = {"method": "POST", "path": "/webhooks/shippo", "raw_path": b"/webhooks/shippo", "headers": []}
        assert _request(scope | {"query_string": IN_URL}, BODY).query == IN_URL
        assert _request(scope, BODY).query == b""


class TestMeaning:
    """The tables."""

    def test_every_documented_code_has_its_row(self) -> None:
        assert set(STATUSES) == set(DOCUMENTED)
        for status, codes in DOCUMENTED.items():
            assert set(codes.split()) <= set(SUBSTATUSES[status])
        assert {code for codes in DOCUMENTED.values() for code in codes.split()} == KNOWN_SUBSTATUSES

    @pytest.mark.parametrize(
        ("status", "substatus", "stage", "substatus_of_ours"),
        [
            ("TRANSIT", "out_for_delivery", "out_for_delivery", "on_vehicle"),
            ("TRANSIT", "delivery_attempted", "attempted", "nobody_home"),
            ("TRANSIT", "pickup_available", "available_for_pickup", None),
            ("TRANSIT", "package_accepted", "accepted", "picked_up"),
            ("TRANSIT", "delivery_rescheduled", "in_transit", "rescheduled"),
            ("TRANSIT", "brand_new", "in_transit", "unmapped"),
            ("DELIVERED", "brand_new", "delivered", "unmapped"),
            ("UNKNOWN", None, None, "informational"),
            ("IN_CUSTOMS", None, None, "unmapped"),
        ],
    )
    def test_what_a_code_means(
        self, status: str, substatus: str | None, stage: str | None, substatus_of_ours: str | None
    ) -> None:
        meaning = meaning_of(status, substatus, wording=None)
        assert (meaning.stage, meaning.substatus) == (stage, substatus_of_ours)

    @given(status=st.sampled_from(sorted(STATUSES)), substatus=st.sampled_from(sorted(KNOWN_SUBSTATUSES)))
    def test_a_substatus_of_another_status_never_wins(self, status: str, substatus: str) -> None:
        if substatus not in SUBSTATUSES[status]:
            assert meaning_of(status, substatus, wording=None) == STATUSES[status]

    @pytest.mark.parametrize(
        ("status", "wording", "stage"),
        [
            ("RETURNED", "Your shipment has been returned to the original sender.", "in_transit"),
            ("RETURNED", "Delivered, to original sender", "returned"),
            ("DELIVERED", "Delivered to sender", "returned"),
            ("DELIVERED", "Delivered to an access point", "available_for_pickup"),
            ("TRANSIT", "It will be out for delivery tomorrow", "in_transit"),
            ("TRANSIT", "Shipping information received", "announced"),
            ("TRANSIT", "Departed Shipping Partner Facility, USPS Awaiting Item", "in_transit"),
            ("TRANSIT", "Your shipment has been accepted.", "accepted"),
            ("TRANSIT", "Available for pickup at the post office", "available_for_pickup"),
            ("FAILURE", "Returning to sender", "in_transit"),
            ("FAILURE", "The parcel is lost", "lost"),
            ("FAILURE", "Something is wrong", None),
        ],
    )
    def test_wording_refines_only_where_there_is_no_substatus(
        self, status: str, wording: str, stage: str | None
    ) -> None:
        assert meaning_of(status, None, wording=wording).stage == stage

    def test_a_return_is_on_the_return_leg_until_somebody_received_it(self) -> None:
        assert meaning_of("RETURNED", "return_to_sender", wording="On its way back").leg == "return"
        assert meaning_of("RETURNED", "return_to_sender", wording="Received by shipper").stage == "returned"


class TestTrack:
    """The Track object."""

    def test_new_object_ids_at_every_read_make_no_new_scans(self) -> None:
        body = document("shippo/old_shape_delivered")
        again = json.loads(json.dumps(body))
        for number, entry in enumerate(again["data"]["tracking_history"]):
            entry |= {
                "object_id": f"new{number}",
                "object_created": "2026-11-21T09:00:00Z",
                "status_details": "Reworded.",
            }
        first, second = (
            read(SHIPPO, Webhook(body=json.dumps(one).encode(), told_at=TOLD_AT)).scans for one in (body, again)
        )
        assert [scan.event_key for scan in first if scan.kind == "scan"] == [
            scan.event_key for scan in second if scan.kind == "scan"
        ]

    def test_the_same_scan_is_one_with_and_without_the_letter_of_utc(self) -> None:
        entry = {"status": "TRANSIT", "status_details": "x", "substatus": {"code": "package_departed"}}
        keys = {
            changed(tracking_history=[entry | {"status_date": at}]).scans[0].event_key
            for at in ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00.586", "2026-11-20T12:00:00+02:00")
        }
        assert len(keys) == 1

    def test_a_time_without_a_zone_is_utc_and_kept_as_it_was_sent(self) -> None:
        entry = {"status": "TRANSIT", "status_date": "2026-11-20T10:00:00"}
        (scan, *_) = changed(tracking_history=[entry]).scans
        assert (scan.time_kind, scan.occurred_at_text) == ("utc", "2026-11-20T10:00:00")

    def test_a_purged_number_says_nothing_beside_its_history(self) -> None:
        purged = {"status": "PRE_TRANSIT", "status_date": "2026-11-21T00:00:00Z"}
        assert [scan.kind for scan in changed(tracking_status=purged, eta=None).scans] == ["scan"] * 6

    @pytest.mark.parametrize("track_status", [None, "DELIVERED", [], {}, {"status": 7}, {"status": "NEW"}])
    def test_a_status_that_says_nothing_makes_no_summary(self, track_status: object) -> None:
        assert "summary" not in {scan.kind for scan in changed(tracking_status=track_status).scans}

    def test_an_estimate_stands_until_it_is_delivered_or_comes_back(self) -> None:
        for status, expected in (("TRANSIT", True), ("FAILURE", True), ("DELIVERED", False), ("RETURNED", False)):
            current = {"status": status, "status_date": "2026-11-18T10:00:00Z"}
            scans = changed(tracking_status=current, eta="2026-11-19T00:00:00Z").scans
            days = [scan.window.day.isoformat() for scan in scans if scan.window is not None and scan.window.day]
            assert days == (["2026-11-19"] if expected else [])

    def test_a_test_is_read_only_where_a_setting_allows_it(self) -> None:
        for case in ("test_mode_is_ignored", "test_number_is_ignored"):
            body = body_of(f"shippo/{case}")
            assert read(SHIPPO, Webhook(body=body, told_at=TOLD_AT)) == Reading(ignored="test_mode")
            assert read(SHIPPO, Webhook(body=body, told_at=TOLD_AT, allow_test=True)).scans

    def test_a_carrier_that_stands_beside_the_track_counts_where_the_track_names_none(self) -> None:
        body = document("shippo/test_webhook_names_its_carrier_outside")
        scans = read(SHIPPO, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT, allow_test=True)).scans
        assert {scan.key for scan in scans} == {"shippo:SHIPPO_DELIVERED"}
        body["data"]["carrier"] = "ups"
        scans = read(SHIPPO, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT, allow_test=True)).scans
        assert {scan.carrier for scan in scans} == {"ups"}

    def test_a_track_of_nobody_knows_whom_is_never_lost(self) -> None:
        assert {scan.key for scan in changed(carrier=None, tracking_number="QX77120045").scans} == {
            "unknown:QX77120045"
        }

    @pytest.mark.parametrize("number", ["SHIPPO_DELIVERED", "shippo_transit"])
    def test_a_documented_test_number_is_a_test_under_any_carrier(self, number: str) -> None:
        assert changed(tracking_number=number).ignored == "test_mode"

    @given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), _nested, max_leaves=8))
    def test_no_track_of_any_shape_stops_the_reader(self, value: Any) -> None:
        for name in ("tracking_history", "tracking_status", "eta", "carrier", "tracking_number"):
            for problem in changed(**{name: value}).problems:
                assert problem.reason != "parser_failed"


def test_a_replaced_body_is_refused_under_the_old_signature() -> None:
    assert not SHIPPO.verify(replace(signed(SHIPPO, BODY, KEY), body=b"{}"), [KEY], now=TOLD_AT)
