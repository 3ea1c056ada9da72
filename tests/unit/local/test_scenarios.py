"""The named bad histories: each folds to what was written by hand, and ends alike in any order of telling."""

import json
import re
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from services.local import workbench
from services.local.record_lines import read_lines
from services.local.scenario_files import scenarios
from tests.unit.local.comparing import EXPECTED, SCENARIOS, Json, check, differences, reported

NAMES: Final = sorted(path.stem for path in SCENARIOS.glob("*.jsonl"))
RULES: Final = {f"R{number}" for number in range(1, 24)}
STATE_MODEL: Final = Path(__file__).parents[3] / "docs" / "state-model.md"
ENGINE_RULES: Final = STATE_MODEL.with_name("engine-rules.md")


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_folds_to_what_was_written_by_hand(name: str) -> None:
    assert check(name) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_ends_alike_in_other_orders_and_batches(name: str) -> None:
    folded = workbench.fold(read_lines(BytesIO((SCENARIOS / f"{name}.jsonl").read_bytes()), name))
    assert workbench.permute(folded, times=6, seed=4) is None


def test_every_scenario_has_its_title_and_its_expectation_and_there_are_at_least_25() -> None:
    assert sorted(scenarios()) == NAMES
    assert sorted(path.name.removesuffix(".expected.json") for path in EXPECTED.glob("*.json")) == NAMES
    assert len(NAMES) >= 25
    assert [one.name for one in scenarios().values() if not (one.title and one.story)] == []
    assert [name for name in NAMES if not re.fullmatch("[a-z0-9_]+", name)] == []


def test_each_rule_of_the_state_model_has_its_trouble() -> None:
    named = {rule for one in scenarios().values() for rule in one.rules}
    assert named >= RULES
    known = set(re.findall(r"^\| ([RE]\d+) \|", STATE_MODEL.read_text() + ENGINE_RULES.read_text(), re.MULTILINE))
    assert named <= known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "lost"}, "state: expected 'lost'"),
        ({"lines": {"1": {"lost": 1}}}, "lines: expected"),
        ({"timeline": []}, "timeline: not expected"),
        ({"timeline": [["2026-11-01T00:00:00Z", "order", "seen"]]}, "timeline: not told: 2026-11-01"),
        ({"published": []}, "published: expected []"),
        ({"set_aside": [["k1", "R4", "batch_noise"]]}, "set_aside: expected"),
        ({"shipments": {}}, "shipments: expected []"),
        ({"mood": "good"}, "nothing compares 'mood'"),
    ],
)
def test_whatever_differs_from_what_was_written_is_said(change: Json, said: str) -> None:
    expected = json.loads((EXPECTED / "second_attempt.expected.json").read_text())
    report = reported("second_attempt")
    assert differences(expected, report) == []
    expected["orders"][0] |= change
    assert any(said in one for one in differences(expected, report))


@pytest.mark.parametrize(
    ("further", "said"),
    [
        ({"action": [True, "shop"]}, "published 1.action: expected [True, 'shop'], told [False, 'shop']"),
        ({"action": [False, "carrier"]}, "published 1.action"),
        ({"reason": "moved"}, "published 1.reason: expected 'moved', told 'confirmed'"),
        ({"parcels": [["S1", None, "announced"]]}, "published 1.parcels"),
        ({"mood": "good"}, "published 1.mood: expected 'good', told 'no such field'"),
    ],
)
def test_what_is_written_of_a_change_beside_its_state_is_compared(further: Json, said: str) -> None:
    expected = json.loads((EXPECTED / "second_attempt.expected.json").read_text())
    expected["orders"][0]["published"][0][3:] = [further]
    assert any(said in one for one in differences(expected, reported("second_attempt")))


def test_who_must_act_is_written_for_at_least_twelve_scenarios() -> None:
    told = [path for path in EXPECTED.glob("*.json") if '"action": [' in path.read_text()]
    assert len(told) >= 12


def test_an_order_a_refused_line_or_a_scenario_that_nobody_wrote_down_is_said() -> None:
    expected = json.loads((EXPECTED / "second_attempt.expected.json").read_text())
    report = reported("second_attempt")
    assert any("orders: expected []" in one for one in differences({"orders": []}, report))
    assert any("refused" in one for one in differences({**expected, "refused": [[1, "invalid"]]}, report))
    assert check("nobody_wrote_this")[0].startswith("write nobody_wrote_this.expected.json by hand")
