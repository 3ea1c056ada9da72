"""AfterShip's words: what wins where a body contradicts itself, what a subtag means, what is expected when."""

import json
from typing import Any

import pytest

from schemas.scans import Scan
from services.ingest.carriers.aftership import AFTERSHIP
from services.ingest.carriers.aftership_codes import SUBTAGS, TAGS, meaning_of
from services.ingest.carriers.base import Reading, Webhook, read
from services.ingest.carriers.sender_wording import sent_back
from tests.unit.ingest.samples import TOLD_AT, document


def reading_of(body: Any) -> Reading:
    return read(AFTERSHIP, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))


def scans_of(body: Any, kind: str = "scan") -> list[Scan]:
    return [scan for scan in reading_of(body).scans if scan.kind == kind]


def summary_with(**fields: object) -> Scan | None:
    body = document("aftership/delivered_without_checkpoints")
    body["msg"].update(fields)
    return next(iter(scans_of(body, "summary")), None)


# --- what wins -------------------------------------------------------------------------------------------------------


def test_the_tag_of_a_tracking_without_checkpoints_counts_at_its_own_time() -> None:
    """R23: the real test webhook of AfterShip comes so."""
    (summary,) = reading_of(document("aftership/delivered_without_checkpoints")).scans
    assert (summary.kind, summary.stage) == ("summary", "delivered")
    assert summary.occurred_at.isoformat() == "2026-05-06T08:40:08+00:00"
    (expired,) = reading_of(document("aftership/expired_without_checkpoints")).scans
    assert (expired.stage, expired.conditions_set) == (None, ("expired_tracking",))
    assert int(expired.occurred_at.timestamp()) == document("aftership/expired_without_checkpoints")["ts"]


def test_a_parcel_marked_lost_after_its_delivery_is_lost() -> None:
    scans = reading_of(document("aftership/lost_after_delivered")).scans
    assert [scan.stage for scan in scans][-2:] == ["delivered", "lost"]


@pytest.mark.parametrize(
    ("fields", "stage", "leg"),
    [
        ({"tag": "Exception", "subtag": "Exception_007", "return_to_sender": True}, "in_transit", "return"),
        ({"tag": "Exception", "subtag": "Exception_007", "return_to_sender": False}, None, "outbound"),
        ({"tag": "Exception", "subtag": "Exception_011", "return_to_sender": True}, "returned", "return"),
        ({"tag": "Exception", "subtag": "Exception_013", "return_to_sender": True}, "lost", "outbound"),
        ({"tag": "Delivered", "subtag": "Delivered_001", "return_to_sender": True}, "returned", "return"),
        ({"tag": "InTransit", "subtag": "InTransit_001", "return_to_sender": True}, "in_transit", "outbound"),
    ],
)
def test_return_to_sender_wins_over_an_exception_and_over_delivered(
    fields: dict[str, object], stage: str | None, leg: str
) -> None:
    summary = summary_with(**fields)
    assert summary is not None
    assert (summary.stage, summary.leg) == (stage, leg)


def test_the_message_wins_over_a_wrong_address() -> None:
    scans = reading_of(document("aftership/returned_to_sender_as_a_wrong_address")).scans
    told = [(scan.stage, str(scan.leg)) for scan in scans]
    assert told[1:] == [(None, "outbound"), ("in_transit", "return"), ("returned", "return"), ("returned", "return")]


@pytest.mark.parametrize("fields", [{"tag": "Pending", "subtag": "Pending_003"}, {"tag": None}, {"tag": "Teleported"}])
def test_a_tag_that_says_nothing_makes_no_summary(fields: dict[str, object]) -> None:
    assert summary_with(**fields) is None


@pytest.mark.parametrize(
    ("wording", "stage", "leg"),
    [
        ("Returned to sender", "returned", "return"),
        ("Delivered, to Original Sender", "returned", "return"),
        ("Package will be returned to the shipper", "in_transit", "return"),
        ("Being returned to sender", "in_transit", "return"),
        ("Return to sender requested", "in_transit", "return"),
        ("Proof mailed to shipper", None, None),
        (None, None, None),
    ],
)
def test_wording_tells_a_promise_of_return_from_its_end(
    wording: str | None, stage: str | None, leg: str | None
) -> None:
    back = sent_back(wording)
    assert (back and back.stage, back and str(back.leg)) == (stage, leg)


