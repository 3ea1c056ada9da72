"""Kafka as tests use it: make topics, write records, read until enough is there. No groups, no offsets kept."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.stack.kafka import Kafka
from tests.waiting import eventually

Record = Any  # aiokafka ships no types: ConsumerRecord[bytes | None, bytes | None]
READ_LIMIT_S = 20.0
FETCH_WAIT_MS = 20  # the embedded broker lets a fetch wait its whole time


@asynccontextmanager
async def admin(kafka: Kafka) -> AsyncIterator[AIOKafkaAdminClient]:
    """Give a connected admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=20_000)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def producer(kafka: Kafka, **settings: object) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer that waits for every replica."""
    client = AIOKafkaProducer(**({"bootstrap_servers": kafka.bootstrap_servers, "acks": "all"} | settings))
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def create(
    kafka: Kafka, name: str, *, partitions: int = 1, replicas: int = 1, configs: Mapping[str, str] | None = None
) -> str:
    """Make a topic, return its name when every partition has a leader."""
    async with admin(kafka) as client:
        new = NewTopic(name, partitions, replicas, topic_configs=dict(configs or {}))
        answer = await client.create_topics([new], timeout_ms=10_000)
        if any(error[1] != 0 for error in answer.topic_errors):
            raise AssertionError(f"topic {name} was refused: {answer.topic_errors}")

        async def led() -> bool:
            try:
                topic = (await client.describe_topics([name]))[0]
            except KafkaError:  # a broker of the list may be on its way back
                return False
            return topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"])

        await eventually(led, what=f"a leader for every partition of {name}")
    return name


async def delete(kafka: Kafka, names: Iterable[str]) -> None:
    """Remove topics; what is gone is fine."""
    async with admin(kafka) as client:
        await client.delete_topics(list(names), timeout_ms=10_000)


async def delete_prefix(kafka: Kafka, prefix: str) -> None:
    """Remove every topic whose name starts so; a broker that cannot is no failure of a test."""
    try:
        async with admin(kafka) as client:
            names = [name for name in await client.list_topics() if name.startswith(prefix)]
            if names:
                await client.delete_topics(names, timeout_ms=10_000)
    except KafkaError:
        return


async def read_until(
    kafka: Kafka, topic: str, enough: Callable[[list[Record]], object], *, timeout_s: float = READ_LIMIT_S
) -> list[Record]:
    """Read a topic from its start until `enough(records)`; records stand in order per partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        return await _read(consumer, topic, enough, timeout_s=timeout_s)
    finally:
        await consumer.stop()


async def _read(
    consumer: AIOKafkaConsumer, topic: str, enough: Callable[[list[Record]], object], *, timeout_s: float
) -> list[Record]:
    async def partitions() -> set[int]:
        await consumer._client.force_metadata_update()  # noqa: SLF001 -- the only way to ask again at once
        return consumer.partitions_for_topic(topic) or set()

    found = await eventually(partitions, what=f"topic {topic}")
    consumer.assign([TopicPartition(topic, number) for number in sorted(found)])
    await consumer.seek_to_beginning()
    records: list[Record] = []
    deadline = time.monotonic() + timeout_s
    while not enough(records):
        if time.monotonic() > deadline:
            raise AssertionError(f"{topic} held only {len(records)} records after {timeout_s:.0f} s: {records[-3:]}")
        for batch in (await consumer.getmany(timeout_ms=200)).values():
            records.extend(batch)
    return records
