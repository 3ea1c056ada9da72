"""Every rule that is built is named by a test: by its function's name, or in its docstring."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([RE]\d+) \|.*\| ([^|]*) \|$", re.MULTILINE)
NAMED = re.compile(r"(?<![A-Za-z0-9])[RrEe]\d{1,2}(?![A-Za-z0-9])")
TESTS = (ast.FunctionDef, ast.AsyncFunctionDef)


def rules() -> list[str]:
    """Return the rules of the two tables, without those of the engine that are open."""
    model = ROW.findall((ROOT / "docs/state-model.md").read_text())
    engine = ROW.findall((ROOT / "docs/engine-rules.md").read_text())
    return [rule for rule, _ in model] + [rule for rule, built in engine if built != "open"]


def names(source: str) -> set[str]:
    """Return the rules that the tests of a file name."""
    tests = (node for node in ast.walk(ast.parse(source)) if isinstance(node, TESTS) and node.name.startswith("test_"))
    texts = (f"{node.name.replace('_', ' ')} {ast.get_docstring(node) or ''}" for node in tests)
    return {rule.upper() for text in texts for rule in NAMED.findall(text)}


@cache
def named() -> frozenset[str]:
    """Return the rules that any test names."""
    return frozenset(rule for path in (ROOT / "tests").rglob("test_*.py") for rule in names(path.read_text()))


@pytest.mark.parametrize("rule", rules())
def test_a_rule_that_is_built_is_named_by_a_test(rule: str) -> None:
    assert rule in named()


def test_the_tables_are_read_whole() -> None:
    assert rules()[:23] == [f"R{number}" for number in range(1, 24)]
    assert {f"E{number}" for number in range(1, 16)} <= set(rules())


def test_a_rule_counts_where_a_test_names_it_and_nowhere_else() -> None:
    source = '''
"""R1"""
def test_r2_one(): "Two. (E15)"
async def test_three(): "R4: it is so"
def helper_r5(): "R5"
def test_r60x_attr7(): pass  # R8
'''
    assert names(source) == {"R2", "E15", "R4"}
