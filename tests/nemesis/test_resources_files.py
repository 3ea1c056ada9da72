"""No file descriptor left: no new connection is had, in or out; what is open goes on, and all comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import pytest

from tests.faults import freezing, limits
from tests.nemesis import lengths
from tests.nemesis.striking import unwanted_ends
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
NONE_LEFT_S: Final = lengths.seconds(5, 60)
SPARE: Final = 6
CALLERS: Final = 40
ENOUGH: Final = 1024


@asynccontextmanager
async def callers(member: Member, count: int) -> AsyncIterator[None]:
    """Be so many who connect to a service and say nothing; who is hung up on calls again."""
    port = int(member.life.http_url.rpartition(":")[2])

    async def call() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    await reader.read()
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.1)

    calling = [asyncio.create_task(call()) for _ in range(count)]
    try:
        yield
    finally:
        for one in calling:
            one.cancel()
        await asyncio.gather(*calling, return_exceptions=True)


@asynccontextmanager
async def no_files_left(member: Member) -> AsyncIterator[int]:
    """Let strangers take the last descriptors of a process within the block; gives the limit."""
    pid = member.pid
    limit = limits.open_files(pid) + SPARE
    limits.limit_files(pid, limit)
    try:
        async with callers(member, CALLERS):
            await eventually(lambda: limits.open_files(pid) >= limit - 1, LIMIT_S, what="all descriptors are taken")
            yield limit
    finally:
        if member.running and member.pid == pid:
            limits.limit_files(pid, ENOUGH)


@pytest.mark.timeout(150)
@pytest.mark.fault("no_file_descriptors")
async def test_a_door_without_file_descriptors_takes_no_new_callers_and_loses_nothing(stage: Stage) -> None:
    await stage.start("status")
    full = await stage.start("ingest")
    await stage.start("ingest")
    await stage.begin(seed=541, orders=44, webhook_share=1.0, per_second=30)
    await stage.half()
    async with no_files_left(full) as limit:
        await eventually(lambda: _silent(full), LIMIT_S, what="its admin port has no descriptor for us either")
        await lengths.lasts(NONE_LEFT_S)
        assert limits.open_files(full.pid) <= limit
    await stage.heal_and_judge()
    assert not unwanted_ends(stage), full.log()


@pytest.mark.timeout(150)
@pytest.mark.fault("no_file_descriptors")
async def test_status_without_file_descriptors_cannot_reach_its_database_again_and_waits_until_it_can(
    stage: Stage,
) -> None:
    status = await stage.start("status")
    await stage.begin(seed=542, orders=44, per_second=40)
    await stage.half()
    url = stage.source.database_url
    async with no_files_left(status):
        lost = await freezing.backends(url, "trackfold-status%")
        assert lost
        await freezing.ended(url, lost)
        await eventually(lambda: "Too many open files" in status.log(), LIMIT_S, what="it has none for a connection")
        await lengths.lasts(NONE_LEFT_S)
    await stage.heal_and_judge()
    assert not unwanted_ends(stage), status.log()


async def _silent(member: Member) -> bool:
    return not await member.life.ready()
