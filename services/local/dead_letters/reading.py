"""Reads `dead-letters.v1` into letters, and a letter's record as it was: from the letter, else from its own topic.

A record is handed out only when its value has the hash that was noted when it was set aside. Nothing is written here.
"""

import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.dead_letters import DEAD_LETTER
from services.ingest.tools import UsageError
from services.local.dead_letters.letters import MAX_HELD, TOPIC, Letter, Letters, Place, Wanted
from services.runtime import delivery, ungrouped
from services.runtime.delivery import Decision
from services.runtime.errors import Misconfigured, TrackfoldError, Transient
from services.runtime.kafka import Record, record
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reading import Tell, read_topic

EVER: Final = datetime.fromtimestamp(0, UTC)
_READ_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Original:
    """A record as it was set aside, byte for byte."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp_ms: int | None


@dataclass(frozen=True, slots=True)
class Gone:
    """A record that can be had no more, and why."""

    why: str


async def read_letters(settings: KafkaSettings, wanted: Wanted, *, since: datetime | None, tell: Tell) -> Letters:
    """Return the letters that were asked for; their values are passed over one by one.

    Raises UsageError when there are more than are looked at together, Misconfigured when this account may not read.
    """
    letters = Letters(wanted)
    async for batch in read_topic(settings, TOPIC, since=since or EVER, name="dead-letters", tell=tell):
        for one in batch:
            _take(letters, one)
    return letters


def _take(letters: Letters, one: Record) -> None:
    try:
        letter = DEAD_LETTER.validate_json(one.value or b"")
    except ValueError:
        letters.unreadable += 1
        return
    if not letters.add(letter, Place(one.topic, one.partition, one.offset)):
        hint = "narrow it with --since, --topic, --service or --reason-is"
        raise UsageError("too_many", f"there are more than {MAX_HELD:,} dead letters of this kind", hint=hint)


def refusal(error: Exception, topic: str, what: str) -> TrackfoldError:
    """Return what to tell somebody for whom Kafka did not `read` or `write` a topic."""
    if delivery.decide(error) is Decision.MISCONFIGURED:
        hint = "docs/dead-letters.md says which account may, and what it has to be granted"
        text = f"this account may not {what} {topic} ({type(error).__name__})"
        return Misconfigured("no_right", text, hint=hint)
    hint = "`trackfold doctor` says what does not answer"
    return Transient("kafka", f"Kafka did not {what} {topic} ({type(error).__name__})", hint=hint)


class Originals:
    """Looks records up by their places; holds one at a time. Opened by `open_originals`."""

    def __init__(self, settings: KafkaSettings, stack: AsyncExitStack) -> None:
        """Take where to look, and what ends the consumers."""
        self._settings = settings
        self._stack = stack
        self._consumers: dict[str, AIOKafkaConsumer] = {}

    async def of(self, letter: Letter) -> Original | Gone:
        """Return the record of a letter, or why nobody has it any more; raises Transient and Misconfigured."""
        found = await self._held(letter) or await self._in_its_topic(letter)
        if isinstance(found, Original) and _hash(found.value) != letter.sha256:
            return Gone("another record lies at its place now: the topic was made anew, or its dead letter was altered")
        return found

    async def _held(self, letter: Letter) -> Original | None:
        lies_at = letter.lies_at
        raw = None if lies_at is None or not letter.holds_record else await self._at(lies_at)
        if raw is None:
            return None
        told = DEAD_LETTER.validate_json(raw.value or b"")
        try:
            headers = tuple((name, _bytes(content)) for name, content in told.headers)
            return Original(_bytes(told.key_base64), told.value, headers, letter.timestamp_ms)
        except ValueError:  # no base64: nobody of ours wrote that
            return None

    async def _in_its_topic(self, letter: Letter) -> Original | Gone:
        raw = await self._at(letter.source)
        if raw is None:
            where = f"nor does {letter.source.topic} have it any more: retention took it, or the topic was made anew"
            return Gone(f"its dead letter does not hold it, {where}")
        return Original(raw.key, raw.value, raw.headers, raw.timestamp_ms)

    async def _at(self, place: Place) -> Record | None:
        """Return the record at a place, None when the place is empty."""
        try:
            consumer = await self._consumer(place.topic)
            raw = await self._fetch(consumer, TopicPartition(self._settings.topic(place.topic), place.partition), place)
        except (OSError, TimeoutError, KafkaError) as error:
            raise refusal(error, place.topic, "read") from error
        return raw

    async def _fetch(self, consumer: AIOKafkaConsumer, where: TopicPartition, place: Place) -> Record | None:
        if where not in consumer.assignment():
            return None
        starts, ends = await ungrouped.spans(consumer, [where])
        if not starts[where] <= place.offset < ends[where]:
            return None
        consumer.resume(where)
        consumer.seek(where, place.offset)
        found = await consumer.getmany(where, timeout_ms=int(_READ_LIMIT_S * 1000), max_records=1)
        consumer.pause(where)
        if not found.get(where):
            raise Transient("kafka", f"{place} did not come within {_READ_LIMIT_S:.0f} s")
        raw = found[where][0]
        return record(self._settings, raw) if raw.offset == place.offset else None

    async def _consumer(self, topic: str) -> AIOKafkaConsumer:
        """Return a consumer of all partitions, all of them paused: nothing is fetched but what is asked for."""
        if topic not in self._consumers:
            opening = ungrouped.open_consumer(self._settings, "dead-letters", self._settings.topic(topic))
            consumer = await self._stack.enter_async_context(opening)
            consumer.pause(*consumer.assignment())
            self._consumers[topic] = consumer
        return self._consumers[topic]


@asynccontextmanager
async def open_originals(settings: KafkaSettings) -> AsyncIterator[Originals]:
    """Look records up as long as this is open."""
    async with AsyncExitStack() as stack:
        yield Originals(settings, stack)


def _hash(value: bytes | None) -> str | None:
    return None if value is None else hashlib.sha256(value).hexdigest()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
