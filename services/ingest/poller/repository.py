"""All SQL of the poller, but for what is heard of providers (`heard.py`).

Rows of parcels are locked sorted by their key, and never while anybody waits for Kafka or for a provider.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import asyncpg

from services.ingest.poller.schedule import ALONE_AFTER, OPERATIONS, Due, Duty, Operation
from services.ingest.poller.watched import Wanted, Watched
from services.runtime.postgres import Connection

COLUMNS: Final = tuple(field.name for field in fields(Watched))
_LISTED: Final = ", ".join(COLUMNS)
_BUSY_S: Final = 0.02
"""Somebody else is at the turnstile, for a few statements only."""

NOW: Final = "select now()"
FORGET: Final = "delete from ingest.wanted where order_key = any($1::text[]) returning shipment"
WANT: Final = """
insert into ingest.wanted (order_key, shipment, stage)
select * from unnest($1::text[], $2::text[], $3::text[]) order by 1, 2
"""
# Of several orders in one box all show one stage; where a number was used again, the first order's counts.
STAGES: Final = """
select distinct on (shipment) shipment, stage from ingest.wanted where shipment = any($1::text[])
order by shipment, order_key
"""
ADD: Final = f"""
insert into ingest.watch ({_LISTED}, duty, due_at)
values ({", ".join(f"${number}" for number in range(1, len(COLUMNS) + 3))}) on conflict (shipment) do nothing
"""  # noqa: S608 - the columns are our own words
LOCK: Final = f"""
select {_LISTED} from ingest.watch where shipment = any($1::text[]) order by shipment for update
"""  # noqa: S608
# Whoever comes back after somebody else has taken the parcel is too late, and changes nothing.
LOCK_LEASED: Final = f"""
select {_LISTED} from ingest.watch
join unnest($1::text[], $2::bigint[]) as held (key, held_lease) on shipment = key and lease = held_lease
order by shipment for update of watch
"""  # noqa: S608
SAVE: Final = f"""
update ingest.watch
set {", ".join(f"{name} = ${number}" for number, name in enumerate(COLUMNS, 1) if name != "shipment")},
    duty = ${len(COLUMNS) + 1}, due_at = ${len(COLUMNS) + 2},
    leased_until = case when ${len(COLUMNS) + 3} then null else leased_until end
where shipment = $1
"""  # noqa: S608
PAGE: Final = f"""
select {_LISTED} from ingest.watch where shipment > $1 order by shipment limit $2 for update
"""  # noqa: S608

ADD_PROVIDERS: Final = """
insert into ingest.provider (provider) select * from unnest($1::text[]) order by 1 on conflict (provider) do nothing
"""
# The row is the turnstile of all processes: who has it may take parcels, and everybody else looks again later.
SLOT: Final = """
select greatest(0, extract(epoch from greatest(next_at, paused_until) - now()))::float8
from ingest.provider where provider = $1 for update skip locked
"""
NEXT: Final = """
select duty, attempts from ingest.watch
where provider = $1 and due_at <= now() and (leased_until is null or leased_until <= now())
order by due_at limit 1
"""
# Taken for a while instead of locked: nobody holds a lock while a provider thinks, and whoever dies with parcels in
# hand leaves them due again.
# Materialized: a plan that ran the choice again for each row would take more than the limit.
TAKE: Final = f"""
with due as materialized (
    select shipment as key from ingest.watch
    where provider = $1 and duty = any($2::text[]) and due_at <= now()
      and (leased_until is null or leased_until <= now()) and (attempts >= $3) = $4
    order by due_at limit $5 for update skip locked)
update ingest.watch set leased_until = now() + make_interval(secs => $6), lease = lease + 1
from due where shipment = key
returning {_LISTED}, lease
"""  # noqa: S608
# One after the other at an even pace, whoever asks: no window of any length ever holds more than the rate.
SPACE: Final = "update ingest.provider set next_at = now() + make_interval(secs => $2) where provider = $1"
FAILURES: Final = "select failures from ingest.provider where provider = $1 for update"
PAUSE: Final = """
update ingest.provider set failures = failures + 1, paused_why = $2,
    paused_until = greatest(paused_until, now() + make_interval(secs => $3))
where provider = $1
"""
WELL: Final = "update ingest.provider set failures = 0, paused_why = null where provider = $1 and failures > 0"
OVERDUE: Final = """
select coalesce(extract(epoch from now() - min(due_at)), 0)::float8 from ingest.watch where provider = $1
"""
# A part at a time: one statement over a backlog would outlast its limit, each time anew.
TIDY: Final = """
delete from ingest.watch where shipment in (
    select shipment from ingest.watch where closed_at < now() - make_interval(secs => $1) and duty is null limit 1000)
"""

EXISTS: Final = "select to_regclass('ingest.watch') is not null"
REGISTRATIONS: Final = """
select shipment, carrier, number, provider, registration, why, stage, closed_at is null as open, registered_at,
       told_at, asked_at, missed, duty as next, due_at as next_at
from ingest.watch where $1::text is null or number = $1 order by opened_at desc, shipment limit $2
"""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now."""

    seconds: float | None
    """When the provider may be asked again; None: nothing is due."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Parcels that are ours for the length of a lease, and what to do about them."""

    operation: Operation
    rows: tuple[Watched, ...]
    leases: Mapping[str, int]


