"""Sendcloud: one status per body, parcels before they have a number, ids against names, and keys in bodies."""

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.sendcloud import SENDCLOUD
from services.ingest.carriers.sendcloud_codes import STATUSES, id_of, meaning_of
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

DELIVERED = "sendcloud/delivered"


def reading_of(body: object) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(SENDCLOUD, Webhook(body=raw, told_at=TOLD_AT))


def changed(**fields: object) -> Reading:
    body = document(DELIVERED)
    body["parcel"].update(fields)
    return reading_of(body)


def test_the_example_that_sendcloud_publishes_is_accepted() -> None:
    signature = b"1eed4b3d41f4653ac64fd56f1bf1cbfd349e4482cbc11dff7134bd93e5da4b0a"
    request = Request(method="POST", path="/", headers=((b"sendcloud-signature", signature),), body=b'{"key": "value"}')
    key = SENDCLOUD.secret_key("secretkey")
    assert SENDCLOUD.verify(request, [key], now=TOLD_AT)
    assert SENDCLOUD.verify(
        replace(request, headers=((b"sendcloud-signature", signature.upper()),)), [key], now=TOLD_AT
    )
    assert not SENDCLOUD.verify(replace(request, body=b'{"key":"value"}'), [key], now=TOLD_AT)


def test_every_integration_signs_with_its_own_secret() -> None:
    keys = [SENDCLOUD.secret_key(secret) for secret in ("of one shop", "of another", "webhook signature key")]
    for key in keys:
        assert SENDCLOUD.verify(signed(SENDCLOUD, b"{}", key), keys, now=TOLD_AT)
    assert not SENDCLOUD.verify(signed(SENDCLOUD, b"{}", keys[0]), keys[1:], now=TOLD_AT)
    assert not SENDCLOUD.verify(signed(SENDCLOUD, b"{}", keys[0]), [], now=TOLD_AT)


@pytest.mark.parametrize("sent", [b"", b"x", b"\xff", b"0" * 64, b"0" * 5000])
def test_another_signature_is_refused_without_an_error(sent: bytes) -> None:
    request = Request(method="POST", path="/", headers=((b"sendcloud-signature", sent),), body=b"{}")
    assert not SENDCLOUD.verify(request, [SENDCLOUD.secret_key("token")], now=TOLD_AT)
    assert not SENDCLOUD.verify(replace(request, headers=()), [SENDCLOUD.secret_key("token")], now=TOLD_AT)


def test_a_repeated_header_is_refused() -> None:
    key = SENDCLOUD.secret_key("token")
    signature = hmac.new(b"token", b"{}", hashlib.sha256).hexdigest().encode()
    pair = (b"sendcloud-signature", signature)
    assert SENDCLOUD.verify(Request(method="POST", path="/", headers=(pair,), body=b"{}"), [key], now=TOLD_AT)
    assert not SENDCLOUD.verify(Request(method="POST", path="/", headers=(pair, pair), body=b"{}"), [key], now=TOLD_AT)


def test_a_parcel_without_a_number_is_known_by_its_reference_and_keeps_it() -> None:
    (before,) = reading_of(body_of("sendcloud/ready_to_send_without_a_number")).scans
    (after,) = reading_of(body_of("sendcloud/the_same_parcel_with_its_number")).scans
    assert (before.number, before.key) == (None, "ref:sendcloud:30011")
    assert (after.number, after.key) == ("3STEST0000011", "postnl:3STEST0000011")
    assert before.references == after.references == {"sendcloud": "30011"}


def test_a_scan_is_the_same_before_and_after_its_parcel_has_a_number() -> None:
    (told,) = changed().scans
    (unnumbered,) = changed(tracking_number=False).scans
    assert told.event_key == unnumbered.event_key
    (other,) = changed(id=1).scans
    assert told.event_key != other.event_key


def test_a_carriers_own_time_stands_before_the_time_of_the_message() -> None:
    body = document(DELIVERED)
    (told,) = reading_of(body).scans
    body["timestamp"] += 60_000
    (again,) = reading_of(body).scans
    assert told.event_key == again.event_key
    body["carrier_status_change_timestamp"] = None
    (by_message,) = reading_of(body).scans
    assert by_message.event_key != told.event_key
    assert by_message.occurred_at > told.occurred_at


@pytest.mark.parametrize("written", [1795251605, 1795251605000, "1795251605000"])
def test_seconds_and_milliseconds_are_told_apart(written: object) -> None:
    body = document(DELIVERED) | {"carrier_status_change_timestamp": None, "timestamp": written}
    (scan,) = reading_of(body).scans
    assert scan.occurred_at.isoformat() == "2026-11-21T09:00:05+00:00"


@pytest.mark.parametrize("written", [None, "", "soon", -1, 0, True, 10**30, 1.5])
def test_a_message_without_a_time_is_set_aside(written: object) -> None:
    body = document(DELIVERED) | {"carrier_status_change_timestamp": None, "timestamp": written}
    reading = reading_of(body)
    assert reading.scans == ()
    assert [problem.reason for problem in reading.problems] == ["bad_scan"]


def test_a_history_tells_the_same_scan_as_the_webhook() -> None:
    (pushed,) = reading_of(body_of("sendcloud/picked_up_at_the_carriers_time")).scans
    body = document("sendcloud/history_of_the_tracking_api")
    body["statuses"] = [body["statuses"][0] | {"carrier_update_timestamp": "2026-11-20T17:30:00+00:00"}]
    assert reading_of(body).scans[0].event_key == pushed.event_key
    body["statuses"][0]["carrier_update_timestamp"] = "2026-11-20T17:30:00"
    assert reading_of(body).scans[0].event_key == pushed.event_key


