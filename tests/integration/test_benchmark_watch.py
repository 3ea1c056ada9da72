"""What the benchmarks count as done, on a real database and a real broker."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import asyncpg
import pytest

from benchmarks.engine.designs.trackfold import ONE
from benchmarks.engine.lock_waits import lock_waits
from benchmarks.engine.measuring import Watch
from benchmarks.engine.stack import Workers
from tests.stack.kafka import Kafka
from tests.waiting import eventually

ADVANCE = """
insert into status.consumer_offset (grp, topic, part, next_offset) values ('g', $1, 0, $2)
on conflict (grp, topic, part) do update set next_offset = excluded.next_offset
"""


async def test_only_what_was_done_since_it_watches_counts(kafka: Kafka, database: str) -> None:
    """A part measures one database several times, each time on topics of its own."""
    stack: Any = SimpleNamespace(bootstrap=kafka.bootstrap_servers)
    workers = create_autospec(Workers, instance=True)
    connection = await asyncpg.connect(database, timeout=10, command_timeout=20)
    try:
        await connection.execute(ADVANCE, "before.scans", 7_000)
        async with Watch(stack, ONE, workers, prefix="now.", dsn=database) as watch:
            assert await watch.done() == 0
            await connection.execute(ADVANCE, "now.scans", 5)
            assert await watch.done() == 5
            await watch.until_done(5)
    finally:
        await connection.close(timeout=5)


COUNTED = "select deadlocks from pg_stat_database where datname = current_database()"
LOCK = "select pg_advisory_xact_lock(1)"


async def test_who_waits_for_a_lock_is_seen_and_who_waits_for_nothing_is_not(database: str) -> None:
    holding, waiting = [await asyncpg.connect(database, timeout=10, command_timeout=20) for _ in range(2)]
    try:
        async with lock_waits(database) as idle:
            await eventually(lambda: idle.asked > 2, what="three answers")
        await (held := holding.transaction()).start()
        await holding.execute(LOCK)
        async with asyncio.TaskGroup() as group, lock_waits(database) as busy:
            group.create_task(waiting.execute(LOCK))
            await eventually(lambda: busy.seen, what="somebody who waits")
            await held.rollback()
        assert (idle.seen, idle.share(1), idle.deadlocks) == (0, 0.0, 0)
        assert 0 < busy.share(2) <= 0.5
    finally:
        await holding.close(timeout=5)
        await waiting.close(timeout=5)


async def test_a_deadlock_is_counted(database: str) -> None:
    first, second, watching = [await asyncpg.connect(database, timeout=10, command_timeout=20) for _ in range(3)]
    try:
        await first.execute("set deadlock_timeout = '10ms'")
        await second.execute("set deadlock_timeout = '10ms'")
        async with lock_waits(database) as found:
            with pytest.raises(asyncpg.DeadlockDetectedError):
                await _deadlock(first, second)
            # A backend writes down what it counted when it ends, and nobody waits for that.
            await first.close(timeout=5)
            await second.close(timeout=5)
            await eventually(lambda: watching.fetchval(COUNTED), what="a deadlock that is written down")
        assert found.deadlocks == 1
    finally:
        for one in (first, second, watching):
            await one.close(timeout=5)


async def _deadlock(first: Any, second: Any) -> None:
    async with first.transaction(), second.transaction():
        await first.execute("select pg_advisory_xact_lock(1)")
        await second.execute("select pg_advisory_xact_lock(2)")
        crossing = (first.execute("select pg_advisory_xact_lock(2)"), second.execute("select pg_advisory_xact_lock(1)"))
        told = await asyncio.gather(*crossing, return_exceptions=True)
        for one in told:
            if isinstance(one, BaseException):
                raise one
