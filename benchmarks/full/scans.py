"""Records on their way to the engine: at a rate, or as many as it takes. Noted is when each scan was meant to be sent.

Every record is sent on its own, as the normaliser and shops do. The load is made before it is driven: a driver that
makes it meanwhile is late.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from benchmarks.engine.load import PARTITIONS, SCANS, Sent
from benchmarks.full import lives, open_loop
from benchmarks.full.engine import Engine
from benchmarks.full.open_loop import Drive
from services.runtime.placement import partition_of

ORDERS: Final = 40
"""So many begin together: some 1,500 live at a time."""
_ON_THEIR_WAY: Final = 4_000
"""As many as keep every process busy, and no more: this is not a backlog."""
_MOST_PER_S: Final = 4_000.0
"""A faster engine is at the end of its load earlier."""
_ASKED_EVERY_S: Final = 0.05
_TOTAL_LIMIT_S: Final = 900.0

Moment = tuple[float, int]
"""Seconds, and how many records are done."""


@dataclass(slots=True)
class Sender:
    """Sends one load from its beginning on, whatever is asked for one after the other."""

    engine: Engine
    producer: AIOKafkaProducer
    load: Iterator[Sent]
    sent: int = 0
    """As many as the engine must have done to be at their end."""
    planned: dict[str, float] = field(default_factory=dict)
    """By event key, for the newest drive: when a scan was first meant to be sent."""
    _made: deque[Sent] = field(default_factory=deque)
    _answers: list["asyncio.Future[Any]"] = field(default_factory=list)

    async def begin(self, orders: int = ORDERS) -> None:
        """Send until orders of all ages live beside each other."""
        await self._keep_busy(lives.records_until_even(orders), limit_s=_TOTAL_LIMIT_S)

    async def highest_rate(self, seconds: float) -> float:
        """Return how many records a second are done while some are always on their way."""
        moments = await self._keep_busy(round(_MOST_PER_S * seconds), limit_s=seconds)
        (first, before), (last, after) = moments[0], moments[-1]
        return (after - before) / (last - first)

    async def at_rate(self, rate: float, *, warm_s: float, seconds: float) -> Drive:
        """Send at a rate; the scans that are planned after the warm-up stand in `planned`."""
        self._make(round(rate * (warm_s + seconds)))
        records = [self._made.popleft() for _ in range(round(rate * (warm_s + seconds)))]
        moments = open_loop.times(rate, len(records), begin=time.time())
        self.planned = {}
        told = {event_key(one) for one in records[: round(rate * warm_s)]}
        for moment, one in list(zip(moments, records, strict=True))[round(rate * warm_s) :]:
            if one.topic == SCANS and event_key(one) not in told:  # told again, it says nothing new
                self.planned.setdefault(event_key(one), moment)
        return await open_loop.drive(zip(moments, records, strict=True), self._send)

    async def settle(self) -> None:
        """Return when everything that was sent is answered, done and published."""
        answers, self._answers = self._answers, []
        await asyncio.wait_for(asyncio.gather(*answers), _TOTAL_LIMIT_S)
        await self.engine.watch.until_done(self.sent)

    async def _keep_busy(self, count: int, *, limit_s: float) -> list[Moment]:
        """Send at most so many records, some always on their way; returns when something was done, and how much."""
        self._make(count)
        began, moments, until = time.perf_counter(), list[Moment](), self.sent + count
        while (now := time.perf_counter() - began) < limit_s and self.sent < until:
            done = await self.engine.watch.done()
            if not moments or moments[-1][1] != done:
                moments.append((now, done))
            for _ in range(min(_ON_THEIR_WAY - (self.sent - done), until - self.sent)):
                await self._send(self._made.popleft())
            await asyncio.sleep(_ASKED_EVERY_S)
        await self.settle()
        return [*moments, (time.perf_counter() - began, self.sent)]

    def _make(self, count: int) -> None:
        self._made.extend(islice(self.load, max(0, count - len(self._made))))

    async def _send(self, one: Sent) -> None:
        where = partition_of(one.key, PARTITIONS)
        topic, headers = self.engine.prefix + one.topic, list(one.headers)
        self._answers.append(await self.producer.send(topic, one.value, one.key, partition=where, headers=headers))
        self.sent += 1


def event_key(one: Sent) -> str:
    """Return the identity of a record."""
    return next(value for name, value in one.headers if name == "ce_id").decode()


@asynccontextmanager
async def sending(engine: Engine, *, orders: int = ORDERS, first_order: int = 100_000) -> AsyncIterator[Sender]:
    """Give a sender with a load and a producer of its own."""
    producer = AIOKafkaProducer(bootstrap_servers=engine.stack.bootstrap, acks="all")
    await producer.start()
    try:
        yield Sender(engine, producer, lives.stream(orders, first_order=first_order))
    finally:
        await producer.stop()
