"""What Kafka tells a database that may be older than the log: what was published, and how far the inputs were read.

Read without a group, nothing is committed. Nothing is decided here.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings
from services.runtime.ungrouped import answered, go_to_time, open_admin, open_consumer, read_to, spans
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC

if TYPE_CHECKING:
    from services.status.restoring_rows import Goal

_NAME: Final = "status.restoring"
_POLL_MS: Final = 500
#: For what was already asked for beside another.
_TAKE_MS: Final = 50
_VERSIONS: Final = range(1, 2**63)


@dataclass(frozen=True, slots=True)
class Seen:
    """A status message as it lies in Kafka, and its version."""

    version: int
    value: bytes
    headers: list[tuple[str, str]]
    timestamp_ms: int


async def published(settings: KafkaSettings, relayed: Mapping[int, int]) -> AsyncIterator[dict[str, Seen]]:
    """Give, in pieces, the newest message of each order that stands behind what was relayed for sure, to the end now.

    An empty piece says that it still waits.
    Raises Transient when nothing comes although there is more.
    """
    async with open_consumer(settings, _NAME, settings.topic(STATUS_TOPIC)) as consumer:
        ends = await _go_to(consumer, relayed)
        async for raws in read_to(consumer, ends):
            yield _newest(raws)


async def snapshots(settings: KafkaSettings, since: datetime) -> AsyncIterator[dict[str, Seen]]:
    """Give the snapshots likewise that were made since then; raises as `published` does.

    A snapshot is acknowledged before its message (rule E1): of a version whose message was never sent it may be there.
    """
    async with open_consumer(settings, _NAME, settings.topic(SNAPSHOT_TOPIC)) as consumer:
        ends = await go_to_time(consumer, since)
        async for raws in read_to(consumer, ends):
            yield _newest(raws)


async def _go_to(consumer: AIOKafkaConsumer, relayed: Mapping[int, int]) -> dict[TopicPartition, int]:
    """Put each partition where the database left it; where the log ends below that it is another log: to its start."""
    partitions = sorted(consumer.assignment())
    begins, ends = await spans(consumer, partitions)
    for one in partitions:
        at = relayed.get(one.partition, 0)
        consumer.seek(one, max(at, begins[one]) if at <= ends[one] else begins[one])
    return ends


def _newest(raws: Any) -> dict[str, Seen]:
    newest: dict[str, Seen] = {}
    for raw in raws:
        seen = _seen(raw)
        if seen is not None and (raw.key.decode() not in newest or newest[raw.key.decode()].version < seen.version):
            newest[raw.key.decode()] = seen
    return newest


def _seen(raw: Any) -> Seen | None:
    """Return a record as a message of ours; None where it is none, which no order can be held up by.

    What the database could not store is none of ours: it was never stored there.
    """
    try:
        version = json.loads(raw.value)["change"]["version"]
        headers = [(name, content.decode()) for name, content in raw.headers]
        texts = [raw.key.decode(), *(text for header in headers for text in header)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    ours = type(version) is int and version in _VERSIONS and not any("\0" in text for text in texts)
    return Seen(version, raw.value, headers, raw.timestamp) if ours else None


async def read_before(settings: KafkaSettings, group: str, topics: Sequence[str]) -> dict[Partition, tuple[int, int]]:
    """Return from where to where a group had read its inputs, as Kafka was told; where it has forgotten it, to the end.

    Topics are wire names.
    """
    async with open_admin(settings, _NAME) as admin:
        committed = await answered(admin.list_consumer_group_offsets(group))
    async with open_consumer(settings, _NAME, *topics) as consumer:
        begins, ends = await spans(consumer, sorted(consumer.assignment()))
    told = {one: found.offset for one, found in committed.items() if found.offset >= 0}
    until = {one: min(told.get(one, end), end) for one, end in ends.items()}
    return {Partition(one.topic, one.partition): (begins[one], until[one]) for one in ends}


async def with_nothing_left(settings: KafkaSettings, goals: Sequence["Goal"]) -> list["Goal"]:
    """Return the goals below which there is no record any more: retention took them, or only markers are left."""
    partitions = {TopicPartition(*one.partition): one for one in goals}
    async with open_consumer(settings, _NAME) as consumer:
        consumer.assign(list(partitions))
        begins, _ = await spans(consumer, list(partitions))
        for one, goal in partitions.items():
            consumer.seek(one, max(goal.next_offset, begins[one]))
        waits = [_POLL_MS] + [_TAKE_MS] * (len(partitions) - 1)
        at = {one: await _first(consumer, one, wait_ms) for one, wait_ms in zip(partitions, waits, strict=True)}
    return [goal for one, goal in partitions.items() if at[one] >= goal.until]


async def _first(consumer: AIOKafkaConsumer, one: TopicPartition, wait_ms: int) -> int:
    """Return the offset of the next record; where none comes, how far it was looked for."""
    found = await answered(consumer.getmany(one, timeout_ms=wait_ms, max_records=1))
    for raw in found.get(one, ()):
        return int(raw.offset)
    return int(await answered(consumer.position(one)))
