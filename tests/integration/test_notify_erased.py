"""What the notifier forgets of an erased order, on a real Postgres (rule E9)."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from itertools import permutations
from typing import Any

import pytest

from services.notify import relay
from services.notify.channels.base import TryLater
from services.runtime.postgres import Pool
from tests.integration.notify_desk import Desk, FakeChannel, open_pool, reached
from tests.unit.notify.making import changed_body, contact, placed_body, status_body, wishes_body
from tests.waiting import eventually

PEOPLE = [contact("buyer", name="Canary Person", email="canary@example.com", phone="+447700900999")]
ERASED = status_body(version=2, state="erased")
TABLES = """
select table_name, column_name from information_schema.columns
where table_schema = 'notify' and data_type in ('text', 'jsonb', 'bytea')
"""


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to a fresh database."""
    async with open_pool(database) as opened:
        yield opened


async def traces(pool: Pool) -> list[str]:
    """Return every column of notify that still holds something of the canary."""
    found = []
    async with pool.acquire() as connection:
        for row in await connection.fetch(TABLES):
            table, column = row["table_name"], row["column_name"]
            texts = await connection.fetch(f'select "{column}"::text as text from notify."{table}"')  # noqa: S608
            if any(re.search("canary|900999", one["text"] or "", re.IGNORECASE) for one in texts):
                found.append(f"{table}.{column}")
    return found


async def test_the_search_finds_a_contact_where_one_is(pool: Pool, database: str) -> None:
    await Desk(pool, database, FakeChannel()).apply(placed_body(*PEOPLE))
    assert await traces(pool) == ["customer_order.book"]


async def test_an_erased_order_leaves_no_contact_and_what_was_to_be_told_is_suppressed(
    pool: Pool, database: str
) -> None:
    desk = Desk(pool, database, FakeChannel(), settle_s=600)
    await desk.apply(placed_body(*PEOPLE), reached("shipped"))
    await desk.apply(ERASED)
    assert await traces(pool) == []
    assert await desk.rows() == [("shipped", "suppressed", "erased")]
    assert await desk.outcomes() == [("shipped", "suppressed", "erased")]
    await desk.execute("update notify.notification set next_at = now(), due_at = now()")
    assert await desk.turn() == 0
    assert desk.channel.sent == []


async def test_to_whom_something_was_told_is_forgotten_and_that_it_was_told_is_not(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(*PEOPLE), reached("shipped"))
    await desk.turn()
    async with pool.acquire() as connection:
        assert await connection.fetchval("select recipient_hash from notify.notification") is not None
        await desk.apply(ERASED)
        assert await connection.fetchval("select recipient_hash from notify.notification") is None
    assert await desk.rows() == [("shipped", "accepted", None)]


async def test_a_message_under_way_when_its_order_is_erased_ends_as_erased(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(TryLater("busy")))
    await desk.apply(placed_body(*PEOPLE), reached("shipped"))
    (claimed,) = await desk.sender.claim(10)
    await desk.apply(ERASED)
    await desk.sender.deliver(claimed)
    assert await desk.rows() == [("shipped", "suppressed", "erased")]
    assert desk.channel.sent == []


async def test_a_message_that_its_channel_takes_while_the_order_is_erased_brings_no_hash_back(
    pool: Pool, database: str
) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(*PEOPLE), reached("shipped"))
    (claimed,) = await desk.sender.claim(10)
    desk.channel.gate.clear()
    sending = asyncio.create_task(desk.sender.deliver(claimed))
    await eventually(lambda: bool(desk.channel.sent))
    await desk.apply(ERASED)
    desk.channel.gate.set()
    await sending
    assert await desk.rows() == [("shipped", "accepted", None)]
    async with pool.acquire() as connection:
        assert await connection.fetchval("select recipient_hash from notify.notification") is None
        (ended,) = await relay.ended(connection, limit=10)
    assert relay.outcome(ended).recipient == "buyer"


@pytest.mark.parametrize("story", list(permutations([placed_body(*PEOPLE), reached("shipped"), ERASED])))
async def test_in_whatever_order_the_news_comes_no_contact_stays_and_nothing_is_told_after_it(
    pool: Pool, database: str, story: Sequence[dict[str, Any]]
) -> None:
    desk = Desk(pool, database, FakeChannel(), settle_s=600)
    for body in story:
        await desk.apply(body)
    assert await traces(pool) == []
    await desk.execute("update notify.notification set next_at = now(), due_at = now()")
    assert await desk.turn() == 0


async def test_nothing_that_is_read_again_brings_an_erased_orders_people_back(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    story = (placed_body(*PEOPLE), changed_body(*PEOPLE), wishes_body(muted=["shipped"]), reached("delivered"))
    await desk.apply(*story, ERASED)
    for _ in range(2):
        await desk.apply(*story, reached("delivered", version=7), ERASED)
        assert await traces(pool) == []
        assert await desk.turn() == 0
    assert desk.channel.sent == []


async def test_another_order_keeps_its_people(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(*PEOPLE), placed_body(*PEOPLE, order="1002"), ERASED)
    assert await traces(pool) == ["customer_order.book"]
    async with pool.acquire() as connection:
        books = await connection.fetch("select order_key from notify.customer_order where book like '%canary%'")
    assert [row["order_key"] for row in books] == ["main:1002"]
