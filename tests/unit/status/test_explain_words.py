"""The story in words: times with zones, pieces, the way back, numbers alone, and the sample of the documentation."""

import pathlib
from typing import Any

import pytest

from schemas.order_status import Change
from schemas.scans import Scan
from services.status.explain import about, story_of_number
from services.status.explain_parcel import Path
from services.status.explain_text import parcel_text, rules_of, story_text
from services.status.parcel_fold import History
from services.status.readings import content_hash
from services.status.web.rendering import explain_page
from tests.builders import SHIPMENT_KEY, after, line, make_order_event
from tests.unit.status.explaining import BEGIN, PLACED, event, explained, parcel, scan_of, scanned
from tests.unit.status.making import fold, told

ROOT = pathlib.Path(__file__).resolve().parents[3]


def test_the_newest_scans_stand_there_where_there_are_too_many() -> None:
    scans = [scanned("in_transit", hours, f"k{hours}") for hours in range(2, 7)]
    story = explained(*BEGIN, *scans, most=2)
    assert [one.event_key for one in parcel(story).scans] == ["k5", "k6"]
    assert parcel(story).left_out == 3
    assert "the newest of 5" in story_text(story)
    assert parcel(explained(*BEGIN, *scans, most=9)).left_out == 0


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"place": {"city": "Leeds", "time_zone": "Europe/London"}}, "2026-11-20 11:00 +00:00 (Europe/London)"),
        ({"place": {"time_zone": "Asia/Tokyo"}, "time_kind": "utc"}, "2026-11-20 20:00 +09:00 (Asia/Tokyo)"),
        ({"time_kind": "utc"}, "2026-11-20 11:00 +00:00 (Europe/London)"),
        ({"time_kind": "offset"}, "2026-11-20 11:00 UTC"),
        ({"time_kind": "unknown_zone"}, "2026-11-20 11:00, zone not told"),
        ({"time_kind": "assumed_zone"}, "2026-11-20 11:00 UTC, zone assumed"),
        ({"time_precision": "day"}, "2026-11-20, day only"),
        ({"place": {"time_zone": "Mars/X"}, "time_kind": "offset"}, "2026-11-20 11:00 UTC"),
    ],
)
def test_times_keep_their_offset_zone_and_precision(how: dict[str, Any], text: str) -> None:
    assert scan_of(explained(*BEGIN, scanned("in_transit", 2, "k1", **how)), "k1").at.text == text


def test_a_time_in_the_future_is_flagged_and_stands_where_we_were_told() -> None:
    future = scanned("in_transit", 20, "k1", told_at=after(hours=2), occurred_at_text="tomorrow")
    story = explained(*BEGIN, future)
    assert scan_of(story, "k1").clamped
    assert scan_of(story, "k1").at.at == "2026-11-20T11:00:00+00:00"
    assert fold(*BEGIN, future)["parcels"][0]["last_scan"]["clamped"] is True


def test_an_event_says_what_it_speaks_of() -> None:
    assert about(make_order_event("shipment_voided", shipment="S1")) == "S1"
    assert about(make_order_event("packed", lines=[line(2), line(1, name="2")])) == "2 of line 1, 1 of line 2"
    assert about(make_order_event("packed")) is None
    assert about(make_order_event("replaced", replacement="1009")) == "1009"


def test_pieces_count_and_show_where_each_is() -> None:
    created = event("shipment_created", "s", 10, shipment="S1", pieces=2)
    story = explained(PLACED, created, scanned("delivered", 24, "k1"))
    assert (parcel(story).pieces, parcel(story).pieces_delivered) == (2, 2)
    assert "2 of 2 pieces delivered." in story_text(story)
    document = fold(PLACED, created, scanned("in_transit", 24, "k1"))["parcels"][0]
    assert (document["piece_states"], document["pieces_delivered"]) == ([], 0)


def test_the_way_back_is_called_so() -> None:
    back = event("return_shipment_created", "r", 2000, shipment="R1", number="RT123456785GB")
    scans = (scanned("delivered", 24, "k1"), scanned("in_transit", 40, "k2", number="RT123456785GB"))
    story = explained(*BEGIN, back, *scans)
    returned = parcel(story, "R1")
    assert (returned.is_return, returned.leg, returned.status) == (True, "return", "Returning")
    text = story_text(story)
    assert "Return parcel R1" in text
    assert "in_transit on the way back" in text
    label = parcel(explained(*BEGIN, scanned("delivered", 24, "k1"), back), "R1")
    assert label.status == "Return announced"


def test_a_number_that_no_order_claims_is_explained_from_its_scans() -> None:
    scan = scanned("in_transit", 2, "k1", place={"city": "Bath", "country": "GB"}, description="Sorted")
    story = story_of_number(SHIPMENT_KEY, alone_with(scan), Path())
    assert (story.shipment, story.stage, story.carrier_name) == (None, "in_transit", "Royal Mail")
    text = parcel_text(story)
    assert text.startswith("No order claims this number.")
    assert "Bath, GB" in text
    assert "“Sorted”" in text


