"""Finished orders do not stay for ever: their data go after a year, their marks after one more (rule E8).

What stays for a while is a row without content, so that a provider that sends a whole history again tells nobody
"delivered" a second time; and a tombstone in the place of the snapshot.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import asyncpg
import structlog

from services.runtime import delivery, metrics
from services.runtime.delivery import Decision
from services.runtime.errors import Exit, Stopping
from services.runtime.failpoints import hit
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.status import outbox, purge_rows, settled, versions
from services.status.handler import NOW
from services.status.outputs import Outputs

T = TypeVar("T")

log = structlog.stdlib.get_logger("trackfold.status.purge")

#: What is shown in `/readyz`, and in the metric of tries.
WHAT: Final = "purge"
WINDOW: Final = 1000
AT_ONCE: Final = 50
#: Windows after which another process may go on: a connection is not kept for longer.
STRIDE: Final = 60
#: When a walk begins after the start, or goes on after something was in its way.
SOON_S: Final = 600.0
#: Failures of one window after which the rest of it is left to another walk: five bad orders are found with fewer.
MOST_FAILURES: Final = 32


class Stride(NamedTuple):
    """A part of a walk."""

    purged: int
    goes_on: bool
    """Whether the next part may follow at once."""


@dataclass(slots=True)
class Purge:
    """Walks slowly through all orders and purges in small transactions; of several processes one walks at a time."""

    life: Life
    pool: Pool
    outputs: Outputs
    after_days: int
    """How long after its last change a finished order is purged; 0: never."""
    forget_after_days: int
    """How long after that its mark goes; 0: never."""
    round_s: float = 86_400.0
    """How long after a walk the next one begins."""
    may_take: Callable[[], bool] = lambda: True
    """Whether there is room in the outbox."""
    between_s: float = 1.0
    """How long it rests between two windows."""
    _at: str = ""
    _ended: bool = False

    async def run(self) -> None:
        """Go on until the process stops; a loop for `life.spawn`."""
        pause_s = self._soon()
        while not await self.life.pause(pause_s):
            await self.sweep()
            pause_s = self.round_s * random.uniform(0.9, 1.1) if self._ended else self._soon()  # noqa: S311

    def _soon(self) -> float:
        return min(self.round_s, SOON_S) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    async def sweep(self) -> int:
        """Walk through all orders, or go on where a walk was left; return how many were purged."""
        self._ended, purged = False, 0
        while (stride := await self._attempt(self._stride)) is not None:
            purged += stride.purged
            if not stride.goes_on:
                break
        forgotten: int | None = self._ended
        while forgotten and not self.life.stopping.is_set():
            forgotten = await self._attempt(self.forget)
            if forgotten:
                await self.life.pause(self.between_s)
        return purged

    async def _attempt(self, work: Callable[[], Awaitable[T]]) -> T | None:
        """Do it as long as the world is at fault; None where that is not why it failed: another walk tries again."""

        async def once() -> T | None:
            try:
                return await work()
            except Exception as exc:
                if not _is_left_out(exc):
                    raise
                _tell(exc, orders=0)
                return None

        return await delivery.persist(once, life=self.life, what=WHAT)

    async def _stride(self) -> Stride:
        purged = 0
        async with self.pool.acquire() as connection, purge_rows.turn(connection) as ours:
            for _ in range(STRIDE):
                if not ours or not self.may_take():
                    return Stride(purged, goes_on=False)
                window = await purge_rows.look(connection, self._at, days=self.after_days, limit=WINDOW)
                purged += await self._purge_in_parts(window.due)
                self._at, self._ended = window.last or "", window.last is None
                if self._ended or await self.life.pause(self.between_s):
                    return Stride(purged, goes_on=False)
        return Stride(purged, goes_on=True)

    async def _purge_in_parts(self, orders: Sequence[str]) -> int:
        """Purge all but what cannot be: a part that fails, or takes too long, is halved down to the order at fault."""
        parts = [orders[start : start + AT_ONCE] for start in range(0, len(orders), AT_ONCE)]
        purged = failures = 0
        while parts and failures < MOST_FAILURES:
            part = parts.pop()
            try:
                purged += await self.purge(part)
            except Exception as exc:
                if not _is_left_out(exc):
                    raise
                failures += 1
                half = len(part) // 2
                parts += [part[half:], part[:half]] if half else []
                left = (0 if half else 1) + (sum(map(len, parts)) if failures == MOST_FAILURES else 0)
                if left:
                    _tell(exc, orders=left)
        return purged

    async def purge(self, orders: Sequence[str]) -> int:
        """Purge those of the orders that are still due under their locks; return how many.

        Erased ones without a mark are closed with them.
        """
        async with self.pool.transaction() as connection:
            await versions.hold(connection)
            await settled.hold(connection)
            locked = await purge_rows.lock(connection, orders)
            marks = await purge_rows.due(connection, locked, days=self.after_days)
            if not marks:
                return 0
            tombstones, shipments = await purge_rows.close(connection, marks, at=await connection.fetchval(NOW))
            await outbox.append(connection, [self.outputs.addressed(one) for one in tombstones])
            await hit("purge.before_commit")
        metrics.PURGED.labels("orders").inc(len(marks))
        metrics.PURGED.labels("shipments").inc(shipments)
        log.info("purged", orders=len(marks), shipments=shipments)
        return len(marks)

    async def forget(self) -> int:
        """Delete some marks whose time has come; return how many."""
        if not self.forget_after_days:
            return 0
        async with self.pool.transaction() as connection:
            await versions.hold(connection)
            await settled.hold(connection)
            orders, shipments = await purge_rows.forget(connection, days=self.forget_after_days, limit=AT_ONCE)
        metrics.PURGED.labels("marks").inc(orders + shipments)
        return orders + shipments


def _is_left_out(exc: Exception) -> bool:
    """Tell whether neither waiting nor a person's hand on the settings mends it: nothing else may suffer from it.

    A statement that took too long would again, under the same locks.
    """
    if isinstance(exc, asyncpg.QueryCanceledError):
        return True
    return not isinstance(exc, Exit | Stopping) and delivery.decide(exc) in {Decision.DEAD_LETTER, Decision.UNEXPECTED}


def _tell(exc: Exception, *, orders: int) -> None:
    metrics.PURGED.labels("left_out").inc(orders or 1)
    log.error("not purged: left to another walk", orders=orders, why=delivery.describe(exc))
