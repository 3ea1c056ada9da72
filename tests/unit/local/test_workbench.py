"""`trackfold fold`: what it reads, what it refuses, what it says, and that another order of telling is really tried."""

import io
import json
import math
import sys
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services import cli
from services.local import fold_file, memory, record_lines, workbench
from services.local.record_lines import UnusableError, read_lines
from services.status.folding import Folding
from services.status.replay import World
from tests.builders import NUMBER, SHIPMENT_KEY
from tests.unit.local.comparing import SCENARIOS
from tests.unit.local.stories import CREATED, MOVING, OUT, PLACED, STORY, event, report, scan, told


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to_file(*lines: object) -> str:
        path = tmp_path / "story.jsonl"
        path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines) + "\n")
        return str(path)

    return to_file


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = cli.main(["fold", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_file_is_folded_and_told_as_a_story(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, write(*STORY))
    assert (code, err) == (0, "")
    for said in (
        "Order main:1001: Out for Delivery (out_for_delivery), version 4",
        "line 1: 2 shipped",
        f"parcel S1: Royal Mail {NUMBER}: out_for_delivery",
        "2026-11-21 12:00:00 UTC",
        "in_transit -> out_for_delivery",
    ):
        assert said in out


def test_json_has_the_shape_that_is_promised(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    noise = scan("accepted", "2026-11-20T11:59:59Z", "k0", provider="ups")
    code, out, _ = run(capsys, write(*STORY, noise, scan("teleported", "2026-11-21T13:00:00Z", "k3")), "--json")
    (order,) = json.loads(out)["orders"]
    assert code == 0
    assert list(order) == [
        "order", "state", "substatus", "display", "version", "conditions", "lines", "shipments", "timeline",
        "published", "set_aside",
    ]  # fmt: skip
    assert (order["order"], order["state"], order["version"]) == ("main:1001", "out_for_delivery", 6)
    assert order["set_aside"] == [{"event": "k3", "rule": "R12", "why": "unknown_stage"}]
    assert [one["version"] for one in order["published"]] == [1, 2, 3, 4, 5, 6]
    assert [(one["subject"], one["what"]) for one in order["timeline"]] == [
        ("order", "placed"), ("order", "shipment_created"), ("S1", "accepted"), ("S1", "in_transit"),
        ("S1", "out_for_delivery"),
    ]  # fmt: skip


def test_the_standard_input_is_a_file_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(json.dumps(one) for one in (*STORY, {"topic": "carrier.scans.v1", "value": {"kind": "scan"}}))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, err = run(capsys, "-", "--json")
    assert (code, json.loads(out)["orders"][0]["state"]) == (1, "out_for_delivery")
    assert err.startswith("stdin:5: refused: invalid: ")


# --- files ------------------------------------------------------------------------------------------------------------


def test_no_file_no_time_and_too_long_a_file_end_with_2(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "No such file" in refused(capsys, str(tmp_path / "nowhere.jsonl"))
    assert "Is a directory" in refused(capsys, str(tmp_path))
    path = write(*STORY)
    for wrong in ("tomorrow", "2026-11-21T10:00:00", "2026-11-21"):
        assert "no RFC 3339 time with an offset" in refused(capsys, path, "--at", wrong)
    assert refused(capsys, path, "--permute", "-1")
    monkeypatch.setattr(record_lines, "MAX_LINES", 3)
    assert "more than 3 lines" in refused(capsys, path)
    monkeypatch.setattr(record_lines, "MAX_LINE_BYTES", 10)
    assert "more than 10 bytes in line 1" in refused(capsys, path)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    return err


def test_an_empty_file_has_no_order(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, write(""))[:2] == (0, "no order in it\n")
    assert report() == {"orders": [], "unclaimed": [], "refused": []}


def test_scans_that_no_order_claims_are_shown_beside_the_orders(write: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(MOVING, OUT)["unclaimed"] == [
        {
            "key": SHIPMENT_KEY, "stage": "out_for_delivery", "leg": "outbound", "substatus": None, "conditions": [],
            "scans": 2,
        }
    ]  # fmt: skip
    assert f"{SHIPMENT_KEY}: out_for_delivery, outbound (2 scans)" in run(capsys, write(MOVING, OUT))[1]
    assert report(*STORY)["unclaimed"] == []


def test_r22_an_unclaimed_shipment_in_pieces_stands_where_its_slowest_piece_stands() -> None:
    first = scan("delivered", "2026-11-21T09:00:00Z", "k8", piece="1")
    second = scan("in_transit", "2026-11-21T08:00:00Z", "k9", piece="2")
    assert [one["stage"] for one in report(first, second)["unclaimed"]] == ["in_transit"]


# --- time ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "conditions"),
    [
        ("2026-11-22T01:59:59Z", []),
        ("2026-11-22T02:00:00Z", ["delayed"]),
        ("2026-11-22T03:00:00+01:00", ["delayed"]),
        ("2027-02-01T00:00:00Z", ["delayed", "expired_tracking"]),
    ],
)
def test_the_time_events_due_by_then_are_added(
    write: Any, capsys: pytest.CaptureFixture[str], at: str, conditions: list[str]
) -> None:
    code, out, _ = run(capsys, write(*STORY), "--json", "--at", at)
    (order,) = json.loads(out)["orders"]
    assert code == 0
    assert sorted(one["name"] for one in order["shipments"][0]["conditions"]) == conditions
    assert [one["what"] for one in order["timeline"] if one["rule"] in {"E15", "R20"}] == conditions


def test_a_time_that_leads_to_another_is_followed_and_each_is_told_once() -> None:
    lines = told(event({**PLACED, "promised": {"day": "2026-11-22"}}), event(CREATED), MOVING)
    at = datetime.fromisoformat("2028-01-01T00:00:00+00:00")
    folded = workbench.fold(lines, at=at)
    fired = [item.record.key for item in folded.times]
    assert len(fired) == len(folded.times) >= 3
    assert workbench.fire(folded.memory, at, numbers=iter(())) == []
    assert workbench.permute(folded, times=25, seed=2) is None


def test_more_time_events_than_the_bound_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbench, "MAX_FIRED", 1)
    with pytest.raises(UnusableError, match="more than 1 time events"):
        workbench.fold(told(*STORY), at=datetime.fromisoformat("2028-01-01T00:00:00+00:00"))


# --- other orders of telling -----------------------------------------------------------------------------------------


def test_other_orders_and_batchings_of_the_same_records_end_alike(
    write: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, write(*STORY), "--permute", "40", "--seed", "9")
    assert (code, err) == (0, "")
    assert "40 other orders and batchings (seed 9) end in the same documents" in out
    code, out, _ = run(capsys, write(*STORY), "--permute", "4", "--json")
    assert json.loads(out)["permute"] == {"times": 4, "seed": 1, "differs": None}


def test_an_order_of_telling_that_ends_otherwise_is_found_and_shown(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Folding, "_stands_last", lambda *_: True)  # late scans are taken for new ones
    path = write(*STORY, scan("delivered", "2026-11-21T15:00:00Z", "k3"))
    code, out, err = run(capsys, path, "--permute", "200", "--at", "2026-12-30T00:00:00Z")
    assert code == 1
    assert "end in the same documents" not in out
    assert "seed 1: differs: main:1001 at " in err
    assert "told (line numbers; | between batches): " in err
    differs = json.loads(run(capsys, path, "--permute", "200", "--json")[1])["permute"]["differs"]
    assert differs["expected"] != differs["found"]
    assert {int(number) for batch in differs["batches"] for number in batch} == {1, 2, 3, 4, 5}


def test_an_order_that_is_lost_on_the_way_is_a_difference_too(monkeypatch: pytest.MonkeyPatch) -> None:
    folded = workbench.fold(told(*STORY))
    monkeypatch.setattr(World, "apply", lambda *_: None)
    found = workbench.permute(folded, times=1, seed=1)
    assert found is not None
    assert (found.order, found.path, found.found) == ("main:1001", ".", None)
    assert found.as_json()["batches"]


def test_what_is_shuffled_holds_everything_some_of_it_twice_in_batches() -> None:
    items = told(*STORY, *(scan(None, f"2026-11-22T10:00:{second:02}Z", f"m{second}") for second in range(40))).items
    ways = [workbench.shuffled(items, Random(seed)) for seed in range(20)]  # noqa: S311 - a test repeats
    for batches in ways:
        flat = [item for batch in batches for item in batch]
        assert {item.record.offset for item in flat} == {item.record.offset for item in items}
        assert all(batches)
    assert any(sum(map(len, batches)) > len(items) for batches in ways)
    assert len({len(batches) for batches in ways}) > 1


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, None),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, "a.1.b"),
        ({"a": [1]}, {"a": [1, 2]}, "a"),
        ({"a": 1}, {"b": 1}, "a"),
        ({"a": None}, {}, "a"),
        ({"a": 1}, None, "."),
    ],
)
def test_the_first_place_where_two_documents_differ_is_named(one: Any, other: Any, path: str | None) -> None:
    assert workbench.first_difference(one, other) == path
    if path is not None:
        assert workbench.at_path(one, path) != workbench.at_path(other, path) or path == "a"


