"""What a batch that was never committed, or a database that is gone, had left in a process counts no more."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from services.runtime import incarnation
from services.runtime.errors import Conflict
from services.status import loading, outbox
from tests.integration.cache_stage import Process, processes, wrong
from tests.records import event, placed, record, scan, shipment
from tests.stack.databases import PostgresServer

B1 = "royal-mail:B1"
TWO_PARCELS = (placed(), shipment("A1", parcel="A"), shipment("B1", parcel="B"))


@pytest.fixture
async def both(database: str) -> AsyncIterator[list[Process]]:
    """Two processes on a fresh database."""
    async with processes(database, 2) as opened:
        yield opened


async def test_a_batch_that_raised_after_its_replay_and_is_run_again_ends_the_same(
    both: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = both
    await one.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"))
    news = scan("in_transit", minutes=60, number="A1"), scan("accepted", minutes=61, number="B1")

    async def refuse(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "append", refuse)
        with pytest.raises(ConnectionError):
            await one.apply(*news)
    await one.apply(*news)
    assert [await one.stage("A"), await one.stage("B")] == ["in_transit", "accepted"]
    assert not await wrong(one.connection)


async def test_what_a_rolled_back_batch_left_is_forgotten(both: list[Process]) -> None:
    one, _ = both
    await one.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"))
    await one.lose([record(scan("delivered", minutes=90, number="A1")), record(event("note", minutes=91, text="lost"))])
    await one.apply(scan("in_transit", minutes=60, number="A1"))
    assert await one.stage("A") == "in_transit"
    assert not await wrong(one.connection)


async def test_what_a_batch_in_conflict_left_is_forgotten(both: list[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    one, _ = both
    await one.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"))

    def conflict(*_: object) -> None:
        raise Conflict("claims_moved", "as if")

    with monkeypatch.context() as patch:
        patch.setattr(loading.Loading, "check_all_locked", conflict)
        await one.lose([record(scan("delivered", minutes=90, number="A1"))])
    assert one.conflicts == 1
    await one.apply(scan("in_transit", minutes=60, number="A1"))
    assert await one.stage("A") == "in_transit"
    assert not await wrong(one.connection)


async def test_a_database_that_was_restored_and_went_another_way_is_not_the_known_one(
    both: list[Process], database: str, postgres_server: PostgresServer
) -> None:
    """It has as many rows as the lost one had (rule E7): its name alone tells them apart."""
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    await one.connection.close()
    await two.connection.close()
    name = await postgres_server.create(template=urlsplit(database).path.removeprefix("/"))
    url = postgres_server.database_url(name)
    async with processes(database, 1) as (before,):
        before.cache = one.cache
        await before.apply(scan("in_transit", minutes=60, number="A1"), event("note", minutes=61, text="is lost"))
    try:
        async with processes(url, 2) as (after, other):
            await incarnation.note(after.connection, "status", await incarnation.read(after.connection))
            after.cache = one.cache
            await other.apply(scan("out_for_delivery", minutes=70, number="A1"), event("note", minutes=62, text="told"))
            await after.apply(scan("in_transit", minutes=60, number="A1"))
            assert await after.connection.fetchval("select count(*) from status.ledger where claimed_by is null") == 3
            assert not await wrong(after.connection)
    finally:
        await postgres_server.drop(name)


async def test_rows_that_were_set_back_to_an_older_copy_are_read_again(both: list[Process]) -> None:
    one, _ = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    connection = one.connection
    tables = ("shipment", "ledger", "orders", "order_event", "timer", "outbox")
    for table in tables:
        await connection.execute(f"create temp table old_{table} as table status.{table}")
    await one.apply(scan("in_transit", minutes=60, number="A1"), event("note", minutes=61, text="is lost"))
    for table in tables:
        await connection.execute(f"delete from status.{table}")  # noqa: S608 - ours
        await connection.execute(f"insert into status.{table} overriding system value table old_{table}")
    await one.apply(scan("delivered", minutes=90, number="A1"))
    document = await one.document()
    assert [one["name"] for one in document["parcels"][0]["milestones"]].count("in_transit") == 0
    assert not await wrong(connection)
