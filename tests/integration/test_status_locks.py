"""Two owners at work on two parcels of one order: nothing is lost, because orders are read only under their lock."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from services.runtime.consume import Batch
from services.runtime.errors import Conflict
from services.status import ahead
from services.status import handler as handler_module
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from tests import shown
from tests.records import placed, record, scan, shipment
from tests.waiting import eventually

HANDLER = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))
ORDER = "main:1001"


@pytest.fixture
async def connections(database: str) -> AsyncIterator[list[Any]]:
    """Two owners and an observer."""
    opened = [await asyncpg.connect(database) for _ in range(3)]
    yield opened
    for connection in opened:
        await connection.close()


async def apply(connection: Any, bodies: Sequence[dict[str, Any]], until: asyncio.Event | None = None) -> None:
    """Apply a batch in one transaction; with `until`, hold everything just before COMMIT."""
    async with connection.transaction():
        await HANDLER.apply(Batch(connection, tuple(record(body) for body in bodies)))
        if until is not None:
            await until.wait()


async def race(connections: Sequence[Any]) -> dict[str, Any]:
    """Deliver parcel A, and while its owner has not committed deliver parcel B; return what the order shows then."""
    one, two, observer = connections
    await apply(one, [placed(), shipment("A1", parcel="A"), shipment("B1", parcel="B")])
    commit = asyncio.Event()
    first = asyncio.create_task(apply(one, [scan("delivered", minutes=60, number="A1")], commit))

    async def holds_the_order() -> bool:
        locked = "select 1 from status.orders where order_key = $1 for update skip locked"
        return await observer.fetchval(locked, ORDER) is None

    await eventually(holds_the_order)
    second = asyncio.create_task(apply(two, [scan("delivered", minutes=61, number="B1")]))

    async def waits() -> bool:
        return bool(await observer.fetchval("select cardinality(pg_blocking_pids($1)) > 0", two.get_server_pid()))

    await eventually(waits)
    commit.set()
    await asyncio.gather(first, second)
    return await shown.document(observer, ORDER)


async def test_two_owners_of_two_parcels_lose_no_part(connections: list[Any]) -> None:
    document = await race(connections)
    assert [parcel["stage"] for parcel in document["parcels"]] == ["delivered", "delivered"]
    assert document["state"] == "delivered"


async def test_what_was_read_before_the_lock_and_is_not_judged_under_it_would_lose_a_part(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead.Moved, "touches", lambda *_: False)
    document = await race(connections)
    assert sorted(parcel["stage"] for parcel in document["parcels"]) != ["delivered", "delivered"]


async def test_a_replay_that_takes_too_long_is_run_again_with_fewer_records(
    connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler_module, "REPLAY_LIMIT_S", 0.0)
    with pytest.raises(Conflict, match="records took"):
        await apply(connections[0], [placed(), shipment()])
    assert await connections[0].fetchval("select count(*) from status.orders") == 0
    await apply(connections[0], [placed()])
    assert await connections[0].fetchval("select count(*) from status.orders") == 1
