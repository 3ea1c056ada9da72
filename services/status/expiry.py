"""Shipments that no order ever claims do not stay for ever: after 60 days they go, counted per provider (rule E2).

Each is a parcel that a carrier knows and no shop told us of: a wrong number, a wrong carrier, a missing integration.
"""

from dataclasses import dataclass
from typing import Final

import structlog

from services.runtime import delivery, metrics
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.status import expiry_rows, settled

log = structlog.stdlib.get_logger("trackfold.status.expiry")

#: What is shown in `/readyz`, and in the metric of tries.
WHAT: Final = "expiry"
UNCLAIMED_DAYS: Final = 60
ROUND_S: Final = 600.0
AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Expiry:
    """Deletes in small transactions; several processes may do it at once."""

    life: Life
    pool: Pool

    async def run(self) -> None:
        """Go on until the process stops; a loop for `life.spawn`."""
        while not await self.life.pause(ROUND_S):
            while await delivery.persist(self.expire, life=self.life, what=WHAT):
                if self.life.stopping.is_set():
                    return

    async def expire(self) -> int:
        """Delete some; return how many (shipments told by several providers count for each).

        A restored database waits with it: a parcel may be claimed in what is still to be read again.
        """
        async with self.pool.transaction() as connection:
            await settled.hold(connection)
            expired = await expiry_rows.expire(connection, days=UNCLAIMED_DAYS, limit=AT_ONCE)
        for provider, count in expired.items():
            metrics.UNCLAIMED_EXPIRED.labels(provider).inc(count)
            log.warning("unclaimed shipments expired", provider=provider, shipments=count)
        return sum(expired.values())
