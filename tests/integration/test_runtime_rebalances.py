"""A consumer in a rebalance that others hold up: it waits, is not blamed, and goes on (rule E12)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

LIMIT_S = 60.0


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose consumers are looked at ten times a second."""
    await topics.create(kafka, prefix + TOPIC, partitions=3)
    async with bench(kafka, empty_database, prefix, lag_interval_s=0.1) as made:
        yield made


class Slow(ConsumerRebalanceListener):  # type: ignore[misc]
    """Lets nobody have its partitions before it may."""

    def __init__(self) -> None:
        self.holds_up = asyncio.Event()
        self.may_go_on = asyncio.Event()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Hold up the others, once it owns something."""
        if revoked:
            self.holds_up.set()
            await self.may_go_on.wait()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Nothing to do."""


@asynccontextmanager
async def member(on: Bench, kafka: Kafka, listener: Slow) -> AsyncIterator[AIOKafkaConsumer]:
    """Another member of the group, that has joined."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, group_id=on.settings.group(GROUP), enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.subscribe([on.settings.topic(TOPIC)], listener=listener)
        yield consumer
    finally:
        listener.may_go_on.set()
        await consumer.stop()


async def test_a_poll_that_waits_for_a_slow_member_of_the_group_is_not_blamed(on: Bench, kafka: Kafka) -> None:
    consumer, slow = on.consumer(), Slow()
    await on.life.consume(consumer)
    async with member(on, kafka, slow) as held:
        await eventually(held.assignment, LIMIT_S)
        async with member(on, kafka, Slow()):
            async with asyncio.timeout(LIMIT_S):
                await slow.holds_up.wait()
            progress = consumer._lag.heart  # type: ignore[union-attr]  # noqa: SLF001 - nobody else needs it
            await eventually(lambda: progress.still_s > 3, LIMIT_S, what="a rebalance without end is seen")
            assert consumer.heart.still_s < 2
            slow.may_go_on.set()
            await eventually(lambda: progress.still_s < 1, LIMIT_S)
    await on.send("0")
    await on.has("0")
