"""A partition without a leader waits for its own: what was polled with it, and what comes after, is applied (E7)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError

from services.runtime.consume import Batch, FencedConsumer
from tests.faults.brokers import Brokers
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench, write_down
from tests.integration.test_runtime_rebalances import Slow, member
from tests.stack import topics
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(240)]

LIMIT_S = 90.0
LONE, OTHER = 0, 1  # a batch begins with the first: what holds it up holds up all of it


@dataclass
class Doors:
    """Where a consumer can be held: before it takes a batch, and inside the transaction of one."""

    may_take: bool = True
    inside: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def apply(self, batch: Batch) -> None:
        """Write down, and wait until it may go on."""
        await write_down(batch)
        self.inside.set()
        await self.go_on.wait()


@pytest.fixture(name="lone")
async def lone_fixture(cluster3: Brokers, prefix3: str) -> int:
    """Make the topic, and give the one broker that has partition 0 and nothing else that the test needs."""

    async def coordinator() -> int:
        try:
            return await cluster3.coordinator(prefix3 + GROUP)
        except KafkaError:  # the first question of all makes the topic of the groups
            return 0

    busy = {await cluster3.controller(), await eventually(coordinator, LIMIT_S, poll_s=0.2)}
    lone = min(set(cluster3.nodes) - busy)
    new = NewTopic(
        prefix3 + TOPIC, -1, -1,
        replica_assignments={LONE: [lone], OTHER: [min(busy)]},
        topic_configs={"min.insync.replicas": "1"},
    )  # fmt: skip
    async with topics.admin(cluster3.kafka) as admin:
        answer = await admin.create_topics([new], timeout_ms=10_000)
    assert answer.topic_errors[0][1] == 0, answer.topic_errors
    await cluster3.healthy()
    return lone


@pytest.fixture(name="on")
async def bench_fixture(cluster3: Brokers, lone: int, empty_database: str, prefix3: str) -> AsyncIterator[Bench]:
    """A bench on three brokers, whose consumers are looked at ten times a second."""
    assert lone
    async with bench(cluster3.kafka, empty_database, prefix3, lag_interval_s=0.1) as made:
        yield made


async def has(on: Bench, partition: int, *values: str) -> None:
    """Wait until exactly these were applied to a partition."""

    async def same() -> bool:
        found = await on.effects(partition)
        assert found == list(values)
        return True

    await eventually(same, LIMIT_S)


async def stand_before_a_batch_of_both(on: Bench, doors: Doors, consumer: FencedConsumer) -> None:
    """Have the consumer hold a polled batch of both partitions that it has not yet begun."""
    await on.send("a", partition=OTHER)
    await doors.inside.wait()
    doors.may_take = False
    await on.send("b", partition=LONE)
    await on.send("b", partition=OTHER)
    fetched = consumer.consumer._fetcher._records  # noqa: SLF001 - told nowhere else
    await eventually(lambda: len(fetched) == 2, LIMIT_S, what="both are fetched")
    doors.go_on.set()
    await eventually(lambda: not fetched, LIMIT_S, what="both are polled")


async def rebalance(on: Bench, brokers: Brokers, consumer: FencedConsumer) -> None:
    """Let somebody join the group and leave it."""
    async with member(on, brokers.kafka, Slow()) as other:
        await eventually(other.assignment, LIMIT_S)
    await eventually(lambda: len(consumer.consumer.assignment()) == 2, LIMIT_S)


async def loses_its_leader(on: Bench, brokers: Brokers, lone: int) -> None:
    """Kill the only broker of a partition."""
    brokers.kill(lone)

    async def without() -> bool:
        try:
            return await brokers.leader(on.settings.topic(TOPIC), LONE) < 0
        except KafkaError:
            return False

    await eventually(without, LIMIT_S, poll_s=0.2)


@pytest.mark.parametrize("before", [("0",), ()], ids=["read_before", "never_read"])
async def test_a_partition_without_a_leader_holds_up_nothing_that_was_polled_with_it(
    on: Bench, cluster3: Brokers, lone: int, before: tuple[str, ...]
) -> None:
    doors = Doors()
    doors.go_on.set()
    consumer = on.consumer(doors.apply, may_take=lambda: doors.may_take)
    await on.life.consume(consumer)
    await on.send(*before, partition=LONE)
    await has(on, LONE, *before)
    doors.inside.clear()
    doors.go_on.clear()
    await stand_before_a_batch_of_both(on, doors, consumer)
    await rebalance(on, cluster3, consumer)
    await loses_its_leader(on, cluster3, lone)
    doors.may_take = True
    await has(on, OTHER, "a", "b")
    await on.send("c", partition=OTHER)
    await has(on, OTHER, "a", "b", "c")
    assert await on.effects(LONE) == list(before)
    cluster3.restart(lone)
    await has(on, LONE, *before, "b")
    await on.send("c", partition=LONE)
    await has(on, LONE, *before, "b", "c")
    assert await on.effects(OTHER) == ["a", "b", "c"]
    assert await on.gaps() == []
    assert on.life.ended is None
    assert await consumer.consumer.position(TopicPartition(on.settings.topic(TOPIC), LONE)) == len(before) + 2
