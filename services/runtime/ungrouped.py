"""A consumer in no group: opened, asked where logs begin and end, read to an end, closed; every wait has its limit.

For checks and commands, and for what a restored database reads back: nothing is committed and nobody is disturbed.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from services.runtime import clock
from services.runtime.errors import Transient
from services.runtime.kafka import client_options
from services.runtime.settings import KafkaSettings

Answer = TypeVar("Answer")

#: For each thing that Kafka is asked; aiokafka waits for a broker that is gone without end. Three of them fit between
#: two beats of a heart that waits for the answers.
ANSWER_S: Final = 15.0
_STANDSTILL_S: Final = 30.0
_left_behind: Final[set["asyncio.Future[Any]"]] = set()
_POLL_MS: Final = 500
_MAX_RECORDS: Final = 500


@asynccontextmanager
async def open_consumer(
    settings: KafkaSettings, name: str, *topics: str, **options: Any
) -> AsyncIterator[AIOKafkaConsumer]:
    """Start a consumer: every partition of its topics (on the wire) is its own at once; without any it has none yet.

    It reads what was committed, and from the log's start where retention took its place; `options` (aiokafka's) may say
    otherwise.
    """
    wanted = {"auto_offset_reset": "earliest", "isolation_level": "read_committed", **options}
    consumer = AIOKafkaConsumer(
        *topics,
        **client_options(settings, name),
        enable_auto_commit=False,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        **wanted,
    )
    try:
        await answered(consumer.start())
        yield consumer
    finally:
        await answered(consumer.stop())


@asynccontextmanager
async def open_admin(settings: KafkaSettings, name: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """Start a client that asks of topics and groups; what it is asked is for `answered`, too."""
    admin = AIOKafkaAdminClient(**client_options(settings, name))
    try:
        await answered(admin.start())
        yield admin
    finally:
        await answered(admin.close())


async def answered(asked: Awaitable[Answer]) -> Answer:
    """Wait for something that Kafka is asked; raises TimeoutError where it does not come.

    In a task of its own, which is left behind then: aiokafka awaits its own tasks and takes the end of a wait for
    theirs, so that a limit around the call could be passed over, and whoever waits would wait without end.
    """
    task = asyncio.ensure_future(asked)
    try:
        await asyncio.wait({task}, timeout=ANSWER_S)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        if not task.done():
            _leave_behind(task)


def _leave_behind(task: "asyncio.Future[Answer]") -> None:
    """End a task that nobody waits for any more: it is held until it has ended, and what it ends with is nobody's."""
    _left_behind.add(task)
    task.add_done_callback(_left_behind.discard)
    task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
    task.cancel()


async def spans(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """Return where the logs begin and end now; who reads what was committed ends below the first open transaction."""

    async def both() -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)

    return await answered(both())


async def positions(consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
    """Return the offset from which it reads on in each of its partitions."""

    async def each() -> dict[TopicPartition, int]:
        return {one: await consumer.position(one) for one in partitions}

    return await answered(each())


async def go_to_time(consumer: AIOKafkaConsumer, since: datetime) -> dict[TopicPartition, int]:
    """Put each of its partitions to the first record since then; return where each ends now."""
    partitions = sorted(consumer.assignment())
    _, ends = await spans(consumer, partitions)
    firsts = await answered(consumer.offsets_for_times(dict.fromkeys(partitions, int(since.timestamp() * 1000))))
    for one in partitions:
        first = firsts.get(one)
        consumer.seek(one, ends[one] if first is None else min(first.offset, ends[one]))
    return ends


async def read_to(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]
) -> AsyncIterator[list[ConsumerRecord[bytes, bytes]]]:
    """Give the records between where it stands and these ends, in pieces; an empty piece says that it still waits.

    Offsets without a record are passed over: markers, what was aborted, what compaction or retention took.
    Raises Transient when it stands still although there is more.
    """
    stands, still_s = await positions(consumer, ends), 0.0
    while any(stands[one] < end for one, end in ends.items()):
        # What is written while one reads is not read: such a partition would never be done.
        consumer.pause(*(one for one, end in ends.items() if stands[one] >= end))
        # Only the waiting itself counts, not what is done with a piece.
        before, began = stands, clock.monotonic()
        found = await answered(consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS))
        stands = await positions(consumer, ends)
        still_s = 0.0 if stands != before else still_s + clock.monotonic() - began
        if still_s > _STANDSTILL_S:
            raise Transient("kafka", f"no record came for {_STANDSTILL_S:.0f} s though there are more")
        yield [raw for one, raws in found.items() for raw in raws if raw.offset < ends[one]]
