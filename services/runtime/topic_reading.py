"""A topic read once from a time to its end as it was at the start: for commands that look back, in no group.

Nothing is committed and nothing is missed: what is written while one reads is left to the next reading.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from services.runtime import clock, delivery
from services.runtime.delivery import Decision
from services.runtime.errors import Misconfigured, TrackfoldError, Transient
from services.runtime.kafka import Record, client_options, record
from services.runtime.settings import KafkaSettings

_POLL_MS: Final = 500
_STANDSTILL_S: Final = 30.0
_MAX_RECORDS: Final = 1000

Tell = Callable[[int, int], None]
"""Says how far it is: (read, of about so many)."""


def _say_nothing(_: int, __: int) -> None: ...


async def read_topic(
    settings: KafkaSettings, topic: str, *, since: datetime, name: str, tell: Tell = _say_nothing
) -> AsyncIterator[list[Record]]:
    """Give the records of a topic (the contract's name) written since then, in batches; order holds by partition.

    Raises Transient when Kafka does not answer, or gives nothing for half a minute though there is more; Misconfigured
    when this account may not read it.
    """
    consumer = AIOKafkaConsumer(
        settings.topic(topic),
        **client_options(settings, name),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    try:
        async with asyncio.timeout(_STANDSTILL_S):
            await consumer.start()  # without a group: every partition is its own at once
        async for batch in _read(consumer, since=since, tell=tell):
            yield [record(settings, raw) for raw in batch]
    except UnknownTopicOrPartitionError:
        hint = "`trackfold topics apply` creates the topics of the contract"
        raise Transient("no_topic", f"there is no topic {settings.topic(topic)}", hint=hint) from None
    except (OSError, KafkaError) as error:
        raise _unreadable(error, settings, topic) from error
    finally:
        await consumer.stop()


def _unreadable(error: Exception, settings: KafkaSettings, topic: str) -> TrackfoldError:
    # To wait for a right that is missing mends nothing: a person has to grant it.
    if delivery.decide(error) is Decision.MISCONFIGURED:
        hint = f"grant this account the right READ on {settings.topic(topic)} (schemas/topics.py says who reads what)"
        return Misconfigured("no_right", f"this account may not read {topic} ({type(error).__name__})", hint=hint)
    hint = "`trackfold doctor` says what does not answer"
    return Transient("kafka", f"{topic} cannot be read ({type(error).__name__})", hint=hint)


async def _read(consumer: AIOKafkaConsumer, *, since: datetime, tell: Tell) -> AsyncIterator[list[object]]:
    ends = await _positioned(consumer, since)
    first = {one: await consumer.position(one) for one in ends}
    total, done, moved_at = sum(ends[one] - first[one] for one in ends), 0, clock.monotonic()
    since_ms = since.timestamp() * 1000
    while any([await consumer.position(one) < end for one, end in ends.items()]):
        found = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
        batch = [raw for one, raws in found.items() for raw in raws if raw.offset < ends[one]]
        if found:
            done, moved_at = done + len(batch), clock.monotonic()
            tell(done, total)
        elif clock.monotonic() - moved_at > _STANDSTILL_S:
            raise Transient("kafka", f"no record came for {_STANDSTILL_S:.0f} s though there are more")
        if kept := [raw for raw in batch if raw.timestamp >= since_ms]:
            yield kept


async def _positioned(consumer: AIOKafkaConsumer, since: datetime) -> dict[TopicPartition, int]:
    """Put the consumer to the first record since then; return where each partition ends now."""
    partitions = sorted(consumer.assignment())
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    starts = await consumer.offsets_for_times({one: int(since.timestamp() * 1000) for one in partitions})
    for one in partitions:
        found = starts.get(one)
        consumer.seek(one, ends[one] if found is None else min(found.offset, ends[one]))
    return ends
