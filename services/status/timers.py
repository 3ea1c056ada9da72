"""The timer worker: when the database's clock passes what an order awaits, it *produces* the time event (rule E15).

It changes no state and reads no clock of its own. Fired twice, late or by two workers, a time event has one identity
and the same bytes; whether it still counts is decided in the fold, at its own place.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaProducer

from services.runtime import delivery, kafka, metrics
from services.runtime.failpoints import hit
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings
from services.status import timer_rows
from services.status.awaited import Awaited

SEND_TIMEOUT_S: Final = 10.0
#: How long a taken order is left alone: longer than reading, sending and moving take, or a second worker fires too.
LEASE_S: Final = 60.0
AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Timers:
    """Fires what is due; any number of processes may do it at once."""

    life: Life
    kafka: KafkaSettings
    pool: Pool
    producer: AIOKafkaProducer
    poll_s: float = 1.0

    async def run(self) -> None:
        """Go on until the process stops; a loop for `life.spawn`."""
        heart = self.life.heart("timers")
        while not self.life.stopping.is_set():
            heart.beat()
            if not await delivery.persist(self.fire_once, life=self.life, what="timers", heart=heart):
                await self.life.pause(self.poll_s)

    async def fire_once(self) -> int:
        """Look at the orders that are due, once; return how many there were."""
        async with self.pool.transaction() as connection:
            metrics.TIMERS_OVERDUE.set(max(0.0, await timer_rows.overdue_s(connection)))
            taken = await timer_rows.take(connection, limit=AT_ONCE, lease_s=LEASE_S)
        if taken is None:
            return 0
        async with self.pool.acquire() as connection:
            found = await timer_rows.awaited(connection, taken.orders)
        due = [one for waiting in found.values() for one in waiting if one.expectation.due_at <= taken.now]
        await hit("timers.before_send")
        await asyncio.gather(*(self._send(one) for one in due))
        await hit("timers.after_send")
        await self._move(taken, due)
        for one in due:
            metrics.TIMERS_FIRED.labels(one.expectation.rule).inc()
        return len(taken.orders)

    async def _send(self, one: Awaited) -> None:
        await kafka.send(
            self.producer,
            self.kafka.topic(one.topic),
            key=one.key.encode(),
            value=one.value,
            headers=one.headers,
            timeout_s=SEND_TIMEOUT_S,
        )

    async def _move(self, taken: timer_rows.Taken, sent: Iterable[Awaited]) -> None:
        """Move the rows to what is awaited next; what was sent is on its way and needs no timer."""
        fired = {(one.key, one.expectation.identity) for one in sent}
        async with self.pool.transaction() as connection:
            await timer_rows.lock(connection, taken.orders)
            found = await timer_rows.awaited(connection, taken.orders)
            left = {
                order: [one for one in waiting if (one.key, one.expectation.identity) not in fired]
                for order, waiting in found.items()
            }
            await timer_rows.move(connection, {order: timer_rows.next_date(waiting) for order, waiting in left.items()})
            await hit("timers.before_commit")
