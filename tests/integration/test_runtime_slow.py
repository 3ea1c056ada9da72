"""The fenced consumer with a database that cuts off what takes too long."""

from collections.abc import AsyncIterator

import pytest

from services.runtime.consume import Batch
from tests.integration.runtime_consuming import TOPIC, Bench, bench, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka

TEN = tuple(str(n) for n in range(10))
AT_ONCE = 3


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench with one partition."""
    await topics.create(kafka, prefix + TOPIC, partitions=1)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


async def test_a_batch_that_takes_the_database_too_long_is_tried_in_smaller_ones(on: Bench) -> None:
    async def slow(batch: Batch) -> None:
        await write_down(batch)
        if len(batch.records) > AT_ONCE:
            await batch.connection.execute("set local statement_timeout = 20")
            await batch.connection.execute("select pg_sleep(10)")

    await on.send(*TEN)
    await on.life.consume(on.consumer(slow))
    await on.has(*TEN)
    assert await on.next_offset() == len(TEN)
