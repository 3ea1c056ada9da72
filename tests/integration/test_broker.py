"""What Trackfold needs of a broker, probed on the one that this run uses, so that a difference between them is seen."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.local.child import Child
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.stack.member import consumer as group_member
from tests.stack.processes import base_environment
from tests.waiting import eventually

TAKEOVER_LIMIT_S = 40.0


@asynccontextmanager
async def running(client: AIOKafkaConsumer) -> AsyncIterator[AIOKafkaConsumer]:
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def fill(kafka: Kafka, topic: str, count: int, *, partitions: int = 1) -> None:
    async with topics.producer(kafka) as sender:
        for number in range(count):
            await sender.send_and_wait(topic, b"%d" % number, partition=number % partitions)


async def test_a_record_comes_back_as_it_was_sent(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}plain")
    headers = [("ce_id", b"1"), ("ce_id", b"again"), ("empty", b""), ("bytes", b"\xff\x00")]
    # Not long ago: a record older than the topic's retention may be gone before it is read.
    sent_at_ms = int(time.time() * 1000) - 60_000
    async with topics.producer(kafka) as sender:
        await sender.send_and_wait(topic, b'{"a": 1}', key=b"k", headers=headers, timestamp_ms=sent_at_ms)

    (record,) = await topics.read_until(kafka, topic, lambda found: len(found) == 1)

    assert (record.key, record.value, record.timestamp) == (b"k", b'{"a": 1}', sent_at_ms)
    assert list(record.headers) == headers
    assert (record.partition, record.offset) == (0, 0)


async def test_a_tombstone_and_a_missing_key_stay_none(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}tombstones")
    async with topics.producer(kafka) as sender:
        await sender.send_and_wait(topic, None, key=b"k")
        await sender.send_and_wait(topic, b"", key=None)

    records = await topics.read_until(kafka, topic, lambda found: len(found) == 2)

    assert [(record.key, record.value) for record in records] == [(b"k", None), (None, b"")]


async def test_offsets_of_a_partition_are_dense_and_in_the_order_of_acknowledgement(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}order", partitions=3)
    async with topics.producer(kafka) as sender:
        sent = [await sender.send_and_wait(topic, b"%d" % number, partition=number % 3) for number in range(60)]

    records = await topics.read_until(kafka, topic, lambda found: len(found) == 60)

    by_place = {(record.partition, record.offset): record.value for record in records}
    assert by_place == {(done.partition, done.offset): b"%d" % number for number, done in enumerate(sent)}
    assert sorted(by_place) == [(partition, offset) for partition in range(3) for offset in range(20)]


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_a_big_record_and_a_big_batch_pass(kafka: Kafka, prefix: str, compression: str | None) -> None:
    topic = await topics.create(kafka, f"{prefix}big", configs={"max.message.bytes": str(4 * 1024 * 1024)})
    big = bytes(range(256)) * 10_000  # 2.5 MB, the limit of a kept webhook
    settings = {"max_request_size": 4 * 1024 * 1024, "max_batch_size": 1024 * 1024, "compression_type": compression}
    async with topics.producer(kafka, linger_ms=20, **settings) as sender:
        await sender.send_and_wait(topic, big)
        await asyncio.gather(*[await sender.send(topic, b"%d" % number) for number in range(2_000)])

    records = await topics.read_until(kafka, topic, lambda found: len(found) == 2_001)

    assert records[0].value == big
    assert [record.value for record in records[1:]] == [b"%d" % number for number in range(2_000)]


async def test_a_group_goes_on_where_it_committed(kafka: Kafka, prefix: str) -> None:
    topic, group = await topics.create(kafka, f"{prefix}resume"), f"{prefix}group"
    await fill(kafka, topic, 10)
    first = TopicPartition(topic, 0)
    async with running(group_member(kafka.bootstrap_servers, group, topic)) as member:
        assert (await member.getone()).offset == 0
        await member.commit({first: 5})

    async with running(group_member(kafka.bootstrap_servers, group, topic)) as member:
        assert (await member.getone()).offset == 5
        assert await member.committed(first) == 5


async def test_two_members_of_a_group_share_the_partitions(kafka: Kafka, prefix: str) -> None:
    topic, group = await topics.create(kafka, f"{prefix}shared", partitions=4), f"{prefix}group"
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(running(group_member(kafka.bootstrap_servers, group, topic)))
            for _ in range(2)
        ]

        def shared() -> bool:
            owned = [{part.partition for part in member.assignment()} for member in members]
            return sorted(map(len, owned)) == [2, 2] and owned[0] | owned[1] == {0, 1, 2, 3}

        await eventually(shared, TAKEOVER_LIMIT_S)


async def test_a_killed_member_is_taken_over_without_a_lost_record(kafka: Kafka, prefix: str, tmp_path: Path) -> None:
    topic, group = await topics.create(kafka, f"{prefix}takeover", partitions=2), f"{prefix}group"
    await fill(kafka, topic, 10, partitions=2)
    victim = Child.start(
        "a group member",
        [sys.executable, "-m", "tests.stack.member", kafka.bootstrap_servers, group, topic],
        log=tmp_path / "member.log",
        env=base_environment(),
    )
    try:
        # A process of its own has to start and join: seconds on a quiet machine, more where others start theirs.
        await eventually(lambda: len(victim.log.read_text().split()) == 10, 60, what=f"ten records in {victim.log}")
    finally:
        victim.process.kill()
        victim.process.wait()
    await fill(kafka, topic, 10, partitions=2)

    async with running(group_member(kafka.bootstrap_servers, group, topic)) as member:
        async with asyncio.timeout(TAKEOVER_LIMIT_S):
            places = [(record.partition, record.offset) for record in [await member.getone() for _ in range(10)]]

    assert sorted(places) == [(partition, offset) for partition in range(2) for offset in range(5, 10)]


async def test_a_topic_that_exists_is_not_made_twice(kafka: Kafka, prefix: str) -> None:
    topic = await topics.create(kafka, f"{prefix}once", partitions=2)
    async with topics.admin(kafka) as client:
        with pytest.raises(AssertionError, match="refused"):
            await topics.create(kafka, topic, partitions=2)
        assert len((await client.describe_topics([topic]))[0]["partitions"]) == 2