def test_the_sample_in_the_documentation_is_what_the_command_prints() -> None:
    bath = {"place": {"city": "Bath", "country": "GB", "time_zone": "Europe/London"}}
    cause = {"topic": "carrier.scans.v1", "type": "scan", "event": "rm-4", "at": "2026-11-22T09:00:00+00:00"}
    change = {
        "version": 5, "previous": "delivered", "state": "out_for_delivery", "cause": cause, "reason": "reopened",
        "correction": True, "action_by": "carrier",
    }  # fmt: skip
    story = explained(
        *BEGIN,
        event("dispatched", "d", 30, shipment="S9"),
        scanned("in_transit", 12, "rm-1", raw_code="EVDAV", **bath),
        scanned("delivered", 29, "rm-2", raw_code="EVKOP", **bath),
        scanned("in_transit", 29.5, "rm-3", raw_code="EVDAV"),
        scanned("out_for_delivery", 48, "rm-4", raw_code="EVGPD", **bath),
        path=Path(first_n={(SHIPMENT_KEY, "rm-1"): 4, (SHIPMENT_KEY, "rm-2"): 3}, repeats={(SHIPMENT_KEY, "rm-4"): 2}),
        change=Change.model_validate(change),
    )
    page = (ROOT / "docs" / "explain.md").read_text()
    assert f"```text\n{story_text(story)}```" in page


def test_named_pieces_show_where_each_is_and_a_number_alone_counts_those_it_knows() -> None:
    created = event("shipment_created", "s", 10, shipment="S1", pieces=3)
    scans = (
        scanned("delivered", 24, "k1", piece="1 of 3"),
        scanned("in_transit", 25, "k2", piece="2 of 3"),
    )
    story = parcel(explained(PLACED, created, *scans))
    assert (story.pieces, story.pieces_delivered) == (3, 1)
    assert [(one.piece, one.stage) for one in story.piece_states] == [("1 of 3", "delivered"), ("2 of 3", "in_transit")]
    assert "1 of 3 pieces delivered." in story_text(explained(PLACED, created, *scans))
    alone = story_of_number(SHIPMENT_KEY, alone_with(*scans), Path())
    assert (alone.stage, alone.pieces, alone.pieces_delivered) == ("in_transit", 2, 1)


def test_a_reference_that_nobody_claims_is_named_by_the_carrier_of_its_scans() -> None:
    scan = scanned("in_transit", 2, "k1", number=None, references={"easypost": "trk_1"})
    story = story_of_number("ref:easypost:trk_1", alone_with(scan), Path())
    assert (story.carrier_name, story.number) == ("Royal Mail", "easypost:trk_1")
    assert story_of_number("ref:easypost:trk_1", History(), Path()).scans == ()


def test_an_agents_word_on_a_number_without_an_order_stands_in_its_story() -> None:
    word = scanned("lost", 9, "o1", kind="override", by={"kind": "agent", "name": "Kim"}, reason="seen burning")
    story = story_of_number(SHIPMENT_KEY, alone_with(scanned("in_transit", 2, "k1"), word), Path())
    assert story.override is not None
    assert (story.stage, story.override.author, story.override.beneath) == ("lost", "Kim", "in_transit")
    assert [one.set_aside for one in story.scans] == [False, False]


def alone_with(*scans: Scan) -> History:
    """Return a history that no order claims."""
    return History(readings={(scan.event_key, content_hash(scan)): scan for scan in scans})


def test_every_rule_that_a_story_names_is_listed_once_by_its_number() -> None:
    missed = event("time_reached", "t", 90, rule="promise_missed", basis="oms#old")
    story = explained(
        *BEGIN, missed, scanned("in_transit", 2, "k1"), scanned(None, 3, "k2"), scanned("teleported", 4, "k3")
    )
    assert [rule for rule, _ in rules_of(story)] == ["R10", "R12", "R21", "E15"]
    assert rules_of(explained(PLACED)) == []


def test_the_number_that_customers_know_stands_beside_that_of_the_key() -> None:
    story = explained(told(event_id="p", printed="#2042"))
    assert (story.order, story.printed) == ("1001", "#2042")
    assert story_text(story).startswith("Order #2042 (1001) of shop main: ")
    page = explain_page(story)
    assert "why order #2042 shows it</title>" in page
    assert '<span class="number">#2042</span> (id <span class="number">1001</span>) of shop main' in page
    plain = explained(PLACED)
    assert plain.printed is None
    assert story_text(plain).startswith("Order 1001 of shop main: ")
    assert '<span class="number">1001</span> of shop main' in explain_page(plain)


def test_of_an_erased_order_the_story_tells_no_printed_number() -> None:
    erased = explained(told(event_id="p", printed="#2042"), event("erased", "e"))
    assert (erased.state, erased.printed) == ("erased", None)


def test_the_page_escapes_whatever_people_wrote_and_names_every_rule_once() -> None:
    sly = "<script>alert(1)</script>"
    story = explained(
        *BEGIN,
        event("on_hold", "h", reason=sly, by={"kind": "agent", "name": sly}),
        scanned("in_transit", 2, "k1", description=sly, place={"city": sly}, conditions_set=["damaged"]),
    )
    page = explain_page(story)
    assert "<script" not in page
    assert page.count('id="R21"') == 1
    assert page.count("<h1") == 1
    assert "Needs attention" in page
