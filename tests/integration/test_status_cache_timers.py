"""What a process knows of timers from the batches before: only their worker moves them to a later date."""

import json
from collections.abc import AsyncIterator

import pytest

from services.status import timer_rows
from tests.integration.cache_stage import Process, processes
from tests.records import START, placed, scan, shipment

ORDER = "main:1001"
#: Years before every clock that a test may run on.
LONG_AGO = -5_000_000
DAY = 24 * 60


@pytest.fixture
async def both(database: str) -> AsyncIterator[list[Process]]:
    """Two processes on a fresh database."""
    async with processes(database, 2) as opened:
        yield opened


async def test_a_timer_that_was_fired_is_set_again_by_what_its_time_event_makes_awaited(both: list[Process]) -> None:
    """The worker has deleted the row, as nothing else was awaited: what the process knows of it is old (rule E15)."""
    one, _ = both
    connection = one.connection
    await one.apply(
        placed(minutes=LONG_AGO),
        shipment("A1", minutes=LONG_AGO),
        scan("in_transit", minutes=LONG_AGO + 60, number="A1"),
    )
    for _ in range(6):
        waiting = (await timer_rows.awaited(connection, [ORDER]))[ORDER]
        if not waiting:
            break
        first = min(waiting, key=lambda one: one.expectation.due_at)
        left = [one for one in waiting if one is not first]
        await timer_rows.move(connection, {ORDER: timer_rows.next_date(left)})
        await one.apply(json.loads(first.value))
        due = await connection.fetchval("select due_at from status.timer where key = $1", ORDER)
        still = timer_rows.next_date((await timer_rows.awaited(connection, [ORDER]))[ORDER])
        now = await connection.fetchval("select now()")
        assert still is None or (due is not None and due <= max(now, still)), first.expectation


async def test_a_timer_that_its_worker_has_moved_is_moved_back_by_the_next_scan(both: list[Process]) -> None:
    """The time event is on its way, and the scan is before it: then it is the scan's silence that is awaited."""
    one, _ = both
    connection = one.connection
    now = await connection.fetchval("select now()")
    today = (now - START).total_seconds() // 60
    long_ago, lately = today - 10 * DAY, today - DAY
    await one.apply(placed(minutes=long_ago), shipment("A1", minutes=long_ago))
    await one.apply(scan("in_transit", minutes=long_ago, number="A1"))
    waiting = (await timer_rows.awaited(connection, [ORDER]))[ORDER]
    left = [one for one in waiting if one.expectation.due_at > now]
    assert len(left) < len(waiting)
    await timer_rows.move(connection, {ORDER: timer_rows.next_date(left)})
    await one.apply(scan("in_transit", minutes=lately, number="A1"))
    awaited = timer_rows.next_date((await timer_rows.awaited(connection, [ORDER]))[ORDER])
    moved = timer_rows.next_date(left)
    assert awaited is not None
    assert moved is None or moved > awaited > now
    assert await connection.fetchval("select due_at from status.timer where key = $1", ORDER) == awaited
