"""AfterShip: whose signature counts, one scan under two time texts, and who is left out."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.scans import Scan
from services.ingest.carriers.aftership import AFTERSHIP
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.countries import alpha_2, is_country
from tests.unit.ingest.samples import TOLD_AT, body_of, document, signed

JOURNEY = "aftership/attempted_then_delivered_and_signed"
WITH_OFFSET, IN_UTC = "aftership/times_with_an_offset", "aftership/the_same_times_naive_in_utc"
#: Looks like hex, and is used as text.
KEY = AFTERSHIP.secret_key("0123456789abcdef0123456789abcdef")


def reading_of(body: Any, *, allow_test: bool = False) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(AFTERSHIP, Webhook(body=raw, told_at=TOLD_AT, allow_test=allow_test))


def scans_of(body: Any, kind: str = "scan") -> list[Scan]:
    return [scan for scan in reading_of(body).scans if scan.kind == kind]


def keys(body: Any) -> list[str]:
    return [scan.event_key for scan in scans_of(body)]


def summary_with(**fields: object) -> Scan | None:
    body = document("aftership/delivered_without_checkpoints")
    body["msg"].update(fields)
    return next(iter(scans_of(body, "summary")), None)


# --- signatures ------------------------------------------------------------------------------------------------------


def test_the_secret_is_a_text_although_it_looks_like_hex() -> None:
    body = body_of(JOURNEY)
    request = signed(AFTERSHIP, body, KEY)
    assert AFTERSHIP.verify(request, [KEY], now=TOLD_AT)
    assert not AFTERSHIP.verify(request, [bytes.fromhex(KEY.decode())], now=TOLD_AT)
    decoded = base64.b64encode(hmac.digest(bytes.fromhex(KEY.decode()), body, hashlib.sha256))
    forged = replace(request, headers=((b"aftership-hmac-sha256", decoded),))
    assert not AFTERSHIP.verify(forged, [KEY], now=TOLD_AT)


def test_a_body_that_was_written_anew_no_longer_fits() -> None:
    request = signed(AFTERSHIP, body_of(JOURNEY), KEY)
    anew = json.dumps(json.loads(request.body), separators=(",", ":")).encode()
    assert not AFTERSHIP.verify(replace(request, body=anew), [KEY], now=TOLD_AT)


@pytest.mark.parametrize(
    ("name", "prefix", "fits"),
    [
        (b"Aftership-Hmac-SHA256", b"", True),
        (b"as-signature-hmac-sha256", b"", True),
        (b"am-webhook-signature", b"hmac-sha256=", True),
        (b"x-hmac-sha256", b"", False),
        (b"aftership-hmac-sha256", b"sha1=", False),
    ],
)
def test_the_returns_product_signs_alike_under_other_names(name: bytes, prefix: bytes, *, fits: bool) -> None:
    value = dict(signed(AFTERSHIP, b"{}", KEY).headers)[b"aftership-hmac-sha256"]
    request = Request(method="POST", path="/", headers=((name, prefix + value),), body=b"{}")
    assert AFTERSHIP.verify(request, [KEY], now=TOLD_AT) is fits
    assert not AFTERSHIP.verify(request, [b"another"], now=TOLD_AT)


@pytest.mark.parametrize("value", [b"", b"=", b"\xff\xfe", b"A" * 5000, KEY.hex().encode()])
def test_a_signature_of_any_other_form_is_refused(value: bytes) -> None:
    request = Request(method="POST", path="/", headers=((b"aftership-hmac-sha256", value),), body=b"{}")
    assert not AFTERSHIP.verify(request, [KEY], now=TOLD_AT)


def test_the_event_id_is_the_delivery_and_never_the_identity() -> None:
    request = signed(AFTERSHIP, body_of(JOURNEY), KEY)
    assert AFTERSHIP.delivery(request) == "00000000-0000-4000-8000-000000000001"
    assert AFTERSHIP.delivery(replace(request, body=b"{}")) is None
    assert keys(document(JOURNEY) | {"event_id": "another", "ts": 1}) == keys(document(JOURNEY))
    assert AFTERSHIP.number(request.body) == "15501234567890"


# --- identity --------------------------------------------------------------------------------------------------------


def test_a_time_with_an_offset_and_the_same_time_naive_in_utc_are_one_scan() -> None:
    """R1: AfterShip's API has told `10:33:00-04:00` in one answer and `14:33:00` in another."""
    assert keys(document(WITH_OFFSET)) == keys(document(IN_UTC))
    assert len(set(keys(document(IN_UTC)))) == 3


def test_a_naive_time_keeps_its_key_when_its_country_is_told_later() -> None:
    later = document(IN_UTC)
    for checkpoint in later["data"]["tracking"]["checkpoints"]:
        checkpoint.update(country_iso3=None, state=None, created_at=None)
    assert keys(later) == keys(document(IN_UTC))


