"""A database that is older than what it has published, as after a restore or a failover with lost commits (rule E7).

At the start, and when the database has become another one, the output is read back from where it was left, and the
snapshots, which are acknowledged before their messages, from when it was. An order that was published there at a
version above its own had a future that is lost: its version is raised to that one, and it is marked. Its inputs are
applied again, but it publishes nothing until all of them are read as far as they had been; then it is published once,
as a correction marked `restored`. So no version is ever published twice with different contents, and nobody is told
again.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from services.runtime import clock, delivery, incarnation, metrics
from services.runtime.failpoints import hit
from services.runtime.life import Life
from services.runtime.positions import Partition
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings
from services.runtime.watchdog import Heart
from services.status import outbox, reading_back, republishing, restoring_rows, unsent
from services.status.consumer import GROUP, SCHEMA
from services.status.handler import Handler
from services.status.inputs import ORDER_EVENTS, SCANS
from services.status.reading_back import Seen
from services.status.restoring_rows import Goal, Goals, LastApplied

log = structlog.stdlib.get_logger("trackfold.status.restoring")

WHAT: Final = "restored orders"
#: How often Kafka is asked whether there is anything left to wait for.
ASK_S: Final = 5.0
#: How often what is marked and not ready is looked at, once nothing is left to wait for: orders without an event.
LEFT_OVER_S: Final = 60.0
#: A transaction that ended after the last batch that we know of may have begun before it.
_MARGIN: Final = timedelta(minutes=2)
_EVER: Final = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Restoring:
    """The check at the start and the loop that publishes what it marked; any number of processes may do both."""

    life: Life
    kafka: KafkaSettings
    pool: Pool
    handler: Handler
    poll_s: float = 1.0
    _asked_at: float = 0.0
    _rests_until: float = 0.0
    _stood_at: dict[Partition, int] = field(default_factory=dict)
    _heart: Heart | None = None

    async def check(self) -> None:
        """Mark what a lost future has published; before anything of this process is relayed or consumed."""
        await delivery.persist(self.check_once, life=self.life, what=WHAT)

    async def check_once(self) -> int:
        """Read the output back and mark; return how many orders were marked. To be run again after any failure."""
        async with self.pool.acquire() as connection:
            name = await incarnation.read(connection)
            relayed = await restoring_rows.relayed(connection)
            applied = await restoring_rows.last_applied(connection)
        # What a broker cannot tell cannot be compared; the embedded one says that a log ends where it does not.
        marked = await self._mark(relayed, applied) if self.kafka.trust_log_ends else 0
        async with self.pool.transaction() as connection:
            await incarnation.note(connection, SCHEMA, name)
        self._rests_until = 0.0
        if marked:
            log.warning("the database is older than what was published: it was restored", orders=marked)
        return marked

    async def _mark(self, relayed: Mapping[int, int], applied: LastApplied | None) -> int:
        marked = await self._mark_above(reading_back.published(self.kafka, relayed))
        since = _EVER if applied is None else applied.at - _MARGIN
        # Behind the messages: what is above even now was shown to readers of snapshots alone.
        publish = applied is not None and unsent.is_known(applied.age)
        return marked + await self._mark_above(reading_back.snapshots(self.kafka, since), publish=publish)

    async def _mark_above(self, pieces: AsyncIterator[dict[str, Seen]], *, publish: bool = False) -> int:
        """Mark what was published above its version, and publish first what was not; return how many were marked."""
        goals, marked = None, 0
        self._beat()
        async for seen in pieces:
            self._beat()
            if not seen:
                continue
            # The database is asked after the message was read: whatever a process at work publishes is in it by then.
            async with self.pool.acquire() as connection:
                if not await restoring_rows.any_above(connection, seen):
                    continue
            goals = goals or await self._goals()
            async with self.pool.transaction() as connection:
                known = await restoring_rows.mark(connection, seen, goals)
                if publish:
                    messages = unsent.messages(seen, known)
                    await outbox.append(connection, [self.handler.outputs.addressed(one) for one in messages])
            marked += len(known)
            await hit("restoring.after_mark")
        return marked

    def _beat(self) -> None:
        if self._heart is not None:
            self._heart.beat()

    async def _goals(self) -> Goals:
        topics = [self.kafka.topic(topic) for topic in (SCANS, ORDER_EVENTS)]
        group = self.kafka.group(GROUP)
        return Goals(group, await reading_back.read_before(self.kafka, group, topics))

    async def run(self) -> None:
        """Publish what is marked once its inputs are read; a loop for `life.spawn`."""
        heart = self._heart = self.life.heart(WHAT)
        while not self.life.stopping.is_set():
            heart.beat()
            if not await delivery.persist(self.publish_once, life=self.life, what=WHAT, heart=heart):
                await self.life.pause(self.poll_s)

    async def publish_once(self) -> int:
        """Publish a few marked orders; return how many. A database that has become another one is compared first."""
        async with self.pool.acquire() as connection:
            compared = await incarnation.is_compared(connection, SCHEMA)
        if not compared:
            await self.check_once()
        async with self.pool.acquire() as connection:
            goals, marked = await restoring_rows.anything(connection)
        if not goals and (not marked or clock.monotonic() < self._rests_until):
            return 0
        return await self._publish(goals=goals)

    async def _publish(self, *, goals: bool) -> int:
        async with self.pool.transaction() as connection:
            ready = await restoring_rows.ready(connection, limit=republishing.AT_ONCE)
            published = await republishing.read_again(connection, self.handler, ready) if ready else []
            if published:
                await hit("restoring.before_commit")
        metrics.RESTORED.inc(len(published))
        if goals and not ready:
            await self._look_at_goals()
        # The last goal may just have been forgotten: then there is one more look at once.
        self._rests_until = 0.0 if goals or ready else clock.monotonic() + LEFT_OVER_S
        return len(published)

    async def _look_at_goals(self) -> None:
        """Forget the goals that were reached, and those that no record will ever reach."""
        async with self.pool.transaction() as connection:
            goals = await restoring_rows.not_reached(connection)
        if not goals or clock.monotonic() - self._asked_at < ASK_S:
            return
        self._asked_at = clock.monotonic()
        still = self._standing(goals)
        unreachable = await reading_back.with_nothing_left(self.kafka, still) if still else []
        async with self.pool.transaction() as connection:
            await restoring_rows.forget(connection, unreachable)

    def _standing(self, goals: Sequence[Goal]) -> list[Goal]:
        """Return the goals that nothing has come nearer to since the last question: only there may nothing be left."""
        still = [goal for goal in goals if self._stood_at.get(goal.partition) == goal.next_offset]
        self._stood_at = {goal.partition: goal.next_offset for goal in goals}
        return still
