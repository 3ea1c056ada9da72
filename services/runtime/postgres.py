"""Postgres: a pool with every limit set, transactions, and whole-transaction retries for short work.

No SQL of any service. A single statement is never retried: only whole transactions are.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar
from urllib.parse import urlsplit

import asyncpg

from services.runtime import backoff, delivery, metrics
from services.runtime.delivery import Decision
from services.runtime.errors import Transient
from services.runtime.life import Life
from services.runtime.settings import PostgresSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection

T = TypeVar("T")

_CLOSE_S: Final = 5.0
_PROBE_S: Final = 2.0
_RETRY_LONGEST_S: Final = 0.3
_PING: Final = "select 1"


class Pool:
    """Connections to one database."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", settings: PostgresSettings) -> None:
        self._pool = pool
        self._acquire_timeout_s = settings.acquire_timeout_s
        self.blocked_limit_s = settings.blocked_limit_s

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Lend a connection; raises TimeoutError when none gets free in time."""
        async with self._pool.acquire(timeout=self._acquire_timeout_s) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, *, readonly: bool = False) -> AsyncIterator[Connection]:
        """Lend a connection inside a READ COMMITTED transaction: committed at the end, rolled back on any exception."""
        try:
            async with self.acquire() as connection, connection.transaction(readonly=readonly):
                yield connection
        except asyncpg.ReadOnlySQLTransactionError:
            # After a failover the pool may still hold connections to the old primary.
            await self._pool.expire_connections()
            raise


@asynccontextmanager
async def open_pool(
    settings: PostgresSettings, application_name: str, *, schema: str | None = None
) -> AsyncIterator[Pool]:
    """Open a pool and prove that it works; closed within a few seconds whatever its connections do.

    With `schema`, unqualified names mean that schema and nothing else.
    """
    pool = asyncpg.create_pool(
        settings.url.get_secret_value(),
        min_size=1,
        max_size=settings.pool_size,
        timeout=settings.connect_timeout_s,
        # Behind the server's own limit, for the server that does not answer at all.
        command_timeout=settings.statement_timeout_s + 2,
        server_settings=_server_settings(settings, application_name, schema=schema),
    )
    try:
        async with asyncio.timeout(settings.connect_timeout_s + settings.statement_timeout_s):
            opened = await pool
            await opened.fetchval(_PING)
        yield Pool(opened, settings)
    finally:
        await _close(pool)


def address(settings: PostgresSettings) -> str:
    """Return host, port and database of the URL, without user and password: for people."""
    try:
        parts = urlsplit(settings.url.get_secret_value())
    except ValueError:
        return "a URL that cannot be read"
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


@asynccontextmanager
async def connect(settings: PostgresSettings, application_name: str) -> AsyncIterator[Connection]:
    """Open one connection for a command (migrations, doctor): no statement limit, a short lock limit."""
    connection = await asyncpg.connect(
        settings.url.get_secret_value(),
        timeout=settings.connect_timeout_s,
        server_settings={
            "application_name": application_name,
            "timezone": "UTC",
            "lock_timeout": _ms(settings.lock_timeout_s),
        },
    )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=_CLOSE_S)
        except (TimeoutError, OSError, asyncpg.PostgresError):
            connection.terminate()


async def retried(pool: Pool, work: Callable[[Connection], Awaitable[T]], *, what: str, tries: int = 4) -> T:
    """Run one short transaction, again as a whole when the world was at fault; for requests, which cannot wait long.

    Raises Transient when it fails `tries` times (answer 503), and whatever is not the world's fault at once.
    """
    for attempt in range(tries):
        try:
            async with pool.transaction() as connection:
                return await work(connection)
        except Exception as exc:
            if delivery.decide(exc) is not Decision.WAIT:
                raise
            metrics.RETRIES.labels(what, delivery.reason(exc)).inc()
            last = exc
        await asyncio.sleep(backoff.full_jitter(attempt, random.random, longest_s=_RETRY_LONGEST_S))
    raise Transient("database_unavailable", f"{what}: {delivery.describe(last)}") from last


async def watch(life: Life, pool: Pool) -> None:
    """Keep `/readyz` honest about the database; a loop for `life.spawn("postgres", ...)`."""
    while not await life.pause(_PROBE_S):
        try:
            async with pool.acquire() as connection:
                await connection.fetchval(_PING)
        except Exception as exc:
            if delivery.decide(exc) is not Decision.WAIT:
                raise
            life.health.waiting("postgres", delivery.describe(exc))
        else:
            life.health.works("postgres")


def _server_settings(settings: PostgresSettings, application_name: str, *, schema: str | None) -> dict[str, str]:
    fixed = {
        "application_name": application_name,
        "timezone": "UTC",
        "statement_timeout": _ms(settings.statement_timeout_s),
        "lock_timeout": _ms(settings.lock_timeout_s),
        "idle_in_transaction_session_timeout": _ms(settings.idle_in_transaction_timeout_s),
    }
    return fixed if schema is None else {**fixed, "search_path": schema}


def _ms(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


async def _close(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    try:
        async with asyncio.timeout(_CLOSE_S):
            await pool.close()
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # A frozen backend would hold the process: its connection is cut instead.
        pool.terminate()
