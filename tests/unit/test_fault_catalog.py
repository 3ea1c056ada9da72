"""Every fault has a test or a reason, and nothing stands in the list of those not run that could run."""

import ast
from pathlib import Path

import pytest

from tests.nemesis import catalog, table
from tests.nemesis.catalog import FAULTS, named, not_run
from tests.nemesis.results import Result

NEMESIS = Path(catalog.__file__).parent


def marked() -> dict[str, list[str]]:
    """Return the tests of each fault, as their marks in tests/nemesis say."""
    found: dict[str, list[str]] = {}
    for path in sorted(NEMESIS.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    found.setdefault(ast.literal_eval(mark.args[0]), []).append(f"{path.name}::{node.name}")
    return found


def test_every_fault_has_a_test_that_runs_or_a_reason_why_not() -> None:
    tests, reasons = marked(), not_run(catalog.NOT_RUN.read_text())
    known = set(named())
    assert known - tests.keys() - reasons.keys() == set(), "neither a test nor a reason"
    assert tests.keys() & reasons.keys() == set(), "it has a test: take it out of tests/not_run.txt"
    assert (tests.keys() | reasons.keys()) - known == set(), "not in the catalog"


def test_the_names_of_faults_are_their_own() -> None:
    assert len(named()) == len(FAULTS)


@pytest.mark.parametrize("line", ["clock_shifted", "clock_shifted:", "a: b\na: c"])
def test_a_line_without_a_reason_or_said_twice_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="cannot read"):
        not_run(line)


def test_the_table_shows_the_worst_of_several_runs() -> None:
    found = [Result("poison", passed=True, recovered_s=3.0), Result("poison", passed=True, recovered_s=7.24)]
    (row,) = [line for line in table.rows(found, {}) if "`poison`" in line]
    assert row.endswith("| holds | 7.2 s |")
    found.append(Result("poison", passed=False))
    (row,) = [line for line in table.rows(found, {}) if "`poison`" in line]
    assert "**fails**" in row


def test_the_table_stands_between_its_marks_and_leaves_the_rest_of_the_page() -> None:
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    assert table.placed(page, ["new"]) == f"before\n{table.BEGIN}\n\nnew\n\n{table.END}\nafter\n"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks its marks"):
        table.placed("no marks\n", ["new"])
