"""The consumer without a database: its offsets are committed behind what it has done, never behind what it has not."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from services.runtime import kafka as wiring
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.plain_consume import PlainConsumer
from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings, ProcessSettings, ServiceSettings
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, send_with_header_name
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

TEN = tuple(str(n) for n in range(10))
Apply = Callable[[Sequence[Record]], Awaitable[None]]


class Plain:
    """One topic with two partitions, and what was done with its records."""

    def __init__(self, settings: KafkaSettings, bench: Bench) -> None:
        self.settings = settings
        self.bench = bench
        self.done: list[str] = []
        self.life = Life("test", ServiceSettings(kafka=settings, process=ProcessSettings(drain_s=5)))

    async def write_down(self, records: Sequence[Record]) -> None:
        """Remember the values."""
        self.done.extend((one.value or b"").decode() for one in records)

    @asynccontextmanager
    async def running(self, apply: Apply | None = None) -> AsyncIterator[PlainConsumer]:
        """Run a consumer for a while."""
        consumer = PlainConsumer(self.life, self.settings, group=GROUP, topics=(TOPIC,), apply=apply or self.write_down)
        await self.life.consume(consumer)
        try:
            yield consumer
        finally:
            await consumer.stop()

    async def has(self, *values: str) -> None:
        """Wait until exactly these were done."""

        def same() -> bool:
            assert self.done == list(values)
            return True

        await eventually(same)


@pytest.fixture(name="on")
async def plain_fixture(kafka: Kafka, prefix: str) -> AsyncIterator[Plain]:
    """A topic and a producer on it."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    settings = KafkaSettings(
        bootstrap_servers=tuple(kafka.bootstrap_servers.split(",")),
        topic_prefix=prefix,
        fetch_max_wait_ms=20,
        session_timeout_ms=6000,
    )
    async with wiring.open_producer(settings, "test") as producer:
        yield Plain(settings, Bench(settings, "", None, None, producer))  # type: ignore[arg-type] # no database here


async def test_what_was_done_is_committed_and_a_successor_goes_on_behind_it(on: Plain) -> None:
    await on.bench.send(*TEN)
    async with on.running() as consumer:
        await on.has(*TEN)
        partition = TopicPartition(on.settings.topic(TOPIC), 0)

        async def committed() -> bool:
            return bool(await consumer.consumer.committed(partition) == 10)

        await eventually(committed)
    await on.bench.send("10")
    async with on.running():
        await on.has(*TEN, "10")


async def test_a_batch_that_fails_once_is_done_before_the_next_one(on: Plain) -> None:
    failures: list[Exception] = [TimeoutError(), ValueError("unexpected")]

    async def apply(records: Sequence[Record]) -> None:
        if failures:
            raise failures.pop()
        await on.write_down(records)

    await on.bench.send(*TEN)
    async with on.running(apply):
        await on.has(*TEN)
        await on.bench.send("10")
        await on.has(*TEN, "10")


async def test_a_batch_that_never_works_ends_the_process_and_is_not_committed(on: Plain) -> None:
    async def apply(_: Sequence[Record]) -> None:
        raise ValueError("always")

    await on.bench.send(*TEN)
    async with on.running(apply):
        await eventually(lambda: on.life.ended is not None)
    assert on.life.ended is not None
    assert on.life.ended[0] == 75
    on.life = Life("test", on.life.settings)
    async with on.running():
        await on.has(*TEN)


async def test_a_poll_that_fails_loses_no_record_of_any_partition(on: Plain) -> None:
    await on.bench.send(*TEN, partition=1)
    await on.bench.send("a", "b")
    await send_with_header_name(on.bench, ("c", b"good"), ("d", b"\xff\xfe\xfd\xfc"), ("e", b"fine"))
    async with on.running():

        def all_there() -> bool:
            assert sorted(set(on.done)) == sorted([*TEN, *"abcde"])
            return True

        await eventually(all_there)


@pytest.mark.needs("groups")
async def test_what_was_done_before_a_rebalance_says_nothing_after_it(on: Plain) -> None:
    """Others may have worked on in between: what Kafka has committed counts."""
    await on.bench.send(*TEN)
    here = Partition(on.settings.topic(TOPIC), 0)
    async with on.running() as consumer:
        await on.has(*TEN)

        async def committed() -> bool:
            return bool(await consumer.consumer.committed(TopicPartition(*here)) == 10)

        await eventually(committed)
        consumer._done[here] = 5  # noqa: SLF001 - as if others had done the rest
        async with on.running():

            async def forgotten() -> bool:
                return dict(await consumer.done([here])) == {here: 10}

            await eventually(forgotten, 40)
