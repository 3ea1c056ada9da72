"""`trackfold carriers parse`: what a body says, read by the service's own code; needs no service, no secret."""

import sys
from collections.abc import Mapping

from rich.table import Table

from services.ingest.carriers.base import Carrier, Reading, Webhook, read
from services.ingest.carriers.current import current_of
from services.ingest.printing import console, print_json, table
from services.ingest.reading_document import document, estimated, is_unreadable
from services.runtime import clock
from services.runtime.errors import ExitCode

_OF_SCANS = ("when", "kind", "key", "stage", "sub-status", "conditions", "raw code", "place", "text")


def parse(carrier: Carrier, body: bytes, *, headers: Mapping[str, str], as_json: bool, allow_test: bool) -> ExitCode:
    """Print what a body says, as the service would read it; FAILED where nothing in it can be read."""
    reading = read(carrier, Webhook(body=body, told_at=clock.now(), headers=headers, allow_test=allow_test))
    if as_json:
        print_json(document(carrier.provider, reading))
    else:
        _show(reading)
    for problem in reading.problems:
        sys.stderr.write(f"problem: {problem.reason} {problem.detail}".rstrip() + "\n")
    return ExitCode.FAILED if is_unreadable(reading) else ExitCode.OK


def _show(reading: Reading) -> None:
    if reading.scans:
        console().print(_scans(reading))
    for one in current_of(reading.scans):
        words = " ".join((one.scan.stage or "-", *one.scan.conditions_set))
        leg = "" if one.scan.leg == "outbound" else f" ({one.scan.leg})"
        due = f", expected {estimated(one.window)}" if one.window is not None else ""
        console().print(f"now: {one.scan.key}: {words}{leg}{due}")
    for told in reading.orders:
        console().print(f"order: {told.event.type} {told.event.occurred_at.isoformat()}")
    if reading.ignored is not None:
        console().print(f"ignored: {reading.ignored}")


def _scans(reading: Reading) -> Table:
    shown = table(*_OF_SCANS)
    for scan in reading.scans:
        place = scan.place
        shown.add_row(
            scan.occurred_at.isoformat(),
            scan.kind,
            scan.key,
            (scan.stage or "-") if scan.leg == "outbound" else f"{scan.stage or '-'} ({scan.leg})",
            scan.substatus or "",
            " ".join(scan.conditions_set),
            scan.raw_code or "",
            (place.city or place.region or place.country or "") if place else "",
            scan.description or estimated(scan.window) or "",
        )
    return shown
