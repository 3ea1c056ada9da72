"""`trackfold import orders|shipments FILE`: a file of a shop's orders, through the same contract as its webhooks.

Always reads the whole file first and says what is wrong, row by row. With `--yes` it then publishes what is right to
`order.events.v1`, acknowledged by all in-sync replicas, and goes on where it was interrupted.
"""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiokafka.errors import KafkaError

from schemas.keys import SHOP_PATTERN
from services.ingest.carriers.times import zone_info
from services.ingest.import_file import RowError, Source, Told, UnreadableFileError
from services.ingest.import_rows import Defaults
from services.ingest.import_state import Place
from services.ingest.normalise import order_record
from services.ingest.printing import console, print_json, progress, table
from services.ingest.sending import send_all
from services.ingest.tools import UsageError
from services.runtime import clock, environment, failpoints, kafka
from services.runtime.errors import ExitCode, Transient
from services.runtime.rate import Rate
from services.runtime.settings import KafkaSettings, OperatorSettings

SENT_AT_ONCE: Final = 500
_SHOWN: Final = 50
_LISTED: Final = 1000

Tell = Callable[[int, int], None]


class ImportSettings(OperatorSettings):
    """What an import needs: Kafka, and the fail-points of tests."""

    failpoints: str = ""


@dataclass(slots=True)
class Report:
    """What a file holds and what became of it."""

    events: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    errors: list[RowError] = field(default_factory=list)
    """The first of them."""
    from_line: int = 1
    published: int = 0
    seconds: float = 0

    @property
    def total(self) -> int:
        """Events that can be published."""
        return self.events.total()

    @property
    def per_second(self) -> int:
        """Events published in a second."""
        return round(self.published / self.seconds) if self.seconds else 0


def run(path: Path, defaults: Defaults, *, yes: bool, from_line: int, rate: float, as_json: bool) -> ExitCode:
    """Check, publish where that is wanted, and report; FAILED when a row was refused."""
    _check(defaults)
    source = Source(path, defaults)
    try:
        with progress("rows checked") as tell:
            report = check(source, tell)
    except UnreadableFileError as error:
        raise UsageError("unreadable_file", f"{path}: {error}") from None
    if yes and report.total:
        _publish(source, report, from_line=from_line, rate=rate)
    if as_json:
        print_json(document(source, report, dry_run=not yes) | {"rate": rate})
    else:
        _show(source, report, dry_run=not yes)
    return ExitCode.FAILED if report.refused else ExitCode.OK


def check(source: Source, tell: Tell) -> Report:
    """Return what a file holds, without sending anything."""
    report = Report()
    for one in source.read():
        if isinstance(one, RowError):
            report.refused += 1
            report.errors += [one] if len(report.errors) < _LISTED else []
        else:
            report.events[one.order.event.type] += 1
        if (report.total + report.refused) % SENT_AT_ONCE == 0:
            tell(report.total + report.refused, report.total + report.refused)
    return report


def document(source: Source, report: Report, *, dry_run: bool) -> dict[str, Any]:
    """Return the report as data."""
    return {
        "file": str(source.path),
        "kind": source.defaults.kind,
        "format": "json_lines" if source.is_json else "csv",
        "dry_run": dry_run,
        "events": dict(sorted(report.events.items())),
        "refused": report.refused,
        "errors": [{"line": one.line, "what": one.what} for one in report.errors],
        "columns_not_read": source.passed_over,
        "from_line": report.from_line,
        "published": report.published,
        "seconds": round(report.seconds, 3),
        "per_second": report.per_second,
    }


def _check(defaults: Defaults) -> None:
    if not re.fullmatch(SHOP_PATTERN, defaults.shop):
        raise UsageError("bad_shop", f"{defaults.shop!r} is no shop", hint="lower-case letters, digits and hyphens")
    if defaults.time_zone is not None and zone_info(defaults.time_zone) is None:
        raise UsageError("bad_time_zone", f"{defaults.time_zone!r} is no time zone", hint="as in Europe/Berlin")


def _publish(source: Source, report: Report, *, from_line: int, rate: float) -> None:
    """Publish what is right, from where an earlier run stopped."""
    settings = environment.load(ImportSettings)
    failpoints.arm(settings.failpoints)
    place = Place(source.path, source.defaults)
    report.from_line = max(from_line, place.next_line())
    if report.from_line > 1:
        sys.stderr.write(f"going on at line {report.from_line}\n")
    began, bound = clock.monotonic(), Rate(rate, at_once=SENT_AT_ONCE)
    with progress(f"events published, {bound}") as tell:
        asyncio.run(_send_all(settings.kafka, source, report, place, bound, tell))
    report.seconds = clock.monotonic() - began
    place.forget()


async def _send_all(
    settings: KafkaSettings, source: Source, report: Report, place: Place, rate: Rate, tell: Tell
) -> None:
    line = report.from_line
    try:
        async with kafka.open_producer(settings, "import", linger_ms=5) as producer:
            for batch in _batches(source, report.from_line):
                async for part in rate.parts(batch):
                    await send_all(producer, settings, [order_record(one.order) for one in part])
                    await failpoints.hit("import.after_batch")
                    report.published += len(part)
                    line = part[-1].last_line + 1
                    place.note(line)
                    tell(report.published, report.total)
    except (TimeoutError, OSError, KafkaError) as error:
        hint = "the same command goes on there; `trackfold doctor` says what does not answer"
        why = f"Kafka did not acknowledge ({type(error).__name__}); everything before line {line} is published"
        raise Transient("not_kept", why, hint=hint) from error


def _batches(source: Source, from_line: int) -> Iterator[list[Told]]:
    batch: list[Told] = []
    for one in source.read():
        if isinstance(one, Told) and one.first_line >= from_line:
            batch.append(one)
        if len(batch) >= SENT_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def _show(source: Source, report: Report, *, dry_run: bool) -> None:
    out = console()
    for kind, number in sorted(report.events.items()):
        out.print(f"{number:,} events {kind}")
    if source.passed_over:
        out.print(f"columns that are not read: {', '.join(source.passed_over)}")
    if report.refused:
        shown = table("line", "what to mend", title=f"{report.refused:,} rows refused")
        for one in report.errors[:_SHOWN]:
            shown.add_row(str(one.line), one.what)
        out.print(shown)
        if report.refused > _SHOWN:
            out.print(f"... and {report.refused - _SHOWN:,} more; --json lists {_LISTED:,}")
    if dry_run:
        sys.stderr.write("nothing was published; --yes publishes what is right\n")
    else:
        out.print(f"{report.published:,} events published in {report.seconds:.1f} s, {report.per_second:,} a second")
