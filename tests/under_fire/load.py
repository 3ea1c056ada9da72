"""The load generator: seeded, rate-limited, bounded; sends to Kafka and the webhook door, and keeps the ledger.

    plan = make_plan(seed=7, orders=12)                          # what will be sent, in which disorder
    with Ledger(path) as ledger:
        await Load(plan, bootstrap_servers, prefix, ledger).run()   # returns when all of it is acknowledged

It runs beside the faults in the same event loop. Like a real sender it repeats until it is told that it was taken: then
a record may lie in Kafka twice, which is fine. It gives up (`LoadFailedError`) after `limit_s` only.
"""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import httpx2
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.runtime import clock
from tests.oracle_evidence import WEBHOOKS, Answer, Expected
from tests.under_fire.ledger import Ledger
from tests.under_fire.poison import poison
from tests.under_fire.scenarios import SCENARIOS
from tests.under_fire.stories import Letter, Story, signature

SEND_S: Final = 5.0
AGAIN_S: Final = 0.3
#: Everything in the stories happened within so many minutes.
STORY_MINUTES: Final = 110


class LoadFailedError(AssertionError):
    """Something could not be sent within the limit: nothing was promised, so that nothing can be judged."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be sent, in this order, and how it must end."""

    seed: int
    letters: tuple[Letter, ...]
    expected: tuple[Expected, ...]


def make_plan(
    seed: int,
    *,
    orders: int = 12,
    scenarios: Collection[str] = tuple(SCENARIOS),
    repeat_share: float = 0.15,
    poison_share: float = 0.05,
    webhook_share: float = 0.0,
    now: datetime | None = None,
    mark: str = "",
) -> Plan:
    """Plan a load: the same seed (and `now`) gives the same one.

    `webhook_share` of the orders have their scans told over HTTP by EasyPost. A second load of one test needs another
    `mark`, which begins its order numbers.
    """
    dice = random.Random(seed)  # noqa: S311 - a test's disorder must be repeatable
    placed_at = (now or clock.now()).replace(microsecond=0) - timedelta(minutes=STORY_MINUTES)
    mark, names = mark or f"F{seed}", tuple(scenarios)
    letters: list[Letter] = []
    expected: list[Expected] = []
    for n in range(orders):
        story = Story(f"{mark}-{n}", placed_at + timedelta(seconds=n), by_webhook=dice.random() < webhook_share)
        expected.append(SCENARIOS[names[n % len(names)]](story))
        letters += story.letters
    letters += [poison(dice, n, mark, by_webhook=webhook_share > 0) for n in range(round(len(letters) * poison_share))]
    return Plan(seed, _in_disorder(letters, dice, repeat_share), tuple(expected))


def _in_disorder(letters: Sequence[Letter], dice: random.Random, repeat_share: float) -> tuple[Letter, ...]:
    """Shuffle, and tell some again; what must come first stands in the first part."""
    copies = [one for one in letters for _ in range(one.copies)]
    copies += [one for one in letters if not one.sent.poison and dice.random() < repeat_share]
    return tuple(sorted(copies, key=lambda one: dice.random() - one.first))


@dataclass
class Load:
    """Sends a plan; `done` says how much of it is acknowledged."""

    plan: Plan
    bootstrap_servers: str
    prefix: str
    ledger: Ledger
    ingest_urls: Sequence[str] = ()
    per_second: float = 100.0
    concurrency: int = 8
    limit_s: float = 120.0
    done: int = 0
    half: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when half of it is acknowledged: a good moment for a fault."""

    @property
    def total(self) -> int:
        """How much there is to send."""
        return len(self.plan.letters)

    async def run(self) -> None:
        """Send everything; returns when all is acknowledged."""
        self.ledger.expect(self.plan.expected)
        letters, pace = iter(self.plan.letters), _Pace(self.per_second)
        try:
            async with (
                asyncio.timeout(self.limit_s),
                _producer(self.bootstrap_servers) as producer,
                _client() as client,
                asyncio.TaskGroup() as group,
            ):
                for _ in range(self.concurrency):
                    group.create_task(self._work(letters, pace, producer, client))
        except TimeoutError:
            told = f"only {self.done} of {self.total} were acknowledged within {self.limit_s:.0f} s"
            raise LoadFailedError(told) from None

    async def _work(
        self, letters: Iterator[Letter], pace: "_Pace", producer: AIOKafkaProducer, client: httpx2.AsyncClient
    ) -> None:
        for one in letters:
            await pace.wait()
            self.ledger.intend([one.sent])
            if one.sent.topic == WEBHOOKS:
                await self._post(one, client)
            else:
                await self._produce(one, producer)
            self.done += 1
            if self.done * 2 >= self.total:
                self.half.set()

    async def _produce(self, one: Letter, producer: AIOKafkaProducer) -> None:
        """Send a record until Kafka has it; what a lost answer repeats is there twice."""
        wire, key, headers = self.prefix + one.sent.topic, one.sent.key.encode(), list(one.headers)
        while True:
            try:
                done = await producer.send_and_wait(wire, one.value, key=key, headers=headers)
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(AGAIN_S)
            else:
                self.ledger.acknowledged(one.sent.id, done.partition, done.offset)
                return

    async def _post(self, one: Letter, client: httpx2.AsyncClient) -> None:
        """Post a webhook until some door takes it, as senders do: the next one after anything but a 2xx."""
        headers = {"X-Hmac-Signature": signature(one.value), "Content-Type": "application/json"}
        for url in itertools.cycle(self.ingest_urls):
            try:
                answer = await client.post(f"{url}/webhooks/easypost", content=one.value, headers=headers)
            except httpx2.TransportError:
                await asyncio.sleep(AGAIN_S)
                continue
            self.ledger.answered(one.sent.id, Answer(answer.status_code, "retry-after" in answer.headers))
            if answer.is_success:
                return
            await asyncio.sleep(AGAIN_S)


class _Pace:
    """Lets so many through a second."""

    def __init__(self, per_second: float) -> None:
        self._gap_s = 1 / per_second
        self._next = 0.0

    async def wait(self) -> None:
        now = clock.monotonic()
        self._next = max(now, self._next + self._gap_s)
        await asyncio.sleep(self._next - now)


def _client() -> httpx2.AsyncClient:
    return httpx2.AsyncClient(trust_env=False, timeout=SEND_S)


@asynccontextmanager
async def _producer(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer as soon as Kafka is there."""
    while True:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap_servers, acks="all", linger_ms=5, request_timeout_ms=int(SEND_S * 1000)
        )
        try:
            await producer.start()
            break
        except (KafkaError, OSError):
            await producer.stop()
            await asyncio.sleep(AGAIN_S)
    try:
        yield producer
    finally:
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(SEND_S):
                await producer.stop()
