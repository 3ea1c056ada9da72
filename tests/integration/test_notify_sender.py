"""Claim, look again, call, record, on a real Postgres: nobody is told twice, whatever dies or answers late."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services.notify import repository
from services.notify.channels.base import GiveUp, Result, TryLater, Unknown
from services.notify.rows import Ending
from services.runtime import failpoints
from services.runtime.failpoints import FailpointError
from services.runtime.postgres import Pool
from tests.integration.notify_desk import KEY, Desk, FakeChannel, open_pool, reached
from tests.unit.notify.making import changed_body, contact, placed_body
from tests.waiting import eventually


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to a fresh database."""
    async with open_pool(database) as opened:
        yield opened


async def test_news_before_the_contact_waits_for_it(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(reached("shipped"))
    assert await desk.turn() == 1
    assert await desk.turn() == 0
    assert await desk.rows() == [("shipped", "waiting", "waiting_for_contact")]
    await desk.apply(placed_body())
    assert await desk.turn() == 1
    assert await desk.rows() == [("shipped", "accepted", None)]


async def test_news_whose_contact_never_comes_is_suppressed_with_the_reason(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(), contact_wait_s=0)
    await desk.apply(reached("shipped"))
    await desk.turn()
    assert await desk.rows() == [("shipped", "suppressed", "no_contact")]
    await desk.apply(placed_body())
    assert await desk.turn() == 0
    assert desk.channel.sent == []


async def test_a_contact_that_comes_while_a_message_is_looked_at_is_not_overlooked(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(reached("shipped"))
    (claimed,) = await desk.sender.claim(1)
    async with pool.acquire() as connection:
        seen, now = await repository.newest(connection, KEY)
    await desk.apply(placed_body())
    async with pool.transaction() as connection:
        await repository.hold(
            connection, claimed, reason="waiting_for_contact", until=now + timedelta(hours=1), seen=seen
        )
    assert await desk.turn() == 1
    assert len(desk.channel.sent) == 1


async def test_a_milestone_that_comes_back_while_a_message_is_looked_at_is_told(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    await desk.apply(reached(version=2))
    (claimed,) = await desk.sender.claim(1)
    async with pool.acquire() as connection:
        seen, _ = await repository.newest(connection, KEY)
    await desk.apply(reached("shipped", version=3))
    async with pool.transaction() as connection:
        assert not await repository.withhold(connection, claimed, Ending("suppressed", "withdrawn"), seen=seen)
    assert await desk.turn() == 1
    assert len(desk.channel.sent) == 1


async def test_a_person_who_gets_a_second_role_is_not_told_again(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    ada = {"email": "ada@example.com"}
    await desk.apply(placed_body(contact("recipient", **ada)), reached("shipped"))
    assert await desk.turn() == 2
    assert sorted(await desk.rows()) == [
        ("shipped", "accepted", None),
        ("shipped", "waiting", "waiting_for_contact"),
    ]
    await desk.apply(changed_body(contact("buyer", **ada)))
    assert await desk.turn() == 1
    assert sorted(await desk.rows()) == [("shipped", "accepted", None), ("shipped", "suppressed", "same_contact")]
    assert len(desk.channel.sent) == 1


async def test_where_sms_is_the_only_channel_it_is_not_withheld_for_email(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(), channels=("sms",))
    await desk.apply(placed_body(contact(email="ada@example.com", phone="+447700900123")), reached("shipped"))
    await desk.turn()
    assert [message.to for message in desk.channel.sent] == ["+447700900123"]


async def test_a_failure_while_the_sender_drains_is_not_swallowed(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    desk.channel.gate.clear()
    await desk.apply(placed_body(), reached("shipped"))
    running = asyncio.create_task(desk.sender.run())
    await eventually(lambda: desk.channel.sent)
    desk.life.stopping.set()
    failpoints.arm("notify.after_call:raise*1")
    desk.channel.gate.set()
    with pytest.raises(FailpointError):
        await running


async def test_a_message_that_was_certainly_not_taken_is_sent_again(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(TryLater("smtp_rcpt_451"), TryLater("smtp_connect_failed")))
    await desk.apply(placed_body(), reached("shipped"))
    await eventually(lambda: _until_sent(desk, 3))
    assert len({message.id for message in desk.channel.sent}) == 1
    assert await desk.rows() == [("shipped", "accepted", None)]


async def _until_sent(desk: Desk, count: int) -> bool:
    await desk.turn()
    return len(desk.channel.sent) == count


async def test_tries_have_an_end(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(*(TryLater("sms_429") for _ in range(9))), max_tries=3)
    await desk.apply(placed_body(), reached("shipped"))
    await eventually(lambda: _until_sent(desk, 3))
    assert await desk.rows() == [("shipped", "failed", "sms_429")]


@pytest.mark.parametrize(("result", "state"), [(GiveUp("smtp_rcpt_550"), "failed"), (Unknown("timeout"), "unknown")])
async def test_a_refused_or_unclear_message_is_never_sent_again(
    pool: Pool, database: str, result: Result, state: str
) -> None:
    desk = Desk(pool, database, FakeChannel(result))
    await desk.apply(placed_body(), reached("shipped"))
    await desk.turn()
    await desk.apply(placed_body(), reached("shipped", version=2))
    await desk.turn()
    assert len(desk.channel.sent) == 1
    assert [one[1] for one in await desk.outcomes()] == [state]


@pytest.mark.parametrize("point", ["notify.before_call", "notify.after_call"])
async def test_a_sender_that_dies_on_the_way_leaves_unknown_and_nobody_sends_again(
    pool: Pool, database: str, point: str
) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    (claimed,) = await desk.sender.claim(1)
    failpoints.arm(f"{point}:raise*1")
    with pytest.raises(FailpointError):
        await desk.sender.deliver(claimed)
    failpoints.arm("")
    calls = len(desk.channel.sent)
    assert await desk.turn() == 0  # its lease has not ended: it is left alone
    await desk.execute("update notify.notification set lease_until = now() - interval '1 second'")
    assert await desk.turn() == 0
    assert await desk.rows() == [("shipped", "unknown", "lease_ended")]
    assert await desk.turn() == 0
    assert len(desk.channel.sent) == calls
    assert await desk.outcomes() == [("shipped", "unknown", "lease_ended")]


async def test_an_answer_that_comes_after_the_lease_is_still_recorded(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    desk.channel.gate.clear()
    await desk.apply(placed_body(), reached("shipped"))
    (claimed,) = await desk.sender.claim(1)
    slow = asyncio.create_task(desk.sender.deliver(claimed))
    await eventually(lambda: desk.channel.sent)
    await desk.execute("update notify.notification set lease_until = now() - interval '1 second'")
    assert await desk.turn() == 0
    desk.channel.gate.set()
    await slow
    assert await desk.rows() == [("shipped", "accepted", None)]


async def test_a_record_that_fails_is_written_when_the_database_is_back(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    failpoints.arm("notify.before_record:raise*2")
    await desk.turn()
    failpoints.arm("")
    assert len(desk.channel.sent) == 1
    assert await desk.rows() == [("shipped", "accepted", None)]


async def test_two_senders_never_take_the_same_message(pool: Pool, database: str) -> None:
    channel = FakeChannel()
    async with open_pool(database) as other:
        desks = [Desk(one, database, channel) for one in (pool, other)]
        for number in range(60):
            order = str(2000 + number)
            await desks[0].apply(placed_body(order=order), reached("shipped", order=order))
        running = [asyncio.create_task(desk.sender.run()) for desk in desks]
        await eventually(lambda: len(channel.sent) >= 60)
        for desk in desks:
            desk.life.stopping.set()
        await asyncio.gather(*running)
    counts = Counter(message.id for message in channel.sent)
    assert len(counts) == 60
    assert set(counts.values()) == {1}


async def test_the_contact_of_the_moment_of_sending_gets_the_message(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    (claimed,) = await desk.sender.claim(1)
    await desk.apply(changed_body(contact(email="new@example.com")))
    await desk.sender.deliver(claimed)
    assert [message.to for message in desk.channel.sent] == ["new@example.com"]


async def test_what_was_taken_while_its_database_became_older_is_not_sent_again(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    (claimed,) = await desk.sender.claim(1)
    async with pool.acquire() as connection:
        await connection.execute(
            "update notify.notification set state = 'pending', token = null, lease_until = null, attempt = 0"
        )
    await desk.sender.deliver(claimed)
    assert await desk.rows() == [("shipped", "accepted", None)]
    assert await desk.turn() == 0
    assert len(desk.channel.sent) == 1
