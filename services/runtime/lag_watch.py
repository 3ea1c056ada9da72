"""The look at a consumer from beside it: is it behind, and does it turn? What stands still stops beating (rule E12).

It asks the log's ends with a client of its own, so that a consumer that died inside is seen against a log that grows.
It ends nothing itself: it beats a heart, and the watchdog's thread ends the process whose heart is still. It beats
while there is nothing to do, while something is done, and while a named dependency is waited for, because a new process
would have to wait for that as well. Where its own client is answered and the consumer's is not, a new process would not
have to wait: aiokafka asks only the brokers it has heard of, and when all of them have moved, none answers ever again.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Final, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime import clock, delivery, kafka, metrics
from services.runtime.delivery import Decision
from services.runtime.lag import Place, Standing
from services.runtime.life import Life
from services.runtime.membership import JOINING, Membership, count_unowned, membership
from services.runtime.polling import PollingConsumer
from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings
from services.runtime.watchdog import Heart

log = structlog.stdlib.get_logger("trackfold.lag")

_ASK_LIMIT_S: Final = 10.0
_CLOSE_LIMIT_S: Final = 20.0
_OWNERS_EVERY_S: Final = 30.0
_LEAST_LOOKS: Final = 4


class Watched(Protocol):
    """What is watched: `reader.Reader`."""

    name: str

    @property
    def consumer(self) -> PollingConsumer:
        """Aiokafka's consumer."""

    @property
    def heart(self) -> Heart:
        """Beats with its polls."""

    @property
    def waits(self) -> bool:
        """Whether it waits for something that has a name in `/readyz`."""

    async def done(self, partitions: Collection[Partition]) -> Mapping[Partition, int]:
        """Return the offset below which everything has had its effect, as far as that is written down."""


