"""Foreign sessions in the way of the batches: a row that is locked, deadlocks, a column added under load."""

import asyncio
from functools import partial
from typing import Final

import asyncpg
import pytest

from tests.faults.freezing import lock_held, waiting_for_locks
from tests.nemesis import lengths
from tests.nemesis.postgres_seen import (
    LIMIT_S,
    SINGLE_PARCELS,
    goes_on,
    hot_shipment,
    retries,
    start,
    still_to_scan,
    tried_again,
)
from tests.nemesis.striking import ask, unwanted_ends
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LOCKED_S: Final = lengths.seconds(5, 30)
DEADLOCKS: Final = 2
FOREIGN: Final = 2
TRIES: Final = 40
WAIT_S: Final = 1.5
CLAIMED: Final = """
select claimed_by, shipment from status.ledger where claimed_by is not null and shipment = any($1)
"""
# Patient: it is the batch that finds the deadlock, and that is given up.
UNHURRIED: Final = {"deadlock_timeout": "60s", "lock_timeout": "20s", "application_name": "somebody else"}
GROWN: Final = ("status.shipment", "status.orders", "status.ledger", "status.order_event", "status.outbox",
                "status.consumer_offset", "notify.notification", "notify.consumer_offset")  # fmt: skip


@pytest.mark.timeout(150 + LOCKED_S)
@pytest.mark.fault("row_locked")
async def test_a_locked_shipment_holds_up_its_own_records_and_others_proceed(stage: Stage) -> None:
    await start(stage, ingest=0, status=2)
    await stage.begin(seed=331, orders=40, per_second=20, scenarios=SINGLE_PARCELS)
    await stage.half()
    url, hot = stage.source.database_url, await hot_shipment(stage)
    async with lock_held(url, f"select from status.shipment where shipment = '{hot}' for update"):

        async def waits() -> bool:
            return await waiting_for_locks(url) > 0

        await eventually(waits, LIMIT_S, what="a batch waits for the hot shipment")
        await goes_on(stage)
        await tried_again(stage, "status", "postgres_55P03")
        await lengths.lasts(LOCKED_S)
    await stage.heal_and_judge()
    assert not unwanted_ends(stage)


@pytest.mark.timeout(150)
@pytest.mark.fault("deadlocks")
async def test_a_batch_that_deadlocks_with_others_is_run_again_and_counts_once(stage: Stage) -> None:
    await start(stage, ingest=0, status=2, notify=0)
    await stage.begin(seed=332, orders=40, per_second=15, scenarios=SINGLE_PARCELS)
    await stage.half()
    await asyncio.gather(*(disturb(stage, which) for which in range(FOREIGN)))
    assert await retries(stage, "status", "postgres_40P01") >= DEADLOCKS
    await stage.heal_and_judge()
    assert not unwanted_ends(stage)


async def disturb(stage: Stage, which: int) -> None:
    """Take the rows of one order after the other in the wrong order, until enough batches have found a deadlock."""
    connection = await asyncpg.connect(stage.source.database_url, timeout=10, server_settings=UNHURRIED)
    try:
        for _ in range(TRIES):
            if await retries(stage, "status", "postgres_40P01") >= DEADLOCKS:
                return
            pairs = await connection.fetch(CLAIMED, still_to_scan(stage))
            assert pairs, "everything is told: no batch will come any more"
            await cross(connection, *pairs[which % len(pairs)])
    finally:
        connection.terminate()


async def cross(connection: "asyncpg.Connection[asyncpg.Record]", order: str, shipment: str) -> None:
    """Hold an order until a batch that has its shipment waits for it; then want the shipment."""

    async def blocks() -> bool:
        waiting = "select exists (select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid)))"
        return bool(await connection.fetchval(waiting))

    async with connection.transaction():
        await connection.execute("select from status.orders where order_key = $1 for update", order)
        try:
            await eventually(blocks, WAIT_S)
        except AssertionError:
            return  # its next scan is late: another one
        await connection.execute("select from status.shipment where shipment = $1 for update", shipment)


@pytest.mark.timeout(150)
@pytest.mark.fault("migration_under_load")
async def test_columns_added_under_load_lose_no_batch(stage: Stage) -> None:
    await start(stage, status=2)
    load = await stage.begin(seed=333, orders=30, per_second=20)
    await goes_on(stage)
    connection = await asyncpg.connect(
        stage.source.database_url, timeout=10, command_timeout=30, server_settings={"lock_timeout": "500"}
    )
    try:
        for table in GROWN:
            await eventually(partial(grown, connection, table), LIMIT_S, what=f"{table} has a new column")
            await goes_on(stage)
    finally:
        await connection.close(timeout=5)
    assert load.done < load.total, "the load was over before the migration"
    await stage.heal_and_judge()
    added = "select count(*) from information_schema.columns where column_name = 'added'"
    assert await ask(stage, added) == len(GROWN)
    assert not unwanted_ends(stage)


async def grown(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> bool:
    """Add a column as a migration does: it waits for its lock for a moment only, and comes back."""
    try:
        await connection.execute(f"alter table {table} add column added text not null default ''")
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
        return False
    return True
