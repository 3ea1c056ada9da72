"""Cutting off a frozen process that holds what a batch needs (rule E11).

A process that froze between two statements is cut off by the server (`idle_in_transaction_timeout_s`), but one that
froze inside COPY is not: there a backend waits for its client and obeys no timeout. The batch that waits for it would
time out again and again. So while it waits, a second connection asks who blocks it and ends what is ours, old and not
itself waiting. Whatever was applied there is rolled back, and the fence lets the records count once all the same.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import structlog

from services.runtime import clock, delivery, metrics
from services.runtime.postgres import Connection, Pool

log = structlog.stdlib.get_logger("trackfold.unblocking")

_LOOK_S: Final = 0.5

# The roots of the queue: who blocks the batch, or blocks somebody who does, and waits for no lock himself. Processes of
# the same service carry the same application name.
BLOCKERS: Final = """
with recursive waits(pid) as (
    select unnest(pg_blocking_pids($1))
    union
    select blocker from waits, unnest(pg_blocking_pids(waits.pid)) as blocker
)
select a.pid, a.application_name as application,
    a.application_name = current_setting('application_name') and a.usename = current_user
        and a.pid not in ($1, pg_backend_pid()) as ours,
    a.xact_start < clock_timestamp() - make_interval(secs => $2) as old
from waits join pg_stat_activity as a using (pid)
where a.wait_event_type is distinct from 'Lock'
"""
# Asked once more in the same statement: meanwhile the backend may have begun another transaction.
TERMINATE: Final = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid = $1 and xact_start < clock_timestamp() - make_interval(secs => $2)
"""


class Unblocking:
    """Watches over the transactions of one consumer."""

    def __init__(self, pool: Pool, group: str) -> None:
        self._pool = pool
        self._group = group
        self._limit_s = pool.blocked_limit_s
        self._since: float | None = None
        self._told: set[int] = set()

    @asynccontextmanager
    async def watching(self, connection: Connection) -> AsyncIterator[None]:
        """Watch the transaction that runs in this block on `connection`."""
        began = clock.monotonic()
        # A try is cut off by its lock_timeout before the limit: the waiting of all tries counts together.
        since = began if self._since is None else self._since
        task = asyncio.create_task(self._watch(connection.get_server_pid(), begin_at=since + self._limit_s))
        try:
            yield
        except (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError):
            self._since = since
            raise
        else:
            self._since = None
            self._told.clear()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self, pid: int, *, begin_at: float) -> None:
        await asyncio.sleep(max(0.0, begin_at - clock.monotonic()))
        while True:
            try:
                await self._look(pid)
            except Exception as exc:  # noqa: BLE001 - the batch goes on waiting and decides; this only looks again
                log.warning("cannot see who blocks a batch", group=self._group, why=delivery.describe(exc))
            await asyncio.sleep(_LOOK_S)

    async def _look(self, pid: int) -> None:
        async with self._pool.acquire() as connection:
            for row in await connection.fetch(BLOCKERS, pid, self._limit_s):
                if not row["ours"]:
                    self._tell(row["pid"], row["application"])
                elif row["old"] and await connection.fetchval(TERMINATE, row["pid"], self._limit_s):
                    metrics.TERMINATED_BACKENDS.labels(self._group).inc()
                    log.error("ended the transaction of a frozen process of ours", group=self._group, pid=row["pid"])

    def _tell(self, pid: int, application: str) -> None:
        if pid not in self._told:
            self._told.add(pid)
            log.error("a batch is blocked by another application", group=self._group, pid=pid, application=application)
