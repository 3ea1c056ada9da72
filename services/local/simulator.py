"""Plays simulated orders in real time: a shop on Kafka, carriers through signed webhooks. `trackfold simulate`.

Bounded in orders, in time, in messages at work and in tries. The stories are pure (`stories.py`, `disorder.py`);
here they meet the clock.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httpx2
from aiokafka import AIOKafkaProducer

from services.local.disorder import Arrival, plan_arrivals
from services.local.messages import KafkaMessage, StoryClock, Webhook, order_event, webhook
from services.local.sending import Sender, Tally
from services.local.settings import LocalSettings
from services.local.stories import ShopStep, Story, make_story
from services.runtime import clock, kafka
from services.runtime.settings import KafkaSettings

AT_WORK: Final = 64
GRACE_S: Final = 2.0
DEFAULT_SPEED: Final = 1200.0
DEFAULT_EVERY_S: Final = 1.0
SEND_LIMIT_S: Final = 10.0
WEBHOOK_LIMIT_S: Final = 7.0  # EasyPost's own patience
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Score:
    """What to play."""

    seed: int
    prefix: str
    orders: int | None = None
    """None: until stopped."""
    speed: float = DEFAULT_SPEED
    every_s: float = DEFAULT_EVERY_S
    """Real seconds between two orders."""
    limit_s: float | None = None
    calm: bool = False


@dataclass(order=True, slots=True)
class _Due:
    at: float
    n: int
    story: Story = field(compare=False)
    clock: StoryClock = field(compare=False)
    arrival: Arrival = field(compare=False)
    last: bool = field(compare=False)


class Simulator:
    """One run; `tally` may be read while it plays."""

    def __init__(self, score: Score, sender: Sender) -> None:
        self.score = score
        self.tally: Tally = sender.tally
        self.on_the_way: dict[tuple[str, str], Story] = {}
        """Orders that were started and are not over, oldest first."""
        self._sender = sender
        self._due: list[_Due] = []
        self._count = itertools.count()
        self._room = asyncio.Semaphore(AT_WORK)
        self._sending: set[asyncio.Task[None]] = set()

    async def play(self, stopping: asyncio.Event) -> Tally:
        """Play to the end, to the limit or until told to stop; what is being sent then is given a moment."""
        async with asyncio.TaskGroup() as sending:
            in_time = await self._play(stopping, sending)
            if not in_time and self._sending:
                _, late = await asyncio.wait(self._sending, timeout=GRACE_S)
                for task in late:
                    task.cancel()
        return self.tally

    async def _play(self, stopping: asyncio.Event, sending: asyncio.TaskGroup) -> bool:
        """Give out what is due; True when everything was played."""
        began, started = clock.monotonic(), 0
        end = began + (float("inf") if self.score.limit_s is None else self.score.limit_s)
        while not stopping.is_set():
            now = clock.monotonic()
            if now >= end:
                break
            more = self.score.orders is None or started < self.score.orders
            next_start = began + started * self.score.every_s
            if more and next_start <= now:
                self._start(make_story(self.score.seed, started, prefix=self.score.prefix), now)
                started += 1
            elif self._due and self._due[0].at <= now:
                await self._room.acquire()
                task = sending.create_task(self._send(heapq.heappop(self._due)))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            elif more or self._due:
                until = min([end, *(due.at for due in self._due[:1]), *([next_start] * more)])
                await _pause(stopping, until - now)
            else:
                return True
        return False

    def _start(self, story: Story, now: float) -> None:
        story_clock = StoryClock(clock.now(), self.score.speed)
        arrivals = plan_arrivals(story, self.score.seed, calm=self.score.calm)
        for arrival in arrivals:
            at = now + arrival.at_s / self.score.speed
            last = arrival is arrivals[-1]
            heapq.heappush(self._due, _Due(at, next(self._count), story, story_clock, arrival, last))
        self.on_the_way[story.shop, story.order] = story
        self.tally.orders += 1

    async def _send(self, due: _Due) -> None:
        what = due.arrival.what
        try:
            if isinstance(what, ShopStep):
                await self._sender.event(order_event(due.story, what, clock=due.clock))
            else:
                await self._sender.webhook(webhook(due.story, what.parcel, scans=what.scans, clock=due.clock))
        finally:
            self._room.release()
        self.tally.repeated += due.arrival.again
        self.tally.late += due.arrival.late
        if due.last:
            self.tally.finished += 1
            self.on_the_way.pop((due.story.shop, due.story.order), None)


@asynccontextmanager
async def open_simulator(score: Score, settings: LocalSettings, *, trust_env: bool = True) -> AsyncIterator[Simulator]:
    """Connect to Kafka and prepare the webhook client; raises what aiokafka raises when no broker answers.

    `trust_env`: whether a proxy that the environment names may stand between.
    """
    secrets = {name: secret.get_secret_value() for name, secret in settings.local.secrets.items()}
    base = settings.local.ingest_url.rstrip("/")
    limits = httpx2.Limits(max_connections=AT_WORK, max_keepalive_connections=AT_WORK)
    async with (
        kafka.open_producer(settings.kafka, "simulate") as producer,
        httpx2.AsyncClient(timeout=WEBHOOK_LIMIT_S, limits=limits, trust_env=trust_env) as client,
    ):

        async def publish(message: KafkaMessage) -> object:
            return await produce(producer, settings.kafka, message)

        async def post(message: Webhook, headers: Mapping[str, str]) -> httpx2.Response:
            url = f"{base}/webhooks/{message.provider}"
            return await client.post(url, content=message.body, headers=dict(headers))

        yield Simulator(score, Sender(publish=publish, post=post, secrets=secrets, tally=Tally()))


async def produce(producer: AIOKafkaProducer, settings: KafkaSettings, message: KafkaMessage) -> object:
    """Produce one message to its topic and wait until it is there."""
    topic, key, value, headers = settings.topic(message.topic), message.key, message.value, message.headers
    return await kafka.send(producer, topic, key=key, value=value, headers=headers, timeout_s=SEND_LIMIT_S)


def prefix_of(moment: datetime) -> str:
    """Make the beginning of a run's order numbers: the second it began, in six letters and digits."""
    rest, letters = int(moment.timestamp()) % 32**6, ""
    for _ in range(6):
        rest, digit = divmod(rest, 32)
        letters = _DIGITS[digit] + letters
    return letters


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, seconds)):
            await stopping.wait()
