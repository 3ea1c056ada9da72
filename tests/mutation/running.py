"""Runs the tests on one mutant in a process of its own: two at a time, forked from a parent that has the rest imported.

The child loads the one module from the changed tree and every other one from its file. It never changes a file.
"""

import contextlib
import importlib
import importlib.abc
import importlib.util
import multiprocessing
import multiprocessing.connection
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing.connection import Connection
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

import pytest

from tests.mutation.mutants import ROOT, Mutant

#: A row must be caught by a test that names it: neither by chance, nor by a whole story told in all orders.
_NOT_THESE: Final = "not hypothesis"
_IN_ALL_ORDERS: Final = ("permutations", "windows")
_ARGUMENTS: Final = (
    "-x", "-q", "--tb=no", "-p", "no:randomly", "-p", "no:cacheprovider", "-m", _NOT_THESE, f"--rootdir={ROOT}",
    "--assert=plain", "-p", "no:unraisableexception", "-p", "no:threadexception",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
#: What the tests stand on, imported once by the parent; nothing here may import a rule file.
_GROUND: Final = (
    "aiokafka", "asyncpg", "docker", "fastapi", "faststream.kafka", "hypothesis", "jinja2", "prometheus_client",
    "pydantic", "schemas.carriers", "schemas.envelope", "schemas.order_events", "schemas.order_status", "schemas.scans",
    "services.runtime.kafka", "structlog", "tests.builders", "tests.stack.run", "tests.waiting", "typer", "yaml",
)  # fmt: skip
_TIME_LIMIT: Final = 60.0

CAUGHT: Final = "caught"
SURVIVED: Final = "SURVIVED"
DID_NOT_LOAD: Final = "did not load"
TOO_SLOW: Final = "caught: no end"
NOT_RUN: Final = "NOT RUN"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant, and by which test."""

    mutant: Mutant
    result: str
    by: str
    seconds: float


class _Loader(importlib.abc.Loader):
    def __init__(self, code: CodeType) -> None:
        self._code = code

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102 - the project's own source, changed


class _Finder(importlib.abc.MetaPathFinder):
    """Gives the changed module in place of the file's."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        loader = _Loader(self._mutant.code)
        return importlib.util.spec_from_file_location(fullname, self._mutant.path, loader=loader)


class _Watcher:
    """Notes the first test that failed, or that the tests could not be read; leaves out the long stories."""

    def __init__(self) -> None:
        self.failed = ""
        self.broken = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.broken = self.broken or str(report.longrepr).splitlines()[-1]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


@dataclass(frozen=True, slots=True)
class Tests:
    """Which tests are asked: those of a folder, but for some."""

    folder: Path
    left_out: tuple[str, ...] = ()


def run(mutants: Iterable[Mutant], tests: Tests, *, jobs: int) -> Iterator[Outcome]:
    """Give the outcome of each mutant as it comes."""
    prepare()
    waiting, running = iter(mutants), list[_Child]()
    while True:
        while len(running) < jobs and (mutant := next(waiting, None)) is not None:
            running.append(_Child(mutant, tests))
        if not running:
            return
        multiprocessing.connection.wait([one.process.sentinel for one in running], timeout=1)
        for child in [one for one in running if one.is_over()]:
            running.remove(child)
            yield child.outcome()


def prepare() -> None:
    """Import what every child needs, pytest's plugins too."""
    for name in _GROUND:
        importlib.import_module(name)
    with Path(os.devnull).open("w") as null, contextlib.redirect_stdout(null):
        pytest.main(["--collect-only", *_ARGUMENTS, str(ROOT / "tests" / "unit" / "test_waiting.py")])
    loaded = [name for name in sys.modules if name.startswith(("services.status", "schemas.words"))]
    if loaded:
        raise RuntimeError(f"imported before its mutants: {', '.join(loaded)}")


class _Child:
    """One process with one mutant."""

    def __init__(self, mutant: Mutant, tests: Tests) -> None:
        self._mutant, self._began = mutant, time.monotonic()
        context = multiprocessing.get_context("fork")
        self._answer, answers = context.Pipe(duplex=False)
        self.process = context.Process(target=_test, args=(mutant, tests, answers), daemon=True)
        self.process.start()
        answers.close()

    def is_over(self) -> bool:
        return not self.process.is_alive() or time.monotonic() - self._began > _TIME_LIMIT

    def outcome(self) -> Outcome:
        seconds = time.monotonic() - self._began
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
            return Outcome(self._mutant, TOO_SLOW, f"stopped after {_TIME_LIMIT:.0f} s", seconds)
        self.process.join()
        try:
            result, by = self._answer.recv()
        except EOFError:
            result, by = NOT_RUN, f"the process ended with {self.process.exitcode}"
        return Outcome(self._mutant, result, by, seconds)


def _test(mutant: Mutant, tests: Tests, answers: Connection) -> None:
    """Run the tests in this process, those of the changed file first, and send what came of it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    sys.meta_path.insert(0, _Finder(mutant))
    answers.send(_result(mutant, tests))
    answers.close()


def _result(mutant: Mutant, tests: Tests) -> tuple[str, str]:
    deselected = [f"--deselect={one}" for one in tests.left_out]
    for files in near_first(mutant.path.stem, tests.folder):
        watcher = _Watcher()
        code = pytest.main([*_ARGUMENTS, *deselected, *files], plugins=[watcher]) if files else pytest.ExitCode.OK
        if watcher.failed:
            return CAUGHT, watcher.failed
        if watcher.broken:
            return DID_NOT_LOAD, watcher.broken
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return NOT_RUN, f"pytest ended with {code!r}"
    return SURVIVED, ""


def near_first(stem: str, folder: Path) -> tuple[list[str], list[str]]:
    """Return the test files that speak of a rule file, and the others; without the stories told in all orders."""
    files = [path for path in sorted(folder.rglob("test_*.py")) if not path.stem.endswith(_IN_ALL_ORDERS)]
    near = [path for path in files if stem in path.stem or "tables" in path.stem]
    return [str(path) for path in near], [str(path) for path in files if path not in near]
