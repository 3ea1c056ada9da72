"""A batch that waits for somebody who holds its rows: frozen processes of ours are cut off, nobody else is (E11)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
import structlog
from prometheus_client import REGISTRY

from services.runtime import postgres
from services.runtime.consume import Batch
from services.runtime.settings import PostgresSettings
from services.runtime.unblocking import BLOCKERS, Unblocking
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually, never

OURS = "trackfold-test"
LIMIT_S = 60.0
HOT = "insert into probe.hot values (1)"
LOCK_HOT = "select from probe.hot for update"


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose batches all need one row."""
    await topics.create(kafka, prefix + TOPIC, partitions=1)
    async with bench(kafka, empty_database, prefix) as made:
        await made.connection.execute(f"create table probe.hot (n int); {HOT}")
        yield made


@asynccontextmanager
async def quick_pool(
    on: Bench, *, lock_timeout_s: float = 1, blocked_limit_s: float = 2
) -> AsyncIterator[postgres.Pool]:
    """A pool of the service whose batches lose their patience soon; consumers are stopped before it closes."""
    settings = PostgresSettings(
        url=on.url,  # type: ignore[arg-type] # pydantic makes it a secret
        lock_timeout_s=lock_timeout_s,
        blocked_limit_s=blocked_limit_s,
    )
    async with postgres.open_pool(settings, OURS, schema="probe") as pool:
        try:
            yield pool
        finally:
            on.life.draining.set()
            while on.consumers:
                await on.consumers.pop().stop()


@asynccontextmanager
async def stuck_in_copy(on: Bench, application: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Hold the row in a transaction whose client froze inside COPY: its backend obeys no timeout."""
    connection = await asyncpg.connect(on.url, server_settings={"application_name": application})
    frozen, thaw = asyncio.Event(), asyncio.Event()

    async def source() -> AsyncIterator[bytes]:
        frozen.set()
        await thaw.wait()
        yield b"2\n"

    async def hold() -> None:
        async with connection.transaction():
            await connection.execute(LOCK_HOT)
            await connection.execute("set local statement_timeout = 100")
            await connection.copy_to_table("hot", schema_name="probe", source=source())

    holding = asyncio.create_task(hold())
    try:
        await frozen.wait()
        yield connection
    finally:
        thaw.set()
        await asyncio.gather(holding, return_exceptions=True)
        await connection.close()


async def apply(batch: Batch) -> None:
    """Need the row."""
    await batch.connection.execute(LOCK_HOT)
    await write_down(batch)


def terminated() -> float:
    return REGISTRY.get_sample_value("trackfold_terminated_backends_total", {"group": GROUP}) or 0


async def test_a_process_of_ours_that_froze_inside_copy_is_cut_off_and_the_batch_goes_on(on: Bench) -> None:
    before = terminated()
    async with quick_pool(on) as pool, stuck_in_copy(on, OURS) as frozen:
        await on.send("0", "1")
        await on.life.consume(on.consumer(apply, pool=pool))
        await eventually(lambda: terminated() > before, LIMIT_S)
        await on.has("0", "1")
        await eventually(frozen.is_closed, LIMIT_S)
    assert terminated() == before + 1
    assert on.life.ended is None


async def test_a_single_long_wait_is_watched_as_well(on: Bench) -> None:
    async with quick_pool(on, lock_timeout_s=100) as pool, stuck_in_copy(on, OURS):
        await on.send("0")
        await on.life.consume(on.consumer(apply, pool=pool))
        await eventually(on.effects, LIMIT_S)


async def test_a_process_that_blocks_through_another_that_waits_is_the_one_cut_off(on: Bench) -> None:
    waiter = await asyncpg.connect(on.url, server_settings={"application_name": OURS})
    waiting: asyncio.Task[None] | None = None

    async def wait() -> None:
        async with waiter.transaction():
            await waiter.execute("create table probe.taken (n int); lock table probe.letter")
            await waiter.execute(LOCK_HOT)

    async def needs_both(batch: Batch) -> None:
        await batch.connection.execute("select from probe.letter")
        await apply(batch)

    async with quick_pool(on) as pool, stuck_in_copy(on, OURS):
        waiting = asyncio.create_task(wait())
        await on.send("0")
        await on.life.consume(on.consumer(needs_both, pool=pool))
        await eventually(on.effects, LIMIT_S)
        await waiting
    assert not waiter.is_closed(), "who waits himself is no frozen owner"
    await waiter.close()


async def test_the_lock_of_another_application_is_never_touched_and_named_once(on: Bench) -> None:
    before = terminated()
    with structlog.testing.capture_logs() as logs:

        def named() -> list[str]:
            return [one["application"] for one in logs if one["event"] == "a batch is blocked by another application"]

        async with quick_pool(on) as pool:
            async with stuck_in_copy(on, "psql") as operator:
                await on.send("0")
                await on.life.consume(on.consumer(apply, pool=pool))
                await eventually(named, LIMIT_S)
                await never(operator.is_closed, 2)
                assert named() == ["psql"]
                assert await on.effects() == []
            await eventually(on.effects, LIMIT_S)
    assert terminated() == before


async def test_a_transaction_of_ours_that_is_not_old_yet_is_left_alone(on: Bench) -> None:
    before = terminated()
    waiter = await asyncpg.connect(on.url, server_settings={"application_name": OURS})
    async with quick_pool(on, blocked_limit_s=3600) as pool, stuck_in_copy(on, OURS) as young:
        waiting = asyncio.create_task(waiter.execute(LOCK_HOT))

        async def blockers() -> list[asyncpg.Record]:
            async with pool.acquire() as connection:
                return await connection.fetch(BLOCKERS, waiter.get_server_pid(), pool.blocked_limit_s)

        (found,) = await eventually(blockers, LIMIT_S)
        assert (found["pid"], found["ours"], found["old"]) == (young.get_server_pid(), True, False)
        await Unblocking(pool, GROUP)._look(waiter.get_server_pid())  # noqa: SLF001 - what it does every half second
        assert not young.is_closed()
    await waiting
    await waiter.close()
    assert terminated() == before
