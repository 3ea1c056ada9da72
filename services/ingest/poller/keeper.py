"""Keeps the poller's tables in order: plans every parcel anew after a start, and forgets what is over.

A new setting (another pace, another provider for a carrier) reaches parcels that nothing happens to only so.
"""

from dataclasses import dataclass
from typing import Final

import structlog

from services.ingest.poller import heard, repository, watched
from services.ingest.poller.watched import Watched
from services.ingest.poller.watching import Watching
from services.runtime import delivery
from services.runtime.life import Life
from services.runtime.postgres import Pool

WHAT: Final = "poller keeper"
KEPT_S: Final = 7 * 24 * 3600.0
"""How long a parcel that nobody waits for any more is still shown."""
_TIDY_S: Final = 3600.0
_PAGE: Final = 200
_PAUSE_S: Final = 0.05

log = structlog.stdlib.get_logger("trackfold.poller")


@dataclass(frozen=True, slots=True)
class Keeper:
    """One of these in each process; several at once do no harm."""

    life: Life
    pool: Pool
    watching: Watching

    async def run(self) -> None:
        """Plan anew, then tidy up every hour; a loop for `life.spawn`."""
        heart = self.life.heart(WHAT, 2 * _TIDY_S)
        after: str | None = ""
        while after is not None and not self.life.stopping.is_set():
            heart.beat()
            place = after
            after = await delivery.persist(
                lambda: self.plan(place),  # noqa: B023 - awaited before the next turn
                life=self.life,
                what=WHAT,
                heart=heart,
            )
            await self.life.pause(_PAUSE_S)
        while not self.life.stopping.is_set():
            heart.beat()
            await delivery.persist(self.tidy, life=self.life, what=WHAT, heart=heart)
            await self.life.pause(_TIDY_S)

    async def plan(self, after: str) -> str | None:
        """Plan the next parcels anew; return the last one's key, None when there are no more."""
        async with self.pool.transaction() as connection:
            rows = await repository.page(connection, after, limit=_PAGE)
            planned = [self._served(row) for row in rows]
            await repository.save(connection, [(row, self.watching.plan(row)) for row in planned])
        return rows[-1].shipment if rows else None

    async def tidy(self) -> None:
        """Forget parcels that are over, and hours that are too old to say anything."""
        more = True
        while more and not self.life.stopping.is_set():
            async with self.pool.transaction() as connection:
                more = await repository.tidy(connection, after_s=KEPT_S)
        async with self.pool.transaction() as connection:
            await heard.tidy(connection)

    def _served(self, row: Watched) -> Watched:
        traits = self.watching.serving.provider_of(row.carrier)
        provider = None if traits is None else traits.provider
        return row if provider == row.provider else watched.served(row, traits)
