"""Reading outcomes back into notify's rows: newer wins, nothing is told again, nothing newer is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from schemas.notification_outcomes import NotificationOutcome
from services.notify import relay, repository, restoring
from services.notify.channels.base import TryLater
from services.runtime import incarnation
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings
from tests.integration.notify_desk import KEY, Desk, FakeChannel, open_pool, reached
from tests.unit.notify.making import placed_body
from tests.waiting import eventually

STORY = ("shipped", "out_for_delivery", "delivered")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Connections to a database of this test's own."""
    async with open_pool(database) as opened:
        yield opened


def record(number: int, content: NotificationOutcome, *, key: str = KEY, ce_id: str | None = None) -> Record:
    """Return an outcome as the relay writes it."""
    name = f"{content.notification}:{number}" if ce_id is None else ce_id
    value = content.model_dump_json(exclude_none=True).encode()
    return Record(relay.OUTCOMES, 0, number, 0, key.encode(), value, (("ce_id", name.encode()),))


async def outcomes(pool: Pool) -> list[Record]:
    """Return what the relay would publish."""
    async with pool.acquire() as connection:
        ended = await relay.ended(connection, limit=1000)
    return [record(one.outcome_no, relay.outcome(one)) for one in ended]


async def write(pool: Pool, *records: Record) -> list[str]:
    """Read these back."""
    async with pool.transaction() as connection:
        return await restoring.write(connection, restoring.newest(records))


async def unpublished(pool: Pool) -> int:
    async with pool.acquire() as connection:
        return len(await relay.ended(connection, limit=1000))


async def told(desk: Desk) -> list[Record]:
    """Have one message told, and return its outcome."""
    await desk.apply(placed_body(), reached("shipped"))
    await desk.turn()
    assert len(desk.channel.sent) == 1
    return await outcomes(desk.pool)


async def lose_everything(desk: Desk) -> None:
    await desk.execute("truncate notify.notification, notify.customer_order")
    await desk.execute("select setval('notify.outcome_no', 1, false)")


