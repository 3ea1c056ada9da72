"""What the notifier writes down of what it reads, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from services.notify import relay, repository
from services.runtime.consume import Batch
from services.runtime.postgres import Pool
from tests.integration.notify_desk import KEY, NOW, Desk, FakeChannel, open_pool, reached
from tests.unit.notify.making import contact, placed_body, record


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to a fresh database."""
    async with open_pool(database) as opened:
        yield opened


async def test_a_milestone_is_told_once_whatever_is_repeated(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    story = (placed_body(), reached("shipped"))
    for _ in range(3):
        await desk.apply(*story)
        await desk.turn()
    await desk.apply(*reversed(story))
    assert await desk.turn() == 0
    assert await desk.rows() == [("shipped", "accepted", None)]
    (message,) = desk.channel.sent
    assert message.to == "buyer@example.com"
    assert await desk.outcomes() == [("shipped", "accepted", None)]


async def test_settling_news_is_overtaken_by_newer_news(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(), settle_s=600)
    await desk.apply(placed_body(), reached("shipped"))
    assert await desk.turn() == 0
    await desk.apply(reached("shipped", "out_for_delivery", "delivered", version=2))
    await desk.execute("update notify.notification set next_at = now(), due_at = now()")
    await desk.turn()
    assert sorted(await desk.rows()) == [
        ("delivered", "accepted", None),
        ("out_for_delivery", "suppressed", "overtaken"),
        ("shipped", "suppressed", "overtaken"),
    ]


async def test_old_news_is_suppressed_as_too_old(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("delivered", minutes=-60 * 24 * 3))
    await desk.turn()
    assert await desk.outcomes() == [("delivered", "suppressed", "too_old")]


async def test_what_is_not_to_be_told_stays_untold_when_a_plain_message_follows(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped", change={"marked": "remap"}))
    await desk.apply(reached("shipped", version=2))
    assert await desk.turn() == 0
    assert await desk.outcomes() == [("shipped", "suppressed", "remap")]


async def test_what_was_taken_back_before_it_was_told_is_told_when_it_is_there_again(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    await desk.apply(reached(version=2))
    await desk.turn()
    assert await desk.rows() == [("shipped", "suppressed", "withdrawn")]
    await desk.apply(reached("shipped", version=3))
    await desk.turn()
    assert await desk.rows() == [("shipped", "accepted", None)]
    assert len(desk.channel.sent) == 1
    assert await desk.outcomes() == [("shipped", "accepted", None)]


async def test_versions_that_are_not_newer_are_ignored_and_a_jump_is_applied(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped", version=2))
    await desk.apply(reached("shipped", "delivered", version=1))
    assert [name for name, _, _ in await desk.rows()] == ["shipped"]
    await desk.apply(reached("shipped", "delivered", version=7))
    assert len(await desk.rows()) == 2


async def test_records_that_cannot_be_read_are_set_aside_and_their_neighbours_are_not(
    pool: Pool, database: str
) -> None:
    desk = Desk(pool, database, FakeChannel())
    good = placed_body(contact(email="canary@example.com"))
    bad = [
        record(good, headers=()),
        record(good, key=b"main:9999"),
        record(good, value=b'{"type": "placed", "email": "canary@example.com"'),
        record(reached("shipped"), value=b"\xff"),
        record(reached("shipped"), value=None),
        record(good, headers=(("ce_id", b"\xff\xfe"), ("ce_source", b"oms"))),
        record(reached("shipped", shop="no_shop")),
    ]
    async with pool.transaction() as connection:
        batch = Batch(connection, (*bad, record(reached("shipped"))))
        await desk.handler.apply(batch)
        letters = [letter for _, letter in await relay.letters(connection, limit=100)]
    for count in batch.committed:
        count()
    assert len(letters) == len(bad)
    assert REGISTRY.get_sample_value("trackfold_dead_letters_total", {"service": "notify", "reason": "wrong_key"})
    assert not any("canary" in letter.content for letter in letters)
    assert [name for name, _, _ in await desk.rows()] == ["shipped"]


async def test_events_that_are_not_the_notifiers_leave_no_row(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    picking = {"type": "picking_started", "shop": "main", "order": "1001", "occurred_at": NOW.isoformat()}
    await desk.apply(picking, {**picking, "type": "of_a_later_version"})
    async with pool.acquire() as connection:
        assert await repository.find(connection, KEY) is None
