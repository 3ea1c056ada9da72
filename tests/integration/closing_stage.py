"""The status engine on one database, with what closes orders: erasure by records, the purge by hand, and a search."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pydantic import SecretStr

from services.runtime import metrics
from services.runtime.life import Life
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import PostgresSettings, ServiceSettings
from services.status.purge import Purge
from tests import shown
from tests.integration.test_status_engine import OUTPUTS, Engine
from tests.outbox import waiting

COLUMNS = """
select format('%I.%I', table_schema, table_name) as place, format('%I', column_name) as name, data_type as type
from information_schema.columns
where table_schema in ('status', 'notify') and data_type in ('text', 'json', 'jsonb', 'bytea')
"""
#: All that could be read anew tomorrow, without what is only about when and how often.
CONTENT = (
    "select order_key, version, state, closed, closed_through from status.orders order by 1",
    "select order_key, source, id, body from status.order_event order by 1, 2, 3",
    "select shipment, closed_through from status.shipment order by 1",
    "select shipment, event_key, claimed_by, body from status.ledger order by 1, 2",
    "select key from status.timer order by 1",
)


class Closing(Engine):
    """Applies batches, purges, and looks at what is left."""

    def __init__(self, connection: Any, pool: Pool) -> None:
        super().__init__(connection)
        self.pool = pool

    def purge_of(self, *, after_days: int = 400, forget_after_days: int = 396) -> Purge:
        """Return a purge as another process would have it."""
        return Purge(Life("status", ServiceSettings()), self.pool, OUTPUTS, after_days, forget_after_days, between_s=0)

    async def purge(self, **settings: int) -> int:
        """Walk through all orders once; return how many were purged."""
        return await self.purge_of(**settings).sweep()

    async def age(self, order: str = "main:1001", *, days: int = 401) -> None:
        """Make an order's last change so many days older."""
        aged = "update status.orders set updated_at = updated_at - make_interval(days => $2) where order_key = $1"
        await self.connection.execute(aged, order, days)

    async def sent(self) -> None:
        """Empty the outbox, as the relay does."""
        await self.connection.execute("delete from status.outbox")

    async def queued(self) -> list[tuple[str, bool, bool]]:
        """Return (key, whether something is told, whether the snapshot goes) of the outbox."""
        return [(one.key.decode(), one.value is not None, one.tombstone) for one in await waiting(self.connection)]

    async def mark(self, order: str = "main:1001") -> tuple[int, str | None, str | None]:
        """Return version, state and the closing of an order; what is closed has no content."""
        row = await self.connection.fetchrow("select * from status.orders where order_key = $1", order)
        assert row is not None
        assert (row["closed"] is None) == (row["message"] is not None)
        assert row["closed"] is None or row["doc"] is None
        return row["version"], row["state"], row["closed"]

    async def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(await self.connection.fetchval(f"select count(*) from status.{table}"))  # noqa: S608 - ours

    async def content(self) -> list[Any]:
        """Return everything that is stored."""
        rows = [[tuple(row) for row in await self.connection.fetch(query)] for query in CONTENT]
        return [await shown.documents(self.connection), *rows]


async def traces(connection: Any, pattern: str = "canary|900999") -> list[str]:
    """Return every column of status and notify that holds something that reads so."""
    found = []
    for column in await connection.fetch(COLUMNS):
        place, name = column["place"], column["name"]
        text = f"encode({name}, 'escape')" if column["type"] == "bytea" else f"{name}::text"
        rows = await connection.fetch(f"select {text} as text from {place}")  # noqa: S608 - names of the catalogue
        if any(re.search(pattern, row["text"] or "", re.IGNORECASE) for row in rows):
            found.append(f"{place}.{name}")
    # What is compressed is looked into.
    if any(re.search(pattern, str(one), re.IGNORECASE) for one in await waiting(connection)):
        found.append("status.outbox.payload")
    if any(re.search(pattern, (one.message or b"").decode(), re.IGNORECASE) for one in await shown.rows(connection)):
        found.append("status.orders.message")
    return sorted(found)


def after_closing(what: str) -> float:
    """Return how many records came after a closing so far."""
    return float(metrics.AFTER_CLOSING.labels(what)._value.get())  # noqa: SLF001 - the client has no other way


@asynccontextmanager
async def opened(database: str) -> AsyncIterator[Closing]:
    """Open a stage on a fresh database."""
    settings = PostgresSettings(url=SecretStr(database))
    async with open_pool(settings, "test", schema="status") as pool:
        connection = await asyncpg.connect(database)
        try:
            yield Closing(connection, pool)
        finally:
            await connection.close()
