"""A restored order in a batch: it says nothing before its inputs are read again, then that it was restored (E7)."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from schemas.order_status import ORDER_STATUS, OrderStatus
from services.runtime import incarnation, postgres
from services.runtime.consume import Batch
from services.runtime.errors import Transient
from services.runtime.positions import Partition
from services.runtime.settings import PostgresSettings
from services.status import restoring_rows
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.queries import find_order
from services.status.reading_back import Seen
from services.status.republishing import read_again
from services.status.restoring_rows import Goals
from tests.outbox import values
from tests.records import event, placed, record, scan, shipment
from tests.shown import message
from tests.stack.databases import PostgresServer

ORDER = "main:1001"
GROUP = "trackfold.status.apply"
HERE = Partition("carrier.scans.v1", 0)
HANDLER = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))
SEEN = Seen(7, b"what readers saw last", [("ce_id", "main:1001/7")], 1_700_000_000_000)


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the test's database."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


async def apply(connection: Any, *bodies: dict[str, Any]) -> None:
    """Apply a batch as the consumer does."""
    async with connection.transaction():
        await HANDLER.apply(Batch(connection, tuple(record(body) for body in bodies)))


async def mark(connection: Any, seen: Seen = SEEN, *, until: int = 0) -> int:
    """Mark the order as one that a lost future has published."""
    async with connection.transaction():
        return len(await restoring_rows.mark(connection, {ORDER: seen}, Goals(GROUP, {HERE: (0, until)})))


async def read_up_to(connection: Any, offset: int) -> None:
    """Say that the inputs were read again so far."""
    await connection.execute("update status.consumer_offset set next_offset = $1", offset)


async def publish_ready(connection: Any) -> list[str]:
    """Publish what is ready, as the loop does."""
    async with connection.transaction():
        return await read_again(connection, HANDLER, await restoring_rows.ready(connection, limit=20))


async def publish_again(connection: Any) -> list[str]:
    """Read the order again whether it is marked or not."""
    async with connection.transaction():
        return await read_again(connection, HANDLER, [ORDER])


async def told(connection: Any) -> list[OrderStatus]:
    """Return every version in the outbox."""
    return [ORDER_STATUS.validate_json(value) for value in await values(connection)]


def in_short(versions: list[OrderStatus]) -> list[tuple[int, str, str | None, bool]]:
    return [(one.change.version, one.state, one.change.marked, one.change.correction) for one in versions]


async def test_before_its_inputs_are_read_again_an_order_is_folded_and_publishes_nothing(connection: Any) -> None:
    await apply(connection, placed(), shipment())
    before = len(await told(connection))
    assert await mark(connection, until=10) == 1
    await apply(connection, scan("in_transit", minutes=60))
    assert len(await told(connection)) == before
    assert await connection.fetchval("select count(*) from status.ledger where event_key like '%in_transit%'") == 1
    assert await publish_ready(connection) == []

    await read_up_to(connection, 10)
    assert await publish_ready(connection) == [ORDER]
    assert in_short((await told(connection))[before:]) == [(8, "in_transit", "restored", True)]
    assert await publish_ready(connection) == []


async def test_after_that_the_restored_version_comes_before_the_news(connection: Any) -> None:
    await apply(connection, placed(), shipment())
    before = len(await told(connection))
    await mark(connection)
    await apply(connection, scan("in_transit", minutes=60), scan("delivered", minutes=1700))
    assert in_short((await told(connection))[before:]) == [
        (8, "processing", "restored", True), (9, "in_transit", None, False), (10, "delivered", None, False),
    ]  # fmt: skip


async def test_a_restored_order_of_which_nothing_is_known_says_so_with_its_first_event(connection: Any) -> None:
    await mark(connection)
    assert await publish_ready(connection) == []
    await apply(connection, placed())
    assert in_short(await told(connection)) == [(8, "processing", "restored", True)]


async def test_a_restored_order_is_published_although_it_shows_what_it_showed(connection: Any) -> None:
    await apply(connection, placed())
    await mark(connection)
    assert await publish_ready(connection) == [ORDER]
    last = (await told(connection))[-1]
    assert in_short([last]) == [(8, "processing", "restored", True)]
    assert (last.change.cause.topic, last.change.cause.type, last.change.parcels) == ("", "restored", ())


async def test_until_its_correction_an_order_is_shown_as_readers_saw_its_version(
    connection: Any, database: str
) -> None:
    await apply(connection, placed(), shipment(), scan("in_transit", minutes=60))
    last = json.loads(await message(connection) or b"")
    lost = {**last, "state": "delivered", "change": {**last["change"], "version": 7, "previous": "in_transit"}}
    await mark(connection, replace(SEEN, value=json.dumps(lost).encode()))
    async with postgres.open_pool(PostgresSettings(url=SecretStr(database)), "test") as pool:

        async def read() -> OrderStatus:
            found = await find_order(pool, ORDER, wanted=lambda _: True)
            assert found is not None
            return found.status

        assert in_short([await read()]) == [(7, "delivered", None, False)]
        await publish_ready(connection)
        assert in_short([await read()]) == [(8, "in_transit", "restored", True)]


async def test_only_a_version_above_the_stored_one_marks(connection: Any) -> None:
    await apply(connection, placed(), shipment())
    version = await connection.fetchval("select version from status.orders")
    before = await message(connection)
    assert await mark(connection, Seen(version, b"", [], 0)) == 0
    assert await message(connection) == before
    assert await mark(connection, Seen(version + 1, b"newer", [], 0)) == 1
    assert await message(connection) == b"newer"
    assert await mark(connection, Seen(version + 1, b"again", [], 0)) == 0


async def test_a_goal_is_never_lowered_and_is_forgotten_once_it_is_reached(connection: Any) -> None:
    await mark(connection, until=10)
    await mark(connection, Seen(8, b"", [], 0), until=5)
    assert [(one.next_offset, one.until) for one in await restoring_rows.not_reached(connection)] == [(0, 10)]
    await read_up_to(connection, 10)
    assert await restoring_rows.not_reached(connection) == []
    assert await connection.fetchval("select count(*) from status.restoring") == 0


async def test_without_waiting_a_state_on_the_way_would_be_told_as_the_correction(connection: Any) -> None:
    await apply(connection, placed(), shipment())
    await mark(connection, until=10)
    await connection.execute("delete from status.restoring")  # takes the rule out
    await apply(connection, scan("in_transit", minutes=60))
    assert in_short((await told(connection))[-2:]) == [
        (8, "processing", "restored", True), (9, "in_transit", None, False),
    ]  # fmt: skip


async def test_a_database_that_became_another_one_takes_no_version_before_it_is_compared(connection: Any) -> None:
    await apply(connection, placed())
    await incarnation.note(connection, "status", await incarnation.read(connection))
    await apply(connection, shipment())
    before = len(await told(connection))
    await incarnation.note(
        connection, "status", "1/00000001/1"
    )  # what it was called before a standby of it was promoted
    with pytest.raises(Transient, match="compares it"):
        await apply(connection, scan("in_transit", minutes=60))
    with pytest.raises(Transient, match="compares it"):
        await publish_again(connection)
    assert len(await told(connection)) == before


async def test_a_database_that_was_never_compared_takes_no_version_either(connection: Any) -> None:
    """As after a dump from before names were kept, migrated under a process that was waiting for the database."""
    await apply(connection, placed())
    await connection.execute("delete from status.incarnation")
    before = len(await told(connection))
    with pytest.raises(Transient, match="compares it"):
        await apply(connection, shipment())
    with pytest.raises(Transient, match="compares it"):
        await publish_again(connection)
    assert len(await told(connection)) == before


async def test_a_copy_of_a_database_has_another_name(
    connection: Any, database: str, postgres_server: PostgresServer
) -> None:
    await incarnation.note(connection, "status", await incarnation.read(connection))
    assert await incarnation.is_compared(connection, "status")
    await connection.close()
    name = await postgres_server.create(template=urlsplit(database).path.removeprefix("/"))
    copy = await asyncpg.connect(postgres_server.database_url(name))
    try:
        assert not await incarnation.is_compared(copy, "status")
    finally:
        await copy.close()
        await postgres_server.drop(name)


async def test_a_purged_order_that_was_opened_anew_in_the_lost_future_is_opened_again_and_holds_up_nobody(
    connection: Any,
) -> None:
    await connection.execute(
        "insert into status.orders (order_key, version, state, closed, closed_through, closed_at)"
        " values ($1, 4, 'delivered', 'purged', '2020-01-01', now())", ORDER,
    )  # fmt: skip
    await mark(connection)
    row = await connection.fetchrow("select restored, closed, closed_through from status.orders")
    assert (row["restored"], row["closed"], row["closed_through"].year) == (True, None, 2020)
    assert await publish_ready(connection) == []
    await apply(connection, placed())
    assert in_short(await told(connection)) == [(8, "processing", "restored", True)]
    assert await restoring_rows.anything(connection) == (True, False)


async def test_an_erased_order_stays_erased_whatever_a_lost_future_said_of_it(connection: Any) -> None:
    await connection.execute(
        "insert into status.orders (order_key, version, state, closed, closed_through, closed_at)"
        " values ($1, 4, 'erased', 'erased', '2020-01-01', now())", ORDER,
    )  # fmt: skip
    await mark(connection)
    await apply(connection, placed())
    assert await connection.fetchval("select closed from status.orders") == "erased"
    assert await told(connection) == []
    assert await restoring_rows.anything(connection) == (True, False)


async def test_an_erasure_that_waited_is_told_where_all_parcels_of_the_order_are_locked(connection: Any) -> None:
    await apply(connection, placed(), shipment("AB1"), shipment("AB2", parcel="B"), scan("in_transit", minutes=60))
    await mark(connection, until=10)
    await apply(connection, event("erased", minutes=90))
    before = len(await told(connection))
    await read_up_to(connection, 10)
    await apply(connection, scan("delivered", minutes=1700, number="AB1"))  # locks one parcel of the two
    assert len(await told(connection)) == before
    assert await connection.fetchval("select count(*) from status.ledger where shipment = 'royal-mail:AB2'") == 1
    assert await publish_ready(connection) == [ORDER]
    assert in_short((await told(connection))[before:]) == [(8, "erased", "restored", True)]
    assert await connection.fetchval("select count(*) from status.ledger") == 0


async def test_a_record_is_not_set_aside_either_before_the_database_is_compared(connection: Any) -> None:
    await incarnation.note(connection, "status", "1/00000001/1")
    with pytest.raises(Transient, match="compares it"):
        await HANDLER.quarantine(connection, record(placed()), "postgres_22000")
