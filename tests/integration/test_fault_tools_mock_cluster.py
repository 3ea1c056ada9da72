"""librdkafka's mock cluster answers our Kafka client as it was told."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, MessageSizeTooLargeError

from tests.faults import mock_cluster as mock
from tests.faults.mock_cluster import MockCluster
from tests.integration import test_ingest
from tests.pipeline import Pipeline
from tests.records import placed
from tests.stack import topics
from tests.stack.kafka import Kafka


@pytest.fixture
def kafka_of_mock(mock_kafka: MockCluster) -> Kafka:
    """The mock cluster as any test sees a broker."""
    return Kafka(mock_kafka.bootstrap_servers, "mock", "librdkafka's mock cluster", frozenset())


@pytest.fixture
def topic(mock_kafka: MockCluster) -> Iterator[str]:
    """A topic of one partition, led by broker 1."""
    mock_kafka.create_topic("plain", replicas=3)
    mock_kafka.set_leader("plain", 0, broker=1)
    yield "plain"
    mock_kafka.set_rtt(0)


async def test_an_error_that_passes_is_retried_and_one_that_stays_is_raised(
    mock_kafka: MockCluster, kafka_of_mock: Kafka, topic: str
) -> None:
    async with topics.producer(kafka_of_mock) as producer:
        mock_kafka.track()
        mock_kafka.push_errors(mock.PRODUCE, mock.NOT_LEADER, mock.NOT_ENOUGH_REPLICAS)
        await producer.send_and_wait(topic, b"one")
        assert mock_kafka.requests().count(mock.PRODUCE) == 3
        mock_kafka.push_errors(mock.PRODUCE, mock.MESSAGE_TOO_LARGE)
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(topic, b"two")
        await producer.send_and_wait(topic, b"three")
    records = await topics.read_until(kafka_of_mock, topic, lambda found: len(found) == 2)
    assert [one.value for one in records] == [b"one", b"three"]


async def test_a_slow_broker_is_slow_and_a_broker_that_is_down_comes_back(
    mock_kafka: MockCluster, kafka_of_mock: Kafka, topic: str
) -> None:
    async with topics.producer(kafka_of_mock, request_timeout_ms=3_000) as producer:
        await producer.send_and_wait(topic, b"one")
        mock_kafka.set_rtt(800)
        began = asyncio.get_running_loop().time()
        await producer.send_and_wait(topic, b"two")
        assert asyncio.get_running_loop().time() - began >= 0.8
        mock_kafka.set_rtt(0)
        mock_kafka.set_down(1)
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(producer.send_and_wait(topic, b"three"), 20)
        mock_kafka.set_up(1)
        await producer.send_and_wait(topic, b"four")


async def test_the_leader_moves_and_the_client_follows(
    mock_kafka: MockCluster, kafka_of_mock: Kafka, topic: str
) -> None:
    async with topics.producer(kafka_of_mock) as producer:
        await producer.send_and_wait(topic, b"one")
        mock_kafka.set_leader(topic, 0, broker=2)
        mock_kafka.push_errors(mock.PRODUCE, mock.NOT_LEADER)
        await producer.send_and_wait(topic, b"two")
    assert len(await topics.read_until(kafka_of_mock, topic, lambda found: len(found) == 2)) == 2


async def test_services_run_on_it_and_meet_its_errors(mock_pipeline: Pipeline, mock_kafka: MockCluster) -> None:
    ingest = await test_ingest.begin(mock_pipeline)
    mock_kafka.push_errors(mock.PRODUCE, *[mock.NOT_ENOUGH_REPLICAS] * 200)
    assert (await test_ingest.post(ingest, test_ingest.GROWN[0])).status_code == 503
    mock_kafka.clear_errors(mock.PRODUCE)
    assert (await test_ingest.post(ingest, test_ingest.GROWN[0])).status_code == 202
    await mock_pipeline.start("status")
    await mock_pipeline.produce([placed()])
    await mock_pipeline.until_version("main:1001", 1)


async def test_a_member_reads_commits_and_is_told_errors_of_its_group(mock_kafka: MockCluster, topic: str) -> None:
    mock_kafka.set_coordinator("group", broker=1)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=mock_kafka.bootstrap_servers,
        group_id="group",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with topics.producer(Kafka(mock_kafka.bootstrap_servers, "mock", "", frozenset())) as producer:
        await producer.send_and_wait(topic, b"one")
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 40)
        assert record.value == b"one"
        mock_kafka.track()
        mock_kafka.push_errors(mock.OFFSET_COMMIT, mock.COORDINATOR_LOADING, mock.COORDINATOR_NOT_AVAILABLE)
        await consumer.commit()
        assert mock_kafka.requests().count(mock.OFFSET_COMMIT) == 3
        mock_kafka.push_errors(mock.OFFSET_COMMIT, mock.GROUP_AUTHORIZATION_FAILED)
        with pytest.raises(GroupAuthorizationFailedError):
            await consumer.commit()
    finally:
        await consumer.stop()
