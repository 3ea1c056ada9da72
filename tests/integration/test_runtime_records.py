"""Hostile records on a real broker: headers that would publish, stop a partition or break a parser. Nothing is lost."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer

from services.runtime.consume import Batch
from tests.integration.runtime_consuming import TOPIC, Bench, bench, send_with_header_name, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

TEN = tuple(str(n) for n in range(10))


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose topic has two partitions."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


async def test_a_reply_to_header_publishes_nothing(on: Bench, kafka: Kafka) -> None:
    wanted = on.settings.topic("stolen.v1")
    await topics.create(kafka, wanted)
    headers = [("reply_to", wanted.encode()), ("correlation_id", b"1\r\n2")]
    await on.send("0", "1", headers=headers)
    await on.life.consume(on.consumer())
    await on.has("0", "1")
    consumer = AIOKafkaConsumer(wanted, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        assert await consumer.getmany(timeout_ms=1000) == {}
    finally:
        await consumer.stop()


async def test_headers_that_are_no_text_and_tombstones_reach_the_service_untouched(on: Bench) -> None:
    seen: list[tuple[bytes | None, tuple[tuple[str, bytes | None], ...]]] = []

    async def apply(batch: Batch) -> None:
        seen.extend((one.value, one.headers) for one in batch.records)

    await on.send("x", None, headers=[("ce_id", b"\xff\xfe"), ("empty", b"")])
    await on.life.consume(on.consumer(apply))
    await eventually(lambda: len(seen) == 2)
    assert seen == [(value, (("ce_id", b"\xff\xfe"), ("empty", b""))) for value in (b"x", None)]


async def test_a_header_name_that_is_no_text_stops_nothing_and_loses_nothing(on: Bench) -> None:
    seen: list[tuple[int, int, str]] = []

    async def apply(batch: Batch) -> None:
        await write_down(batch)
        seen.extend((one.partition, one.offset, one.headers[0][0]) for one in batch.records if one.headers)

    await on.send(*TEN, partition=1)
    await on.send("0", "1")
    await send_with_header_name(on, ("2", b"good"), ("3", b"\xff\xfe\xfd\xfc"), ("4", b"fine"))
    await on.send("5")
    await on.life.consume(on.consumer(apply))
    await on.has("0", "1", "2", "3", "4", "5")
    await eventually(lambda: on.effects(1))
    assert await on.effects(1) == list(TEN)
    assert seen == [(0, 2, "good"), (0, 3, "\\xff\\xfe\\xfd\\xfc"), (0, 4, "fine")]
    assert await on.gaps() == []
