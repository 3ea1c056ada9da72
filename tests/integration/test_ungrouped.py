"""A stretch of a real log, read in no group: with what is no record between its records."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from services.runtime import ungrouped
from services.runtime.settings import KafkaSettings
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

pytestmark = pytest.mark.needs("end_offsets", "idempotence", "delete_records")


async def write(producer: AIOKafkaProducer, here: TopicPartition, *values: bytes) -> None:
    """Write these in the transaction that is open."""
    for value in values:
        await producer.send_and_wait(here.topic, value, partition=here.partition)


async def read(settings: KafkaSettings, here: TopicPartition, *, start: int) -> tuple[int, list[Any]]:
    """Return where the log ends, and the values from an offset to there."""
    async with ungrouped.open_consumer(settings, "test", here.topic) as consumer:
        _, ends = await ungrouped.spans(consumer, [here])
        consumer.seek(here, start)
        return ends[here], [raw.value async for piece in ungrouped.read_to(consumer, ends) for raw in piece]


async def test_what_was_committed_is_read_to_the_first_open_transaction_and_nothing_waits_for_what_is_no_record(
    kafka: Kafka, prefix: str
) -> None:
    name = await topics.create(kafka, f"{prefix}inputs")
    here = TopicPartition(name, 0)
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)
    async with topics.producer(kafka, transactional_id=name) as producer:
        async with producer.transaction():
            await write(producer, here, b"0", b"1", b"2")
        # Offset 3 is the marker; then come 4 and 5 with the marker 6.
        await producer.begin_transaction()
        await write(producer, here, b"aborted", b"as well")
        await producer.abort_transaction()

        async def stands() -> bool:
            return await read(settings, here, start=0) == (7, [b"0", b"1", b"2"])

        await eventually(stands)  # a marker is written soon after
        await producer.begin_transaction()
        await write(producer, here, b"open")
        assert await read(settings, here, start=1) == (7, [b"1", b"2"])
        assert await read(settings, here, start=3) == (7, [])
        await producer.commit_transaction()

        async def reaches_the_last() -> bool:
            return await read(settings, here, start=3) == (9, [b"open"])

        await eventually(reaches_the_last)


async def test_what_retention_took_while_one_was_about_to_read_is_passed_over(kafka: Kafka, prefix: str) -> None:
    name = await topics.create(kafka, f"{prefix}inputs")
    here = TopicPartition(name, 0)
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)
    async with topics.producer(kafka) as producer:
        await write(producer, here, *(b"%d" % number for number in range(5)))
    async with topics.admin(kafka) as admin:
        await admin.delete_records({here: RecordsToDelete(before_offset=3)})
    assert await read(settings, here, start=0) == (5, [b"3", b"4"])
