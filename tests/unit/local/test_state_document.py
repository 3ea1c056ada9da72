"""The generated document of the state machine: true to the fold, with valid diagrams, and stale when a row changes."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from schemas.vocabulary import Leg, OrderState, Stage
from services.local import state_diagrams, state_document, state_ladder, state_tables
from services.local.state_diagrams import STAGES
from services.status import machine, reasons, units
from services.status.direction import reading_of
from services.status.shipment import Route, Verdict
from services.status.transitions import RANK, ROWS, Position, Row
from tests.builders import after, make_scan

ROOT = Path(__file__).resolve().parents[3]
#: Words that Mermaid reads as its own where a node's name should stand.
RESERVED = {"end", "state", "note", "class", "style", "graph", "subgraph", "click", "default", "direction", "o", "x"}
EDGE = re.compile(r"(\[\*\]|\w+) --> (\[\*\]|\w+)(?:: [\w ]+)?")


def test_the_document_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert state_document.main(["--check"]) == 0


def test_a_changed_row_makes_it_stale_and_names_the_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert state_document.main([]) == 0
    changed = [Row(row.source, row.targets, row.rule, "never") if row is ROWS[-1] else row for row in ROWS]
    monkeypatch.setattr(state_tables, "ROWS", tuple(changed))
    assert state_document.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert "docs/state-machine.md is not what the code says: make docs" in said
    assert "| R21 | found: not flagged |" in said.splitlines()[2]
    assert "| R21 | never |" in said.splitlines()[3]
    assert state_document.main([]) == 0
    assert state_document.main(["--check"]) == 0


def test_a_document_that_is_missing_or_cut_short_is_stale() -> None:
    assert state_document.difference("", "a\n") == "line 1:\n  written: \n  code:    a"
    assert state_document.difference("a\nb\n", "a\n") == "line 2:\n  written: b\n  code:    "


def told(position: Position) -> list[dict[str, str]]:
    """Return scans that bring a parcel to a position."""
    leg, stage = position.leg.value, position.stage
    way = {Stage.DISPOSED: [Stage.IN_TRANSIT], Stage.LOST: [Stage.IN_TRANSIT], Stage.CANCELLED: [Stage.ANNOUNCED]}
    return [{"stage": one.value, "leg": leg} for one in (*way.get(stage, []), stage)]


def verdict(now: Position, then: Position) -> Verdict:
    """Return what the fold makes of a scan at another place, five hours after those that lead to `now`."""
    before = [make_scan(occurred_at=after(hours=n), place={"city": "Bath"}, **one) for n, one in enumerate(told(now))]
    last = make_scan(occurred_at=after(hours=7), place={"city": "Leeds"}, stage=then.stage.value, leg=then.leg.value)
    state = machine.fold([*before, last])
    assert machine.fold(before).stage is now.stage
    return next(one for one in state.verdicts if one.scan is last)


PAIRS = list(state_tables.pairs())


@pytest.mark.parametrize("leg", list(Leg))
@pytest.mark.parametrize("stage", list(Stage))
def test_every_cell_of_the_matrix_is_what_the_fold_does(leg: Leg, stage: Stage) -> None:
    expected = {
        "same": ("same_stage", None, False), "void": ("shipped_although_cancelled", "R21", True),
        "followed": ("contradiction", "R21", True), "flagged": ("contradiction", "R21", False),
        "label": ("return_announced", "R6", False), "kept": ("illegal", "R21", False),
        "R4": ("contradiction", "R4", False),
    }  # fmt: skip
    for now, then in PAIRS:
        if now != Position(stage, leg):
            continue
        cell, made = state_tables.cell(now, then), verdict(now, then)
        reason, rule, moved = expected.get(cell) or ("moved", cell.removeprefix("moves "), True)
        assert made.reason == reason, (now, then)
        assert rule in {None, made.rule}, (now, then)
        assert made.moved is moved or cell == "same", (now, then)


def test_the_matrix_leaves_out_only_what_no_scan_can_tell() -> None:
    read = set()
    for leg in Leg:
        for stage in RANK:
            for on in Leg:
                read.add(reading_of(make_scan(stage=stage.value, leg=leg.value), on, Route()))
    assert read == {Position(stage, leg) for leg, stages in STAGES.items() for stage in stages}
    assert len(PAIRS) == 3 * 11 * 11


def test_every_row_of_the_order_has_an_example_that_is_folded_by_it() -> None:
    rungs = state_ladder.ladder()
    assert [rung.row for rung in rungs] == list(state_ladder.EXAMPLES)
    assert {rung.state for rung in rungs} | {OrderState.ERASED} == set(OrderState)


def test_an_example_that_another_row_folds_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**state_ladder.EXAMPLES, "some_picked": state_ladder.EXAMPLES["nothing_picked"]}
    monkeypatch.setattr(state_ladder, "EXAMPLES", wrong)
    with pytest.raises(ValueError, match="the example of some_picked is folded by nothing_picked"):
        state_ladder.ladder()


def test_the_rows_stand_in_the_order_in_which_the_code_asks_them() -> None:
    tree = ast.parse(Path(units.__file__).read_text())
    parts: dict[str, list[str]] = {}
    for node in tree.body:
        name = getattr(node, "name", None) or getattr(getattr(node, "target", None), "id", "")
        calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "Row"]
        rows = sorted((one.lineno, str(ast.literal_eval(one.args[1]))) for one in calls)
        parts[str(name)] = [row for _, row in rows]
    asked = [*parts["_held_back"], *parts["_ALL_IN"], *parts["_SOME"], *parts["_NOTHING_PICKED"]]
    assert asked == [row for row in reasons.ROWS if row != "erased"]


def nodes(lines: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return the states that a diagram declares and those that its edges use; an error for any other line."""
    declared, used, depth = set(), set(), 0
    for line in (line.strip() for line in lines):
        edge, group = EDGE.fullmatch(line), re.fullmatch(r"state (\w+) \{", line)
        alias = re.fullmatch(r'state "[^"]+" as (\w+)', line)
        if edge:
            used |= set(edge.groups())
        elif group:
            declared.add(group[1])
            depth += 1
        elif alias:
            declared.add(alias[1])
        elif line == "}":
            depth -= 1
        elif depth:
            declared.add(line)
        else:
            assert line == "direction LR", line
    assert depth == 0
    return declared, used


