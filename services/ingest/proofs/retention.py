"""Deletes proofs that are older than they may be: every hour a part of the store, every day the whole of it.

An object goes when it was last told longer ago than the retention and, with an index, no shipment was told of it since.
Several processes may do it at once. A store that is away is waited for: nothing is worse for it than a later round.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from services.ingest.proofs.index import ProofIndex
from services.ingest.proofs.store import SHARDS, ProofStore
from services.runtime import clock, delivery, metrics
from services.runtime.delivery import Decision
from services.runtime.life import Life

ROUND_S: Final = 3600.0
_HOURS: Final = 24

log = structlog.stdlib.get_logger("trackfold.ingest.proofs")


@dataclass(frozen=True, slots=True)
class Retention:
    """What goes, and when."""

    store: ProofStore
    index: ProofIndex | None
    days: int
    stopping: Callable[[], bool] = lambda: False
    """Asked between two deletions."""

    async def expire(self, *, now: datetime, shards: Iterable[int] = range(SHARDS), dry_run: bool = False) -> list[str]:
        """Delete what is too old in these parts of the store; return the hashes (with `dry_run`: which it would be)."""
        before = now - timedelta(days=self.days)
        gone = list[str]()
        for shard in shards:
            async for kept in self.store.kept(shard):
                old = [one.sha256 for one in kept if one.told_at < before]
                if self.stopping():
                    return gone
                gone += await self._delete(old, before, dry_run=dry_run)
        if self.index is not None and not dry_run:
            while await self.index.forget(before) and not self.stopping():
                pass
        return gone

    async def _delete(self, old: list[str], before: datetime, *, dry_run: bool) -> list[str]:
        needed = await self.index.younger(old, before) if self.index is not None and old else frozenset()
        going = [sha256 for sha256 in old if sha256 not in needed]
        if dry_run:
            return going
        for sha256 in going:
            await self.store.delete(sha256)
            metrics.PROOFS_DELETED.labels("expired").inc()
        return going


async def run(life: Life, store: ProofStore, index: ProofIndex | None, *, days: int) -> None:
    """Go on until the process stops; a loop for `life.spawn`."""
    retention = Retention(store, index, days, stopping=life.stopping.is_set)
    # With jitter from the first round on: processes that started together do not come to the store together. Never more
    # than an hour, or the part of an hour between two rounds would be left out that day.
    while not await life.pause(ROUND_S * (0.5 + 0.4 * random.random())):  # noqa: S311 - no secret
        now = clock.now()
        try:
            gone = await retention.expire(now=now, shards=hourly(now))
        except Exception as exc:
            if delivery.decide(exc) is not Decision.WAIT:
                raise
            metrics.RETRIES.labels("proof retention", delivery.reason(exc)).inc()
            log.warning("proofs were not looked through", why=delivery.describe(exc))
            continue
        if gone:
            log.info("proofs expired", proofs=len(gone))


def hourly(now: datetime) -> range:
    """Return the parts of the store that are looked through in this hour of the day."""
    return range(now.hour, SHARDS, _HOURS)