async def test_a_lost_row_is_there_again_and_the_replay_tells_nobody_twice(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    published = await told(desk)
    await lose_everything(desk)
    assert await write(pool, *published) == ["accepted"]
    await desk.apply(placed_body(), reached("shipped"), reached("shipped", "out_for_delivery", version=2))
    await desk.turn()
    assert len(desk.channel.sent) == 2, "only the second milestone was told"
    assert [(name, state) for name, state, _ in await desk.rows()] == [
        ("shipped", "accepted"),
        ("out_for_delivery", "accepted"),
    ]


async def test_a_row_that_was_due_in_the_older_state_is_not_sent(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    published = await told(desk)
    await desk.execute(
        "update notify.notification set state = 'pending', outcome_no = null, published_no = null, next_at = now(),"
        " changed_at = changed_at - interval '1 minute'"
    )
    assert await write(pool, *published) == ["accepted"]
    assert await desk.turn() == 0
    assert len(desk.channel.sent) == 1


async def test_a_row_that_was_being_sent_in_the_older_state_is_ended(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    published = await told(desk)
    await desk.execute(
        "update notify.notification set state = 'attempting', outcome_no = null, published_no = null,"
        " lease_until = now() - interval '1 second', changed_at = changed_at - interval '1 minute'"
    )
    assert await write(pool, *published) == ["accepted"]
    assert await desk.turn() == 0
    assert await desk.rows() == [("shipped", "accepted", None)]


async def test_an_outcome_that_is_known_changes_nothing_and_is_not_published_again(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    published = await told(desk)
    assert await write(pool, *published) == []
    await lose_everything(desk)
    assert await write(pool, *published) == ["accepted"]
    assert await write(pool, *published) == []
    assert await unpublished(pool) == 0


async def test_a_message_that_became_due_again_after_its_outcome_stays_due(pool: Pool, database: str) -> None:
    """Withdrawn, published, and news again: nothing was restored."""
    desk = Desk(pool, database, FakeChannel())
    await desk.apply(placed_body(), reached("shipped"))
    await desk.apply(reached(version=2))
    await desk.turn()
    published = await outcomes(pool)
    await desk.apply(reached("shipped", version=3))
    assert await write(pool, *published) == []
    await desk.turn()
    assert len(desk.channel.sent) == 1


async def test_of_two_outcomes_of_a_message_the_newer_counts_whatever_their_order(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel(TryLater("busy", None)), max_tries=1)
    await desk.apply(placed_body(), reached("shipped"))
    await desk.turn()
    (failed,) = await outcomes(pool)
    known = restoring.read(failed)
    assert known is not None
    later = known.content.model_copy(update={"outcome": "accepted", "at": known.content.at.replace(year=2100)})
    await lose_everything(desk)
    assert await write(pool, record(9, later), failed) == ["accepted"]
    assert [(name, state) for name, state, _ in await desk.rows()] == [("shipped", "accepted")]


async def test_numbers_of_the_lost_future_are_not_given_out_again(pool: Pool, database: str) -> None:
    desk = Desk(pool, database, FakeChannel())
    (published,) = await told(desk)
    known = restoring.read(published)
    assert known is not None
    await lose_everything(desk)
    await write(pool, record(700, known.content))
    await desk.apply(placed_body(), reached("shipped", "delivered", version=2))
    await desk.turn()
    async with pool.acquire() as connection:
        assert await connection.fetchval("select max(outcome_no) from notify.notification") > 700


async def test_outcomes_are_read_from_where_records_were_applied_not_from_where_a_row_was_made(
    pool: Pool, database: str
) -> None:
    """A new partition's row is made now, before the first comparison of a restored database."""
    desk = Desk(pool, database, FakeChannel())
    rows = "insert into notify.consumer_offset (grp, topic, part, next_offset, last_hash, updated_at) values "
    await desk.execute(rows + "('g', 't', 0, 0, null, now())")
    async with pool.acquire() as connection:
        assert await connection.fetchval(restoring._LAST_MOVED) is None, "all is read"  # noqa: SLF001 - the rule itself
        await desk.execute(rows + "('g', 't', 1, 5, 'hash', now() - interval '1 day')")
        assert await connection.fetchval(f"select ({restoring._LAST_MOVED}) < now() - interval '23 hours'")  # noqa: SLF001


@pytest.mark.parametrize("begin", [restoring.read_back, restoring.watch])
async def test_beside_a_broker_that_is_not_believed_the_databases_name_is_noted_all_the_same(
    pool: Pool, database: str, begin: Callable[[Life, KafkaSettings, Pool], Awaitable[None]]
) -> None:
    """Or a name of a run beside another broker would hold sender and handler for ever."""
    desk = Desk(pool, database, FakeChannel())
    await desk.execute("update notify.incarnation set name = 'of another run'")
    settings = KafkaSettings(bootstrap_servers=("127.0.0.1:1",), trust_log_ends=False)
    task = asyncio.ensure_future(begin(desk.life, settings, pool))

    async def compared() -> bool:
        async with pool.acquire() as connection:
            return await incarnation.is_compared(connection, repository.SCHEMA)

    await eventually(compared)
    desk.life.stopping.set()
    await task


def altered(published: Record, **fields: Any) -> Record:
    """Return the record with something of it changed."""
    return replace(published, **fields)


async def test_what_is_no_outcome_of_ours_is_passed_over(pool: Pool, database: str) -> None:
    (published,) = await told(Desk(pool, database, FakeChannel()))
    assert restoring.read(published) is not None
    known = restoring.read(published)
    assert known is not None
    strange = known.content.model_copy(update={"outcome": "of_a_later_version"})
    bad = [
        altered(published, value=None),
        altered(published, value=b"{"),
        altered(published, key=b"\xff"),
        altered(published, key=b"main:9999"),
        altered(published, headers=()),
        altered(published, headers=(("ce_id", b"no number:x"),)),
        record(2**63, known.content),
        altered(published, headers=(("ce_id", b"digits:" + b"9" * 5000),)),
        record(3, known.content.model_copy(update={"version": 2**63})),
        record(3, strange),
    ]
    assert [restoring.read(one) for one in bad] == [None] * len(bad)
    assert [one.content for one in restoring.newest([*bad, published])] == [known.content]
