"""Every capability of tests/stack/capabilities.py, proved where the broker of this run claims to have it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.errors import TopicAuthorizationFailedError
from confluent_kafka import admin as confluent

from services.runtime import membership
from tests.stack import apache, topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually


@pytest.fixture
def three_brokers() -> Iterator[apache.Cluster]:
    cluster = apache.Cluster(brokers=3, say=lambda _: None)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.mark.needs("compaction")
async def test_old_records_of_a_key_leave_a_compacted_topic(kafka: Kafka, prefix: str) -> None:
    configs = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001"}
    topic = await topics.create(kafka, f"{prefix}compacted", configs=configs)
    async with topics.producer(kafka) as sender:
        for number in range(100):
            await sender.send_and_wait(topic, b"%d" % number, key=b"key")

        async def compacted() -> bool:
            await sender.send_and_wait(topic, b"roll", key=b"roll")  # only a closed segment is compacted
            records = await topics.read_until(kafka, topic, lambda found: found and found[-1].value == b"roll")
            return [record.value for record in records if record.key == b"key"] == [b"99"]

        await eventually(compacted, 40, poll_s=0.2)


@pytest.mark.needs("partitions")
async def test_partitions_can_be_added(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}grown")
    async with topics.admin(kafka) as client:
        await client.create_partitions({topic: NewPartitions(total_count=3)})

        async def grown() -> bool:
            return len((await client.describe_topics([topic]))[0]["partitions"]) == 3

        await eventually(grown)


@pytest.mark.needs("delete_records")
async def test_the_start_of_a_log_can_be_moved(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}cut")
    async with topics.producer(kafka) as sender:
        for number in range(10):
            await sender.send_and_wait(topic, b"%d" % number)
    async with topics.admin(kafka) as client:
        await client.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=7)})

    records = await topics.read_until(kafka, topic, lambda found: len(found) == 3)

    assert [record.offset for record in records] == [7, 8, 9]


@pytest.mark.needs("end_offsets")
async def test_the_end_of_a_log_is_told_rightly(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}ends")
    async with topics.producer(kafka, linger_ms=20) as sender:
        await asyncio.gather(*[await sender.send(topic, b"x") for _ in range(133)])
    reader = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
    await reader.start()
    try:
        part = TopicPartition(topic, 0)
        assert await reader.end_offsets([part]) == {part: 133}
    finally:
        await reader.stop()


@pytest.mark.needs("groups")
async def test_a_group_deals_anew_for_a_member_that_joins_and_tells_who_owns_what(kafka: Kafka, prefix: str) -> None:
    topic, group = await topics.create(kafka, f"{prefix}dealt", partitions=2), f"{prefix}members"
    async with _member(kafka, topic, group) as first:

        def owns(count: int) -> bool:
            return len(first.assignment()) == count

        async def told() -> bool:
            async with topics.admin(kafka) as client:
                return [bool(one) for one in (await membership.assignments(client, [group]))[group]] == [True]

        await eventually(lambda: owns(2), 40)
        await eventually(told, 40)
        async with _member(kafka, topic, group):
            await eventually(lambda: owns(1), 40)


@asynccontextmanager
async def _member(kafka: Kafka, topic: str, group: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.bootstrap_servers, group_id=group)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@pytest.mark.needs("idempotence")
async def test_an_idempotent_producer_is_served(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}idempotent")
    async with topics.producer(kafka, enable_idempotence=True) as sender:
        for number in range(20):
            await sender.send_and_wait(topic, b"%d" % number)

    records = await topics.read_until(kafka, topic, lambda found: len(found) == 20)

    assert [record.value for record in records] == [b"%d" % number for number in range(20)]


@pytest.mark.needs("acl")
async def test_an_account_may_do_only_what_it_was_granted(kafka: Kafka, prefix: str) -> None:
    (name, password), *_ = apache.ACCOUNTS.items()
    topic = await topics.create(kafka, f"{prefix}restricted")
    account = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": name,
        "sasl_plain_password": password,
        "bootstrap_servers": kafka.sasl_bootstrap_servers,
    }
    grant = _write_grant(topic, f"User:{name}")
    async with topics.producer(kafka, **account) as sender:
        with pytest.raises(TopicAuthorizationFailedError):
            await sender.send_and_wait(topic, b"too early")

        client = confluent.AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
        (granted,) = client.create_acls([grant]).values()
        await asyncio.wrap_future(granted)

        async def written() -> bool:
            try:
                await sender.send_and_wait(topic, b"granted")
            except TopicAuthorizationFailedError:
                return False
            return True

        await eventually(written)


@pytest.mark.needs("replicas")
async def test_an_acknowledged_record_survives_its_leader(three_brokers: apache.Cluster) -> None:
    kafka = Kafka(three_brokers.bootstrap_servers, "apache", three_brokers.version, frozenset())
    topic = await topics.create(kafka, "replicated", replicas=3, configs={"min.insync.replicas": "2"})
    async with topics.producer(kafka) as sender:
        await sender.send_and_wait(topic, b"before")
        async with topics.admin(kafka) as client:
            leader = (await client.describe_topics([topic]))[0]["partitions"][0]["leader"]
        three_brokers.kill(leader)
        await sender.send_and_wait(topic, b"after")

    records = await topics.read_until(kafka, topic, lambda found: len(found) >= 2)

    assert [record.value for record in records][:2] == [b"before", b"after"]


def _write_grant(topic: str, principal: str) -> Any:
    # confluent-kafka's stubs leave the classes of access rules out.
    known: Any = confluent
    what = (known.ResourceType.TOPIC, topic, known.ResourcePatternType.LITERAL)
    return known.AclBinding(*what, principal, "*", known.AclOperation.WRITE, known.AclPermissionType.ALLOW)
