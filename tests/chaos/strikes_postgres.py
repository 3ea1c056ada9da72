"""Faults of the database server: gone, frozen, read-only, full, its backends ended, its rows and tables locked."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import asyncpg

from services.runtime import clock
from tests.chaos.kind import STANDS_STILL, Blow, Kind, Strike
from tests.chaos.schedule import Area
from tests.chaos.strikes_processes import told_in
from tests.chaos.world import MissedError, World
from tests.faults import freezing
from tests.faults.own_postgres import Mode
from tests.waiting import eventually

#: The rows that a steady load works on now.
HOT_SHIPMENTS: Final = "select 1 from status.shipment order by created_at desc limit 60 for update"
_LOCK_ORDERS: Final = "select 1 from status.orders order by updated_at desc limit 40 for update"
_DEADLOCKS: Final = "select deadlocks from pg_stat_database where datname = current_database()"
_APPLICATIONS: Final = ("trackfold-status%", "trackfold-notify%")
TABLES: Final = ("status.orders", "status.ledger", "status.shipment", "notify.notification", "notify.customer_order")
ASK_S: Final = 10.0
AGAIN_S: Final = 0.02
_REFUSED: Final = "in a read-only transaction"
_AT_WORK: Final = """
select pid from pg_stat_activity
where datname = current_database() and application_name like $1 and state <> 'idle' order by random()
"""
_WORKS: Final = "select count(*) from pg_stat_activity where pid = $1 and state <> 'idle'"


@asynccontextmanager
async def session(world: World) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Give a connection of ours, straight."""
    settings = {"application_name": "nemesis"}
    connection = await asyncpg.connect(
        world.database_url, timeout=ASK_S, command_timeout=ASK_S, server_settings=settings
    )
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def crashed(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """The server crashes, and is back as soon as its log is replayed."""
    del dice
    await world.by_hand(world.postgres.restart, "immediate")
    yield Blow()


def stopped(mode: Mode) -> Strike:
    """The server is stopped for a while."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        del dice
        try:
            await world.by_hand(world.postgres.halt, mode)
            yield Blow(mode)
        finally:
            await world.by_hand(world.postgres.go_on)

    return strike


@asynccontextmanager
async def frozen(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """The server and all its backends stand still: connections stay, nobody answers."""
    del dice
    with world.postgres.frozen():
        yield Blow()


@asynccontextmanager
async def backends_terminated(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """A backend at random ends, five times a second."""
    blow = Blow()
    async with freezing.terminating(world.database_url, every_s=0.2, seed=dice.randrange(1_000_000)) as dead:
        yield blow
    blow.detail, blow.struck = f"{len(dead)} backends", bool(dead)


@asynccontextmanager
async def backend_frozen(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """One backend stands still in the middle of its work, and does not hear that it shall end."""
    application = dice.choice(_APPLICATIONS)
    give_up_at = clock.monotonic() + ASK_S
    async with session(world) as asking:
        while clock.monotonic() < give_up_at:
            for row in await asking.fetch(_AT_WORK, application):
                with freezing.frozen(row["pid"]):
                    if await asking.fetchval(_WORKS, row["pid"]):  # it may have ended its work before it froze
                        yield Blow(f"one of {application} at work")
                        return
            await asyncio.sleep(AGAIN_S)
    raise MissedError(f"no backend of {application} was met at work")


@asynccontextmanager
async def read_only(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """The primary takes no writes."""
    del dice
    log, blow = world.postgres.log_file, Blow()
    before = told_in(log, _REFUSED)
    await world.postgres.setting("default_transaction_read_only", "on")
    try:
        yield blow
    finally:
        await world.postgres.setting("default_transaction_read_only", None)
        count = told_in(log, _REFUSED) - before
        blow.detail, blow.struck = f"{count} writes refused", count > 0


@asynccontextmanager
async def rows_locked(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Somebody else holds the rows of the hottest shipments."""
    del dice
    async with freezing.lock_held(world.database_url, HOT_SHIPMENTS):
        yield await _met(world, "the 60 newest shipments")


async def _met(world: World, locked: str) -> Blow:
    """Wait until somebody waits for a lock: without that it strikes nobody."""

    async def somebody_waits() -> bool:
        return await freezing.waiting_for_locks(world.database_url) > 0

    try:
        await eventually(somebody_waits, ASK_S, poll_s=0.2)
    except AssertionError:
        return Blow(f"nobody waited for {locked}", struck=False)
    return Blow(locked)


@asynccontextmanager
async def table_locked(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Somebody else holds a whole table, as a careless migration does."""
    table = dice.choice(TABLES)
    async with freezing.lock_held(world.database_url, f"lock table {table} in access exclusive mode"):
        yield await _met(world, table)


@asynccontextmanager
async def connections_taken(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Others have all connections that there are; ours were just cut."""
    del dice
    async with AsyncExitStack() as taken:
        count = 0
        for wire in world.postgres_wires.values():
            wire.refuse()
            wire.cut()
        try:
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    await taken.enter_async_context(session(world))
                    count += 1
        finally:
            for wire in world.postgres_wires.values():
                await wire.accept()
        yield Blow(f"{count} connections", struck=count > 0)


@asynccontextmanager
async def deadlocks(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Somebody else takes the same rows in the opposite order: orders first, then their shipments."""
    blow = Blow("none")

    async def provoke() -> None:
        while True:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                async with session(world) as ours, ours.transaction():
                    await ours.execute("set local deadlock_timeout = '5s'")  # the other one shall notice first
                    await ours.execute(_LOCK_ORDERS)
                    await asyncio.sleep(dice.uniform(0.2, 0.5))
                    await ours.execute(HOT_SHIPMENTS)
            await asyncio.sleep(0.1)

    async with session(world) as asking:
        before = await asking.fetchval(_DEADLOCKS)
        task = asyncio.create_task(provoke())
        try:
            yield blow
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asking.execute("select pg_stat_clear_snapshot()")
        count = await asking.fetchval(_DEADLOCKS) - before
        blow.detail, blow.struck = f"{count} deadlocks", count > 0


@asynccontextmanager
async def column_added(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """A migration adds a column under load."""
    table, column = dice.choice(TABLES), f"chaos_{dice.randrange(10**9)}"

    async def added() -> bool:
        async with session(world) as connection:
            try:
                await connection.execute("set lock_timeout = '2s'")
                await connection.execute(f"alter table {table} add column {column} text not null default 'x'")
            except asyncpg.LockNotAvailableError:
                return False
        return True

    await eventually(added, 30, poll_s=0.5, what="the column was added")
    yield Blow(table)


KINDS: Final = (
    Kind("postgres_crashes", Area.AROUND, crashed, (0.0, 1.0)),
    Kind("postgres_stopped", Area.AROUND, stopped("fast"), (3.0, 5.0)),
    Kind("postgres_killed", Area.AROUND, stopped("immediate"), (3.0, 5.0)),
    Kind("postgres_frozen", Area.AROUND, frozen, (3.0, 6.0), may_end_with=STANDS_STILL),
    Kind("backends_terminated", Area.AROUND, backends_terminated, (3.0, 6.0)),
    Kind("backend_frozen", Area.AROUND, backend_frozen, (4.0, 8.0), may_end_with=STANDS_STILL),
    Kind("postgres_read_only", Area.AROUND, read_only),
    Kind("rows_locked", Area.AROUND, rows_locked, (2.0, 5.0)),
    Kind("table_locked", Area.AROUND, table_locked, (2.0, 5.0)),
    Kind("connections_taken", Area.AROUND, connections_taken),
    Kind("deadlocks", Area.ALONE, deadlocks, (5.0, 7.0)),
    Kind("column_added", Area.ALONE, column_added, (0.0, 1.0)),
)
