"""Australia Post and StarTrack: English as the code, consignments and their articles, places in five forms."""

import json
from typing import Any

import pytest

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.australiapost import AUSTRALIAPOST
from services.ingest.carriers.australiapost_codes import EVENTS, STATUSES, folded, meaning_of
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.status.pieces import fold_unclaimed
from tests.unit.ingest.samples import TOLD_AT, document

NUMBER = "7QQ1000000001111"


def told(answer: object) -> Reading:
    return read(AUSTRALIAPOST, Webhook(body=json.dumps(answer).encode(), told_at=TOLD_AT))


def answer(*events: dict[str, Any], status: str | None = None, **more: Any) -> dict[str, Any]:
    item = {"article_id": NUMBER, "product_type": "eParcel", "events": list(events), "status": status}
    return {"tracking_results": [{"tracking_id": NUMBER, "trackable_items": [item], **more}]}


def event(description: str, date: str = "2026-11-20T10:00:00+11:00", location: str | None = None) -> dict[str, Any]:
    return {"description": description, "date": date, "location": location}


@pytest.mark.parametrize(
    ("status", "stage", "condition"),
    [
        ("Delivered", Stage.DELIVERED, None),
        ("Delivered in Full", Stage.DELIVERED, None),
        ("In Transit", Stage.IN_TRANSIT, None),
        ("Awaiting Collection", Stage.AVAILABLE_FOR_PICKUP, None),
        ("Possible delay", None, Condition.DELAYED),
        ("Unsuccessful Delivery", Stage.ATTEMPTED, None),
        ("Article damaged", None, Condition.DAMAGED),
        ("Cancelled", Stage.CANCELLED, None),
        ("Held by courier", None, Condition.HELD),
        ("To be Re-Delivered", Stage.ATTEMPTED, None),
    ],
)
def test_an_items_status_is_its_summary(status: str, stage: Stage | None, condition: Condition | None) -> None:
    (summary,) = told(answer(status=status)).scans
    assert (summary.kind, summary.stage, summary.raw_code) == ("summary", stage, status)
    assert summary.conditions_set == (() if condition is None else (condition,))


@pytest.mark.parametrize("status", ["Unknown", "Track items for detailed delivery information", "Teleported", None])
def test_a_status_that_says_nothing_is_no_summary(status: str | None) -> None:
    assert told(answer(status=status)).scans == ()


def test_ready_for_pickup_is_said_to_the_carrier_and_not_to_the_customer() -> None:
    assert STATUSES["ready for pickup"].stage == Stage.ANNOUNCED


@pytest.mark.parametrize("text", ["onboard for delivery", " ONBOARD  for\tdelivery. ", "Onboard for Delivery"])
def test_case_blanks_and_a_full_stop_do_not_count(text: str) -> None:
    assert meaning_of(text).stage == Stage.OUT_FOR_DELIVERY
    (first,), (second,) = told(answer(event(text))).scans, told(answer(event("Onboard for delivery"))).scans
    assert first.event_key == second.event_key


@pytest.mark.parametrize("text", ["Parcel did something new", "", "Undelivered", "Not delivered", "Deliveredish"])
def test_an_unknown_text_is_unmapped_and_never_guessed(text: str) -> None:
    assert (meaning_of(text).stage, meaning_of(text).substatus) == (None, "unmapped")


@pytest.mark.parametrize(
    ("text", "stage", "substatus"),
    [
        ("Delivered - Left in a safe place", "delivered", "safe_place"),
        ("Delivered - Handed to a passing wizard", "delivered", "unmapped"),
        ("Delivered - To sender", "returned", "received_by_sender"),
        ("Attempted delivery", "attempted", None),
        ("Attempted delivery - Unable to gain access", "attempted", "no_access"),
        ("Attempted delivery - Business closed", "attempted", "closed"),
        ("Attempted delivery - Dragon at the gate", "attempted", "unmapped"),
        ("Awaiting collection at INALA HEIGHTS LPO", "available_for_pickup", "post_office"),
        ("Awaiting collection at MELBOURNE PARCEL LOCKER", "available_for_pickup", "locker"),
        ("In transit to next facility in DARRA QLD", "in_transit", "processed"),
        ("Arrived in New Zealand", "in_transit", "at_destination_country"),
        ("Returned to sender", "in_transit", "started"),
    ],
)
def test_a_text_with_a_place_or_a_reason_is_read_by_its_beginning(text: str, stage: str, substatus: str | None) -> None:
    assert (meaning_of(text).stage, meaning_of(text).substatus) == (stage, substatus)


