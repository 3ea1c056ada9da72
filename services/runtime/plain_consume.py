"""Consuming without a database: the normaliser, whose repeats have no effect.

A batch that failed is never passed over: it is run again from the same records until it is done, or the process ends.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from services.runtime import clock, delivery, failpoints, metrics
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.positions import Partition
from services.runtime.reader import Listener, Reader
from services.runtime.settings import KafkaSettings


class PlainConsumer(Reader):
    """Without a database: apply a polled batch, then commit its offsets to Kafka; a repeat must be harmless.

    `apply` returns when everything it sent is acknowledged. It is run again from the same records until it succeeds;
    it sets bad records aside itself, so whatever it raises is the world's fault, or ours (75).
    """

    def __init__(
        self,
        life: Life,
        settings: KafkaSettings,
        *,
        group: str,
        topics: Sequence[str],
        apply: Callable[[Sequence[Record]], Awaitable[None]],
        max_records: int | None = None,
    ) -> None:
        """Take the service's work."""
        super().__init__(life, settings, group=group, topics=topics, max_records=max_records)
        self._apply = apply
        self._done: dict[Partition, int] = {}

    async def done(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return what this process has done, and what Kafka knows of the partitions where it has done nothing yet."""
        for one in partitions:
            if one not in self._done:
                committed = await self.consumer.committed(TopicPartition(one.topic, one.number))
                self._done.setdefault(one, committed or 0)
        return dict(self._done)

    def _listener(self) -> ConsumerRebalanceListener:
        # Others may have worked on since: what Kafka has committed says where they are.
        return Listener(lost=self._done.clear, gained=_nothing)

    async def _go_back(self) -> None:
        """Go back to what Kafka has committed: here nothing else knows what was done."""
        for one in self.consumer.assignment():
            offset = await self.consumer.committed(one)
            if offset is None:
                await self.consumer.seek_to_beginning(one)
            else:
                self.consumer.seek(one, offset)

    async def _take(self, records: list[Record]) -> None:
        await failpoints.hit("consume.polled")
        began = clock.monotonic()
        await delivery.persist(lambda: self._attempt(records), life=self._life, what=self.name, heart=self.heart)
        metrics.RECORDS.labels(self.name, "applied").inc(len(records))
        metrics.BATCH_SECONDS.labels(self.name).observe(clock.monotonic() - began)
        await failpoints.hit("normalise.before_commit")
        ends = {self._partition(one): one.offset + 1 for one in records}
        self._done |= ends
        await self._commit_to_kafka(ends)

    async def _attempt(self, records: Sequence[Record]) -> None:
        self.heart.beat()
        try:
            await self._apply(records)
        except Exception as exc:
            ours = delivery.not_the_record(exc)
            if ours is exc:
                raise  # not `from exc`: an exception that is its own cause makes the log walk in a circle
            raise ours from exc


async def _nothing(_: set[Partition]) -> None: ...
