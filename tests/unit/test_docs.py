"""What the documents name exists: tests, functions, files, links, make targets, commands, settings, metrics."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import typer.main
from prometheus_client.metrics import MetricWrapperBase

from services.cli import app
from services.local.settings_table import CLASSES
from services.runtime import environment, failpoints, metrics

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")], key=lambda page: page.as_posix()
)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
NAMED_CODE = re.compile(r"`((?:services|schemas)/[\w/]+\.py):([\w.]+)`")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]+))?\)")
CODE = re.compile(r"`((?:schemas|services|examples|tests|deploy|docs|requirements|\.ci)/[\w./-]+)`")
PLACEHOLDER = re.compile(r"NAME|NNNN")
COMMAND = re.compile(r"`(?:\.venv/bin/)?trackfold ([a-z][a-z -]*[a-z])")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def named_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS))


def has_name(path: Path, dotted: str) -> bool:
    """Tell whether a module has a class or function of that name, or a class a method."""
    body: list[ast.stmt] = ast.parse(path.read_text()).body if path.is_file() else []
    for part in dotted.split("."):
        found = [node for node in body if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and node.name == part]
        if not found:
            return False
        body = found[0].body
    return True


def missing_tests(text: str) -> list[str]:
    named = NAMED_TEST.findall(text)
    return [
        f"{path}::{test}" for path, test in named if not (ROOT / path).is_file() or test not in named_in(ROOT / path)
    ]


def headings(page: Path) -> set[str]:
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in found}


def commands() -> set[str]:
    group = typer.main.get_command(app)
    found = set()
    for name_, command in getattr(group, "commands", {}).items():
        found |= {name_, *(f"{name_} {inner}" for inner in getattr(command, "commands", {}))}
    return found


def our_metrics() -> set[str]:
    wrapped = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    return {metric.name for one in wrapped for metric in one.collect()}


def test_every_promise_names_tests_and_every_test_exists() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    assert missing_tests(text) == []
    promises = re.split(r"^## ", text, flags=re.MULTILINE)[1:7]
    assert [promise[0] for promise in promises] == ["1", "2", "3", "4", "5", "6"]
    assert all(NAMED_TEST.search(promise) for promise in promises)


def test_a_test_that_is_not_there_is_found() -> None:
    assert missing_tests("`tests/unit/test_docs.py::test_that_is_not_there`")
    assert missing_tests("`tests/unit/test_nowhere.py::test_a`")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for path, anchor in LINK.findall(page.read_text()):
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in headings(target)):
            lost.append(f"{path}#{anchor}")
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = [path for path in CODE.findall(page.read_text()) if not PLACEHOLDER.search(path)]
    lost = [path for path in named if not (ROOT / path).exists()]
    assert lost == []


def test_every_function_of_the_architecture_page_is_there() -> None:
    named = NAMED_CODE.findall((ROOT / "docs" / "architecture.md").read_text())
    assert len(named) > 20
    assert [f"{path}:{dotted}" for path, dotted in named if not has_name(ROOT / path, dotted)] == []


def test_a_function_that_is_not_there_is_found() -> None:
    assert has_name(ROOT / "services/runtime/life.py", "Life.drain")
    assert not has_name(ROOT / "services/runtime/life.py", "Life.nothing")
    assert not has_name(ROOT / "services/runtime/nowhere.py", "Life")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_and_target_that_is_named_is_there(page: Path) -> None:
    text, known = page.read_text(), commands()
    lost = [named for named in COMMAND.findall(text) if not _starts_with_one(named, known)]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lost += [target for target in re.findall(r"`make ([a-z-]+)", text) if target not in targets]
    assert lost == []


def _starts_with_one(named: str, known: set[str]) -> bool:
    words = named.split()
    return words[0] in known and (len(words) == 1 or " ".join(words[:2]) in known or not _is_group(words[0], known))


def _is_group(word: str, known: set[str]) -> bool:
    return any(command.startswith(f"{word} ") for command in known)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_setting_and_metric_that_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    fields = [field.variable for cls in CLASSES for field in environment.fields(cls)]
    settings = set(re.findall(r"\bTRACKFOLD_[A-Z0-9_]*[A-Z0-9]\b(?!_?\*|__<|_<)", text)) - {"TRACKFOLD_"}
    unknown = [one for one in settings if not any(one.removesuffix("_FILE").startswith(field) for field in fields)]
    ours = our_metrics()
    roles = set(re.findall(r"'(trackfold_[a-z]+)'", (ROOT / "deploy/postgres/roles.sql").read_text()))
    named = set(re.findall(r"`(trackfold_[a-z_]+)`", text)) - roles
    unknown += [
        one for one in named if one.removesuffix("_total") not in ours and not one.startswith("trackfold_http_")
    ]
    assert unknown == []


def test_the_operators_page_lists_every_fail_point_and_metric() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    assert [point for point in failpoints.POINTS if f"`{point}`" not in text] == []
    ours = our_metrics()
    assert [one for one in sorted(ours) if f"`{one}" not in text] == []