async def now(connection: Connection) -> datetime:
    """Return the database's clock."""
    found: datetime = await connection.fetchval(NOW)
    return found


async def want(connection: Connection, orders: Sequence[str], wanted: Iterable[Wanted]) -> set[str]:
    """Replace what these orders wait for; return the parcels that one of them waited for before."""
    forgotten = await connection.fetch(FORGET, orders)
    rows = list(wanted)
    if rows:
        await connection.execute(
            WANT, [one.order for one in rows], [one.shipment for one in rows], [one.stage for one in rows]
        )
    return {row["shipment"] for row in forgotten}


async def stages(connection: Connection, shipments: Sequence[str]) -> dict[str, str]:
    """Return the stages of those parcels that some order waits for; read after their rows are locked."""
    return {row["shipment"]: row["stage"] for row in await connection.fetch(STAGES, shipments)}


async def add(connection: Connection, rows: Iterable[tuple[Watched, Due | None]]) -> None:
    """Begin to watch parcels; one that is watched already stays as it is."""
    values = [(*_values(row), *_plan(due)) for row, due in sorted(rows, key=lambda pair: pair[0].shipment)]
    if values:
        await connection.executemany(ADD, values)


async def lock(connection: Connection, shipments: Iterable[str]) -> dict[str, Watched]:
    """Lock the parcels that are watched, to the end of the transaction."""
    return {row["shipment"]: _row(row) for row in await connection.fetch(LOCK, sorted(shipments))}


async def lock_leased(connection: Connection, leases: Mapping[str, int]) -> dict[str, Watched]:
    """Lock those of the parcels that are still ours."""
    rows = await connection.fetch(LOCK_LEASED, list(leases), list(leases.values()))
    return {row["shipment"]: _row(row) for row in rows}


async def page(connection: Connection, after: str, *, limit: int) -> list[Watched]:
    """Lock the next parcels by their key."""
    return [_row(row) for row in await connection.fetch(PAGE, after, limit)]


async def save(connection: Connection, rows: Iterable[tuple[Watched, Due | None]], *, release: bool = False) -> None:
    """Write locked parcels and what is to be done about them next; `release` gives leased ones back."""
    values = [(*_values(row), *_plan(due), release) for row, due in rows]
    if values:
        await connection.executemany(SAVE, values)


async def add_providers(connection: Connection, providers: Iterable[str]) -> None:
    """Create the rows of providers that have none."""
    await connection.execute(ADD_PROVIDERS, list(providers))


async def claim(
    connection: Connection, provider: str, *, limits: Mapping[Operation, int], lease_s: float, spacing_s: float
) -> Claim | Wait:
    """Take what is due at one provider for one request, and the place in its rate that the request needs."""
    wait_s: float | None = await connection.fetchval(SLOT, provider)
    if wait_s is None or wait_s > 0:
        return Wait(_BUSY_S if wait_s is None else wait_s)
    first = await connection.fetchrow(NEXT, provider)
    if first is None:
        return Wait(None)
    operation = OPERATIONS[Duty(first["duty"])]
    duties = [duty for duty, its in OPERATIONS.items() if its is operation]
    alone = first["attempts"] >= ALONE_AFTER
    limit = 1 if alone else max(1, limits[operation])
    rows = await connection.fetch(TAKE, provider, duties, ALONE_AFTER, alone, limit, lease_s)
    if not rows:
        return Wait(None)
    await connection.execute(SPACE, provider, spacing_s)
    taken = sorted((_row(row) for row in rows), key=lambda row: row.shipment)
    return Claim(operation, tuple(taken), {row["shipment"]: row["lease"] for row in rows})


async def failures(connection: Connection, provider: str) -> int:
    """Return how often in a row a provider has failed, and lock its row."""
    found: int = await connection.fetchval(FAILURES, provider)
    return found


async def pause(connection: Connection, provider: str, why: str, *, seconds: float) -> None:
    """Leave a provider alone for a while."""
    await connection.execute(PAUSE, provider, why, seconds)


async def well(connection: Connection, provider: str) -> None:
    """Say that a provider has answered."""
    await connection.execute(WELL, provider)


async def overdue_s(connection: Connection, provider: str) -> float:
    """Return for how long the oldest parcel of a provider has been due; below 0: none is."""
    found: float = await connection.fetchval(OVERDUE, provider)
    return found


async def tidy(connection: Connection, *, after_s: float) -> bool:
    """Forget some parcels that nobody has waited for so long, with nothing left to end; False: none is left."""
    done: str = await connection.execute(TIDY, after_s)
    return done != "DELETE 0"


async def exists(connection: Connection) -> bool:
    """Return whether the poller's tables are there."""
    found: bool = await connection.fetchval(EXISTS)
    return found


async def listed(connection: Connection, number: str | None, *, limit: int) -> list[dict[str, Any]]:
    """Return the parcels that are watched, for people: all of them, or those of one number."""
    return [dict(row) for row in await connection.fetch(REGISTRATIONS, number, limit)]


def _row(row: asyncpg.Record) -> Watched:
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    return Watched(**values | {"seen": tuple(row["seen"])})


def _values(row: Watched) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in COLUMNS)


def _plan(due: Due | None) -> tuple[str | None, datetime | None]:
    return (None, None) if due is None else (due.duty, due.at)
