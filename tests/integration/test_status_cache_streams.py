"""Two processes with caches end as one that reads everything anew, whatever comes and however it is cut and dealt."""

import json
import random
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from services.status.messages import STATUS_TOPIC
from tests import shown
from tests.integration.cache_stage import ROOM, processes, wrong
from tests.integration.cache_streams import stream
from tests.outbox import waiting
from tests.stack.databases import PostgresServer, note_compared

SEEDS: Final = range(15)
#: Of the second process: nothing is kept, hardly anything, all.
ROOMS: Final = (0, 150_000, ROOM)
LOST: Final = 0.1
"""How many batches are rolled back before they are applied."""

# Versions, documents, events, histories: all but when they were written.
LEFT: Final = (
    "select order_key, version, state, closed, closed_through from status.orders order by 1",
    "select order_key, source, id, content, repeats from status.order_event order by 1, 2, 3",
    "select shipment, next_n, closed_through from status.shipment order by 1",
    """select shipment, n, event_key, content, claimed_by, case when claimed_by is null then told_at end, repeats,
    body::text from status.ledger order by 1, 2""",
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS)
async def test_caches_change_nothing(database: str, postgres_server: PostgresServer, seed: int) -> None:
    name = await postgres_server.create(template=urlsplit(database).path.removeprefix("/"))
    other = postgres_server.database_url(name)
    await note_compared(other)
    dice = random.Random(seed)  # noqa: S311 - no secret
    try:
        async with processes(database, 2) as both, processes(other, 1) as (plain,):
            plain.cache = None
            assert both[1].cache is not None
            both[1].cache.limit_bytes = ROOMS[seed % len(ROOMS)]
            for number, batch in enumerate(stream(seed)):
                process = dice.choice(both)
                if dice.random() < LOST:
                    await process.lose(batch)
                await process.apply_records(batch)
                await plain.apply_records(batch)
                assert not await wrong(process.connection), f"seed {seed}, batch {number}"
            assert await left(both[0].connection) == await left(plain.connection)
    finally:
        await postgres_server.drop(name)


async def left(connection: Any) -> list[Any]:
    """Return what is left, and what was told."""
    found: list[Any] = [[tuple(row) for row in await connection.fetch(query)] for query in LEFT]
    found.append(await shown.documents(connection))
    # Between orders there is no order.
    told = sorted(await waiting(connection, STATUS_TOPIC), key=lambda one: one.key)
    found.append([(one.key, None if one.value is None else json.loads(one.value)) for one in told])
    return found
