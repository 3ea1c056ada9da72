"""UPS: who is believed, what each trap of its messages says, and where its photos are found."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.carriers import ups_tokens
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.ups import UPS
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

EVENT = "ups/v2_out_for_delivery_with_hours"
V1, V2 = b"an opaque credential", b"client-1:the client's secret"


def reading_of(body: object, *, allow_test: bool = False) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(UPS, Webhook(body=raw, told_at=TOLD_AT, allow_test=allow_test))


def changed(status: dict[str, object] | None = None, **fields: object) -> Reading:
    body = document(EVENT)
    body["activityStatus"].update(status or {})
    return reading_of(body | fields)


# --- who is believed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [V1, V2])
def test_a_credential_and_a_token_are_believed_under_any_active_secret(key: bytes) -> None:
    request = signed(UPS, b"{}", key)
    assert UPS.verify(request, [b"newer:secret", key], now=TOLD_AT)
    assert not UPS.verify(request, [b"newer:secret"], now=TOLD_AT)
    assert not UPS.verify(request, [], now=TOLD_AT)


def without(request: Request, name: bytes) -> Request:
    return replace(request, headers=tuple(pair for pair in request.headers if pair[0] != name))


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key"])
def test_a_token_needs_its_client_id_and_each_header_once(name: bytes) -> None:
    request = signed(UPS, b"{}", V2)
    (sent,) = [pair for pair in request.headers if pair[0] == name]
    assert not UPS.verify(without(request, name), [V2], now=TOLD_AT)
    assert not UPS.verify(replace(request, headers=(*request.headers, sent)), [V2], now=TOLD_AT)
    changed_one = replace(without(request, name), headers=(*without(request, name).headers, (name, sent[1] + b"x")))
    assert not UPS.verify(changed_one, [V2], now=TOLD_AT)


def test_a_token_is_good_for_an_hour_and_for_nobody_elses_client() -> None:
    request = signed(UPS, b"{}", V2)
    assert UPS.verify(request, [V2], now=TOLD_AT + timedelta(minutes=59))
    assert not UPS.verify(request, [V2], now=TOLD_AT + timedelta(hours=1))
    assert not UPS.verify(request, [b"client-2:the client's secret"], now=TOLD_AT)
    assert not UPS.verify(request, [b"client-1:another secret"], now=TOLD_AT)


def test_a_later_expiry_written_into_a_token_spoils_it() -> None:
    expiry, _, mac = ups_tokens.issue(V2, at=TOLD_AT).partition(".")
    later = f"Bearer {int(expiry) + 60}.{mac}".encode()
    assert not ups_tokens.fits(later, b"client-1", [V2], now=TOLD_AT)
    assert ups_tokens.fits(f"bearer {expiry}.{mac}".encode(), b"client-1", [V2], now=TOLD_AT)
    assert not ups_tokens.fits(f"Basic {expiry}.{mac}".encode(), b"client-1", [V2], now=TOLD_AT)


def test_a_credential_without_a_client_id_issues_no_token() -> None:
    token = ups_tokens.issue(V1, at=TOLD_AT)
    for client in (None, b"", V1):
        assert not ups_tokens.fits(f"Bearer {token}".encode(), client, [V1], now=TOLD_AT)


def test_the_user_agent_proves_nothing() -> None:
    request = signed(UPS, b"{}", V1)
    assert UPS.verify(without(request, b"user-agent"), [V1], now=TOLD_AT)
    assert not UPS.verify(without(request, b"credential"), [V1], now=TOLD_AT)
    assert not UPS.signs_the_body


@given(st.lists(st.tuples(st.sampled_from([b"credential", b"authorization", b"x-api-key"]), st.binary(max_size=80))))
def test_no_header_makes_the_check_fail_in_any_other_way(headers: list[tuple[bytes, bytes]]) -> None:
    assert not UPS.verify(Request(method="POST", path="/", headers=headers, body=b""), [V1, V2], now=TOLD_AT)


# --- what a message says ---------------------------------------------------------------------------------------------


def test_the_number_is_cleaned_of_the_space_that_ups_puts_before_it() -> None:
    (scan,) = reading_of(body_of("ups/v1_manifest_gmt_before_local")).scans
    assert scan.number == "1Z58Y7A90312345674"


def test_empty_text_and_left_out_fields_say_the_same() -> None:
    v2 = document(EVENT)
    blank = {"actualDeliveryDate": "", "deliveryPhoto": "", "receivedBy": "", "alternateTrackingNumber": ""}
    assert reading_of(v2) == reading_of(v2 | blank)


@pytest.mark.parametrize("written", ["021", "21", 21])
def test_a_description_code_keeps_its_leading_zero(written: object) -> None:
    scan = changed({"descriptionCode": written}).scans[0]
    assert (scan.raw_code, scan.stage) == ("I/OT/021", "out_for_delivery")


def test_a_number_that_was_read_as_octal_says_nothing_against_the_code() -> None:
    assert changed({"descriptionCode": 17}).scans[0].stage == "out_for_delivery"
    assert changed({"descriptionCode": "017"}).scans[0].stage == "available_for_pickup"


@pytest.mark.parametrize(
    ("local", "gmt", "at"),
    [
        (("20261120", "081502"), ("20261120", "131502"), "2026-11-20T08:15:02-05:00"),
        (("20261120", "081502"), ("20261120", "031502"), "2026-11-20T08:15:02+05:00"),
        (("20261121", "141502"), ("20261120", "131502"), "2026-11-20T13:15:02+00:00"),
        (("", ""), ("20261120", "131502"), "2026-11-20T13:15:02+00:00"),
        (("20261120", "81502"), ("20261120", "131502"), "2026-11-20T08:15:02-05:00"),
    ],
)
def test_gmt_is_the_instant_and_the_local_time_its_wall_clock(
    local: tuple[str, str], gmt: tuple[str, str], at: str
) -> None:
    told: dict[str, Any] = {"localActivityDate": local[0], "localActivityTime": local[1]}
    scan = changed(**told, gmtActivityDate=gmt[0], gmtActivityTime=gmt[1]).scans[0]
    assert (scan.occurred_at.isoformat(), scan.time_kind) == (at, "utc")


def test_a_local_time_alone_takes_the_offset_or_the_zone_of_its_state() -> None:
    gone: dict[str, Any] = {"gmtActivityDate": "", "gmtActivityTime": ""}
    told = changed(**gone).scans[0]
    assert (told.occurred_at.isoformat(), told.time_kind) == ("2026-11-20T08:15:02-05:00", "offset")
    assumed = changed(**gone, gmtOffset="").scans[0]
    assert (assumed.occurred_at.isoformat(), assumed.time_kind) == ("2026-11-20T08:15:02-05:00", "assumed_zone")
    nowhere = changed(**gone, gmtOffset="", activityLocation={"postalCode": "40213"}).scans[0]
    assert nowhere.time_kind == "unknown_zone"


def test_a_day_before_the_event_is_no_estimate() -> None:
    assert [scan.kind for scan in changed(scheduledDeliveryDate="20191014").scans] == ["scan"]
    assert [scan.kind for scan in changed(scheduledDeliveryDate="20261120").scans] == ["scan", "estimate"]


def test_hours_are_told_only_where_their_zone_is_known() -> None:
    far = changed(activityLocation={"country": "US"}).scans[-1]
    assert far.window is not None
    assert (str(far.window.day), far.window.starts) == ("2026-11-20", None)


def test_two_equal_codes_seconds_apart_are_two_scans() -> None:
    first = changed({"code": "YP", "descriptionCode": "071"}).scans[0]
    second = changed({"code": "YP", "descriptionCode": "071"}, gmtActivityTime="131505").scans[0]
    assert first.event_key != second.event_key


def test_a_webhook_and_the_api_tell_the_same_scan() -> None:
    told = reading_of(body_of("ups/api_history_newest_first")).scans[4]
    assert told.event_key == changed().scans[0].event_key


def test_the_name_of_who_received_it_stays_behind() -> None:
    for case in ("v2_delivered_signed_with_photo", "api_two_packages"):
        reading = reading_of(body_of(f"ups/{case}"))
        assert any("signature" in scan.pod for scan in reading.scans)
        assert "fictive" not in "".join(scan.model_dump_json() for scan in reading.scans).lower()


def test_a_release_by_the_driver_is_no_signature() -> None:
    (scan,) = reading_of(body_of("ups/delivered_without_description_code")).scans
    assert (scan.stage, scan.pod) == ("delivered", ())


@pytest.mark.parametrize("number", ["1ZCIETST0111111114", " 1ZCIETST0422222228"])
def test_the_test_numbers_are_read_only_where_a_setting_allows_it(number: str) -> None:
    assert changed(trackingNumber=number).ignored == "test_mode"
    assert reading_of(document(EVENT) | {"trackingNumber": number}, allow_test=True).scans
    answer = {"trackResponse": {"shipment": [{"inquiryNumber": number.strip(), "package": []}]}}
    assert reading_of(answer).ignored == "test_mode"


def test_a_single_package_keeps_the_number_that_was_asked_for() -> None:
    reading = reading_of(body_of("ups/api_last_mile_by_the_post"))
    assert {scan.number for scan in reading.scans} == {"1Z58Y7A9YW12345679"}


def test_each_of_several_packages_has_its_own_number() -> None:
    reading = reading_of(body_of("ups/api_two_packages"))
    assert {scan.number for scan in reading.scans} == {"1Z58Y7A90312345674", "1Z58Y7A90312345683"}


def test_a_bad_activity_costs_only_itself() -> None:
    answer = document("ups/api_history_newest_first")
    answer["trackResponse"]["shipment"][0]["package"][0]["activity"][1] |= {"gmtTime": "999999", "date": ""}
    reading = reading_of(answer)
    assert [problem.reason for problem in reading.problems] == ["bad_scan"]
    assert len([scan for scan in reading.scans if scan.kind == "scan"]) == 4


# --- photos ----------------------------------------------------------------------------------------------------------


def test_a_photo_is_found_wherever_ups_puts_one() -> None:
    photo = "A9+/" * 40
    inside = {"deliveryPhoto": {"photo": photo}, "signature": {"image": photo}, "pod": {"content": photo}}
    body = json.dumps({"deliveryPhoto": photo, "deliveryInformation": inside, "x": photo}).encode()
    found = UPS.attachments(body)
    assert [one.kind for one in found] == ["photo", "photo", "signature", "letter"]
    assert {body[one.start : one.end] for one in found} == {photo.encode()}


def test_a_photo_with_escaped_slashes_is_found_and_a_reference_is_not() -> None:
    assert len(UPS.attachments(b'{"deliveryPhoto" : "' + rb"ab\/+" * 40 + b'"}')) == 1
    assert UPS.attachments(body_of("ups/v2_delivered_signed_with_photo")) == ()
    assert UPS.attachments(b'{"deliveryPhoto":""}') == ()


def test_looking_for_photos_in_a_hostile_body_is_quick() -> None:
    for body in (b'"photo":"' * 200_000, b'"photo":"' + b"A" * 2_000_000, b'"photo"' + b" " * 2_000_000):
        assert UPS.attachments(body) == ()
