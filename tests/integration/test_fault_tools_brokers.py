"""The tools that break Kafka brokers do what they say."""

import asyncio

import pytest
from aiokafka.errors import KafkaError

from tests.faults.brokers import Brokers
from tests.pipeline import Pipeline
from tests.records import placed
from tests.stack import topics
from tests.waiting import eventually


@pytest.fixture
async def topic(cluster3: Brokers, prefix3: str) -> str:
    """A topic with three replicas, of which two must be in sync."""
    return await topics.create(cluster3.kafka, f"{prefix3}plain", replicas=3, configs={"min.insync.replicas": "2"})


@pytest.mark.needs("replicas")
@pytest.mark.timeout(240)
async def test_a_killed_leader_is_replaced_and_loses_nothing_that_was_acknowledged(
    cluster3: Brokers, topic: str
) -> None:
    leader = await cluster3.leader(topic)
    async with topics.producer(cluster3.kafka, request_timeout_ms=60_000) as producer:
        await producer.send_and_wait(topic, b"before")
        cluster3.kill(leader)
        assert await cluster3.led_by_another(topic, than=leader) != leader
        await producer.send_and_wait(topic, b"after")
    assert leader not in await cluster3.in_sync(topic)
    cluster3.restart(leader)
    await cluster3.healthy()
    assert await cluster3.in_sync(topic) == {1, 2, 3}
    records = await topics.read_until(cluster3.kafka, topic, lambda found: len(found) == 2)
    assert [one.value for one in records] == [b"before", b"after"]


@pytest.mark.needs("replicas")
@pytest.mark.timeout(240)
async def test_a_frozen_leader_is_replaced_while_its_process_lives(cluster3: Brokers, topic: str) -> None:
    leader = await cluster3.leader(topic)
    cluster3.freeze(leader)
    await cluster3.led_by_another(topic, than=leader)
    assert cluster3.cluster.runs(leader)
    assert set(cluster3.cluster.well) == {1, 2, 3} - {leader}
    cluster3.thaw(leader)
    await cluster3.healthy()


@pytest.mark.needs("replicas")
@pytest.mark.timeout(240)
async def test_another_controller_takes_over_when_the_leading_one_dies(cluster3: Brokers) -> None:
    first = await cluster3.controller()
    assert first in cluster3.nodes
    cluster3.kill(first)

    async def another() -> bool:
        return await cluster3.controller() not in (first, -1)

    await eventually(another, 40, poll_s=0.2)


@pytest.mark.needs("replicas")
@pytest.mark.timeout(240)
async def test_a_leader_moves_with_nobody_dying(cluster3: Brokers, topic: str) -> None:
    target = cluster3.others(await cluster3.leader(topic))[0]
    await cluster3.move_leader(topic, to=target)
    assert await cluster3.leader(topic) == target


@pytest.mark.needs("replicas")
@pytest.mark.timeout(240)
async def test_with_one_broker_left_a_write_that_two_must_have_is_not_acknowledged(
    cluster3: Brokers, topic: str
) -> None:
    leader = await cluster3.leader(topic)
    async with topics.producer(cluster3.kafka, request_timeout_ms=5_000) as producer:
        await producer.send_and_wait(topic, b"before")
        for node in cluster3.others(leader):
            cluster3.freeze(node)
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(producer.send_and_wait(topic, b"alone"), 20)
    await cluster3.heal()


@pytest.mark.needs("replicas")
@pytest.mark.timeout(240)
async def test_a_service_runs_on_the_three_brokers(pipeline3: Pipeline, cluster3: Brokers) -> None:
    await pipeline3.start("status")
    await pipeline3.produce([placed()])
    await pipeline3.until_version("main:1001", 1)
    assert await cluster3.in_sync(f"{pipeline3.prefix}order.status.v1", 0) == {1, 2, 3}
    assert await cluster3.coordinator(f"{pipeline3.prefix}status") in cluster3.nodes
