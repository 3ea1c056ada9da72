"""Postgres answers and refuses: no connection left, no space left, read-only. It is waited for, nothing set aside."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import asyncpg
import pytest

from services.runtime import clock
from tests.faults import freezing
from tests.faults.own_postgres import OwnPostgres
from tests.nemesis import lengths
from tests.nemesis.postgres_seen import LIMIT_S, goes_on, not_ready, start, tried_again
from tests.nemesis.striking import unwanted_ends
from tests.under_fire.stage import Stage
from tests.waiting import eventually

REFUSES_S: Final = lengths.seconds(5, 60)
OURS: Final = "select pid from pg_stat_activity where application_name like 'trackfold%'"
END_OURS: Final = f"select pg_terminate_backend(pid) from ({OURS}) as ours"  # noqa: S608 - constants
#: Small enough to be filled at once, and to be emptied into the log of a server that may start again.
SMALL_DISK: Final = {"disk_mb": "200", "max_wal_size": "32MB"}


@asynccontextmanager
async def every_connection_taken(url: str) -> AsyncIterator[int]:
    """Hold all connections of a server: whoever of ours has one loses it."""
    async with AsyncExitStack() as stack:
        judge = await stage_connection(stack, url)
        held = [judge]

        async def none_left() -> bool:
            try:
                held.append(await stage_connection(stack, url))
            except asyncpg.TooManyConnectionsError:
                return not await judge.fetch(END_OURS)
            return False

        await eventually(none_left, LIMIT_S, poll_s=0, what="all connections are ours")
        yield len(held)


async def stage_connection(stack: AsyncExitStack, url: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Open a connection that is closed with the stack."""
    connection = await asyncpg.connect(url, timeout=10, command_timeout=10)
    stack.callback(connection.terminate)
    return connection


@pytest.mark.timeout(150 + REFUSES_S)
@pytest.mark.fault("no_connections_left")
@pytest.mark.parametrize("own_postgres", [{"max_connections": "30"}], indirect=True)
async def test_without_a_connection_left_services_wait_and_none_of_them_ends(own_stage: Stage) -> None:
    await start(own_stage)
    await own_stage.begin(seed=311, orders=20, per_second=25)
    await own_stage.half()
    async with every_connection_taken(own_stage.source.database_url) as held:
        assert held > 1
        for service in ("status", "notify"):
            await not_ready(own_stage, service)
        for service in ("status", "notify"):
            await tried_again(own_stage, service, "postgres_53300")
        await lengths.lasts(REFUSES_S)
    await own_stage.heal_and_judge()
    assert not unwanted_ends(own_stage)


@pytest.mark.timeout(150 + REFUSES_S)
@pytest.mark.fault("disk_full")
@pytest.mark.parametrize("own_postgres", [SMALL_DISK], indirect=True)
async def test_a_full_disk_is_waited_for_and_no_good_event_is_set_aside(
    own_stage: Stage, own_postgres: OwnPostgres
) -> None:
    await start(own_stage)
    await own_stage.begin(seed=312, orders=30, per_second=25)
    await own_stage.half()
    own_postgres.fill_disk()
    await tried_again(own_stage, "status", "postgres_53100")
    await lengths.lasts(REFUSES_S)
    own_postgres.free_disk()
    if not await serves(own_postgres.url):
        own_postgres.restart("immediate")  # as whoever supervises it would
    # The oracle (I10) finds every good record that was set aside.
    await own_stage.heal_and_judge()
    assert not unwanted_ends(own_stage)


async def serves(url: str) -> bool:
    """Say whether a server answers."""
    with suppress(OSError, asyncpg.PostgresError, TimeoutError):
        async with asyncio.timeout(10):
            connection = await asyncpg.connect(url, timeout=5)
            await connection.close(timeout=5)
            return True
    return False


@pytest.mark.timeout(150 + REFUSES_S)
@pytest.mark.fault("primary_read_only")
async def test_a_primary_that_became_read_only_is_waited_for(own_stage: Stage, own_postgres: OwnPostgres) -> None:
    await start(own_stage)
    await own_stage.begin(seed=313, orders=20, per_second=25)
    await own_stage.half()
    await own_postgres.setting("default_transaction_read_only", "on")
    for service in ("status", "notify"):
        await tried_again(own_stage, service, "postgres_25006")
    await lengths.lasts(REFUSES_S)
    assert await freezing.backends(own_stage.source.database_url)
    await own_postgres.setting("default_transaction_read_only", None)
    healed_at = clock.monotonic()
    await goes_on(own_stage)
    await own_stage.heal_and_judge(since=healed_at)
    assert not unwanted_ends(own_stage)