# --- the service's own way -------------------------------------------------------------------------------------------


def test_batches_of_any_size_publish_the_same_versions() -> None:
    for path in sorted(SCENARIOS.glob("*.jsonl")):
        items = read_lines(io.BytesIO(path.read_bytes()), path.name).items
        ways = []
        for size in (1, 3, len(items)):
            kept = memory.Memory()
            for start in range(0, len(items), size):
                kept.apply(items[start : start + size])
            ways.append([(one.order, one.document, one.change) for one in kept.published])
        assert ways[0] == ways[1] == ways[2], path.stem


def test_the_sample_of_the_page_is_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "workbench.md").read_text()
    block = next(one for one in page.split("```") if "$ cat story.jsonl" in one)
    story, _, printed = block.partition("\n$ trackfold fold ")
    command, _, printed = printed.partition("\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fold_file, "_QUIET_S", math.inf)  # on a slow machine it would say how far it is
    Path("story.jsonl").write_text("\n".join(line for line in story.splitlines() if line.startswith("{")))
    _, out, err = run(capsys, *command.split())
    assert err + out == printed


def test_what_takes_long_says_how_far_it_is(
    write: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_file, "_QUIET_S", -1.0)
    monkeypatch.setattr(fold_file, "_PLAIN_EVERY_S", 0.0)
    _, _, err = run(capsys, write(*STORY), "--permute", "2", "--at", "2026-11-22T06:00:00Z")
    assert err.splitlines() == [
        "record 1 of 4",
        "time events until 2026-11-22T06:00:00+00:00",
        "permutation 1 of 2, seed 1: 5 records of 1 orders",
        "permutation 2 of 2, seed 1: 5 records of 1 orders",
    ]
