"""What the benchmarks count as done, on a real database and a real broker."""

from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import asyncpg

from benchmarks.engine.designs.trackfold import ONE
from benchmarks.engine.measuring import Watch
from benchmarks.engine.stack import Workers
from tests.stack.kafka import Kafka

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
