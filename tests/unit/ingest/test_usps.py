"""USPS: three times to one event, codes and their variants, and answers for many numbers at once."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Leg, Stage
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.usps import USPS
from services.ingest.carriers.usps_codes import EVENTS, meaning_of
from services.ingest.carriers.usps_times import event_time, expected_delivery
from tests.unit.ingest.samples import TOLD_AT, document

NUMBER = "9400100000000000000011"


def told(answer: object) -> Reading:
    return read(USPS, Webhook(body=json.dumps(answer).encode(), told_at=TOLD_AT))


def event(**more: Any) -> dict[str, Any]:
    return {
        "eventType": "Out for Delivery",
        "eventCode": "OF",
        "eventTimestamp": "2026-11-20T09:10:00",
        "GMTTimestamp": "2026-11-20T14:10:45Z",
        "GMTOffset": "-05:00",
        "eventCity": "ALBANY",
        "eventState": "NY",
        "eventZIP": "12207",
        **more,
    }


def answer(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"trackingNumber": NUMBER, "trackingEvents": list(events), **more}


def test_the_instant_is_gmt_and_the_clock_is_the_places() -> None:
    (scan,) = told(answer(event())).scans
    assert scan.occurred_at.isoformat() == "2026-11-20T09:10:45-05:00"
    assert (scan.time_kind, scan.time_precision) == ("utc", "second")
    assert scan.occurred_at_text == "2026-11-20T09:10:00 2026-11-20T14:10:45Z -05:00"


@pytest.mark.parametrize("offset", ["-06:00", "-6:00"])
def test_a_day_of_greenwich_that_was_not_carried_over_is_put_right(offset: str) -> None:
    found = event_time(
        event(eventTimestamp="2026-11-18T18:31:00", GMTTimestamp="2026-11-18T00:31:21Z", GMTOffset=offset), None
    )
    assert found.at == datetime(2026, 11, 19, 0, 31, 21, tzinfo=UTC)
    assert found.at.isoformat() == "2026-11-18T18:31:21-06:00"


@given(st.integers(1_600_000_000, 1_900_000_000), st.integers(-10, -4), st.booleans())
def test_whether_the_day_was_carried_over_or_not_it_is_one_instant(at: int, hours: int, carried: bool) -> None:  # noqa: FBT001
    gmt = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
    local = gmt + timedelta(hours=hours)
    day = gmt.date() if carried else local.date()
    sent = event(
        eventTimestamp=local.replace(second=0).isoformat(),
        GMTTimestamp=f"{day.isoformat()}T{gmt:%H:%M:%S}Z",
        GMTOffset=f"-{-hours:02}:00",
    )
    assert event_time(sent, None).at == gmt.replace(tzinfo=UTC)


def test_an_offset_that_contradicts_the_instant_moves_nothing() -> None:
    found = event_time(event(GMTOffset="+09:00"), None)
    assert found.at == datetime(2026, 11, 20, 14, 10, 45, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "offset", "kind", "at"),
    [
        ("NY", None, "assumed_zone", "2026-11-20T09:10:00-05:00"),
        (None, None, "unknown_zone", "2026-11-20T09:10:00+00:00"),
        (None, "-8:00", "offset", "2026-11-20T09:10:00-08:00"),
    ],
)
def test_without_gmt_the_wall_clock_counts(state: str | None, offset: str | None, kind: str, at: str) -> None:
    (scan,) = told(answer(event(GMTTimestamp=None, GMTOffset=offset, eventState=state))).scans
    assert (scan.time_kind, scan.time_precision, scan.occurred_at.isoformat()) == (kind, "minute", at)


def test_a_scan_abroad_is_not_read_as_one_at_home() -> None:
    (scan,) = told(answer(event(GMTTimestamp=None, GMTOffset=None, eventState="NY", eventCountry="CHINA"))).scans
    assert scan.time_kind == "unknown_zone"


@pytest.mark.parametrize("broken", [None, "", "soon", 5, {"at": 1}])
def test_an_event_without_a_time_costs_only_itself(broken: object) -> None:
    reading = told(answer(event(GMTTimestamp=broken, eventTimestamp=broken), event()))
    assert [problem.reason for problem in reading.problems] == ["bad_scan"]
    assert len(reading.scans) == 1


LISTED = {
    Stage.ANNOUNCED: "GX MA",
    Stage.ACCEPTED: "03",
    Stage.IN_TRANSIT: "SF 10 T1 TL A1 07 06 08",
    Stage.OUT_FOR_DELIVERY: "OF",
    Stage.ATTEMPTED: "02 04 51 52 53 54 55 56 57",
    Stage.AVAILABLE_FOR_PICKUP: "14 16",
    Stage.DELIVERED: "01",
}


@pytest.mark.parametrize(
    ("code", "stage"), [(code, stage) for stage, codes in LISTED.items() for code in codes.split()]
)
def test_a_listed_code_says_what_the_notes_say(code: str, stage: Stage) -> None:
    assert EVENTS[code].stage == stage


@pytest.mark.parametrize("code", ["09", *(str(code) for code in range(21, 30)), "31"])
def test_a_reason_to_send_it_back_is_the_way_back_and_not_its_end(code: str) -> None:
    assert (EVENTS[code].stage, EVENTS[code].leg) == (Stage.IN_TRANSIT, Leg.RETURN)


@pytest.mark.parametrize(
    ("kind", "stage", "substatus"),
    [
        ("Delivered, Parcel Locker", Stage.DELIVERED, "to_recipient"),
        ("Delivered, In/At Mailbox", Stage.DELIVERED, "to_recipient"),
        ("Delivered, Front Door/Porch", Stage.DELIVERED, "safe_place"),
        ("Delivered, Neighbor as Requested", Stage.DELIVERED, "neighbour"),
        ("Delivered, Front Desk/Reception/Mail Room", Stage.DELIVERED, "mail_room"),
        ("Delivered, Individual Picked Up at Post Office", Stage.DELIVERED, "collected"),
        ("Delivered, To Original Sender", Stage.RETURNED, "received_by_sender"),
        (None, Stage.DELIVERED, "to_recipient"),
    ],
)
def test_a_variant_of_delivered_says_where(kind: str | None, stage: Stage, substatus: str) -> None:
    meaning = meaning_of("01", kind)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


def test_code_07_is_no_delivery() -> None:
    assert meaning_of("07", "Arrived at Post Office").stage == Stage.IN_TRANSIT


@pytest.mark.parametrize("code", ["ZZ", "", None, "1", "001"])
def test_an_unknown_code_is_unmapped_whatever_its_text_says(code: str | None) -> None:
    assert meaning_of(code, "Delivered, Front Door/Porch").substatus == "unmapped"


def test_names_of_people_and_firms_are_nowhere() -> None:
    said = "".join(scan.model_dump_json() for scan in told(document("usps/names_stay_behind")).scans)
    assert "EXAMPLE" not in said
    assert "PINECONE" not in said


def test_html_in_texts_is_no_text() -> None:
    (scan,) = told(answer(event(eventType="USPS Tracking<SUP>&#174;</SUP> &amp; more < less"))).scans
    assert scan.description == "USPS Tracking® & more < less"


def test_one_parcel_of_a_batch_that_cannot_be_read_costs_only_itself() -> None:
    reading = told(document("usps/batch_of_version_3_2"))
    assert {scan.number for scan in reading.scans} == {"9400100000000000000073", "9400100000000000000080"}
    assert [problem.reason for problem in reading.problems] == ["no_number"]


def test_a_number_that_is_named_and_not_known_is_not_found() -> None:
    (summary,) = told([{"trackingNumber": NUMBER, "statusCode": "404", "error": {"code": "404"}}]).scans
    assert (summary.kind, summary.stage) == ("summary", Stage.NOT_FOUND)


@pytest.mark.parametrize(
    ("error", "ignored"),
    [
        ({"code": "404"}, "not_found"),
        ({"code": "400", "errors": [{"code": "150001"}]}, "not_found"),
        ({"code": "400", "errors": [{"code": "150002"}]}, "api_error"),
        ({"code": "429"}, "api_error"),
        ("invalid_client", "api_error"),
    ],
)
def test_an_error_without_a_number_concerns_no_parcel(error: object, ignored: str) -> None:
    reading = told({"apiVersion": "/tracking/v3", "error": error})
    assert (reading.scans, reading.problems, reading.ignored) == ((), (), ignored)


@pytest.mark.parametrize("body", [b"[]", b"[1]", b"5", b'"x"', b"{}", b'{"trackingNumber": "N/A"}'])
def test_an_answer_that_names_no_parcel_tells_nothing(body: bytes) -> None:
    reading = read(USPS, Webhook(body=body, told_at=TOLD_AT))
    assert not reading.scans
    assert reading.ignored or reading.problems


@pytest.mark.parametrize(
    ("sent", "day"),
    [
        ({"expectedDeliveryTimeStamp": "2026-11-24T00:00:00"}, date(2026, 11, 24)),
        ({"expectedDeliveryDate": "2026-11-24", "predictedDeliveryDate": "2026-11-25"}, date(2026, 11, 24)),
        ({"predictedDeliveryDate": "2026-11-25"}, date(2026, 11, 25)),
        ({"guaranteedDeliveryTimeStamp": "2026-11-26T12:00:00Z"}, date(2026, 11, 26)),
        ({"deliveryDateExpectation": {"expectedDeliveryDate": "2026-11-27"}}, date(2026, 11, 27)),
        ({"deliveryDateExpectation": {"guaranteedDeliveryDate": {"odd": 1}}}, None),
        ({"expectedDeliveryDate": "3 Business Days"}, None),
        ({}, None),
    ],
)
def test_the_expected_day_is_the_first_that_is_told(sent: dict[str, Any], day: date | None) -> None:
    window = expected_delivery(sent)
    assert (window.day if window else None) == day


@pytest.mark.parametrize(
    ("state", "ends", "expected"),
    [
        ("OR", "9:00pm", "2026-11-21T21:00:00-08:00"),
        ("OR", "12:30 a.m.", "2026-11-21T00:30:00-08:00"),
        ("OR", "18:00:00", "2026-11-21T18:00:00-08:00"),
        ("OR", "25:00", None),
        ("OR", "by evening", None),
        (None, "18:00", None),
    ],
)
def test_a_window_ends_on_the_destinations_clock_or_is_a_day(
    state: str | None, ends: str, expected: str | None
) -> None:
    sent = {"destinationState": state, "predictedDeliveryDate": "2026-11-21", "predictedDeliveryWindowEndTime": ends}
    window = expected_delivery(sent)
    assert window is not None
    assert window.day == date(2026, 11, 21)
    assert (window.ends.isoformat() if window.ends else None) == expected


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_day_that_stands_for_none_hides_no_scan(day: str) -> None:
    sent = {"destinationState": "NY", "predictedDeliveryDate": day, "predictedDeliveryWindowEndTime": "18:00"}
    reading = told(answer(event(), **sent))
    assert (reading.problems, reading.scans[0].stage) == ((), Stage.OUT_FOR_DELIVERY)


def test_what_has_arrived_is_not_expected() -> None:
    reading = told(answer(event(), statusCategory="Delivered", expectedDeliveryDate="2026-11-24"))
    assert [scan.kind for scan in reading.scans] == ["scan", "summary"]


def test_the_status_category_is_the_summary() -> None:
    summary = told(answer(event(), statusCategory="Delivery Attempt: Action Needed", status="Notice Left")).scans[-1]
    assert (summary.kind, summary.stage, summary.raw_code) == (
        "summary",
        "attempted",
        "Delivery Attempt: Action Needed",
    )


def test_both_versions_of_the_api_tell_one_scan() -> None:
    old = event()
    new = {**old, "eventZIPCode": old["eventZIP"], "recipientName": None, "GMTTimestamp": "2026-11-20T14:10:45.000Z"}
    del new["eventZIP"]
    (first,) = told(answer(old, uniqueMailPieceID="1")).scans
    (second,) = told([answer(new, uniqueTrackingID="2")]).scans
    assert first.event_key == second.event_key


def test_nobody_can_claim_to_be_usps() -> None:
    request = Request(method="POST", path="/webhooks/usps", headers=(), body=b"{}")
    assert not USPS.verify(request, [b"key"], now=TOLD_AT)
