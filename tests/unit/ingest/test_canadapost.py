"""Canada Post: codes, zones, names, and the histories that contradict themselves."""

import time
from datetime import UTC, date, datetime

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.canadapost import CANADAPOST
from services.ingest.carriers.canadapost_codes import EVENTS, meaning_of
from services.status.machine import fold
from tests.unit.ingest.samples import FIXTURES, TOLD_AT


def reading_of(case: str) -> Reading:
    return read(CANADAPOST, Webhook(body=(FIXTURES / "canadapost" / f"{case}.xml").read_bytes(), told_at=TOLD_AT))


def told(*occurrences: str, more: str = "") -> Reading:
    body = f"<tracking-detail><pin>1000000000000011</pin>{more}<significant-events>{''.join(occurrences)}"
    body += "</significant-events></tracking-detail>"
    return read(CANADAPOST, Webhook(body=body.encode(), told_at=TOLD_AT))


def occurrence(code: str, at: str = "2026-11-20 10:00:00", zone: str = "EST", **more: str) -> str:
    on, _, clock = at.partition(" ")
    texts = {"identifier": code, "date": on, "time": clock, "time-zone": zone, "description": "x", **more}
    named = "".join(f"<event-{name}>{text}</event-{name}>" for name, text in texts.items() if name != "signatory")
    return f"<occurrence>{named}<signatory-name>{more.get('signatory', '')}</signatory-name></occurrence>"


def stages(scans: tuple[Scan, ...]) -> list[str | None]:
    return [scan.stage for scan in scans if scan.kind == "scan"]


#: Every identifier of the notes on this carrier, with what it must be.
LISTED: dict[str, set[Stage | None]] = {
    "3000": {Stage.ANNOUNCED},
    "2300": {Stage.ACCEPTED},
    "0100 0170": {Stage.IN_TRANSIT},
    "0174 0500": {Stage.OUT_FOR_DELIVERY},
    "1479": {Stage.ATTEMPTED},
    "1701 0156 1407 1410 1435 1436 1437 1438 1488": {Stage.AVAILABLE_FOR_PICKUP},
    " ".join(["1408 1409 1441 1442 1496 1497 1498 1499", *(str(code) for code in range(1421, 1435))]): {
        Stage.DELIVERED
    },
    "0173 0159 0160 0161 0162 0163 0172": {None},
    "20": {None},
}


@pytest.mark.parametrize(
    ("code", "stage"), [(code, stage) for codes, found in LISTED.items() for code in codes.split() for stage in found]
)
def test_a_listed_code_says_what_the_notes_say(code: str, stage: Stage | None) -> None:
    assert meaning_of(code, None).stage == stage


FAILURES = [
    167,
    168,
    169,
    *range(179, 185),
    *range(185, 191),
    1100,
    *range(1415, 1421),
    1450,
    *range(1481, 1494),
    2600,
    2802,
]


@pytest.mark.parametrize("code", [str(code) for code in FAILURES])
def test_every_failure_of_the_notes_has_its_row_and_none_is_an_end(code: str) -> None:
    meaning = EVENTS[code]
    assert meaning.stage not in (Stage.DELIVERED, Stage.RETURNED, Stage.LOST, Stage.DISPOSED)
    assert not meaning.is_silent


def test_leading_zeros_are_kept_in_the_raw_code_and_do_not_count_in_the_table() -> None:
    (scan,) = told(occurrence("0174")).scans
    assert (scan.raw_code, scan.stage) == ("0174", Stage.OUT_FOR_DELIVERY)
    assert meaning_of("174", None) == meaning_of("000174", None)


@pytest.mark.parametrize("code", ["9999", "", "0", "delivered", "616"])
def test_an_unknown_code_is_unmapped_and_moves_nothing(code: str) -> None:
    (scan,) = told(occurrence(code)).scans
    assert (scan.stage, scan.substatus) == (None, "unmapped")


def test_a_parcel_delivered_twice_keeps_both_and_the_error_between_them() -> None:
    scans = reading_of("delivered_twice_with_an_address_error").scans
    moved = [scan.stage for scan in scans if scan.stage]
    assert moved == ["out_for_delivery", "delivered", "in_transit", "out_for_delivery", "delivered"]
    assert [scan.substatus for scan in scans if scan.conditions_set] == ["bad_address"]
    assert fold(scans).stage == Stage.DELIVERED


def test_the_signature_image_is_a_proof_and_no_state() -> None:
    images = [scan for scan in reading_of("delivered_twice_with_an_address_error").scans if scan.raw_code == "20"]
    assert [(scan.stage, scan.pod) for scan in images] == [(None, ("signature",))] * 2


def test_names_of_who_signed_are_nowhere() -> None:
    said = "".join(scan.model_dump_json() for scan in reading_of("delivered_twice_with_an_address_error").scans)
    assert "MUSTER" not in said
    assert "EXEMPLE" not in said


def test_a_card_is_told_after_the_counter_and_the_order_of_the_times_is_kept() -> None:
    assert stages(reading_of("card_left_then_collected").scans)[3:6] == [
        "available_for_pickup", "attempted", "available_for_pickup",
    ]  # fmt: skip


