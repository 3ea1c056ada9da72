"""The bound of the outbox: while it holds too much or too old messages, no further records are consumed (rule E12).

Whatever is not read stays in Kafka, where it costs nothing; what is read and cannot be published would fill the
database. Consuming begins again by itself when the relay has caught up.
"""

from dataclasses import dataclass
from typing import Final

import asyncpg

from services.runtime import delivery, metrics
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool

#: What is shown in `/readyz` as waited for: the relay, which alone empties the outbox.
WAITS_FOR: Final = "relay to empty the outbox"

_LOOK_S: Final = 1.0
_LOOK_AT_LARGE_S: Final = 5.0

# By id, which is by age: the first row costs one look into the index.
OLDEST: Final = """
select coalesce(extract(epoch from clock_timestamp() - created_at), 0)::float8 from status.outbox order by id limit 1
"""
# The files hold deleted rows as well and never shrink by themselves: an upper bound that costs nothing to read.
FILES: Final = "select pg_total_relation_size('status.outbox')"
# As stored, compressed; known without reading what lies apart.
ROWS: Final = """
select coalesce(sum(
    coalesce(pg_column_size(payload), 0) + coalesce(pg_column_size(snapshots), 0)
    + coalesce(pg_column_size(key) + pg_column_size(headers), 0) + coalesce(pg_column_size(value), 0)), 0)
from status.outbox
"""


@dataclass(slots=True)
class Pressure:
    """Measures the outbox; `may_take` says whether its bounds hold."""

    life: Life
    pool: Pool
    max_bytes: int
    max_age_s: float
    _full: bool = False

    def may_take(self) -> bool:
        """Whether the next batch may begin, as far as the last look knows."""
        return not self._full

    async def run(self) -> None:
        """Go on until the process stops; a loop for `life.spawn`."""
        heart = self.life.heart("outbox")
        large = False
        while not await self.life.pause(_LOOK_AT_LARGE_S if large else _LOOK_S):
            heart.beat()
            large = await delivery.persist(self.look, life=self.life, what="outbox", heart=heart)

    async def look(self) -> bool:
        """Measure once; return whether the next look costs more than this one should."""
        async with self.pool.acquire() as connection:
            age_s: float = await connection.fetchval(OLDEST) or 0.0
            size, large = await self._size(connection)
        metrics.OUTBOX_BYTES.set(size)
        metrics.OUTBOX_OLDEST.set(max(0.0, age_s))
        self._judge(size, age_s)
        return large

    async def _size(self, connection: Connection) -> tuple[int, bool]:
        files: int = await connection.fetchval(FILES)
        if files <= self.max_bytes:
            return files, False
        try:
            return int(await connection.fetchval(ROWS)), True
        except asyncpg.QueryCanceledError:
            return files, True  # too many to be counted in time are too many

    def _judge(self, size: int, age_s: float) -> None:
        self._full = size > self.max_bytes or age_s > self.max_age_s
        if self._full:
            why = f"{size} bytes (limit {self.max_bytes}), the oldest {age_s:.0f} s old (limit {self.max_age_s:g})"
            self.life.health.waiting(WAITS_FOR, why)
        else:
            self.life.health.works(WAITS_FOR)
