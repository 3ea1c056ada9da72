"""Which version of the machine folds: the database names it, an older process leaves, a newer one waits (rule E6).

Called at start, by a loop while idle, and by the handler inside every batch, under a lock that `machine activate` takes
for itself: no version of an order is ever folded by a machine that was not active when it was committed.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

import asyncpg
import typer

from services.runtime import delivery, postgres
from services.runtime.errors import Exit, ExitCode, Misconfigured, Transient
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.settings import OperatorSettings

#: Raised with every change of the rules that reads a known history differently. 1: the main line; 2: all rules; 3:
#: pieces and second numbers, silence after the dispatch, reasons in the document; 4: printed order numbers, and more
#: providers that pass on what carriers told them; 5: what was erased or purged stays closed.
MACHINE_VERSION = 5
WATCH_S: Final = 2.0

READ: Final = "select version, activated_at from status.machine_version"
LAST: Final = "select author, reason from status.machine_activation order by id desc limit 1"
# Shared by the batches, taken alone by an activation: it waits for the batches at work, and they are few and short.
HOLD: Final = "select pg_advisory_xact_lock_shared(hashtext('trackfold machine'))"
HOLD_ALONE: Final = "select pg_advisory_xact_lock(hashtext('trackfold machine'))"
FIRST: Final = "insert into status.machine_version (version) values ($1) on conflict do nothing"
ACTIVATE: Final = """
insert into status.machine_version (version) values ($1)
on conflict (only_row) do update set version = excluded.version, activated_at = now()
where machine_version.version <> excluded.version
"""
NOTE: Final = """
insert into status.machine_activation (version, before, author, reason)
values ($1, (select version from status.machine_version), $2, $3)
"""


@dataclass(frozen=True, slots=True)
class Active:
    """The active version, None before any process of status ran; and the one of this program."""

    active: int | None
    program: int
    activated_at: str | None
    author: str | None = None
    """Who activated last, and why; None where nobody has yet."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Activation:
    """A version that a person makes the active one."""

    version: int
    author: str
    reason: str = ""


def judge(active: int | None, program: int) -> None:
    """Return where this program may fold; raises Exit (75) for an older one, Transient (wait) for a newer one."""
    if active is None or active == program:
        return
    told = f"machine version {active} is active, this program has {program}"
    if active > program:
        raise Exit(ExitCode.TRY_AGAIN, "machine_older", told, hint="run the newer program")
    raise Transient("machine_newer", f"{told}: run `trackfold machine activate`", hint="trackfold machine activate")


def allow(version: int, program: int, *, force: bool) -> str:
    """Return what to warn of before an activation; raises Misconfigured where it would leave no process that folds."""
    if version <= program:
        return ""
    told = (
        f"version {version} is above this program's {program}: every process of status with an older one ends with 75"
    )
    if not force:
        raise Misconfigured("machine_ahead", told, hint="run it with the new program; or --force, if that one is ready")
    return told


async def hold(connection: Connection) -> None:
    """Judge inside a batch's transaction, before its orders are locked: until it ends, nothing else gets activated."""
    await connection.execute(HOLD)
    # A statement of its own: its snapshot is taken after the lock was.
    _judge(await connection.fetchrow(READ))


def _judge(row: asyncpg.Record | None) -> None:
    judge(None if row is None else row["version"], MACHINE_VERSION)


async def wait(life: Life, pool: Pool) -> None:
    """Return when this program's version is active; until then readyz says what to run. A fresh database takes it."""

    async def check() -> None:
        async with pool.transaction() as connection:
            # The lock first, as an activation takes it: the row first could deadlock with one.
            await connection.execute(HOLD)
            await connection.execute(FIRST, MACHINE_VERSION)
            await hold(connection)

    await delivery.persist(check, life=life, what="machine version")


async def watch(life: Life, pool: Pool) -> None:
    """End an older process that has nothing to do as well; a loop for `life.spawn`."""

    async def check() -> None:
        async with pool.acquire() as connection:
            _judge(await connection.fetchrow(READ))

    while not await life.pause(WATCH_S):
        await delivery.persist(check, life=life, what="machine version")


async def read(connection: Connection) -> Active:
    """Return the active version and ours, and who activated last."""
    row, last = await connection.fetchrow(READ), await connection.fetchrow(LAST)
    if row is None:
        return Active(None, MACHINE_VERSION, None)
    author, reason = (last["author"], last["reason"]) if last else (None, None)
    return Active(row["version"], MACHINE_VERSION, row["activated_at"].isoformat(), author, reason)


async def activate(connection: Connection, activation: Activation) -> Active:
    """Make a version the active one, after the batches at work; back to an older one as well."""
    async with connection.transaction():
        await connection.execute(HOLD_ALONE)
        await connection.execute(NOTE, activation.version, activation.author, activation.reason)
        await connection.execute(ACTIVATE, activation.version)
    return await read(connection)


async def ask(settings: OperatorSettings, activation: Activation | None = None) -> Active:
    """Do the work of the commands: show, or activate where that is wanted."""
    async with postgres.connect(settings.postgres, "trackfold-machine") as connection:
        return await (read(connection) if activation is None else activate(connection, activation))


def show(found: Active, *, as_json: bool) -> None:
    """Print it."""
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    since = "" if found.activated_at is None else f" since {found.activated_at}"
    typer.echo(f"active: {found.active if found.active is not None else 'none yet'}{since}")
    if found.author is not None:
        typer.echo(f"activated by: {found.author}{f' ({found.reason})' if found.reason else ''}")
    typer.echo(f"this program: {found.program}")