def test_the_final_notice_threatens_a_return_and_is_none() -> None:
    scan = next(one for one in reading_of("card_left_then_collected").scans if one.raw_code == "0156")
    assert (scan.leg, scan.conditions_set) == (Leg.OUTBOUND, (Condition.PICKUP_EXPIRING,))


@pytest.mark.parametrize(
    ("wording", "stage", "leg"),
    [
        ("Item successfully delivered", Stage.DELIVERED, Leg.OUTBOUND),
        ("Item successfully returned to sender", Stage.RETURNED, Leg.RETURN),
        ("L'article a été renvoyé avec succès à l'expéditeur.", Stage.RETURNED, Leg.RETURN),
        ("Article retourné à l'exp.", Stage.RETURNED, Leg.RETURN),
    ],
)
def test_delivered_to_the_sender_is_returned_in_both_languages(wording: str, stage: Stage, leg: Leg) -> None:
    meaning = meaning_of("1498", wording)
    assert (meaning.stage, meaning.leg) == (stage, leg)


def test_the_same_event_in_another_language_is_the_same_scan() -> None:
    (english,) = told(occurrence("0174", description="Item out for delivery")).scans
    (french,) = told(occurrence("0174", description="Article sorti pour livraison")).scans
    assert english.event_key == french.event_key


@pytest.mark.parametrize(
    ("zone", "province", "utc", "kind"),
    [
        ("EST", "ON", "2026-11-20T15:00:00", "offset"),
        ("nst", "NL", "2026-11-20T13:30:00", "offset"),
        ("PDT", "BC", "2026-11-20T17:00:00", "offset"),
        ("", "BC", "2026-11-20T18:00:00", "assumed_zone"),
        ("XYZ", "SK", "2026-11-20T16:00:00", "assumed_zone"),
        ("ISRAEL", "", "2026-11-20T10:00:00", "unknown_zone"),
    ],
)
def test_the_zone_is_the_letters_else_the_provinces_else_not_known(
    zone: str, province: str, utc: str, kind: str
) -> None:
    (scan,) = told(occurrence("0100", zone=zone, site="X", province=province)).scans
    assert scan.occurred_at == datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert scan.time_kind == kind
    assert scan.occurred_at_text == f"2026-11-20 10:00:00 {zone}".strip()


def test_an_event_without_a_time_is_of_that_day() -> None:
    (scan,) = told(occurrence("2300", at="2026-11-20")).scans
    assert scan.time_precision == "day"


def test_a_changed_date_is_the_expected_one_until_it_arrives() -> None:
    dates = "<expected-delivery-date>2026-11-20</expected-delivery-date>"
    dates += "<changed-expected-date>2026-11-23</changed-expected-date>"
    estimate = told(occurrence("0100"), more=dates).scans[-1]
    assert (estimate.kind, estimate.window and estimate.window.day) == ("estimate", date(2026, 11, 23))
    assert [scan.kind for scan in told(occurrence("1498"), more=dates).scans] == ["scan"]


def test_a_signature_image_makes_the_delivery_signed() -> None:
    (scan,) = told(occurrence("1421"), more="<signature-image-exists>true</signature-image-exists>").scans
    assert scan.pod == ("signature",)


def test_a_number_without_a_history_and_a_failed_login_concern_no_parcel() -> None:
    assert reading_of("no_pin_history").ignored == "not_found"
    assert reading_of("login_failed_is_of_no_parcel").ignored == "api_error"


def test_details_inside_details_are_read_in_bounded_time() -> None:
    deep = 20_000
    body = b"<tracking-detail><pin>1000000000000011</pin>" * deep + b"</tracking-detail>" * deep
    begun = time.monotonic()
    reading = read(CANADAPOST, Webhook(body=body, told_at=TOLD_AT))
    assert (reading.scans, reading.ignored) == ((), "no_events")
    assert time.monotonic() - begun < 5


def test_another_document_is_set_aside() -> None:
    reading = read(CANADAPOST, Webhook(body=b"<price-quotes/>", told_at=TOLD_AT))
    assert [problem.reason for problem in reading.problems] == ["bad_shape"]


def test_nobody_can_claim_to_be_canada_post() -> None:
    request = Request(method="POST", path="/webhooks/canadapost", headers=(), body=b"<tracking-detail/>")
    assert not CANADAPOST.verify(request, [b"key"], now=TOLD_AT)
    with pytest.raises(ValueError, match="no secret"):
        CANADAPOST.secret_key("s")


def test_the_order_of_a_history_makes_no_other_scans_and_a_code_some_seconds_later_is_another_one() -> None:
    """R1: a scan is its instant, its code and its place."""
    first, second = occurrence("0174"), occurrence("0174", at="2026-11-20 10:00:07")
    keys = [{scan.event_key for scan in told(*order).scans} for order in ((first, second), (second, first))]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 2
    assert {scan.event_key for scan in told(first).scans} < keys[0]
