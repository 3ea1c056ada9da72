"""Processes of the status engine on one database, each with what it keeps between its batches."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg

from schemas.order_status import ORDER_STATUS
from services.runtime.consume import Batch
from services.runtime.errors import Conflict
from services.runtime.kafka import Record
from services.status import repository, timer_rows
from services.status.cache import Cache
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.order import fold_order
from services.status.outputs import Outputs
from tests import shown
from tests.outbox import waiting
from tests.records import record

OUTPUTS: Final = Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1})
#: More than any test brings together.
ROOM: Final = 64 * 1024**2
#: What another process has changed since is found by the first try.
TRIES: Final = 2

Body = Mapping[str, Any]


@dataclass
class Process:
    """One consumer with a cache of its own, or without any."""

    connection: Any
    cache: Cache | None = field(default_factory=lambda: Cache(ROOM))
    conflicts: int = 0

    async def apply(self, *bodies: Body) -> None:
        """Apply one batch and commit it."""
        await self.apply_records([record(body) for body in bodies])

    async def apply_records(self, records: Sequence[Record]) -> None:
        """Apply one batch of records and commit it; again where it is in conflict, as the consumer does."""
        for _ in range(TRIES):
            try:
                async with self.connection.transaction():
                    batch = await self.begin(records)
            except Conflict:
                self.conflicts += 1
                continue
            for act in batch.committed:
                act()
            return
        raise AssertionError("it is in conflict again and again")

    async def begin(self, records: Sequence[Record]) -> Batch:
        """Apply a batch in the caller's transaction."""
        batch = Batch(self.connection, tuple(records))
        await Handler(OUTPUTS, cache=self.cache).apply(batch)
        return batch

    async def lose(self, records: Sequence[Record]) -> None:
        """Apply a batch whose COMMIT does not come to pass."""
        transaction = self.connection.transaction()
        await transaction.start()
        try:
            await self.begin(records)
        except Conflict:
            self.conflicts += 1
        finally:
            await transaction.rollback()

    async def document(self, order: str = "main:1001") -> dict[str, Any]:
        """Return what an order shows."""
        return await shown.document(self.connection, order)

    async def version(self, order: str = "main:1001") -> int:
        """Return how many versions an order has."""
        version: int = await self.connection.fetchval("select version from status.orders where order_key = $1", order)
        return version

    async def stage(self, parcel: str = "S1", order: str = "main:1001") -> str:
        """Return the stage of a parcel."""
        document = await self.document(order)
        return str(next(one["stage"] for one in document["parcels"] if one["shipment"] == parcel))


@asynccontextmanager
async def processes(url: str, count: int, *, room: int = ROOM) -> AsyncIterator[list[Process]]:
    """Open processes on a migrated database."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
            stack.push_async_callback(connection.close, timeout=5)
            await connection.execute("set synchronous_commit = off")
            opened.append(Process(connection, Cache(room)))
        yield opened


async def wrong(connection: Any) -> list[str]:
    """Tell which orders show anything else than lies in the database, or have a hole in their versions, or no timer."""
    rows = await connection.fetch("select order_key, version from status.orders where closed is null order by 1")
    keys = [row["order_key"] for row in rows]
    documents = await shown.documents(connection)
    events = await repository.events(connection, keys)
    histories = await repository.histories(connection, sorted(await repository.claimed_keys(connection, keys)))
    told = await versions(connection)
    found = []
    for key, version in rows:
        if version and documents[key] != fold_order(key, events[key].values(), histories):
            found.append(f"{key} does not show what lies in the database")
        if told.get(key, []) != list(range(1, version + 1)):
            found.append(f"{key} is at {version} and tells {told.get(key)}")
    return [*found, *await _wrong_timers(connection, keys)]


async def _wrong_timers(connection: Any, keys: Sequence[str]) -> list[str]:
    """Tell which orders nobody will look at in time (rule E15)."""
    rows = {row["key"]: row["due_at"] for row in await connection.fetch("select key, due_at from status.timer")}
    now = await connection.fetchval("select now()")
    found = []
    for key, awaited in (await timer_rows.awaited(connection, keys)).items():
        first = timer_rows.next_date(awaited)
        if first is not None and (key not in rows or rows[key] > max(first, now)):
            found.append(f"{key} awaits something at {first} and is looked at on {rows.get(key)}")
    return found


async def versions(connection: Any) -> dict[str, list[int]]:
    """Return the versions that each order has told, in the order of the outbox."""
    told: dict[str, list[int]] = {}
    for one in await waiting(connection, STATUS_TOPIC):
        if one.value is not None:
            told.setdefault(one.key.decode(), []).append(ORDER_STATUS.validate_json(one.value).change.version)
    return told
