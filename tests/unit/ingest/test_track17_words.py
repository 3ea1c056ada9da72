"""17TRACK's words: what a sub-status means, what counts for the whole parcel, what is expected when."""

import json
from typing import Any

import pytest

from schemas.scans import Scan
from services.ingest.carriers.base import Reading, Webhook, read
from services.ingest.carriers.track17 import TRACK17
from services.ingest.carriers.track17_codes import STAGES, STATUSES, SUB_STATUSES, meaning_of
from tests.unit.ingest.samples import TOLD_AT, document

MERGED = "track17/first_and_last_mile_merged"


def reading_of(body: Any) -> Reading:
    return read(TRACK17, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))


def scans_of(body: Any, kind: str = "scan") -> list[Scan]:
    return [scan for scan in reading_of(body).scans if scan.kind == kind]


# --- words -----------------------------------------------------------------------------------------------------------


def test_all_thirty_sub_statuses_have_their_row() -> None:
    told = {
        "NotFound": ("Other", "InvalidCode"), "Expired": ("Other",), "AvailableForPickup": ("Other",),
        "OutForDelivery": ("Other",), "Delivered": ("Other",),
        "InTransit": ("PickedUp", "Other", "Departure", "Arrival", "CustomsProcessing", "CustomsReleased",
                      "CustomsRequiringInformation"),
        "DeliveryFailure": ("Other", "NoBody", "Security", "Rejected", "InvalidAddress"),
        "Exception": ("Other", "Returning", "Returned", "NoBody", "Security", "Damage", "Rejected", "Delayed", "Lost",
                      "Destroyed", "Cancel"),
    }  # fmt: skip
    documented = {f"{status}_{word}" for status, words in told.items() for word in words} | {"InfoReceived"}
    assert len(documented) == 30
    assert documented == SUB_STATUSES.keys()
    assert told.keys() | {"InfoReceived"} == STATUSES.keys()


@pytest.mark.parametrize(
    ("sub_status", "stage", "leg", "condition"),
    [
        ("DeliveryFailure_NoBody", "attempted", "outbound", None),
        ("DeliveryFailure_Rejected", "attempted", "outbound", "refused"),
        ("Exception_Rejected", None, "outbound", "refused"),
        ("Exception_Damage", None, "outbound", "damaged"),
        ("Exception_Other", None, "outbound", "held"),
        ("Exception_Returning", "in_transit", "return", None),
        ("Exception_Returned", "returned", "return", None),
        ("Exception_Lost", "lost", "outbound", None),
        ("Exception_Destroyed", "disposed", "outbound", None),
        ("Exception_Cancel", "cancelled", "outbound", None),
        ("Expired_Other", None, "outbound", "expired_tracking"),
        ("InTransit_CustomsRequiringInformation", "in_transit", "outbound", "customs_hold"),
    ],
)
def test_a_sub_status_says_what_its_table_says(
    sub_status: str, stage: str | None, leg: str, condition: str | None
) -> None:
    meaning = meaning_of(sub_status, None)
    assert (meaning.stage, meaning.leg) == (stage, leg)
    assert condition is None or condition in meaning.sets


@pytest.mark.parametrize("status", STATUSES)
def test_a_new_sub_status_of_a_known_status_keeps_its_stage_and_is_put_on_the_mapping_queue(status: str) -> None:
    new = meaning_of(f"{status}_ByBalloon", None)
    assert (new.stage, new.sets) == (STATUSES[status].stage, STATUSES[status].sets)
    assert new.substatus == ("informational" if status == "NotFound" else "unmapped")


@pytest.mark.parametrize(
    ("wording", "stage"),
    [
        ("Arrived at Facility", "in_transit"),
        ("Origin Scan", "accepted"),
        ("On its way: 启运", None),
        ("DELIVERED", None),
    ],
)
def test_an_event_that_is_no_milestone_is_read_by_its_wording_and_ends_nothing(wording: str, stage: str | None) -> None:
    assert meaning_of(None, None, wording=wording).stage == stage
    assert meaning_of("InTransit_Other", None, wording=wording) == SUB_STATUSES["InTransit_Other"]


def test_a_name_nobody_knows_moves_nothing_and_no_name_at_all_says_nothing() -> None:
    assert (meaning_of("Beamed_Up", "Departure").stage, meaning_of("Beamed_Up", None).substatus) == (None, "unmapped")
    assert meaning_of(None, None).substatus == "informational"
    assert meaning_of(None, None, wording="UPS has told your local office").substatus == "informational"
    assert meaning_of(None, "PickedUp") == STAGES["PickedUp"]


def test_a_delivery_to_the_sender_is_a_return() -> None:
    """R6: only the wording says so."""
    last = scans_of(document("track17/delivered_to_the_sender"))[-1]
    assert (last.stage, last.leg) == ("returned", "return")


# --- the whole parcel ------------------------------------------------------------------------------------------------


def test_the_status_counts_at_the_time_of_the_last_look() -> None:
    (summary,) = scans_of(document(MERGED), "summary")
    assert (summary.stage, summary.occurred_at_text) == ("delivered", "2026-06-22T09:41:00Z")


def test_a_number_is_not_found_only_while_nobody_has_told_an_event() -> None:
    (summary,) = reading_of(document("track17/not_found_without_events")).scans
    assert (summary.kind, summary.stage, summary.substatus) == ("summary", "not_found", "invalid_number")
    body = document(MERGED)
    body["data"]["track_info"]["latest_status"] = {"status": "NotFound", "sub_status": "NotFound_Other"}
    assert scans_of(body, "summary") == []


def test_the_latest_event_stands_in_for_a_missing_history() -> None:
    assert [scan.stage for scan in scans_of(document("track17/estimate_of_days"))] == ["announced"]


@pytest.mark.parametrize(
    ("told", "window"),
    [
        ({"from": "2026-06-24", "to": "2026-06-27"}, {"day": "2026-06-27"}),
        ({"from": "2026-06-24", "to": None}, {"day": "2026-06-24"}),
        ({"from": "2026-06-24T08:00:00-04:00", "to": "2026-06-26T20:00:00-04:00"}, {"day": "2026-06-26"}),
        ({"from": "2026-06-24T00:00:00+08:00", "to": "2026-06-24T00:00:00+08:00"}, {"day": "2026-06-24"}),
        ({"from": "2026-06-24T14:00:00", "to": "2026-06-24T18:00:00"}, {"day": "2026-06-24"}),
        ({"from": "soon", "to": 7}, None),
    ],
)
def test_an_estimate_is_a_span_of_one_day_or_the_last_of_its_days(
    told: dict[str, object], window: dict[str, str] | None
) -> None:
    body = document("track17/estimate_of_days")
    body["data"]["track_info"]["time_metrics"]["estimated_delivery_date"] = told
    said = [one.window.model_dump(mode="json", exclude_none=True) for one in scans_of(body, "estimate") if one.window]
    assert said == ([] if window is None else [window])


def test_what_has_arrived_or_goes_back_has_no_estimate() -> None:
    for case in (MERGED, "track17/failures_then_returned"):
        body = document(case)
        body["data"]["track_info"]["time_metrics"]["estimated_delivery_date"] = {"from": None, "to": "2026-07-01"}
        assert scans_of(body, "estimate") == []
