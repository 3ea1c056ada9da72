"""DHL Express as MyDHL API tells it: checkpoints at local times, service areas, and who signed."""

import json
from typing import Any

import pytest

from services.ingest.carriers.base import Reading, Webhook, read
from services.ingest.carriers.dhl import DHL
from services.ingest.carriers.dhl_codes import checkpoint
from tests.unit.ingest.samples import TOLD_AT, body_of, document

MYDHL = "dhl/mydhl_checkpoints_at_local_times"


def reading_of(body: object) -> Reading:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(DHL, Webhook(body=raw, told_at=TOLD_AT))


def only(body: dict[str, Any]) -> dict[str, Any]:
    shipment: dict[str, Any] = body["shipments"][0]
    return shipment


def test_who_signed_is_a_proof_without_a_name() -> None:
    reading = reading_of(body_of(MYDHL))
    assert [scan.raw_code for scan in reading.scans if scan.pod == ("signature",)] == ["OK"]
    assert "fictive" not in " ".join(scan.model_dump_json().lower() for scan in reading.scans)


@pytest.mark.parametrize(
    ("code", "wording", "stage", "substatus"),
    [
        ("PU", "", "accepted", "picked_up"),
        ("OK", "Shipment delivered", "delivered", "to_recipient"),
        ("OK", "Delivered to the ServicePoint", "available_for_pickup", None),
        ("CC", "", "in_transit", "customs_presented"),
        ("CC", "Awaiting collection by recipient as requested", "available_for_pickup", None),
        ("DS", "", "attempted", None),
        ("DS", "Shipment destroyed", "disposed", "disposed"),
        ("RT", "Returned to the consignor", "in_transit", "started"),
        ("DM", "", None, "damaged"),
        ("QQ", "Delivered", None, "unmapped"),
        (None, "Delivered", None, "unmapped"),
    ],
)
def test_a_checkpoint_without_a_status_code_says_what_its_code_says(
    code: str | None, wording: str, stage: str | None, substatus: str | None
) -> None:
    meaning = checkpoint(code, wording)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


def test_a_local_time_has_the_zone_of_its_service_area_or_the_offset_beside_it() -> None:
    told = {scan.raw_code: scan for scan in reading_of(body_of(MYDHL)).scans}
    assert (told["WC"].time_kind, told["WC"].occurred_at.isoformat()) == ("assumed_zone", "2026-11-20T08:31:00+01:00")
    assert (told["PU"].time_kind, told["PU"].occurred_at.isoformat()) == ("offset", "2026-11-16T16:20:00+09:00")
    assert (told["QQ"].time_kind, told["QQ"].occurred_at_text) == ("unknown_zone", "2026-11-17 20:00:00")


@pytest.mark.parametrize(
    ("area", "city", "country"),
    [
        ([{"description": "KINGSTON-JAM"}], "KINGSTON", "JM"),
        ([{"description": "LONDON-HEATHROW-GBR"}], "LONDON-HEATHROW", "GB"),
        ([{"description": "Brisbane-AU", "code": "BNE"}], "Brisbane", "AU"),
        ([{"description": "New York, NY"}], "New York, NY", None),
        ([{"description": "Somewhere-QQQ"}], "Somewhere-QQQ", None),
        ([{"code": "BNE"}], "BNE", None),
    ],
)
def test_a_service_area_names_a_town_and_often_its_country(area: Any, city: str, country: str | None) -> None:
    body = document(MYDHL)
    only(body)["events"] = [only(body)["events"][0] | {"serviceArea": area}]
    place = reading_of(body).scans[0].place
    assert place is not None
    assert (place.city, place.country) == (city, country)


def test_a_checkpoint_without_a_place_or_with_a_bad_time_costs_only_itself() -> None:
    body = document(MYDHL)
    events = only(body)["events"]
    events[0]["time"] = "25:00:00"
    events[1]["serviceArea"] = "MUC"
    reading = reading_of(body)
    assert [problem.reason for problem in reading.problems] == ["bad_scan"]
    (out,) = [scan for scan in reading.scans if scan.raw_code == "WC"]
    assert out.place is None


def test_an_expected_day_is_told_until_the_parcel_has_arrived() -> None:
    body = document(MYDHL)
    assert [scan.kind for scan in reading_of(body).scans if scan.kind != "scan"] == []
    del only(body)["events"][0]
    (estimate,) = [scan for scan in reading_of(body).scans if scan.kind == "estimate"]
    assert estimate.window is not None
    assert str(estimate.window.day) == "2026-11-20"


def test_a_shipment_without_checkpoints_says_nothing_yet() -> None:
    body = document(MYDHL)
    only(body)["events"] = []
    assert reading_of(body) == Reading(ignored="no_events")
    only(body)["shipmentTrackingNumber"] = "?"
    assert [problem.reason for problem in reading_of(body).problems] == ["bad_number"]
