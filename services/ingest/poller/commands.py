"""The work of `trackfold carriers freshness` and `trackfold carriers registrations`: reads the poller's tables."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, TypeVar

from rich.table import Table

from schemas.envelope import utc_text
from schemas.keys import clean_number
from services.ingest.poller import heard, repository
from services.ingest.poller.freshness import Freshness, judge
from services.ingest.printing import console, print_json, table
from services.ingest.tools import UsageError
from services.runtime import environment, postgres
from services.runtime.errors import ExitCode, Misconfigured
from services.runtime.postgres import Connection
from services.runtime.settings import OperatorSettings

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600

T = TypeVar("T")


def freshness(*, as_json: bool) -> int:
    """Print how fresh each provider's webhooks are; 1 when one is silent against its usual hour."""
    now, known = asyncio.run(_with_connection(heard.read))
    found = [judge(one, now=now) for one in known]
    if as_json:
        print_json([_json(asdict(one)) for one in found])
    elif not found:
        console().print("Nothing was heard yet. A poller watches once an API has a key (docs/carriers/polling.md).")
    else:
        console().print(_freshness_table(found, now))
    return ExitCode.FAILED if any(one.silent for one in found) else ExitCode.OK


def registrations(number: str | None, *, limit: int, as_json: bool) -> int:
    """Print how we hear of each watched parcel; 1 when the number asked for is not watched."""
    wanted = None if number is None else _cleaned(number)

    rows = asyncio.run(_with_connection(lambda connection: repository.listed(connection, wanted, limit=limit)))
    if as_json:
        print_json([_json(row) for row in rows])
    elif not rows:
        what = "No parcel is watched" if number is None else "That number is not watched"
        console().print(f"{what}. Parcels are watched while an order waits for them (docs/carriers/polling.md).")
    else:
        console().print(_registrations_table(rows))
        if len(rows) == limit:
            console().print(f"The newest {limit}; --limit shows more.")
    return ExitCode.FAILED if number is not None and not rows else ExitCode.OK


async def _with_connection(work: Callable[[Connection], Awaitable[T]]) -> T:
    settings = environment.load(OperatorSettings)
    async with postgres.connect(settings.postgres, "trackfold-carriers") as connection:
        if not await repository.exists(connection):
            raise Misconfigured("no_schema", "the database has no schema `ingest`", hint="trackfold migrate up")
        return await work(connection)


def _cleaned(number: str) -> str:
    try:
        return clean_number(number)
    except ValueError as error:
        raise UsageError("bad_number", str(error)) from None


def _json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: utc_text(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _freshness_table(found: Sequence[Freshness], now: datetime) -> Table:
    shown = table("provider", "last webhook", "delay, median", "90 %", "this hour", "usual", "missed, week", "verdict")
    for one in found:
        shown.add_row(
            one.provider,
            "never" if one.told_at is None else f"{_span((now - one.told_at).total_seconds())} ago",
            _span(one.delay_median_s),
            _span(one.delay_p90_s),
            str(one.this_hour),
            "-" if one.usual is None else f"{one.usual:g}",
            f"{one.missed_week} (all: {one.missed})",
            _verdict(one),
        )
    return shown


def _verdict(one: Freshness) -> str:
    if one.silent:
        return f"silent: {one.expected or 0:.0f} were usual since"
    if one.paused_why is not None:
        return f"its API is left alone: {one.paused_why}"
    return "too little is known yet" if one.usual is None else "as usual"


def _registrations_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = table("carrier", "number", "stage", "provider", "registration", "last told", "missed", "next")
    for row in rows:
        why = f" ({row['why']})" if row["why"] else ""
        due = f"{row['next']} {_time(row['next_at'])}" if row["next"] else "-"
        shown.add_row(
            row["carrier"],
            row["number"],
            row["stage"] if row["open"] else f"{row['stage']}, over",
            row["provider"] or "-",
            row["registration"].replace("_", " ") + why,
            _time(row["told_at"]),
            str(row["missed"]),
            due,
        )
    return shown


def _time(at: datetime | None) -> str:
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M")


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 2 * _MINUTE_S:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h"
