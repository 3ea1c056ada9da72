"""What came of each fault: docs/guarantees.md gets its table from it (results.py, table.py)."""

from collections.abc import Generator

import pytest

from tests.nemesis import results
from tests.nemesis.catalog import named
from tests.stack.run import RUN
from tests.under_fire.stage import Stage


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    known, kind = named(), config.stash[RUN].kafka_kind
    for item in items:
        for mark in item.iter_markers("fault"):
            if mark.args[0] not in known:
                raise pytest.UsageError(f"{item.nodeid}: no fault of the catalog is called {mark.args[0]!r}")
            if kind != "apache":
                item.add_marker(pytest.mark.skip(reason=f"faults strike Apache Kafka, this run uses {kind}"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    faults = [mark.args[0] for mark in item.iter_markers("fault")]
    if not faults:
        return report
    if report.skipped and item.config.stash[RUN].kafka_kind == "apache":
        # What cannot run anywhere stands in tests/not_run.txt, with its reason; here nothing may pass by not running.
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a fault was not run\n{report.longrepr}"
    if report.failed or (call.when == "call" and report.passed):
        results.write(faults, passed=report.passed, recovered_s=_recovered_s(item))
    return report


def _recovered_s(item: pytest.Item) -> float | None:
    """Return after how many seconds all was well again, at the worst."""
    stages = [made for made in getattr(item, "funcargs", {}).values() if isinstance(made, Stage)]
    return max((seconds for made in stages for seconds in made.recovered_s), default=None)
