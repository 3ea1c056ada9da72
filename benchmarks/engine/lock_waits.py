"""How long workers wait for each other in Postgres: ten times a second, which backends wait for a lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

_EVERY_S: Final = 0.1
_WAITING: Final = """
select count(*) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and wait_event_type = 'Lock'
"""
_DEADLOCKS: Final = "select deadlocks from pg_stat_database where datname = current_database()"


@dataclass(slots=True)
class LockWaits:
    """What was seen."""

    asked: int = 0
    seen: int = 0
    """Backends that waited, of all times together."""
    deadlocks: int = 0
    """Known at the end."""

    def share(self, workers: int) -> float:
        """Return the share of so many workers' time in which they waited."""
        return self.seen / max(1, self.asked) / workers


@asynccontextmanager
async def lock_waits(dsn: str) -> AsyncIterator[LockWaits]:
    """Look at all backends of a database while the block is at work."""
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=60)
    try:
        before = await connection.fetchval(_DEADLOCKS)
        found, over = LockWaits(), asyncio.Event()
        asking = asyncio.create_task(_ask(connection, found, over))
        try:
            yield found
        finally:
            over.set()
            await asking
        found.deadlocks = await connection.fetchval(_DEADLOCKS) - before
    finally:
        await connection.close(timeout=5)


async def _ask(connection: Any, found: LockWaits, over: asyncio.Event) -> None:
    while not over.is_set():
        found.seen += await connection.fetchval(_WAITING)
        found.asked += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), _EVERY_S)
