"""Replays and discards dead letters, and writes down who did it and why.

A replay writes the record to its topic once more, as it was: key, value, headers, timestamp, partition. There is no way
to change it. It is applied once, however often it is written, because its readers know a repeat by what it says; so a
replay that died between the record and its mark is simply done again. Called by `work.py`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from aiokafka.structs import RecordMetadata

from schemas.dead_letters import DEAD_LETTER, Action, DeadLetter
from schemas.envelope import ce_headers
from schemas.topics import TOPICS
from services.local.dead_letters.letters import TOPIC, Letter, Place, State
from services.local.dead_letters.reading import Gone, Original, Originals, refusal
from services.runtime import clock, failpoints
from services.runtime.errors import Poison
from services.runtime.rate import Rate
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reading import Tell

SOURCE: Final = "trackfold/cli"
_SEND_LIMIT_S: Final = 30.0
_MARGIN: Final = timedelta(days=1)
"""Retention must not take a record before its reader comes."""


@dataclass(frozen=True, slots=True)
class Approval:
    """Who decided, and why."""

    author: str
    note: str


@dataclass(frozen=True, slots=True)
class Step:
    """One record, and what would be done about it; several services may have set it aside."""

    source: Place
    letters: tuple[Letter, ...]
    """Those that are decided by it."""
    refused: str | None = None
    """Why nothing can be done."""


@dataclass(slots=True)
class Report:
    """What was done, as far as it came."""

    done: list[tuple[Step, str | None]] = field(default_factory=list)
    """Each step, and where its record lies now."""
    refused: list[Step] = field(default_factory=list)


def steps(letters: Iterable[Letter], *, again: bool) -> tuple[list[Step], list[Letter]]:
    """Return what is to be decided, oldest record first, and the letters that were decided before."""
    by_source: dict[Place, list[Letter]] = {}
    before: list[Letter] = []
    for letter in letters:
        if letter.state is State.OPEN or again:
            by_source.setdefault(letter.source, []).append(letter)
        else:
            before.append(letter)
    return [Step(source, tuple(found)) for source, found in sorted(by_source.items())], before


async def look(step: Step, originals: Originals) -> tuple[Step, Original | None]:
    """Return the step with what stands against a replay, and its record where nothing does."""
    found: Original | Gone = Gone(_topic_refused(step.source.topic) or "")
    for letter in () if _topic_refused(step.source.topic) else step.letters:
        found = await originals.of(letter)
        if isinstance(found, Original):  # the first that is had will do: all of them are of one record
            break
    if isinstance(found, Gone):
        return replace(step, refused=found.why), None
    if found.key is None and found.value is None:
        return replace(step, refused="it has neither key nor value: there is nothing to read in it"), None
    return step, found


def _topic_refused(name: str) -> str | None:
    topic = TOPICS.get(name)
    if topic is None or name == TOPIC:
        return f"{name} is no topic that services read"
    if topic.cleanup == "compact":
        return f"{name} keeps the newest record of a key: an older one would take its place"
    return None


@dataclass(frozen=True, slots=True)
class Decider:
    """Writes records and marks, each acknowledged before the next."""

    settings: KafkaSettings
    producer: AIOKafkaProducer
    approval: Approval
    rate: Rate
    """Of one step at once."""

    async def replay(self, todo: Sequence[Step], originals: Originals, report: Report, tell: Tell) -> None:
        """Write each record again, then its marks; raises at the first failure, with the report as far as it came."""
        for number, asked in enumerate(todo, 1):
            await self.rate.turn(1)
            step, found = await look(asked, originals)
            if found is None:
                report.refused.append(step)
            else:
                await self._replay_one(step, found, report)
            tell(number, len(todo))

    async def _replay_one(self, step: Step, found: Original, report: Report) -> None:
        try:
            lies_at = await self._write(step.source, found)
        except Poison as error:
            report.refused.append(replace(step, refused=error.message))
            return
        await failpoints.hit("replay.before_mark")
        await self._mark(Action.REPLAYED, step.letters, replayed_to=lies_at)
        report.done.append((step, lies_at))

    async def discard(self, todo: Sequence[Step], report: Report, tell: Tell) -> None:
        """Mark each letter as one that is not going to be applied."""
        for number, step in enumerate(todo, 1):
            await self.rate.turn(1)
            await self._mark(Action.DISCARDED, step.letters)
            report.done.append((step, None))
            tell(number, len(todo))

    async def reveal(self, letters: Sequence[Letter]) -> None:
        """Write down that somebody is shown what these letters hold; to be called before they are."""
        await self._mark(Action.REVEALED, letters)

    async def _write(self, source: Place, record: Original) -> str:
        at = timestamp(source.topic, record.timestamp_ms, now=clock.now())
        done = await self._send(source.topic, replace(record, timestamp_ms=at), partition=source.partition)
        return str(Place(source.topic, done.partition, done.offset))

    async def _mark(self, action: Action, letters: Sequence[Letter], *, replayed_to: str | None = None) -> None:
        for letter in letters:
            mark = self._marked(action, letter, replayed_to=replayed_to)
            headers = ce_headers(
                TOPIC,
                action,
                event_id=f"{mark.key}/{action}/{mark.service}/{int(mark.at.timestamp() * 1000)}",
                source=SOURCE,
                subject=mark.key,
                time=mark.at,
            )
            value = DEAD_LETTER.dump_json(mark, exclude_none=True)
            await self._send(TOPIC, Original(mark.key.encode(), value, tuple(headers), None))

    def _marked(self, action: Action, letter: Letter, *, replayed_to: str | None) -> DeadLetter:
        return DeadLetter(
            action=action.value,
            service=letter.service,
            topic=letter.source.topic,
            partition=letter.source.partition,
            offset=letter.source.offset,
            reason=letter.reason,
            detail=letter.detail,
            value_sha256=letter.sha256,
            timestamp_ms=letter.timestamp_ms,
            at=clock.now(),
            author=self.approval.author,
            note=self.approval.note,
            replayed_to=replayed_to,
        )

    async def _send(self, topic: str, record: Original, *, partition: int | None = None) -> RecordMetadata:
        wire = self.settings.topic(topic)
        try:
            async with asyncio.timeout(_SEND_LIMIT_S):
                known = await self.producer.partitions_for(wire)
                return await self.producer.send_and_wait(
                    wire,
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    # A topic that was made anew may have fewer: then its key says where.
                    partition=partition if partition in known else None,
                    timestamp_ms=record.timestamp_ms,
                )
        except (MessageSizeTooLargeError, RecordListTooLargeError):
            raise Poison("too_large", f"it is larger than {topic} takes; it must have been compressed") from None
        except (OSError, TimeoutError, KafkaError) as error:
            raise refusal(error, topic, "write") from error


def timestamp(topic: str, was_ms: int | None, *, now: datetime) -> int | None:
    """Return the timestamp to write a record with: its own, unless Kafka would refuse it or soon delete it."""
    retention = TOPICS[topic].retention
    now_ms = int(now.timestamp() * 1000)
    oldest_ms = 0 if retention is None else int((now - retention + _MARGIN).timestamp() * 1000)
    return was_ms if was_ms is not None and oldest_ms <= was_ms <= now_ms else None
