"""The poller: takes what is due at a provider, asks, sends the answers through the webhooks' door, writes it down.

Any number of processes may do it at once. The rate is a row in the database that all of them pass by; a parcel is
taken by a lease that ends by itself, and whoever comes back after it changes nothing. Killed at any place, the worst
is that a number is registered or read twice, which no provider and no state minds.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import structlog

from schemas.webhooks import PULL
from services.ingest.apis.base import Answer, Api, Client, Subject, Trouble
from services.ingest.carriers.base import ASKED_CARRIER, ASKED_NUMBER, Carrier, Request
from services.ingest.carriers.registry import CARRIERS
from services.ingest.poller import outcomes, repository
from services.ingest.poller.outcomes import Asked, Result, Retries
from services.ingest.poller.repository import Claim, Wait
from services.ingest.poller.schedule import Operation
from services.ingest.poller.settings import PollerSection
from services.ingest.poller.watching import Watching
from services.runtime import clock, delivery, metrics
from services.runtime.errors import Poison
from services.runtime.failpoints import hit
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.watchdog import Heart

_LEAST_WAIT_S: Final = 0.005
_CALLS: Final = 3
"""Requests that one piece of work may take: a token, the question, and once more with a new token."""
_HEART_MARGIN_S: Final = 60.0
_LONGEST_PAUSE_S: Final = 900.0
"""A provider that fails is tried again at least this often: a quarter of an hour after an outage all goes on."""

log = structlog.stdlib.get_logger("trackfold.poller")


def what(provider: str) -> str:
    """Return what the loops of a provider are called where somebody waits for them."""
    return f"poller {provider}"


class Keep(Protocol):
    """The door of the webhooks (`handler.Intake.keep`): returns when Kafka has the body."""

    async def __call__(
        self, carrier: Carrier, request: Request, *, told_at: datetime, via: str = ..., number: str | None = ...
    ) -> None:
        """Keep one body."""


@dataclass(frozen=True, slots=True)
class Poller:
    """Asks one provider; several of its loops may run at once."""

    life: Life
    settings: PollerSection
    pool: Pool
    api: Api
    client: Client
    keep: Keep
    watching: Watching
    carriers: Mapping[str, Carrier] = field(default_factory=lambda: CARRIERS)
    random: Callable[[], float] = field(default=random.random)

    @property
    def provider(self) -> str:
        """Whom it asks."""
        return self.api.traits.provider

    async def run(self, number: int = 1) -> None:
        """Go on until the process stops; a loop for `life.spawn`."""
        # A provider may take as long as it is allowed to: that is no loop that stands still.
        limit_s = _CALLS * self.settings.call_timeout_s + _HEART_MARGIN_S
        heart = self.life.heart(f"{what(self.provider)} {number}", limit_s)
        while not self.life.stopping.is_set():
            heart.beat()
            wait_s = await delivery.persist(
                lambda: self.turn(heart), life=self.life, what=what(self.provider), heart=heart
            )
            if wait_s > 0:
                await self.life.pause(wait_s)

    async def turn(self, heart: Heart | None = None) -> float:
        """Send one request, if something is due and the rate allows it; return how long to wait before the next."""
        found = await self._claim()
        if isinstance(found, Wait):
            turn_s = self.settings.turn_s
            return turn_s if found.seconds is None else max(_LEAST_WAIT_S, min(found.seconds, turn_s))
        await hit("poller.before_call")
        asked = await self._ask(found)
        await hit("poller.after_call")
        for answer in asked.answers:
            await self._send(answer, found, at=asked.at, heart=heart)
        await self._record(found, asked)
        return 0.0

    async def _claim(self) -> Claim | Wait:
        traits = self.api.traits
        limits = {
            Operation.READ: traits.reads,
            Operation.REGISTER: traits.registers,
            Operation.END: traits.ends,
        }
        async with self.pool.transaction() as connection:
            overdue_s = await repository.overdue_s(connection, self.provider)
            metrics.POLLER_OVERDUE.labels(self.provider).set(max(0.0, overdue_s))
            return await repository.claim(
                connection,
                self.provider,
                limits=limits,
                lease_s=self.settings.lease_s,
                spacing_s=self.settings.spacing_s(traits),
            )

    async def _ask(self, claim: Claim) -> Asked:
        """Ask the provider; whatever goes wrong is an outcome."""
        subjects = [row.subject for row in claim.rows]
        began, at = clock.monotonic(), clock.now()
        try:
            async with asyncio.timeout(_CALLS * self.settings.call_timeout_s):
                results = await self._call(claim.operation)(self.client, subjects)
            asked = Asked(claim.operation, at, tuple(results or ()))
        except Trouble as trouble:
            asked = Asked(claim.operation, at, trouble=trouble)
        except TimeoutError:
            asked = Asked(claim.operation, at, trouble=Trouble("timeout"))
        except Exception:  # it decides: one provider's odd answer must not stop the others, and it is asked again later
            log.exception("a client failed", provider=self.provider, operation=claim.operation)
            asked = Asked(claim.operation, at, trouble=Trouble("client_failed"))
        metrics.API_SECONDS.labels(self.provider, claim.operation).observe(clock.monotonic() - began)
        outcome = "ok" if asked.trouble is None else asked.trouble.why
        metrics.API_REQUESTS.labels(self.provider, claim.operation, outcome).inc()
        return asked

    def _call(self, operation: Operation) -> Callable[[Client, Sequence[Subject]], Awaitable[Sequence[Result] | None]]:
        calls: Mapping[Operation, Callable[[Client, Sequence[Subject]], Awaitable[Sequence[Result] | None]]] = {
            Operation.READ: self.api.read,
            Operation.REGISTER: self.api.register,
            Operation.END: self.api.end,
        }
        return calls[operation]

    async def _send(self, answer: Answer, claim: Claim, *, at: datetime, heart: Heart | None) -> None:
        """Send an answer through the same door as a webhook; returns when Kafka has it, or will never take it."""
        rows = [row for row in claim.rows if row.shipment in answer.keys]
        carriers = {row.carrier for row in rows}
        number = rows[0].number if len(rows) == 1 else None
        asked = {ASKED_CARRIER: carriers.pop() if len(carriers) == 1 else None, ASKED_NUMBER: number}
        headers = tuple((name.encode(), value.encode()) for name, value in asked.items() if value is not None)
        request = Request(method="GET", path=f"/webhooks/{self.provider}", headers=headers, body=answer.body)

        async def send() -> None:
            await self.keep(self.carriers[self.provider], request, told_at=at, via=PULL, number=number)

        try:
            await delivery.persist(send, life=self.life, what=what(self.provider), heart=heart)
        except Poison as poison:
            log.warning("an answer cannot be kept", provider=self.provider, why=poison.reason, parcels=len(rows))
            metrics.DEAD_LETTERS.labels("ingest", poison.reason).inc()

    async def _record(self, claim: Claim, asked: Asked) -> None:
        async with self.pool.transaction() as connection:
            before = await repository.lock_leased(connection, claim.leases)
            now = await repository.now(connection)
            after = outcomes.apply(before, asked, now=now, retries=self._retries(self.settings.retry_longest_s))
            await repository.save(connection, [(row, self.watching.plan(row)) for row in after.values()], release=True)
            if asked.trouble is None or asked.trouble.of_the_batch:
                await repository.well(connection, self.provider)
            else:
                await self._pause(connection, asked.trouble)
            await hit("poller.before_record")
        for outcome, number in outcomes.count(before, asked).items():
            metrics.API_PARCELS.labels(self.provider, asked.operation, outcome).inc(number)

    async def _pause(self, connection: Connection, trouble: Trouble) -> None:
        """Leave the provider alone for a while, longer with each failure."""
        failures = await repository.failures(connection, self.provider)
        wait = self._retries(_LONGEST_PAUSE_S).after(failures, trouble.after_s)
        await repository.pause(connection, self.provider, trouble.why, seconds=wait.total_seconds())
        log.warning("a provider is left alone", provider=self.provider, why=trouble.why, seconds=wait.seconds)

    def _retries(self, longest_s: float) -> Retries:
        first_s = self.settings.retry_first_s
        return Retries(random=self.random, first_s=first_s, longest_s=max(first_s, longest_s))
