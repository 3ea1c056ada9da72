"""The steady load: one small load after the other, each with a mark of its own, so that orders end all along."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from tests.under_fire.stage import Stage

ORDERS: Final = 20
#: A load of this size takes some 15 s; it is longer on its way where nobody takes it.
LIMIT_S: Final = 240.0
POISON_SHARE: Final = 0.03
LAST_ORDERS: Final = 24
LAST_PER_SECOND: Final = 25.0


@dataclass
class Feed:
    """Sends until it is told to stop, and once more after that: what is well again takes another load."""

    stage: Stage
    seed: int
    per_second: float
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Send; raises what stopped a load."""
        number = 0
        while not self.stopping.is_set():
            await self._one(number, ORDERS, self.per_second)
            number += 1
        await self._one(number, LAST_ORDERS, LAST_PER_SECOND)

    async def _one(self, number: int, orders: int, per_second: float) -> None:
        load = await self.stage.begin(
            seed=self.seed * 1000 + number,
            mark=f"C{number}",
            orders=orders,
            per_second=per_second,
            poison_share=POISON_SHARE,
            limit_s=LIMIT_S,
        )
        await self.stage.sent()
        load.ledger.close()