def test_a_naive_local_time_and_an_offset_are_not_united() -> None:
    local = document(WITH_OFFSET)
    for checkpoint in local["msg"]["checkpoints"]:
        checkpoint["checkpoint_time"] = checkpoint["checkpoint_time"][:19]
    assert not set(keys(local)) & set(keys(document(WITH_OFFSET)))


def test_push_and_poll_of_one_tracking_share_their_keys() -> None:
    assert keys(document("aftership/api_answer_with_the_tracking_under_data")) == keys(document(JOURNEY))
    bare = document("aftership/api_answer_with_the_tracking_under_data")["data"]
    assert keys(bare) == keys(document(JOURNEY))


def test_two_of_the_couriers_own_codes_in_one_minute_are_two_scans_and_wording_is_none() -> None:
    body = document("aftership/unknown_tag_and_subtags")
    assert len(set(keys(body))) == 5
    reworded = document("aftership/unknown_tag_and_subtags")
    for checkpoint in reworded["msg"]["checkpoints"]:
        checkpoint.update(message="other words", subtag_message="other", hash="h")
    assert keys(reworded) == keys(body)


# --- times -----------------------------------------------------------------------------------------------------------


def test_a_naive_time_after_its_own_entry_must_have_been_utc() -> None:
    at = [scan.occurred_at for scan in scans_of(document(IN_UTC))]
    assert at == [scan.occurred_at for scan in scans_of(document(WITH_OFFSET))]
    assert {scan.time_kind for scan in scans_of(document(IN_UTC))} == {"unknown_zone"}


def test_without_such_a_proof_a_naive_time_is_local_to_its_place() -> None:
    body = document(IN_UTC)
    for checkpoint in body["data"]["tracking"]["checkpoints"]:
        checkpoint["created_at"] = "2026-06-01T00:00:00+00:00"
    told = scans_of(body)[1]
    assert (told.time_kind, told.occurred_at.isoformat()) == ("assumed_zone", "2026-05-05T20:47:00-04:00")


@pytest.mark.parametrize("created", [None, "soon", "2026-05-05T20:50:02", 5])
def test_an_entry_time_that_is_no_sure_instant_proves_nothing(created: object) -> None:
    body = document(IN_UTC)
    for checkpoint in body["data"]["tracking"]["checkpoints"]:
        checkpoint["created_at"] = created
    assert {scan.time_kind for scan in scans_of(body)} == {"unknown_zone", "assumed_zone"}


def test_the_courier_of_the_checkpoint_stands_in_for_a_missing_place() -> None:
    body = document("aftership/naive_times_that_are_local")
    body["msg"]["checkpoints"] = [body["msg"]["checkpoints"][0] | {"slug": "royal-mail", "city": None}]
    body["msg"]["checkpoints"][0].update(country_iso3=None, checkpoint_time="2026-05-05T18:20:00")
    (scan,) = scans_of(body)
    assert (scan.time_kind, scan.occurred_at.isoformat()) == ("assumed_zone", "2026-05-05T18:20:00+01:00")
    body["msg"]["checkpoints"][0]["slug"] = "???"
    assert scans_of(body)[0].time_kind == "unknown_zone"


# --- who is left out -------------------------------------------------------------------------------------------------


def test_the_name_of_who_signed_stays_behind_and_no_signature_is_none() -> None:
    reading = reading_of(document(JOURNEY))
    assert "Sample" not in "".join(scan.model_dump_json() for scan in reading.scans)
    assert reading.scans[-1].pod == ("signature",)
    unsigned = summary_with(signed_by="Signature not required")
    assert unsigned is not None
    assert unsigned.pod == ()


def test_the_sandbox_courier_is_read_only_where_a_setting_allows_it() -> None:
    body = document("aftership/sandbox_courier_is_ignored")
    assert reading_of(body) == Reading(ignored="test_mode")
    assert reading_of(body, allow_test=True).scans


def test_an_answer_with_too_many_trackings_is_set_aside() -> None:
    (problem,) = reading_of({"data": {"trackings": [{}] * 201}}).problems
    assert problem.reason == "too_many_trackings"
    assert reading_of({"data": {"trackings": []}}).ignored == "no_tracking"


def test_a_tracking_that_is_no_object_costs_only_itself() -> None:
    body = document("aftership/api_answer_with_several_trackings")
    body["data"]["trackings"].append(7)
    reading = reading_of(body)
    assert [problem.reason for problem in reading.problems] == ["no_number", "no_number"]
    assert len({scan.number for scan in reading.scans}) == 2


def test_the_answer_of_the_last_checkpoint_is_read_too() -> None:
    body = document(JOURNEY)["msg"]
    answer = {"data": body | {"checkpoint": body["checkpoints"][-1], "checkpoints": None}}
    assert keys(answer) == keys(document(JOURNEY))[-1:]


@pytest.mark.parametrize(
    ("told", "letters"), [("GBR", "GB"), ("gbr", "GB"), ("XKX", "XK"), ("Narnia", "Narnia"), (None, None)]
)
def test_a_country_is_told_with_two_letters(told: str | None, letters: str | None) -> None:
    assert alpha_2(told) == letters
    assert is_country("GB")
    assert not is_country("XX")