@pytest.mark.parametrize("diagram", [state_diagrams.outbound, state_diagrams.return_leg])
def test_a_state_diagram_is_valid_and_draws_every_stage(diagram: object) -> None:
    assert callable(diagram)
    head, *lines = diagram()
    declared, used = nodes(lines)
    stages = {stage.value for stage in Stage}
    assert head == "stateDiagram-v2"
    assert used <= stages | declared | {"[*]"}
    assert declared <= stages | {state_diagrams.ON_THE_ROAD, state_diagrams.OTHER_LEG}
    assert not RESERVED & (declared | used)
    leg = Leg.OUTBOUND if diagram is state_diagrams.outbound else Leg.RETURN
    assert {stage.value for stage in STAGES[leg]} <= declared | used
    assert len(lines) == len(set(lines))


def drawn(lines: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the edges between stages with their labels, those of the group written out."""
    group: list[str] = []
    found: dict[tuple[str, str], str] = {}
    inside = False
    for line in (line.strip() for line in lines):
        if inside and line != "}":
            group.append(line)
        inside = (inside or line == f"state {state_diagrams.ON_THE_ROAD} {{") and line != "}"
    for source, target, label in re.findall(r"^\s*(\w+) --> (\w+): ([\w ]+)$", "\n".join(lines), re.MULTILINE):
        sources, targets = (group if one == state_diagrams.ON_THE_ROAD else [one] for one in (source, target))
        found |= {(one, other): label for one in sources for other in targets}
    return found | {(one, other): "" for one in group for other in group if one != other}


@pytest.mark.parametrize("leg", list(Leg))
def test_every_move_of_the_fold_is_drawn_with_its_rule_and_nothing_else(leg: Leg) -> None:
    diagram = state_diagrams.outbound if leg is Leg.OUTBOUND else state_diagrams.return_leg
    edges = {pair: label for pair, label in drawn(diagram()).items() if state_diagrams.OTHER_LEG not in pair}
    reopened = {pair for pair, label in edges.items() if "reopened" in label}
    moves = {}
    for now, then in PAIRS:
        made = verdict(now, then)
        if now.leg is leg and then.leg is leg and now != then and made.moved:
            moves[now.stage.value, then.stage.value] = made.rule, made.reason != "moved"
    assert set(edges) - reopened == set(moves)
    for pair, (rule, flagged) in moves.items():
        assert not edges[pair] or rule in edges[pair].split(), pair
        assert not edges[pair] or edges[pair].endswith("flagged") is flagged, pair


def reopening(stage: Stage) -> bool:
    """Tell whether a delivered parcel that is seen at two other places stands in that stage again."""
    story = [(Stage.DELIVERED, 0, "London"), (Stage.IN_TRANSIT, 20, "Leeds"), (stage, 26, "York")]
    scans = [make_scan(occurred_at=after(hours=at), place={"city": city}, stage=one.value) for one, at, city in story]
    state = machine.fold(scans)
    return state.stage is stage and [one.reason for one in state.corrections] == ["reopened"]


def test_every_stage_that_takes_a_delivery_back_is_drawn_and_no_other() -> None:
    """R4: delivered in London, in transit in Leeds, waiting in York: that was another parcel's delivery."""
    edges = {pair for pair, label in drawn(state_diagrams.outbound()).items() if label == "R4 reopened"}
    others = set(STAGES[Leg.OUTBOUND]) - {Stage.DELIVERED}
    assert edges == {("delivered", stage.value) for stage in others if reopening(stage)}
    assert ("delivered", "available_for_pickup") in edges


def test_the_orders_diagram_is_valid_and_ends_in_every_state() -> None:
    head, *lines = state_diagrams.order(state_ladder.ladder())
    question = re.compile(r'(q\d+)\{\{"[^"{}]+"\}\} -- yes --> s\d+\(\["(\w+)"\]\)')
    asked = [match for line in lines if (match := question.fullmatch(line.strip()))]
    onward = [match for line in lines if (match := re.fullmatch(r"(q\d+) -- no --> (q\d+|last)", line.strip()))]
    last = re.fullmatch(r'last\(\["(\w+)"\]\)', lines[-1].strip())
    assert head == "flowchart TD"
    assert last is not None
    assert len(asked) + len(onward) + 1 == len(lines)
    assert [match[1] for match in asked] == [match[1] for match in onward]
    assert [match[2] for match in onward] == [*(match[1] for match in asked[1:]), "last"]
    assert {*(match[2] for match in asked), last[1]} == {state.value for state in OrderState}


def test_a_line_that_mermaid_would_not_read_is_found() -> None:
    with pytest.raises(AssertionError):
        nodes(["a -> b"])
    with pytest.raises(AssertionError):
        nodes(["state a {", "b"])


def test_a_cell_cannot_break_its_table() -> None:
    assert state_tables.table(("a",), [("x|y",)]) == ["| a |", "|---|", "| x\\|y |"]
    for line in state_document.document().splitlines():
        assert not line.startswith("|") or line.endswith("|")
