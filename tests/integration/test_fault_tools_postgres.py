"""A test's own Postgres can be stopped, crashed, frozen, filled, made read-only and set back in time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.faults import freezing
from tests.faults.own_postgres import OwnPostgres
from tests.waiting import eventually


@contextlib.asynccontextmanager
async def session(
    url: str, *, application: str = "trackfold-probe"
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    settings = {"application_name": application}
    connection = await asyncpg.connect(url, timeout=10, command_timeout=10, server_settings=settings)
    try:
        yield connection
    finally:
        connection.terminate()


async def asked(url: str, query: str) -> object:
    async with session(url) as connection:
        return await connection.fetchval(query)


async def test_what_was_committed_survives_a_crash_and_a_stop_at_the_same_address(own_postgres: OwnPostgres) -> None:
    url = own_postgres.database_url
    async with session(url) as connection:
        await connection.execute("create table kept (n int)")
        await connection.execute("insert into kept values (1)")
        own_postgres.restart("immediate")
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("select 1")
    assert await asked(url, "select count(*) from kept") == 1
    own_postgres.halt()
    with pytest.raises(OSError, match="Connect call failed"):
        await asked(url, "select 1")
    own_postgres.go_on()
    assert await asked(url, "select count(*) from kept") == 1
    assert await asked(url, "select count(*) > 0 from information_schema.tables where table_schema = 'status'") is True


async def test_a_backup_brings_back_the_older_state(own_postgres: OwnPostgres) -> None:
    url = own_postgres.database_url
    await asked(url, "create table kept (n int)")
    saved = own_postgres.backup()
    await asked(url, "insert into kept values (1)")
    own_postgres.restore(saved)
    assert await asked(url, "select count(*) from kept") == 0


async def test_a_frozen_server_answers_nobody_and_then_goes_on(own_postgres: OwnPostgres) -> None:
    async with session(own_postgres.database_url) as connection:
        with own_postgres.frozen():
            assert freezing.is_frozen(own_postgres.pid)
            with pytest.raises(TimeoutError):
                await connection.fetchval("select 1", timeout=0.5)
        assert not freezing.is_frozen(own_postgres.pid)
    assert await asked(own_postgres.database_url, "select 1") == 1


async def test_one_frozen_backend_keeps_its_locks_and_others_go_on(own_postgres: OwnPostgres) -> None:
    url = own_postgres.database_url
    await asked(url, "create table kept as select 1 as n")
    async with session(url, application="trackfold-frozen") as owner, session(url) as other:
        await owner.execute("begin; select * from kept for update")
        (pid,) = await freezing.backends(url, "trackfold-frozen")
        with freezing.frozen(pid):
            assert await other.fetchval("select 1") == 1
            waiting = asyncio.create_task(other.execute("update kept set n = 2"))

            async def one_waits() -> bool:
                return await freezing.waiting_for_locks(url) == 1

            await eventually(one_waits)
            await freezing.ended(url, [pid])
            assert not waiting.done()  # a frozen backend does not hear that it shall end
        await asyncio.wait_for(waiting, 20)


async def test_backends_are_ended_at_random_again_and_again(own_postgres: OwnPostgres) -> None:
    url = own_postgres.database_url
    async with session(url), session(url), freezing.terminating(url, "trackfold-%", every_s=0.05) as dead:
        await eventually(lambda: len(set(dead)) == 2)
    assert await freezing.backends(url, "trackfold-%") == []


async def test_a_server_can_be_made_read_only_and_writable_again(own_postgres: OwnPostgres) -> None:
    url = own_postgres.database_url

    async def writes() -> bool:
        try:
            await asked(url, "create table if not exists kept (n int)")
        except asyncpg.ReadOnlySQLTransactionError:
            return False
        return True

    async def refuses() -> bool:
        return not await writes()

    await own_postgres.setting("default_transaction_read_only", "on")
    await eventually(refuses)
    await own_postgres.setting("default_transaction_read_only", None)
    await eventually(writes)


@pytest.mark.parametrize("own_postgres", [{"max_connections": "12"}], indirect=True)
async def test_idle_sessions_take_the_last_connection(own_postgres: OwnPostgres) -> None:
    async with contextlib.AsyncExitStack() as stack:
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await stack.enter_async_context(freezing.idle_sessions(own_postgres.database_url, 20))


@pytest.mark.parametrize("own_postgres", [{"disk_mb": 160, "max_wal_size": "32MB"}], indirect=True)
async def test_a_full_disk_refuses_writes_until_there_is_space_again(own_postgres: OwnPostgres) -> None:
    url = own_postgres.database_url
    await asked(url, "create table kept (t text)")
    own_postgres.fill_disk()
    with pytest.raises((asyncpg.DiskFullError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)):
        await asked(url, "insert into kept select repeat(md5(n::text), 100) from generate_series(1, 20000) n")
    own_postgres.free_disk()

    async def writes() -> bool:
        try:
            await asked(url, "insert into kept values ('there is space')")
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    await eventually(writes, 40)
    assert await asked(url, "select count(*) from kept") == 1
