"""Lines of a file as records: what is left out is made, what is wrong is named, and the other lines count."""

import io
import json

import pytest

from services.local.record_lines import read_lines
from services.status.inputs import OrderIn, ScanIn
from tests.unit.local.stories import MOVING, PLACED, STORY, event, report, told


def test_what_a_line_leaves_out_is_made_from_its_content() -> None:
    bare = [{"topic": one["topic"], "value": one["value"]} for one in STORY]
    as_text = [{**one, "value": json.dumps(one["value"])} for one in bare]
    assert report(*bare)["orders"][0]["shipments"] == report(*STORY)["orders"][0]["shipments"]
    assert report(*bare) == report(*as_text)
    assert report(*bare, *bare)["orders"] == report(*bare)["orders"]
    (first, *_) = told(*bare).items
    assert isinstance(first, OrderIn)
    assert (first.stored.source, len(first.stored.id), first.order) == ("workbench", 32, "main:1001")
    assert isinstance(told(*bare).items[-1], ScanIn)


def test_a_line_keeps_the_identity_that_it_has() -> None:
    (item,) = told(event(PLACED, headers={"ce_id": "e1", "ce_source": "oms"})).items
    assert isinstance(item, OrderIn)
    assert item.stored.key == "oms#e1"
    (named,) = told(event(PLACED, headers={"ce_source": "oms"})).items
    assert isinstance(named, OrderIn)
    assert named.stored.source == "oms"
    assert len(named.stored.id) == 32


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "unreadable"),
        ("[1]", "unreadable"),
        ("[" * 200_000, "unreadable"),
        ('"text"', "unreadable"),
        ({"topic": "order.status.v1", "value": {}}, "unknown_topic"),
        ({"topic": ["order.events.v1"], "value": {}}, "unknown_topic"),
        ({"value": PLACED}, "unknown_topic"),
        (event(PLACED, key=7), "bad_key"),
        (event(PLACED, key="main:9"), "key_mismatch"),
        (event(PLACED, headers={"ce_id": 7}), "bad_headers"),
        (event(PLACED, headers=["ce_id"]), "bad_headers"),
        (event(PLACED, headers={"ce_id": "x" * 999}), "no_event_id"),
        (event(PLACED, headers={"ce_type": "trackfold.order.events.packed.v1"}), "type_mismatch"),
        ({"topic": "order.events.v1", "key": "main:1001"}, "no_value"),
        ({"topic": "order.events.v1", "value": "{no json"}, "invalid"),
        ({"topic": "order.events.v1", "value": "\ud800"}, "invalid"),
        ({"topic": "carrier.scans.v1", "value": [1]}, "invalid"),
        ({"topic": "carrier.scans.v1", "value": {**MOVING["value"], "number": None}}, "unreadable"),
        ({"topic": "carrier.scans.v1", "value": {**MOVING["value"], "occurred_at": "2026-11-20T12:00:00"}}, "invalid"),
    ],
)
def test_a_bad_line_is_named_with_its_reason_and_the_others_count(line: object, reason: str) -> None:
    found = report(*STORY, "", "   ", line)
    assert [(one["place"], one["reason"]) for one in found["refused"]] == [("story:7", reason)]
    assert found["refused"][0]["detail"]
    assert found["orders"] == report(*STORY)["orders"]


def test_a_value_that_is_no_json_is_told_in_a_clean_sentence() -> None:
    (refused,) = told({"topic": "order.events.v1", "value": "{no json"}).refused
    assert refused.detail.startswith("Invalid JSON: key must be a string")


def test_bytes_that_are_no_text_are_refused_and_a_mark_of_the_byte_order_is_not() -> None:
    lines = read_lines(io.BytesIO(b"\xef\xbb\xbf" + json.dumps(event(PLACED)).encode() + b"\n\xff\xfe\n"), "story")
    assert len(lines.items) == 1
    assert [(one.place, one.reason) for one in lines.refused] == [("story:2", "unreadable")]


def test_another_content_under_one_id_is_refused_as_the_service_does_it() -> None:
    headers = {"ce_id": "e1", "ce_source": "oms"}
    lines = [
        event(PLACED, headers=headers),
        event({**PLACED, "lines": [{"line": "1", "quantity": 9}]}, headers=headers),
    ]
    ways = [report(*lines), report(*reversed(lines))]
    assert ways[0]["orders"][0]["lines"] == ways[1]["orders"][0]["lines"]
    assert [one["reason"] for way in ways for one in way["refused"]] == ["contradicts"]
    assert all([one["why"] for one in way["orders"][0]["set_aside"]] == ["contradicts"] for way in ways)
