"""What the notifier counts of a batch is counted when it is written down, however often the batch was tried."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.runtime.consume import Batch
from services.runtime.postgres import Pool
from tests.integration.notify_desk import Desk, FakeChannel, open_pool, reached
from tests.unit.notify.making import placed_body, record, status_body


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to a fresh database."""
    async with open_pool(database) as opened:
        yield opened


def messages(outcome: str, reason: str = "") -> float:
    """Return how many messages about a dispatch have come to this."""
    labels = {"channel": "email", "milestone": "shipped", "outcome": outcome, "reason": reason}
    return REGISTRY.get_sample_value("trackfold_notifications_total", labels) or 0


def jumps() -> float:
    """Return how many status messages came without the ones before them."""
    return REGISTRY.get_sample_value("trackfold_notify_version_jumps_total") or 0


async def rolled_back(desk: Desk, body: dict[str, Any]) -> None:
    """Apply a record in a transaction that comes to nothing."""
    async with desk.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await desk.handler.apply(Batch(connection, (record(body),)))
        await transaction.rollback()


async def test_a_batch_that_is_tried_twice_is_counted_once(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached())
    planned, jumped = messages("planned"), jumps()
    await rolled_back(desk, reached("shipped", version=5))
    assert (messages("planned"), jumps()) == (planned, jumped)
    await desk.apply(reached("shipped", version=5))
    assert (messages("planned"), jumps()) == (planned + 1, jumped + 1)


async def test_what_an_erasure_keeps_from_being_told_is_counted_once(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(), settle_s=600)
    await desk.apply(placed_body(), reached("shipped"))
    erased = status_body(version=2, state="erased")
    suppressed = messages("suppressed", "erased")
    await rolled_back(desk, erased)
    assert messages("suppressed", "erased") == suppressed
    await desk.apply(erased)
    assert messages("suppressed", "erased") == suppressed + 1
