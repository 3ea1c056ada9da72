"""The end of a run: what it stood on, and every test that did not run, with the reason. Nothing is skipped unseen."""

from collections import defaultdict

from _pytest.terminal import TerminalReporter

from tests.stack import containers
from tests.stack.run import Run


def write(reporter: TerminalReporter, run: Run) -> None:
    """Write the section above pytest's own closing lines."""
    reporter.section("this run stood on")
    broker, database = run.kafka, run.postgres
    unused = "none, no test asked for one"
    reporter.line(f"broker:    {f'{broker.version} ({broker.kind})' if broker else unused}")
    if run.brokers:
        reporter.line(f"           beside it, to be broken: {run.brokers.kafka.version}")
    reporter.line(f"database:  {f'PostgreSQL {database.version} ({database.kind})' if database else unused}")
    reporter.line(f"docker:    {containers.why_not() or 'an engine answers'}")
    deselected = len(reporter.stats.get("deselected", ()))
    if deselected:
        reporter.line(f"selection: {deselected} tests left out by -k, -m or a node id")
    _write_not_run(reporter)


def _write_not_run(reporter: TerminalReporter) -> None:
    reasons = not_run(reporter)
    total = sum(map(len, reasons.values()))
    reporter.line(f"not run:   {total or 'nothing, every test ran'}")
    for reason, tests in sorted(reasons.items()):
        reporter.line(f"  {reason}")
        for test in sorted(tests):
            reporter.line(f"    {test}")


def not_run(reporter: TerminalReporter) -> dict[str, set[str]]:
    """Group the tests that were skipped, wherever that was decided, by reason."""
    reasons: dict[str, set[str]] = defaultdict(set)
    for report in reporter.stats.get("skipped", ()):
        where = report.longrepr
        reason = where[2] if isinstance(where, tuple) else str(where)
        reasons[reason.removeprefix("Skipped: ")].add(report.nodeid)
    return dict(reasons)
