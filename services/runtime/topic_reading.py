"""A topic read once from a time to its end as it was at the start: for commands that look back, in no group.

Nothing is committed and nothing is missed: what is written while one reads is left to the next reading.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from services.runtime import delivery, ungrouped
from services.runtime.delivery import Decision
from services.runtime.errors import Misconfigured, TrackfoldError, Transient
from services.runtime.kafka import Record, record
from services.runtime.settings import KafkaSettings

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
    try:
        async with ungrouped.open_consumer(settings, name, settings.topic(topic)) as consumer:
            async for batch in _read(consumer, since=since, tell=tell):
                yield [record(settings, raw) for raw in batch]
    except UnknownTopicOrPartitionError:
        hint = "`trackfold topics apply` creates the topics of the contract"
        raise Transient("no_topic", f"there is no topic {settings.topic(topic)}", hint=hint) from None
    except (OSError, KafkaError) as error:
        raise _unreadable(error, settings, topic) from error


def _unreadable(error: Exception, settings: KafkaSettings, topic: str) -> TrackfoldError:
    # To wait for a right that is missing mends nothing: a person has to grant it.
    if delivery.decide(error) is Decision.MISCONFIGURED:
        hint = f"grant this account the right READ on {settings.topic(topic)} (schemas/topics.py says who reads what)"
        return Misconfigured("no_right", f"this account may not read {topic} ({type(error).__name__})", hint=hint)
    hint = "`trackfold doctor` says what does not answer"
    return Transient("kafka", f"{topic} cannot be read ({type(error).__name__})", hint=hint)


async def _read(
    consumer: AIOKafkaConsumer, *, since: datetime, tell: Tell
) -> AsyncIterator[list[ConsumerRecord[bytes, bytes]]]:
    since_ms = int(since.timestamp() * 1000)
    ends = await ungrouped.go_to_time(consumer, since)
    first = await ungrouped.positions(consumer, ends)
    total, done = sum(ends[one] - first[one] for one in ends), 0
    async for batch in ungrouped.read_to(consumer, ends):
        if batch:
            done += len(batch)
            tell(done, total)
        if kept := [raw for raw in batch if raw.timestamp >= since_ms]:
            yield kept
