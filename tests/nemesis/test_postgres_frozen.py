"""Frozen owners that hold what others need: the server cuts them off, or their own successors do (rule E11)."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import pytest

from services.runtime import clock
from tests.faults.freezing import is_frozen
from tests.faults.own_postgres import OwnPostgres
from tests.nemesis.postgres_seen import LIMIT_S, counted, goes_on, progress, start
from tests.nemesis.striking import unwanted_ends
from tests.under_fire.stage import Stage
from tests.waiting import eventually

STATUS: Final = "trackfold-status"
# What a batch holds first and to its end: the fence of its partitions.
FENCE: Final = "select from status.consumer_offset order by grp, topic, part for update"
# None of them ends it: the server waits for its client.
LIMITS: Final = "set local statement_timeout = '2s'; set local idle_in_transaction_session_timeout = '2s'"
#: What one of ours may hold up others for.
SOON: Final = {"TRACKFOLD_POSTGRES__BLOCKED_LIMIT_S": "3"}


@asynccontextmanager
async def frozen_in_copy(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Be a process of status that froze inside COPY with the fence locked: its backend obeys no timeout."""
    connection = await asyncpg.connect(url, timeout=10, server_settings={"application_name": STATUS})
    inside, thaw = asyncio.Event(), asyncio.Event()

    async def nothing_more() -> AsyncIterator[bytes]:
        inside.set()
        await thaw.wait()
        yield b""

    async def hold() -> None:
        async with connection.transaction():
            await connection.execute(FENCE)
            await connection.execute("create temporary table target (n int)")
            await connection.execute(LIMITS)
            await connection.copy_to_table("target", source=nothing_more())

    holding = asyncio.create_task(hold())
    try:
        await eventually(lambda: inside.is_set() or holding.done(), LIMIT_S, what="it is inside COPY")
        assert not holding.done(), holding
        yield connection
    finally:
        thaw.set()
        await asyncio.gather(holding, return_exceptions=True)
        connection.terminate()


@pytest.mark.timeout(150)
@pytest.mark.fault("frozen_in_copy")
async def test_an_owner_that_froze_inside_copy_is_ended_by_those_who_wait_for_it(stage: Stage) -> None:
    await start(stage, ingest=0, status=2, notify=0, settings=SOON)
    await stage.begin(seed=341, orders=20, per_second=20)
    await stage.half()
    async with frozen_in_copy(stage.source.database_url) as zombie:

        async def ended() -> bool:
            return await counted(stage, "status", "trackfold_terminated_backends_total") > 0

        await eventually(ended, LIMIT_S, what="somebody ended the frozen transaction")
        healed_at = clock.monotonic()
        await goes_on(stage)
        await eventually(zombie.is_closed, LIMIT_S, what="the frozen owner is cut off")
    await stage.heal_and_judge(since=healed_at)
    assert not unwanted_ends(stage)


@pytest.mark.timeout(150)
@pytest.mark.fault("frozen_with_lock")
async def test_an_owner_that_froze_in_its_transaction_is_cut_off_by_the_server_and_writes_nothing_when_it_thaws(
    own_stage: Stage, own_postgres: OwnPostgres
) -> None:
    await start(own_stage, ingest=0, status=0)
    frozen = await own_stage.start("status", once={"TRACKFOLD_FAILPOINTS": "consume.before_commit:stop*1"})
    await own_stage.start("status")
    await own_stage.begin(seed=342, orders=16)
    await eventually(lambda: is_frozen(frozen.pid), LIMIT_S, what="it froze in its transaction")

    def cut_off() -> bool:
        return "idle-in-transaction timeout" in own_postgres.log_file.read_text()

    await eventually(cut_off, LIMIT_S, what="the server's idle limit")
    healed_at = clock.monotonic()
    await goes_on(own_stage)
    assert await progress(own_stage) > 0
    assert is_frozen(frozen.pid)
    frozen.life.send(signal.SIGCONT)
    await own_stage.heal_and_judge(since=healed_at)
    assert not unwanted_ends(own_stage)
