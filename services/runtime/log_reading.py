"""What Kafka has of a log now, asked in no group: the cluster's id, where partitions start and end, single records.

For checks and commands; nothing is committed and nobody is disturbed. Read uncommitted: the very record at an offset
counts, and the end of the log is its end, whatever transaction is still open below it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from schemas.topics import TOPICS
from services.runtime import clock, kafka, ungrouped
from services.runtime.errors import Transient
from services.runtime.marks import Mark, Refusal, Seen, judge, must_be_read, record_hash
from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings
from services.runtime.ungrouped import answered

_POLL_MS: Final = 200
#: For the records of one look.
_READ_LIMIT_S: Final = 60.0
#: Whatever transaction is open; an offset that is not there is an answer, and single records are wanted.
_TO_THE_END: Final = {
    "isolation_level": "read_uncommitted", "auto_offset_reset": "none", "max_partition_fetch_bytes": 256 * 1024
}  # fmt: skip
#: A compacted topic may have nothing from an offset on, and then no answer comes.
_SILENCE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster behind the bootstrap addresses."""

    id: str | None
    """None: the broker does not tell."""
    partitions: frozenset[Partition]
    """Of every topic that this account may see."""

    @property
    def topics(self) -> frozenset[str]:
        """Every topic that this account may see, by its name on the wire."""
        return frozenset(one.topic for one in self.partitions)


async def read_cluster(settings: KafkaSettings, name: str) -> Cluster:
    """Ask for the cluster's id and every partition that there is."""
    async with ungrouped.open_admin(settings, name) as admin:
        described = await answered(admin.describe_cluster())
        topics = await answered(admin.describe_topics())
    found = (Partition(one["topic"], part["partition"]) for one in topics for part in one["partitions"])
    return Cluster(described.get("cluster_id"), frozenset(found))


async def read_cluster_id(settings: KafkaSettings, name: str) -> str | None:
    """Ask for the cluster's id alone; None where the broker does not tell."""
    async with ungrouped.open_admin(settings, name) as admin:
        described = await answered(admin.describe_cluster())
    found: str | None = described.get("cluster_id")
    return found


async def read_leaders(settings: KafkaSettings, name: str) -> dict[Partition, int]:
    """Ask which broker leads each partition; those without a leader are left out."""
    async with ungrouped.open_admin(settings, name) as admin:
        # All topics: asked for by name, a topic that is gone might be made anew by the broker.
        topics = await answered(admin.describe_topics())
    return {
        Partition(one["topic"], part["partition"]): part["leader"]
        for one in topics
        for part in one["partitions"]
        if part["leader"] >= 0
    }


async def read_logs(settings: KafkaSettings, marks: Mapping[Partition, Mark], *, name: str) -> dict[Partition, Seen]:
    """Say what Kafka has of partitions that are there: start, end, and the record just below each mark."""
    if not marks:
        return {}
    async with ungrouped.open_consumer(settings, name, **_TO_THE_END) as consumer:
        wanted = [_pair(one) for one in marks]
        consumer.assign(wanted)
        starts, ends = await ungrouped.spans(consumer, wanted)
        seen = {one: Seen(starts[_pair(one)], ends[_pair(one)]) for one in marks}
        asked = {one: mark.next_offset - 1 for one, mark in marks.items() if must_be_read(mark, seen[one])}
        hashes = await _records_at(settings, consumer, asked)
    return {one: Seen(at.start, at.end, hashes.get(one)) for one, at in seen.items()}


async def compare(
    settings: KafkaSettings, marks: Mapping[Partition, Mark], *, cluster: str | None, name: str
) -> dict[Partition, Refusal | None]:
    """Compare what the database has applied with what Kafka has, of partitions that are there."""
    readable = {one: mark for one, mark in marks.items() if judge(mark, None, cluster=cluster) is None}
    seen = await read_logs(settings, readable, name=name) if settings.trust_log_ends else {}
    return {
        one: judge(mark, seen.get(one), cluster=cluster, compacted=is_compacted(settings, one))
        for one, mark in marks.items()
    }


async def _records_at(
    settings: KafkaSettings, consumer: AIOKafkaConsumer, asked: Mapping[Partition, int]
) -> dict[Partition, bytes]:
    """Return the hashes of single records, of those offsets that have one; one at a time, the rest is not decoded."""
    found: dict[Partition, bytes] = {}
    left, began = dict(asked), clock.monotonic()
    consumer.pause(*consumer.assignment())
    for one, offset in asked.items():
        consumer.seek(_pair(one), offset)
        consumer.resume(_pair(one))
    while left and not _vanished(settings, left, waited_s=clock.monotonic() - began):
        if clock.monotonic() - began > _READ_LIMIT_S:
            raise Transient("kafka", f"{min(left).topic} gave no record for {_READ_LIMIT_S:.0f} s though it has some")
        try:
            poll = consumer.getmany(*map(_pair, left), timeout_ms=_POLL_MS, max_records=1)
            batches = await answered(poll)
        except OffsetOutOfRangeError:
            # Retention, or a cut, between two questions: ask anew.
            raise Transient("log_moved", "a log changed while it was looked at") from None
        for one, offset in tuple(left.items()):
            raws = batches.get(_pair(one), ())
            if raws and raws[0].offset == offset:
                found[one] = record_hash(kafka.record(settings, raws[0]))
            if raws or await answered(consumer.position(_pair(one))) > offset:
                consumer.pause(_pair(one))
                del left[one]
        await asyncio.sleep(0)
    return found


def _vanished(settings: KafkaSettings, left: Iterable[Partition], *, waited_s: float) -> bool:
    """Tell whether only compacted topics are still awaited, and have been for long: their records are gone."""
    return waited_s > _SILENCE_S and all(is_compacted(settings, one) for one in left)


def is_compacted(settings: KafkaSettings, partition: Partition) -> bool:
    """Tell whether the contract lets single records of a topic go."""
    topic = TOPICS.get(settings.logical(partition.topic))
    return topic is not None and topic.cleanup == "compact"


def _pair(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.topic, partition.number)
