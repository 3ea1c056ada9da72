"""The topics of a round, the load in them, and a broker that has been worked warm.

Called by `run.py`. Records are produced as whole record batches, built beforehand; within a partition they lie in the
order of sending.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from benchmarks.engine.designs.design import INPUTS, SNAPSHOTS, STATUS
from benchmarks.engine.load import PARTITIONS, Sent
from services.runtime import clock
from services.runtime.placement import partition_of

DEAD_LETTERS: Final = "dead-letters.v1"
_TOPICS: Final = (*INPUTS, STATUS, SNAPSHOTS, DEAD_LETTERS)
_BATCH_BYTES: Final = 512 * 1024
_LIMIT_S: Final = 30.0
_PAUSE_S: Final = 0.05
_MESSAGE_BYTES: Final = 4096
_TIMEOUT_MS: Final = 20_000

Batches = dict[TopicPartition, list[Any]]
"""aiokafka's BatchBuilder, in the order of sending."""


async def create(bootstrap: str, prefix: str) -> None:
    """Create the topics of a round and return when each partition has a leader."""
    compacted = {"cleanup.policy": "compact"}
    new = [
        NewTopic(prefix + name, PARTITIONS, 1, topic_configs=compacted if name == SNAPSHOTS else {}) for name in _TOPICS
    ]
    async with _admin(bootstrap) as admin:
        answer = await admin.create_topics(new, timeout_ms=_TIMEOUT_MS)
    if any(error[1] for error in answer.topic_errors):
        raise RuntimeError(f"topics were refused: {answer.topic_errors}")
    async with asyncio.timeout(_LIMIT_S):
        while not await _are_led(bootstrap, [one.name for one in new]):  # noqa: ASYNC110 - the broker's doing
            await asyncio.sleep(_PAUSE_S)


async def _are_led(bootstrap: str, names: Sequence[str]) -> bool:
    """Tell whether the leaders themselves answer: what the metadata says of them comes earlier."""
    wanted = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        return len(await consumer.end_offsets(wanted)) == len(wanted)
    except KafkaError:
        return False
    finally:
        await consumer.stop()


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=_TIMEOUT_MS)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def delete(bootstrap: str, prefix: str) -> None:
    """Remove the topics of a round, and with them what they hold on disk."""
    async with _admin(bootstrap) as admin:
        await admin.delete_topics([prefix + name for name in _TOPICS], timeout_ms=_TIMEOUT_MS)


class Filler:
    """Builds the record batches of a load, and sends them all at once when they are wanted; a context manager."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._prefix = prefix
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_batch_size=_BATCH_BYTES)

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def build(self, records: Iterable[Sent]) -> Batches:
        """Return the batches of each partition; every record carries the time of now."""
        held: dict[TopicPartition, list[Sent]] = defaultdict(list)
        for one in records:
            held[TopicPartition(self._prefix + one.topic, partition_of(one.key, PARTITIONS))].append(one)
        now = int(clock.now().timestamp() * 1000)
        return {where: list(self._batches(of_one, now)) for where, of_one in held.items()}

    async def send(self, batches: Batches) -> None:
        """Send them; each partition's in their order."""
        await asyncio.gather(*(self._send(where, of_one) for where, of_one in batches.items()))

    async def _send(self, where: TopicPartition, batches: Iterable[Any]) -> None:
        for batch in batches:
            sent = await self._producer.send_batch(batch, where.topic, partition=where.partition)
            await sent

    def _batches(self, records: Sequence[Sent], now: int) -> Iterator[Any]:
        batch = self._producer.create_batch()
        for one in records:
            if not _append(batch, one, now):
                yield batch
                batch = self._producer.create_batch()
                if not _append(batch, one, now):
                    raise ValueError("a record is larger than a batch may be")
        yield batch


def _append(batch: Any, one: Sent, now: int) -> bool:
    return batch.append(key=one.key, value=one.value, timestamp=now, headers=list(one.headers)) is not None


async def warm(bootstrap: str, prefix: str, seconds: float) -> int:
    """Do what the naive designs do until the time is over; returns how often.

    Single records, each acknowledged, and offsets committed one by one: the JVM compiles meanwhile, which would
    otherwise make them twice as fast in the last round as in the first.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=f"{prefix}warm", enable_auto_commit=False)
    await producer.start()
    try:
        await consumer.start()
        consumer.assign([TopicPartition(prefix + STATUS, number) for number in range(PARTITIONS)])
        await consumer.commit(dict.fromkeys(consumer.assignment(), 0))  # makes the topic of the offsets
        ends_at = clock.monotonic() + seconds
        return sum(await asyncio.gather(*(_work(producer, consumer, one, ends_at) for one in consumer.assignment())))
    finally:
        await consumer.stop()
        await producer.stop()


async def _work(producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, where: TopicPartition, ends_at: float) -> int:
    count = 0
    while clock.monotonic() < ends_at:
        await producer.send_and_wait(where.topic, b"x" * _MESSAGE_BYTES, partition=where.partition)
        count += 1
        await consumer.commit({where: count})
    return count