class LagWatch:
    """Looks at one consumer every few seconds."""

    def __init__(
        self, life: Life, settings: KafkaSettings, watched: Watched, topics: Sequence[str], *,
        standing: Standing | None = None,
    ) -> None:  # fmt: skip
        self._life = life
        self._settings = settings
        self._watched = watched
        self._topics = tuple(topics)
        self._standing = standing or Standing(hanging_after_s=settings.hanging_after_s)
        self._ends: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._generation = -1
        self._told = ""
        self._hanging: frozenset[Partition] = frozenset()
        self._owners_at = clock.monotonic() + _OWNERS_EVERY_S
        self._unowned = 0
        self._asks_consumer = False
        self._alone_since: float | None = None
        # A rebalance may last for a session: twice that is no standstill yet.
        limits = (
            life.settings.process.watchdog_s,
            2 * settings.session_timeout_ms / 1000,
            _LEAST_LOOKS * settings.lag_interval_s,
        )
        self.heart = life.heart(f"{watched.name} progress", max(limits))
        self._alone_limit_s = max(0.0, kafka.consumer_hangs_s(settings) - self.heart.limit_s)

    def start(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._run(), name=f"lag of {self._watched.name}")

    async def stop(self) -> None:
        """Look no more."""
        self._life.watchdog.forget(self.heart)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            while True:
                await asyncio.sleep(self._settings.lag_interval_s)
                await self._look()
        finally:
            await self._close()

    async def _look(self) -> None:
        """Look once; never raises, because a look that fails for ever must end in a heart that is still."""
        self._asks_consumer = False
        try:
            async with asyncio.timeout(_ASK_LIMIT_S):
                state = membership(self._watched.consumer)
                turns = not state.dead and await self._turns(state)
        except Exception as exc:  # noqa: BLE001 - decided by delivery
            await self._failed(exc)
            return
        self._alone_since = None
        self._life.health.works(self._dependency)
        if turns or (self._watched.waits and not state.dead):
            self.heart.beat()
        if state.outside == JOINING:
            # Its poll waits until the group has agreed. Whoever never gets in again ends by the heart of progress.
            self._watched.heart.beat()
        metrics.CONSUMER_STANDING.labels(self._watched.name).set(self.heart.still_s)
        self._tell(state.dead or state.outside)
        await self._count_owners()

    async def _turns(self, state: Membership) -> bool:
        places = await self._places(state)
        look = self._standing.look(places, now=clock.monotonic())
        self._show(places, look.hanging)
        rejoined, self._generation = state.generation != self._generation, state.generation
        if state.outside:
            return rejoined
        # Ends that the broker does not tell truly prove nothing.
        return look.turns or not self._settings.trust_log_ends

    async def _places(self, state: Membership) -> dict[Partition, Place]:
        consumer = self._watched.consumer
        owned = {Partition(one.topic, one.partition): one for one in consumer.assignment()}
        if not owned:
            if state.outside and self._settings.trust_log_ends:
                await (await self._own_client()).topics()  # raises where it is Kafka that is away
            return {}
        # The ends first: what is done meanwhile makes the lag smaller, never larger than it was.
        began = clock.monotonic()
        ends = await self._log_ends(list(owned.values()))
        trusted = self._settings.trust_log_ends
        # Slow for both proves nothing: the consumer has at least as long as a new connection needed.
        self._asks_consumer = trusted and clock.monotonic() - began < _ASK_LIMIT_S / 2
        stable = await consumer.end_offsets(list(owned.values())) if trusted else ends
        # What retention took is not to be done any more, whoever has a row of it or none.
        starts = await consumer.beginning_offsets(list(owned.values())) if trusted else {}
        self._asks_consumer = False
        stored = await self._watched.done(owned.keys())
        idle = consumer.idle_positions()
        return {
            one: Place(
                done=max(stored.get(one, 0), idle.get(wire, 0), starts.get(wire, 0)),
                stable=stable[wire],
                end=ends[wire],
            )
            for one, wire in owned.items()
        }

    async def _log_ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        if not self._settings.trust_log_ends:
            consumer = self._watched.consumer
            return {one: consumer.highwater(one) or 0 for one in partitions}
        found: dict[TopicPartition, int] = await (await self._own_client()).end_offsets(partitions)
        return found

    async def _own_client(self) -> AIOKafkaConsumer:
        """Return the client of the looks; after a look that failed it is a new one."""
        if self._ends is None:
            self._ends = AIOKafkaConsumer(
                **kafka.client_options(self._settings, f"{self._watched.name}.lag"), isolation_level="read_uncommitted"
            )
            await self._ends.start()
        return self._ends

    def _show(self, places: Mapping[Partition, Place], hanging: frozenset[Partition]) -> None:
        group = self._watched.name
        lag: Counter[str] = Counter()
        for one, place in places.items():
            lag[self._settings.logical(one.topic)] += place.lag
        stuck = Counter(self._settings.logical(one.topic) for one in hanging)
        for topic in self._topics:
            metrics.CONSUMER_LAG.labels(group, topic).set(lag[topic])
            metrics.HANGING_TRANSACTIONS.labels(group, topic).set(stuck[topic])
        for one in sorted(hanging - self._hanging):
            log.error(
                "a producer left a transaction open: nobody reads on until the broker ends it",
                group=group, partition=str(one), stands_at=places[one].stable,
            )  # fmt: skip
        self._hanging = hanging

    async def _failed(self, exc: Exception) -> None:
        await self._close()
        why = delivery.describe(exc)
        if delivery.decide(exc) is not Decision.WAIT:
            log.error("cannot see whether the consumer turns", group=self._watched.name, exc_info=exc)
            return
        self._life.health.waiting(self._dependency, why)
        if not self._alone():
            self.heart.beat()
        # In a rebalance a poll waits for the coordinator without end: Kafka is away, it is not the loop that hangs.
        self._watched.heart.beat()

    def _alone(self) -> bool:
        """Tell whether only the consumer gets no answer, look after look, for longer than one broker may hold it up."""
        now = clock.monotonic()
        if not self._asks_consumer:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
            log.warning("a new client is answered, the consumer is not", group=self._watched.name)
        return self._alone_since is not None and now - self._alone_since >= self._alone_limit_s

    async def _count_owners(self) -> None:
        if clock.monotonic() < self._owners_at:
            return
        self._owners_at = clock.monotonic() + _OWNERS_EVERY_S
        group, before = self._watched.name, self._unowned
        try:
            async with asyncio.timeout(_ASK_LIMIT_S):
                self._unowned = await count_unowned(self._settings, group, self._topics)
        except Exception as exc:  # noqa: BLE001 - it only counts
            log.warning("cannot see who owns what", group=group, why=delivery.describe(exc))
            return
        metrics.UNOWNED_PARTITIONS.labels(group).set(self._unowned)
        if before and self._unowned:
            log.error("nobody reads these partitions", group=group, partitions=self._unowned)

    def _tell(self, why: str) -> None:
        if why and why != self._told:
            log.warning("the consumer is not in its group", group=self._watched.name, why=why)
        self._told = why

    @property
    def _dependency(self) -> str:
        return f"{self._watched.name} log ends"

    async def _close(self) -> None:
        if self._ends is not None:
            ends, self._ends = self._ends, None
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_LIMIT_S):
                    await ends.stop()
