"""Sends what the simulator plays, as carriers and shops do: again after a 503, after the time it names, not for ever.

Counts everything that happened; decides nothing about when (that is `simulator.py`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Final

import httpx2

from services.local.messages import KafkaMessage, Webhook, sign
from services.runtime import backoff, clock

MAX_TRIES: Final = 8
LONGEST_WAIT_S: Final = 30.0
_FIRST_WAIT_S: Final = 0.25
_CLIENT_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_COME_BACK: Final = frozenset({408, 425, 429})

Publish = Callable[[KafkaMessage], Awaitable[object]]
Post = Callable[[Webhook, Mapping[str, str]], Awaitable[httpx2.Response]]


@dataclass(slots=True)
class Tally:
    """What a run did so far."""

    orders: int = 0
    finished: int = 0
    events: int = 0
    webhooks: int = 0
    repeated: int = 0
    late: int = 0
    retries: int = 0
    given_up: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Messages that never arrived."""
        return self.given_up + sum(self.refused.values())

    def as_json(self) -> dict[str, object]:
        """Give the counts as data."""
        return {**asdict(self), "refused": dict(self.refused)}


class Publisher:
    """Sends Kafka messages with bounded retries, and keeps the tally."""

    def __init__(
        self, *, publish: Publish, tally: Tally, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.tally = tally
        self._pause = pause
        self._publish = publish
        self._dice = Random()  # noqa: S311 -- jitter

    async def event(self, message: KafkaMessage) -> None:
        """Publish one order event; after too many failures it is given up and counted."""
        for attempt in range(MAX_TRIES):
            try:
                await self._publish(message)
            except (OSError, TimeoutError, RuntimeError):  # aiokafka's errors are RuntimeErrors
                await self._wait(attempt)
            else:
                self.tally.events += 1
                return
        self.tally.given_up += 1

    async def _wait(self, attempt: int, *, told: str | None = None) -> None:
        """Wait as told, or longer with each try."""
        self.tally.retries += 1
        jitter = backoff.full_jitter(attempt, self._dice.random, first_s=_FIRST_WAIT_S)
        wanted = float(told) if told is not None and told.isdecimal() else 0.0
        await self._pause(min(LONGEST_WAIT_S, wanted + jitter))


class Sender(Publisher):
    """Sends webhooks too."""

    def __init__(
        self,
        *,
        publish: Publish,
        post: Post,
        secrets: Mapping[str, str],
        tally: Tally,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(publish=publish, tally=tally, pause=pause)
        self._post = post
        self._secrets = secrets

    async def webhook(self, message: Webhook) -> None:
        """Post one webhook; 2xx ends it, 503 and its like are tried again, another answer is a refusal."""
        for attempt in range(MAX_TRIES):
            headers = sign(message, self._secrets[message.provider], at=clock.now())
            try:
                answer = await self._post(message, headers)
            except httpx2.TransportError:
                await self._wait(attempt)
                continue
            if answer.status_code < _CLIENT_ERROR:
                self.tally.webhooks += 1
                return
            if answer.status_code < _SERVER_ERROR and answer.status_code not in _COME_BACK:
                self.tally.refused[f"{message.provider} {answer.status_code}"] += 1
                return
            await self._wait(attempt, told=answer.headers.get("retry-after"))
        self.tally.given_up += 1
