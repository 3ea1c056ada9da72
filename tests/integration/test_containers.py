"""The variants in containers serve as the others do; listed as not run where no Docker engine answers."""

import asyncpg
import pytest

from tests.stack import containers, topics
from tests.stack.capabilities import CONTAINER
from tests.stack.kafka import Kafka

REASON = containers.why_not()
pytestmark = [
    pytest.mark.skipif(REASON is not None, reason=f"testcontainers: {REASON}"),
    pytest.mark.timeout(600),  # the first time, images are pulled
]


async def test_apache_kafka_serves_from_a_container() -> None:
    container = containers.KafkaInContainer()
    try:
        plain, sasl = container.start()
        kafka = Kafka(plain, "docker", containers.KAFKA_IMAGE, CONTAINER, sasl)
        topic = await topics.create(kafka, "container")
        async with topics.producer(kafka) as sender:
            await sender.send_and_wait(topic, b"value")
        (record,) = await topics.read_until(kafka, topic, lambda found: len(found) == 1)
        assert record.value == b"value"
    finally:
        container.stop()


async def test_postgresql_serves_from_a_container() -> None:
    container = containers.PostgresInContainer()
    try:
        connection = await asyncpg.connect(container.start())
        assert await connection.fetchval("select 1") == 1
        await connection.close()
    finally:
        container.stop()
