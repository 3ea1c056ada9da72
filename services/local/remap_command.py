"""`trackfold carriers remap`: shows what today's map would read differently, and publishes it after approval.

Published are remap records, the same bytes at every run; the states are folded anew by the service, as corrections of
which no customer is told. What was published before is not found again.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import typer

from services.ingest.normalise import Outgoing, scan_record
from services.ingest.printing import console, print_json, progress, table
from services.ingest.sending import send_all
from services.ingest.settings import IngestSettings
from services.ingest.tools import UsageError, find_carrier, read_since
from services.local import remap as work
from services.local.remap import Remap, Remapped, Shown
from services.runtime import environment, kafka, postgres
from services.runtime.errors import ExitCode
from services.runtime.rate import Rate
from services.runtime.settings import OperatorSettings

_SHOWN: Final = 50
_SENT_AT_ONCE: Final = 500


def run(*, provider: str, since: str, dry_run: bool, yes: bool, rate: float, as_json: bool) -> ExitCode:
    """Show, ask, publish; raises UsageError where nobody can be asked."""
    find_carrier(provider)
    if not dry_run and not yes and not sys.stdin.isatty():
        hint = "look with --dry-run first, then give --yes"
        raise UsageError("not_approved", "this changes what orders show, and nobody is here to ask", hint=hint)
    settings = environment.load(OperatorSettings)
    allow_test = environment.load(IngestSettings).ingest.allow_test_trackers
    found = asyncio.run(_find(settings, provider, read_since(since), allow_test=allow_test))
    if as_json:
        print_json(document(found, dry_run=dry_run) | {"rate": rate})
    else:
        _show(found)
    if dry_run or not found.remapped:
        return ExitCode.OK
    if not yes and not typer.confirm(f"Publish {len(found.remapped)} remap records?", err=True):
        sys.stderr.write("nothing was published\n")
        return ExitCode.FAILED
    records = [scan_record(one.after) for one in found.remapped]
    asyncio.run(_publish(settings, records, Rate(rate, at_once=_SENT_AT_ONCE)))
    sys.stderr.write(f"{len(found.remapped)} remap records published; the states follow\n")
    return ExitCode.OK


def document(found: Remap, *, dry_run: bool) -> dict[str, Any]:
    """Return what was found as data."""
    return {
        "provider": found.provider,
        "dry_run": dry_run,
        "webhooks": found.webhooks,
        "scans": found.scans,
        "unknown_scans": found.unknown,
        "remapped": [_scan(one) for one in found.remapped],
        "unclaimed": found.unclaimed,
        "orders": [_order(one) for one in found.orders],
    }


def _scan(one: Remapped) -> dict[str, Any]:
    told = {"before": one.before, "after": one.after}
    words = {when: {name: getattr(scan, name) for name in work.MAPPED} for when, scan in told.items()}
    return {
        "key": one.after.key,
        "event_key": one.after.event_key,
        "occurred_at": one.after.occurred_at.isoformat(),
        "raw_code": one.after.raw_code,
        "map_version": {"before": one.before.map_version, "after": one.after.map_version},
        **words,
    }


def _order(one: Shown) -> dict[str, Any]:
    states = {"before": one.before["state"], "after": one.after["state"]}
    return {"order": one.order, "state": states, "parcels": one.parcels, "fields": one.fields}


async def _find(settings: OperatorSettings, provider: str, since: datetime, *, allow_test: bool) -> Remap:
    async with postgres.connect(settings.postgres, "trackfold-remap") as connection:
        with progress("webhooks") as tell:
            return await work.find(
                settings.kafka, connection, provider=provider, since=since, allow_test=allow_test, tell=tell
            )


async def _publish(settings: OperatorSettings, records: Sequence[Outgoing], rate: Rate) -> None:
    """Send all and wait for each; a repeat of what went through has no effect."""
    sent = 0
    async with kafka.open_producer(settings.kafka, "remap") as producer:
        with progress(f"remap records, {rate}") as tell:
            async for part in rate.parts(records):
                await send_all(producer, settings.kafka, part)
                sent += len(part)
                tell(sent, len(records))


def _show(found: Remap) -> None:
    out = console()
    out.print(f"{found.webhooks:,} webhooks of {found.provider} read again: {found.scans:,} scans")
    if found.unknown:
        out.print(f"{found.unknown:,} scans are not in the ledger: a remap moves nothing there (dead letters?)")
    if not found.remapped:
        out.print("today's map reads them as they were read")
        return
    scans = table("parcel", "when", "code", "was", "would be", title=f"{len(found.remapped):,} scans differ")
    for one in found.remapped[:_SHOWN]:
        scans.add_row(
            one.after.key, one.after.occurred_at.isoformat(), one.after.raw_code, _in_words(one.before),
            _in_words(one.after),
        )  # fmt: skip
    out.print(scans)
    orders = table(
        "order", "state", "parcels", "what changes", title=f"{len(found.orders):,} orders show another thing"
    )
    for order in found.orders[:_SHOWN]:
        was, now = order.before["state"], order.after["state"]
        moved = ", ".join(f"{one['shipment']}: {one['previous']} > {one['stage']}" for one in order.parcels)
        orders.add_row(order.order, was if was == now else f"{was} > {now}", moved, ", ".join(order.fields))
    out.print(orders)
    if found.unclaimed:
        out.print(f"{found.unclaimed:,} of these scans are of parcels that no order claims")
    if max(len(found.remapped), len(found.orders)) > _SHOWN:
        out.print(f"the first {_SHOWN} are shown; --json has all")


def _in_words(scan: Any) -> str:
    leg = "" if scan.leg == "outbound" else f" ({scan.leg})"
    return " ".join(filter(None, (scan.stage or "-", scan.substatus, *scan.conditions_set))) + leg
