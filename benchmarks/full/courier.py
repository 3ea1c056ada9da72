"""Who drives the chain: posts webhooks at their times, or as many as are taken, and tells of their orders before."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from benchmarks import posting
from benchmarks.engine.load import ORDER_EVENTS
from benchmarks.engine.measuring import StandsStillError
from benchmarks.full import flow, open_loop
from benchmarks.full.chain import Chain
from benchmarks.full.flow import Action, Story
from benchmarks.full.open_loop import Drive
from services.runtime import clock

_CONNECTIONS: Final = 32
_IDLE_S: Final = 2.0
_WAITING_AT_MOST: Final = 20_000
_ON_THEIR_WAY: Final = 300
"""Webhooks whose message is not claimed yet, while the highest rate is looked for."""
_NOMINAL_PER_S: Final = 200.0
_FIRST_PART: Final = 0.3
_ASKED_EVERY_S: Final = 0.05
_STANDS_STILL_S: Final = 60.0

Step = tuple[str, int]
"""Order key and step."""


@dataclass(slots=True)
class Courier:
    """Sends the actions of one story."""

    chain: Chain
    producer: AIOKafkaProducer
    story: Story
    first: int
    """Added to the number of every order: no two drives share one."""
    posted: int = 0
    planned: dict[Step, float] = field(default_factory=dict)
    """When a webhook was meant to be posted, for what is measured."""
    posters: list["asyncio.Task[None]"] = field(default_factory=list)
    _waiting: "asyncio.Queue[bytes]" = field(default_factory=lambda: asyncio.Queue(_WAITING_AT_MOST))
    _answers: list["asyncio.Future[Any]"] = field(default_factory=list)

    async def highest_rate(self, seconds: float) -> float:
        """Return how many messages a second are claimed while some webhooks are always on their way."""
        began, moments = time.perf_counter(), list[tuple[float, int]]()
        coming = flow.actions(_NOMINAL_PER_S)
        while (now := time.perf_counter() - began) < seconds:
            self.check()
            claimed = await self.chain.claimed()
            if now > seconds * _FIRST_PART and (not moments or moments[-1][1] != claimed):
                moments.append((now, claimed))
            while self.posted - claimed < _ON_THEIR_WAY:
                await self.act(next(coming))
            await asyncio.sleep(_ASKED_EVERY_S)
        await self.settle()
        self.first += _orders_until(coming)
        if len(moments) < 2:  # noqa: PLR2004 - a span has two ends
            raise StandsStillError("no message was claimed while the highest rate was looked for")
        (first, before), (last, after) = moments[0], moments[-1]
        return (after - before) / (last - first)

    async def at_rate(self, rate: float, *, warm_s: float, seconds: float) -> Drive:
        """Post at a rate; what comes after the warm-up, which begins when all kinds of webhooks come, is `planned`."""
        self.planned = {}
        begin, warm_until = time.time(), flow.FILLED_S + warm_s
        coming = takewhile(lambda one: one.at_s < warm_until + seconds, flow.actions(rate))
        last = self.first

        async def act(one: Action) -> None:
            nonlocal last
            last = max(last, self.first + one.order + 1 - flow.FIRST_ORDER)
            if one.is_webhook and one.at_s >= warm_until:
                self.planned[flow.order_key(self.first + one.order), one.step] = begin + one.at_s
            await self.act(one)

        drive = await open_loop.drive(((begin + one.at_s, one) for one in coming), act)
        self.first = last
        return drive

    async def act(self, one: Action) -> None:
        """Send one thing, without waiting for an answer."""
        order = self.first + one.order
        if one.is_webhook:
            self._waiting.put_nowait(posting.request(self.chain.port, self.story.body(order, one.step)))
            self.posted += 1
            return
        for event in self.story.events(order):
            topic, headers = self.chain.prefix + ORDER_EVENTS, list(event.headers)
            self._answers.append(await self.producer.send(topic, event.value, event.key, headers=headers))

    async def settle(self) -> None:
        """Return when every webhook's message is claimed."""
        answers, self._answers = self._answers, []
        await asyncio.wait_for(asyncio.gather(*answers), _STANDS_STILL_S)
        seen, seen_at = -1, time.perf_counter()
        while (claimed := await self.chain.claimed()) < self.posted:
            self.check()
            if claimed != seen:
                seen, seen_at = claimed, time.perf_counter()
            if time.perf_counter() - seen_at > _STANDS_STILL_S:
                raise StandsStillError(f"{claimed} messages are claimed of {self.posted} webhooks")
            await asyncio.sleep(_ASKED_EVERY_S)

    async def post(self) -> None:
        """Post on one connection what waits, until cancelled; the door closes those that are idle."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.chain.port)
        try:
            while True:
                idle_since = time.perf_counter()
                whole = await self._waiting.get()
                if time.perf_counter() - idle_since > _IDLE_S:
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.chain.port)
                await posting.exchange(reader, writer, whole)
        finally:
            writer.close()

    def check(self) -> None:
        """Raise what ended a service or a connection."""
        self.chain.check()
        for poster in self.posters:
            if poster.done():
                try:
                    poster.result()
                except (OSError, EOFError) as error:
                    raise posting.RefusedError(f"a webhook could not be posted: {error!r}") from error


def _orders_until(coming: Iterator[Action]) -> int:
    """Return how many orders were told of before what comes next."""
    return max(next(coming).order for _ in range(len(flow.STEPS) * 4)) + 1 - flow.FIRST_ORDER


@asynccontextmanager
async def carrying(chain: Chain) -> AsyncIterator[Courier]:
    """Give a courier with its connections; what goes wrong on one of them ends the part."""
    producer = AIOKafkaProducer(bootstrap_servers=chain.stack.bootstrap, acks="all")
    await producer.start()
    try:
        courier = Courier(chain, producer, Story(clock.now()), 0)
        courier.posters = [asyncio.create_task(courier.post()) for _ in range(_CONNECTIONS)]
        try:
            yield courier
        finally:
            for one in courier.posters:
                one.cancel()
            await asyncio.gather(*courier.posters, return_exceptions=True)
    finally:
        await producer.stop()
