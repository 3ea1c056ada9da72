"""Claim, commit, look again, call, record: the only caller of channels, and why nobody is told twice.

A row that is being sent is never taken from its sender: when its lease ends, the outcome is unknown, is listed and
published, and nothing is sent again blindly. Only a message that was certainly not taken becomes due again. Who comes
back to its call after its lease, having stood still, does not call: what it knows of the order is as old.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TypeVar

import jinja2
import structlog

from schemas.order_status import ORDER_STATUS, OrderStatus
from services.notify import repository
from services.notify.addresses import same_recipient
from services.notify.channels.base import Channel, GiveUp, Message, Result, Sent, TryLater, Unknown
from services.notify.channels.registry import address_of
from services.notify.compose import Composer
from services.notify.contacts import BOOK, Book
from services.notify.policy import Reason
from services.notify.rows import Claimed, Ending, OrderRow
from services.notify.settings import NotifySection
from services.notify.verdict import EMAIL, Deliver, Hold, Moment, Rules, Withhold, verdict
from services.runtime import backoff, clock, delivery, failpoints, incarnation, metrics
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool

log = structlog.stdlib.get_logger("trackfold.notify")

T = TypeVar("T")
Write = Callable[[Connection], Awaitable[object]]


class Sender:
    """Works on what is due, several messages at a time."""

    def __init__(
        self, life: Life, settings: NotifySection, pool: Pool, *, channels: Mapping[str, Channel], composer: Composer
    ) -> None:
        """Take the channels by name, and what makes messages."""
        self._life = life
        self._settings = settings
        self._pool = pool
        self._channels = channels
        self._composer = composer
        self._rules = Rules(
            address_of=address_of,
            age_scale=settings.age_scale,
            # Beside e-mail, or instead of it.
            sms_beside_email=settings.sms_beside_email or EMAIL not in channels,
        )
        self._heart = life.heart("notify.sender")
        self._busy: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until the process stops; what is on its way then is finished."""
        try:
            while not self._life.stopping.is_set():
                await self._turn()
        finally:
            if self._busy:
                await asyncio.wait(self._busy)
        self._harvest(set(self._busy))

    async def _turn(self) -> None:
        free = self._settings.concurrency - len(self._busy)
        claimed = await self._persist(lambda: self.claim(free))
        self._heart.beat()
        self._busy |= {asyncio.create_task(self.deliver(one), name=f"notify {one.id}") for one in claimed}
        if claimed and len(claimed) == free and free > 0:
            return
        if len(self._busy) == self._settings.concurrency:
            await asyncio.wait(self._busy, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        else:
            await self._life.pause(self._settings.poll_s)
        self._harvest({task for task in self._busy if task.done()})

    def _harvest(self, done: set[asyncio.Task[None]]) -> None:
        self._busy -= done
        for task in done:
            task.result()

    async def claim(self, limit: int) -> list[Claimed]:
        """Declare unknown what was left behind, and take up to `limit` messages; committed when it returns."""
        await failpoints.hit("notify.before_claim")
        lease, since = timedelta(seconds=self._settings.lease_s), clock.monotonic()
        async with self._pool.transaction() as connection:
            await incarnation.hold(connection, repository.SCHEMA)
            lost = await repository.expire(connection)
            claimed = await repository.claim(
                connection, limit=limit, lease=lease, channels=tuple(self._channels), since=since
            )
            metrics.NOTIFY_OLDEST_DUE.set(await repository.oldest_due_s(connection))
        for channel, milestone in lost:
            log.error("a message was left behind: its outcome is unknown", channel=channel, milestone=milestone)
            metrics.NOTIFICATIONS.labels(channel, milestone, "unknown", "lease_ended").inc()
        return claimed

    async def deliver(self, claimed: Claimed) -> None:
        """Take one claimed message to its end, or make it wait."""
        order, now, told = await self._persist(lambda: self._look(claimed))
        if self._lease_is_over(claimed):
            # The database was away, and nothing was sent: another try looks again, with a lease of its own.
            await self._again(claimed, reason="lease_ended", after_s=None)
            return
        book = BOOK.validate_json(order.book)
        status = None if order.status is None else ORDER_STATUS.validate_json(order.status)
        if status is None:
            raise LookupError("a notification without a status")
        answer = verdict(claimed.identity, status, book, moment=self._moment(claimed, now), rules=self._rules)
        match answer:
            case Withhold(reason, detail):
                await self._withhold(claimed, Ending("suppressed", reason, detail), seen=order)
            case Hold(reason, until):
                await self._hold(claimed, reason=reason, until=until, seen=order)
            case Deliver(address):
                hashed = self._composer.hashed(claimed.identity.role, address)
                if any(same_recipient(hashed, other) for other in told):
                    await self._end(claimed, Ending("suppressed", Reason.SAME_CONTACT, recipient_hash=hashed))
                else:
                    await self._send(claimed, status, book, address=address, hashed=hashed)

    async def _look(self, claimed: Claimed) -> tuple[OrderRow, datetime, list[str]]:
        async with self._pool.acquire() as connection:
            told = await repository.told_others(connection, claimed.identity)
            return *await repository.newest(connection, claimed.identity.order_key), told

    def _moment(self, claimed: Claimed, now: datetime) -> Moment:
        wait = timedelta(seconds=self._settings.contact_wait_s)
        return Moment(now=now, contact_by=claimed.due_at + wait, reached_at=claimed.reached_at)

    async def _send(self, claimed: Claimed, status: OrderStatus, book: Book, *, address: str, hashed: str) -> None:
        channel = self._channels[claimed.identity.channel]
        try:
            message = self._composer.message(claimed, status, book, address=address)
        except jinja2.TemplateError:
            # Our own fault, and the same at every try: nothing was sent, and the others shall not wait for it.
            log.exception("a template failed", milestone=claimed.identity.milestone)
            await self._end(claimed, Ending("failed", "template_error", recipient_hash=hashed))
            return
        await failpoints.hit("notify.before_call")
        if self._lease_is_over(claimed):
            log.error("came too late to send a message: its outcome is unknown", milestone=claimed.identity.milestone)
            return
        result = await self._call(channel, message, name=claimed.identity.channel)
        await failpoints.hit("notify.after_call")
        await self._record(claimed, result, hashed=hashed, provider=channel.provider)

    def _lease_is_over(self, claimed: Claimed) -> bool:
        return clock.monotonic() - claimed.since > self._settings.lease_s

    async def _call(self, channel: Channel, message: Message, *, name: str) -> Result:
        began = clock.monotonic()
        result = await channel.send(message)
        metrics.NOTIFY_CALL_SECONDS.labels(name, type(result).__name__).observe(clock.monotonic() - began)
        return result

    async def _record(self, claimed: Claimed, result: Result, *, hashed: str, provider: str) -> None:
        match result:
            case Sent(reference):
                ending = Ending("accepted", None, None, hashed, provider, reference)
            case GiveUp(reason):
                ending = Ending("failed", reason, None, hashed, provider)
            case Unknown(reason):
                ending = Ending("unknown", reason, None, hashed, provider)
            case TryLater(reason, after_s) if claimed.attempt < self._settings.max_tries:
                await self._again(claimed, reason=reason, after_s=after_s)
                return
            case TryLater(reason):
                ending = Ending("failed", reason, f"given up after {claimed.attempt} tries", hashed, provider)
        await self._end(claimed, ending)

    async def _again(self, claimed: Claimed, *, reason: str, after_s: float | None) -> None:
        delay = (after_s or 0.0) + backoff.full_jitter(
            claimed.attempt - 1,
            random.random,
            first_s=self._settings.retry_first_s,
            longest_s=self._settings.retry_longest_s,
        )
        log.info("not taken, tried again later", channel=claimed.identity.channel, reason=reason, in_s=round(delay, 2))
        await self._write(lambda connection: repository.again(connection, claimed, reason=reason, delay_s=delay))
        self._count(claimed, "try_later", reason)

    async def _hold(self, claimed: Claimed, *, reason: str, until: datetime, seen: OrderRow) -> None:
        if await self._write(
            lambda connection: repository.hold(connection, claimed, reason=reason, until=until, seen=seen)
        ):
            self._count(claimed, "held", reason)

    async def _withhold(self, claimed: Claimed, ending: Ending, *, seen: OrderRow) -> None:
        if await self._write(lambda connection: repository.withhold(connection, claimed, ending, seen=seen)):
            self._count(claimed, ending.state, ending.reason or "")

    async def _end(self, claimed: Claimed, ending: Ending) -> None:
        ours = await self._write(lambda connection: repository.end(connection, claimed, ending))
        if not ours:
            log.error("the outcome of a message came too late for its row", outcome=ending.state)
        self._count(claimed, ending.state, ending.reason or "")

    async def _write(self, write: Write) -> object:
        async def transaction() -> object:
            async with self._pool.transaction() as connection:
                result = await write(connection)
                await failpoints.hit("notify.before_record")
                return result

        return await self._persist(transaction)

    async def _persist(self, work: Callable[[], Awaitable[T]]) -> T:
        return await delivery.persist(work, life=self._life, what="notify.sender", heart=self._heart)

    def _count(self, claimed: Claimed, outcome: str, reason: str) -> None:
        metrics.NOTIFICATIONS.labels(claimed.identity.channel, claimed.identity.milestone, outcome, reason).inc()