@pytest.mark.parametrize(
    ("subtag", "wording", "stage", "substatus"),
    [
        ("InTransit_002", "Picked up", "accepted", "picked_up"),
        ("InTransit_002", "Shipment accepted at counter", "accepted", "picked_up"),
        ("InTransit_002", "Ready to be picked up", "in_transit", "processed"),
        ("InTransit_002", None, "in_transit", "processed"),
        ("Delivered_001", "Left with neighbour", "delivered", "neighbour"),
        ("Delivered_005", None, "delivered", "neighbour"),
        ("AvailableForPickup_001", "At the post office", "available_for_pickup", "post_office"),
        ("Exception_004", None, "in_transit", "customs_held"),
        ("Exception_010", "Returned to sender", "in_transit", "started"),
        ("Exception_020", None, "cancelled", "label_voided"),
        ("InTransit_077", None, "in_transit", "unmapped"),
    ],
)
def test_wording_decides_only_where_the_subtag_leaves_it_open(
    subtag: str, wording: str | None, stage: str, substatus: str
) -> None:
    meaning = meaning_of(subtag.partition("_")[0], subtag, wording=wording)
    assert (meaning.stage, meaning.substatus) == (stage, substatus)


def test_every_documented_subtag_has_its_row_and_no_exception_is_an_end_unless_it_says_so() -> None:
    documented = {
        "Pending": range(1, 7), "InfoReceived": [1], "InTransit": range(1, 10), "OutForDelivery": [1, 3, 4],
        "AttemptFail": range(1, 4), "AvailableForPickup": [1], "Delivered": range(1, 6), "Expired": [1],
        "Exception": [*range(1, 14), *range(16, 22)],
    }  # fmt: skip
    assert documented.keys() == TAGS.keys()
    assert {f"{tag}_{number:03}" for tag, numbers in documented.items() for number in numbers} <= SUBTAGS.keys()
    ends = {
        code for code, row in SUBTAGS.items() if code.startswith("Exception") and row.stage not in (None, "in_transit")
    }
    assert ends == {"Exception_011", "Exception_013", "Exception_020", "Exception_021"}


@pytest.mark.parametrize(
    ("field", "told", "window"),
    [
        ("expected_delivery", "2026-05-09", {"day": "2026-05-09"}),
        ("latest_estimated_delivery", {"datetime": "2026-05-09T12:11:11+01:00"}, {"day": "2026-05-09"}),
        (
            "latest_estimated_delivery",
            {"datetime_min": "2026-05-08", "datetime_max": "2026-05-10"},
            {"day": "2026-05-10"},
        ),
        ("courier_estimated_delivery_date", {"estimated_delivery_date": "2026-05-09"}, {"day": "2026-05-09"}),
        ("expected_delivery", "soon", None),
        ("latest_estimated_delivery", {"datetime": None}, None),
        ("order_promised_delivery_date", "2026-05-09", None),
    ],
)
def test_an_estimate_is_a_day_or_a_span_and_never_the_shops_promise(
    field: str, told: object, window: dict[str, str] | None
) -> None:
    body = document("aftership/estimate_of_a_day")
    body["msg"].update({"expected_delivery": None, field: told})
    estimates = scans_of(body, "estimate")
    said = [one.window.model_dump(mode="json", exclude_none=True) for one in estimates if one.window]
    assert said == ([] if window is None else [window])


def test_what_the_shop_marked_itself_is_told_by_the_text_of_its_subtag() -> None:
    body = document("aftership/attempted_then_delivered_and_signed")
    marked = {"tag": "Exception", "subtag": "Exception_007", "subtag_message": "Returned to sender"}
    body["msg"].update(marked)
    (summary,) = scans_of(body, "summary")
    assert (summary.stage, summary.leg) == ("returned", "return")
    own = body["msg"]["checkpoints"][-1] | {"message": "Address not found", **marked}
    body["msg"]["checkpoints"].append(own)
    (summary,) = scans_of(body, "summary")
    assert (summary.stage, summary.substatus) == (None, "bad_address")


def test_a_tracking_without_a_courier_is_never_lost() -> None:
    body = document("aftership/attempted_then_delivered_and_signed")
    body["msg"].update(slug=None, tracking_number="QX77120045")
    assert {scan.key for scan in reading_of(body).scans} == {"unknown:QX77120045"}


def test_what_has_arrived_has_no_estimate() -> None:
    body = document("aftership/delivered_without_checkpoints")
    body["msg"]["expected_delivery"] = "2026-05-09"
    assert scans_of(body, "estimate") == []
