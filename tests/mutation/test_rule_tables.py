"""Every row of every rule table is noticed by a test; and the tool that says so finds the row that is not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.equivalent import EQUIVALENT
from tests.mutation.mutants import ROOT, rule_files
from tests.mutation.tables import mutants_of

PLANTED = '''"""A table of three rows, the last of which no test knows; and a first match, whose order none knows."""

from datetime import timedelta
from typing import NamedTuple


class Row(NamedTuple):
    name: str
    follows: bool


TOLD = frozenset({"first", "second", "unknown"})
LIMIT = timedelta(days=3)
ROWS = (Row("first", True), Row("second", False))


def first(word):
    found = (("f", "first"), ("fi", "finally"))
    return next((name for start, name in found if word.startswith(start)), None)


def judged(event):
    match event:
        case str() | bytes():
            return "text"
        case _:
            return "other"
'''
TESTS = '''"""Tests of the planted tables."""

import planted


def test_told():
    assert {"first", "second"} <= planted.TOLD
    assert planted.LIMIT.days == 3
    assert planted.ROWS == (("first", True), ("second", False))
    assert planted.first("f") == "first"
    assert planted.judged("x") == "text"
'''


def mutate(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the tool as `make mutate` does, in a process of its own: it forks."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "--json", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=1_500,
    )  # fmt: skip
    assert done.stdout.startswith("{"), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, found


@pytest.fixture
def planted(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "planted.py").write_text(PLANTED)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_planted.py").write_text(TESTS)
    return f"--file={tmp_path / 'planted.py'}", f"--tests={tmp_path / 'tests'}"


def test_a_row_that_no_test_knows_survives_and_is_named_with_its_place(planted: tuple[str, ...]) -> None:
    code, found = mutate(*planted)
    survived = {(one["place"], one["row"], one["change"]) for one in found["mutants"] if one["result"] == "SURVIVED"}
    assert code == 1
    assert survived == {
        ("planted.py:12", "'unknown'", "removed"),
        ("planted.py:18", "('f', 'first')", "swapped with the next"),
        ("planted.py:18", "('fi', 'finally')", "removed"),
        ("planted.py:24", "case bytes()", "removed"),
    }


def test_a_row_that_a_test_knows_is_caught_by_that_test(planted: tuple[str, ...]) -> None:
    _, found = mutate(*planted, "TOLD: 'first'", "LIMIT", "ROWS")
    assert {one["result"] for one in found["mutants"]} == {"caught"}
    assert {one["change"] for one in found["mutants"]} == {
        "removed", "+1", "-1", "exchanged its value with the next", "True turned", "False turned",
    }  # fmt: skip
    assert all(one["by"].endswith("::test_told") for one in found["mutants"])


def test_where_the_tests_fail_anyway_nothing_counts_as_caught(planted: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "tests" / "test_broken.py").write_text("def test_broken():\n    assert False\n")
    with pytest.raises(AssertionError, match="the tests fail on the code as it is"):
        mutate(*planted)


@pytest.mark.parametrize("module", [name for name, _ in rule_files()])
def test_every_change_is_undone_before_the_next(module: str) -> None:
    path = dict(rule_files())[module]
    before = [(one.name, one.code) for one in mutants_of(module, path)]
    assert before == [(one.name, one.code) for one in mutants_of(module, path)]


def test_each_mutant_that_no_test_can_catch_has_its_reason() -> None:
    assert all(len(reason) > 20 for reason in EQUIVALENT.values())


@pytest.mark.timeout(1_600)
def test_every_row_of_the_rule_tables_is_noticed_by_a_test() -> None:
    code, found = mutate()
    unnoticed = [f"{one['place']} {one['row']}: {one['change']}" for one in found["mutants"] if one["result"] in
                 {"SURVIVED", "NOT RUN"}]  # fmt: skip
    assert (unnoticed, found["gone"]) == ([], [])
    assert code == 0
    assert len(found["mutants"]) > 300
