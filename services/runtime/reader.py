"""One member of a consumer group on FastStream: joins, hands over polled batches, beats the heart, leaves.

What is done with a batch, and what survives a failure, is decided by its two kinds in `consume.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError

from services.runtime import delivery, ending, kafka, log_reading, metrics, subscribing
from services.runtime.delivery import Decision
from services.runtime.errors import Exit, ExitCode, Stopping, Transient
from services.runtime.kafka import Record
from services.runtime.lag_watch import LagWatch
from services.runtime.life import Life
from services.runtime.polling import PollingConsumer
from services.runtime.positions import Late, Partition
from services.runtime.settings import KafkaSettings
from services.runtime.watchdog import Heart

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker
    from faststream.kafka.subscriber.usecase import BatchSubscriber

log = structlog.stdlib.get_logger("trackfold.consume")

_KAFKA_COMMIT_S: Final = 5.0
_START_MARGIN_S: Final = 30.0
#: For all that is not waiting for Kafka when a member leaves its group: tasks and connections are closed.
_LEAVE_MARGIN_S: Final = 5.0
_GO_BACK_S: Final = 20.0


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells of rebalances. Nothing correct depends on it: aiokafka only logs when it fails."""

    def __init__(self, *, lost: Callable[[], None], gained: Callable[[set[Partition]], Awaitable[None]]) -> None:
        self._lost = lost
        self._gained = gained

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:  # noqa: ARG002
        """Forget what was known of the old assignment."""
        self._lost()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Say what was gained."""
        self._lost()
        await self._gained({Partition(one.topic, one.partition) for one in assigned})


class Reader:
    """One consumer; a kind of it says what to do with a batch in `_take`."""

    def __init__(
        self, life: Life, settings: KafkaSettings, *, group: str, topics: Sequence[str], max_records: int | None = None
    ) -> None:
        """Take the contract's names of group and topics."""
        self.name = group
        self._life = life
        self._settings = settings
        self._topics = tuple(topics)
        self._max_records = max_records
        self._heart: Heart | None = None
        self._broker: KafkaBroker | None = None
        self._subscriber: BatchSubscriber | None = None
        self._lag: LagWatch | None = None
        self._ended = False

    async def start(self) -> None:
        """Join the group, return when partitions are assigned; raises when Kafka is not there; can be called again."""
        missing = await kafka.missing_topics(self._settings, self.name, self._topics)
        if missing:
            text = f"missing in Kafka, or not ours to see: {', '.join(missing)}"
            raise Transient("topics_missing", text, hint="trackfold topics apply")
        broker = subscribing.make_broker(
            self._settings,
            self.name,
            on_poll=self._on_poll,
            recover=self._recover,
            graceful_timeout_s=self._life.settings.process.drain_s,
        )
        self._subscriber = subscribing.subscribe(
            broker,
            self._settings,
            topics=self._topics,
            group=self.name,
            handler=self._handle,
            listener=self._listener(),
            max_records=self._max_records,
        )
        limit_s = 2 * self._settings.session_timeout_ms / 1000 + _START_MARGIN_S
        try:
            # Left to itself it could become a member of the group that nobody polls.
            await ending.within(broker.start(), limit_s, what=f"{self.name}: joining its group")
        except BaseException:
            await self._leave_group(broker)
            raise
        self._broker = broker
        self._lag = LagWatch(self._life, self._settings, self, self._topics)
        self._lag.start()

    async def stop(self) -> None:
        """Finish the batch at work, leave the group."""
        if self._lag is not None:
            await self._lag.stop()
        if self._heart is not None:
            self._life.watchdog.forget(self._heart)
        if self._broker is not None:
            await self._leave_group(self._broker)

    async def _leave_group(self, broker: "KafkaBroker") -> None:
        process = self._life.settings.process
        # The batch at work has as long as a drain. Then aiokafka may wait twice before it gives up by itself, for what
        # it had asked (to join) and for its leaving: Kafka being away is no reason to end.
        limit_s = process.drain_s + kafka.consumer_hangs_s(self._settings) + _LEAVE_MARGIN_S
        what = f"{self.name}: leaving its group"
        try:
            await ending.within(broker.stop(), limit_s, what=what)
        except TimeoutError as exc:
            # It cannot be stopped twice, and its heartbeats may go on: nobody would read what such a member owns.
            raise Exit(ExitCode.TRY_AGAIN, "not_left", f"{what} took too long") from exc

    @property
    def heart(self) -> Heart:
        """The heart of this consumer, beating since its first poll; before that it may wait for Kafka for long."""
        if self._heart is None:
            self._heart = self._life.heart(self.name)
        return self._heart

    @property
    def waits(self) -> bool:
        """Whether it waits for something that has a name in `/readyz`: no reason to end the process."""
        return self._life.health.is_waiting(self.name)

    @property
    def consumer(self) -> PollingConsumer:
        """Aiokafka's consumer under FastStream's subscriber."""
        subscriber = self._subscriber
        consumer: PollingConsumer | None = subscriber.consumer if subscriber is not None else None
        if consumer is None:
            raise Stopping
        return consumer

    async def done(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return the offset below which everything has had its effect; left out where none is known."""
        raise NotImplementedError

    async def _go_back(self) -> None:
        """Seek every partition to what is known to be done: a failed poll may have taken records with it."""
        raise NotImplementedError

    async def _take(self, records: list[Record]) -> None:
        """Do the work for one polled batch, sorted; returns only when all of it is done or handed back to Kafka."""
        raise NotImplementedError

    def _listener(self) -> ConsumerRebalanceListener | None:
        return None

    async def _handle(self, raw: list["ConsumerRecord[bytes, bytes]"]) -> None:
        """Take a batch from FastStream, and leave it an empty list.

        Never raises: FastStream would log it and go on behind the batch.
        """
        if self._ended:
            # The process is ending over an earlier batch; nothing behind it may be used.
            return
        records = sorted(
            (kafka.record(self._settings, one) for one in raw), key=lambda one: (one.topic, one.partition, one.offset)
        )
        # FastStream's message stands in the context of this call, and every timer that is set meanwhile keeps that:
        # asyncpg sets one of five minutes for each statement it prepares.
        raw.clear()
        try:
            await self._take(records)
        except Stopping:
            self._ended = True
        except Exception as exc:
            self._ended = True
            # Before anything that could fail in its turn: what escapes from here is swallowed, the batch passed over.
            self._life.exit(delivery.exit_code(exc), f"{self.name}: {delivery.describe(exc)}")
            log.exception("the consumer gives up", group=self.name)

    async def _recover(self) -> None:
        async def go_back() -> None:
            # aiokafka asks a broker that is away without end, and nobody would beat meanwhile.
            async with asyncio.timeout(_GO_BACK_S):
                await self._go_back()

        await delivery.persist(go_back, life=self._life, what=self.name, heart=self.heart)

    def _on_poll(self, exc: KafkaError | None) -> None:
        if exc is None:
            self.heart.beat()
            return
        log.warning("poll failed", group=self.name, why=delivery.describe(exc))
        match delivery.decide(exc):
            case Decision.WAIT:
                self.heart.beat()
            case Decision.MISCONFIGURED:
                self._life.exit(ExitCode.CONFIG, f"{self.name}: {delivery.describe(exc)}")
            case _:
                # No beat: a consumer whose group membership died in the background never recovers.
                pass

    def _partition(self, record: Record) -> Partition:
        return Partition(self._settings.topic(record.topic), record.partition)

    def _assigned(self) -> set[Partition]:
        return {Partition(one.topic, one.partition) for one in self.consumer.assignment()}

    def _partitions_of(self, topic: str) -> int:
        """Return how many partitions a topic has as far as the client knows; 0 when it does not."""
        return len(self.consumer.partitions_for_topic(self._settings.topic(topic)) or ())

    async def _commit_to_kafka(self, offsets: Mapping[Partition, int]) -> bool:
        """Tell Kafka where we are; False when it did not work, which costs nothing but a repeat."""
        wanted = {TopicPartition(one.topic, one.number): offset for one, offset in offsets.items()}
        try:
            async with asyncio.timeout(_KAFKA_COMMIT_S):
                await self.consumer.commit(wanted)
        except (TimeoutError, OSError, KafkaError) as exc:
            metrics.KAFKA_COMMIT_FAILURES.labels(self.name).inc()
            log.debug("kafka commit failed", group=self.name, why=delivery.describe(exc))
            return False
        return True

    async def _log_starts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the first offset that Kafka still has of each partition; raises Late of those without a leader."""
        wanted = {TopicPartition(one.topic, one.number): one for one in partitions}
        try:
            async with asyncio.timeout(_GO_BACK_S):
                found = await self.consumer.beginning_offsets(list(wanted))
        except (OSError, KafkaError):
            async with asyncio.timeout(_GO_BACK_S):
                led = await log_reading.read_leaders(self._settings, self.name)
            if late := set(wanted.values()) - led.keys():
                raise Late(late) from None
            raise
        return {wanted[one]: int(offset) for one, offset in found.items()}

    def _hand_back(self, records: Sequence[Record]) -> None:
        """Have these records, sorted, polled again later."""
        for partition, first in {self._partition(one): one.offset for one in reversed(records)}.items():
            self._seek(partition, first)

    def _seek(self, partition: Partition, offset: int) -> bool:
        """Go back; False when the partition is not ours any more."""
        try:
            self.consumer.seek(TopicPartition(partition.topic, partition.number), offset)
        except IllegalStateError:
            return False
        metrics.SEEKS.labels(self.name).inc()
        return True