def test_a_parcel_object_is_what_is_said_of_the_parcel_now_and_never_a_scan() -> None:
    (summary,) = reading_of(body_of("sendcloud/parcel_object_of_the_api")).scans
    assert (summary.kind, summary.occurred_at_text) == ("summary", "18-11-2026 10:01:02")
    body = document("sendcloud/parcel_object_of_the_api")
    page = reading_of({"next": None, "parcels": [body["parcel"], {"status": {"id": 11}}]})
    assert page.scans == (summary,)
    assert [problem.reason for problem in page.problems] == ["no_number"]


@pytest.mark.parametrize("written", ["31-02-2026 10:00:00", "soon", None, False])
def test_a_date_that_is_none_leaves_the_time_we_were_told(written: object) -> None:
    body = document("sendcloud/parcel_object_of_the_api")
    body["parcel"]["date_updated"] = written
    assert [scan.occurred_at for scan in reading_of(body).scans] == [TOLD_AT]


@pytest.mark.parametrize(
    ("number", "name", "stage", "substatus"),
    [
        ("0", "Ready to send", "announced", "label_created"),
        ("1", "Ready to send", "announced", "label_created"),
        ("3", "En route to sorting center", "in_transit", "processed"),
        ("3", "Delivered", None, "unmapped"),
        ("3", "Something", None, "unmapped"),
        ("12", "Returned", None, "unmapped"),
        ("11", None, "delivered", "to_recipient"),
        ("11", "Bezorgd", "delivered", "unmapped"),
        ("62992", "Returned to sender", "returned", "received_by_sender"),
        ("1999", "Cancellation requested", None, "informational"),
        ("2000", "Cancelled", "cancelled", "label_voided"),
        ("1337", None, None, "informational"),
        ("2", "Delivered", None, "unmapped"),
        (None, None, None, "unmapped"),
    ],
)
def test_a_status_is_its_id_with_its_name_as_a_check(
    number: str | None, name: str | None, stage: str | None, substatus: str | None
) -> None:
    meaning = meaning_of(number, name)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


def test_every_name_leads_back_to_a_status_that_means_the_same() -> None:
    for number, status in STATUSES.items():
        for name in status.names:
            assert meaning_of(number, name) == status.says
            assert meaning_of(id_of(name.replace(" ", "-").lower()), name) == status.says


def test_what_a_return_label_delivers_has_come_back() -> None:
    (scan,) = reading_of(body_of("sendcloud/return_label_delivered")).scans
    assert (scan.stage, scan.leg) == ("returned", "return")
    assert changed(is_return="false").scans[0].leg == "outbound"


@pytest.mark.parametrize(
    ("number", "link", "carrier"),
    [
        ("SHOP-1001", None, "unknown"),
        ("SHOP-1001", "https://tracking.example/forward?carrier=postnl&code=SHOP-1001", "postnl"),
        ("SHOP-1001", "https://tracking.example/forward?code=SHOP-1001&carrier=postnl", "postnl"),
        ("SHOP-1001", "https://tracking.example/forward?carrier=%2E", "unknown"),
        ("1Z999AA10123456784", None, "ups"),
    ],
)
def test_a_number_without_a_carrier_is_the_links_or_the_only_one_it_can_be_of(
    number: str, link: str | None, carrier: str
) -> None:
    (scan,) = changed(carrier=None, tracking_number=number, tracking_url=link).scans
    assert (scan.number, scan.carrier, scan.references) == (number, carrier, {"sendcloud": "30011"})


def test_a_parcel_without_a_number_needs_no_carrier() -> None:
    (scan,) = changed(carrier=None, tracking_number=False).scans
    assert (scan.number, scan.carrier, scan.key) == (None, "sendcloud", "ref:sendcloud:30011")


@pytest.mark.parametrize("action", ["integration_updated", "integration_deleted", "refund_requested", "test_webhook"])
def test_messages_about_anything_else_are_ignored(action: str) -> None:
    assert reading_of({"action": action, "timestamp": 1}) == Reading(ignored="not_a_parcel_status")


def test_the_keys_of_an_integration_never_reach_kafka() -> None:
    body = body_of("sendcloud/integration_credentials_are_ignored")
    masked: dict[str, Any] = json.loads(SENDCLOUD.mask(body))
    assert masked["integration"] == {"id": 7, "public_key": "an-invented-key", "secret_key": ""}
    assert reading_of(SENDCLOUD.mask(body)) == reading_of(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"secret_key":"hidden"}',
        b'{"a":[{"Secret_Key":{"b":"hidden"}}]}',
        b'{"\\u0073ecret_key":"hidden"}',
        b'{"s\\u0065cret_key":"hidden"}',
        b'{"secret_key":"hidden',
        b'{"\\u0073ecret_key":"hidden',
    ],
)
def test_a_key_is_hidden_however_it_is_written(body: bytes) -> None:
    assert b"hidden" not in SENDCLOUD.mask(body)


def test_masking_changes_no_other_body() -> None:
    for case in ("sendcloud/delivered", "sendcloud/picked_up_at_the_carriers_time"):
        assert SENDCLOUD.mask(body_of(case)) == body_of(case)