def test_every_row_is_written_folded() -> None:
    assert [text for text in EVENTS if folded(text) != text] == []


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("ALEXANDRIA NSW", {"city": "ALEXANDRIA", "region": "NSW", "country": "AU", "time_zone": "Australia/Sydney"}),
        ("Sydney,NSW", {"city": "Sydney", "region": "NSW", "country": "AU", "time_zone": "Australia/Sydney"}),
        ("NORTH MELBOURNE, VIC", {"city": "NORTH MELBOURNE", "region": "VIC", "country": "AU",
                                  "time_zone": "Australia/Melbourne"}),
        ("CHICAGO (US)", {"city": "CHICAGO", "country": "US"}),
        ("JOHN F. KENNEDY APT/NEW YORK (US)", {"city": "JOHN F. KENNEDY APT/NEW YORK", "country": "US"}),
        ("US-60199, UNITED STATES", {"postcode": "60199", "country": "US"}),
        ("NZ", {"country": "NZ", "time_zone": "Pacific/Auckland"}),
        ("NT", {"region": "NT", "country": "AU", "time_zone": "Australia/Darwin"}),
        ("PER", {"city": "PER"}),
        ("Transit Scan", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_place_is_read_in_every_form(location: str, place: dict[str, str] | None) -> None:
    (scan,) = told(answer(event("Delivered", location=location))).scans
    assert (scan.place.model_dump(exclude_none=True) if scan.place else None) == place


def test_the_servers_offset_stays_for_scans_abroad() -> None:
    (scan,) = told(answer(event("Departed facility", "2026-11-07T08:49:00+11:00", "CHICAGO (US)"))).scans
    assert (scan.occurred_at.isoformat(), scan.time_kind) == ("2026-11-07T08:49:00+11:00", "offset")


def test_articles_of_a_consignment_are_pieces_and_the_consignment_is_the_number() -> None:
    scans = told(document("australiapost/startrack_consignment_and_its_articles")).scans
    assert {scan.number for scan in scans} == {"5QQQ00000011"}
    assert {scan.carrier for scan in scans} == {"startrack"}
    assert {scan.piece for scan in scans} == {None, "5QQQ00000011FPP00001", "5QQQ00000011FPP00002"}
    assert len({scan.event_key for scan in scans}) == len(scans)


def test_a_consignment_of_two_is_not_delivered_before_both_are() -> None:
    answered = document("australiapost/startrack_consignment_and_its_articles")
    assert fold_unclaimed(told(answered).scans).stage != Stage.DELIVERED
    result = answered["tracking_results"][0]
    result["consignment"]["status"] = "Delivered"  # "some or all", says the portal
    assert fold_unclaimed(told(answered).scans).stage != Stage.DELIVERED
    result["consignment"]["status"] = "Delivered in Full"
    assert fold_unclaimed(told(answered).scans).stage == Stage.DELIVERED


def test_a_consignment_of_one_article_has_the_consignments_word() -> None:
    answered = document("australiapost/startrack_one_article")
    answered["tracking_results"][0]["consignment"]["status"] = "Delivered"
    assert fold_unclaimed(told(answered).scans).stage == Stage.DELIVERED


def test_an_article_asked_for_by_its_own_number_is_no_piece() -> None:
    scans = told(answer(event("Delivered"), status="Delivered")).scans
    assert [(scan.number, scan.piece, scan.carrier) for scan in scans] == [(NUMBER, None, "australia-post")] * 2


@pytest.mark.parametrize(
    ("code", "ignored", "stage"),
    [
        ("ESB-10001", None, "not_found"),
        ("51104", None, "not_found"),
        ("ESB-10002", "not_trackable", None),
        ("ESB-20050", "api_error", None),
        (None, "api_error", None),
    ],
)
def test_a_numbers_errors_say_whether_it_is_known(code: str | None, ignored: str | None, stage: str | None) -> None:
    reading = told({"tracking_results": [{"tracking_id": NUMBER, "errors": [{"code": code}]}]})
    assert reading.ignored == ignored
    assert [scan.stage for scan in reading.scans] == ([] if stage is None else [stage])


@pytest.mark.parametrize(
    ("sent", "ignored"),
    [({"errors": [{"code": "51101"}]}, "api_error"), ({"tracking_results": []}, "empty")],
)
def test_an_answer_without_results_concerns_no_parcel(sent: object, ignored: str) -> None:
    assert told(sent).ignored == ignored


@pytest.mark.parametrize("sent", [{}, {"tracking_results": {"a": 1}}, {"tracking_results": None}])
def test_an_answer_of_another_shape_is_set_aside(sent: object) -> None:
    assert [problem.reason for problem in told(sent).problems] == ["bad_shape"]


def test_one_result_that_cannot_be_read_costs_only_itself() -> None:
    reading = told(document("australiapost/errors_beside_a_good_one"))
    assert [problem.reason for problem in reading.problems] == ["no_number", "no_number"]
    assert {scan.number for scan in reading.scans} == {"7QQ1000000004444", "7QQ1000000007777"}


def test_nobody_can_claim_to_be_australia_post() -> None:
    request = Request(method="POST", path="/webhooks/australiapost", headers=(), body=b"{}")
    assert not AUSTRALIAPOST.verify(request, [b"key"], now=TOLD_AT)
