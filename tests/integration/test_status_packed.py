"""What an order's row keeps of what it shows: one packed copy, and a document beside it only where that says more."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from schemas.order_status import OrderStatus
from services.runtime import postgres
from services.runtime.errors import Misconfigured
from services.runtime.positions import Partition
from services.runtime.settings import PostgresSettings
from services.status import explain_queries, packed, rebuild, repository, restoring_rows, snapshot_repeats
from services.status.queries import Found, find_order
from services.status.reading_back import Seen
from services.status.republishing import read_again
from services.status.restoring_rows import Goals
from tests import shown
from tests.integration.test_status_engine import HANDLER, Engine
from tests.outbox import values
from tests.records import event, placed, scan, shipment

ORDER = "main:1001"
STORY = (placed(), shipment(), scan("in_transit", minutes=60))
#: Its message is shortened.
LARGE = [{"line": f"line-{n}", "name": "n" * 200, "sku": "s" * 190, "quantity": 1} for n in range(500)]
KEPT = "select doc, message from status.orders where order_key = $1"
SEEN = Seen(7, b'{"change":{"version":7}}', [("ce_id", "main:1001/7")], 1_700_000_000_000)
GOALS = Goals("trackfold.status.apply", {Partition("carrier.scans.v1", 0): (0, 10)})
#: As a program from before wrote it.
AS_BEFORE = "update status.orders set doc = $2::jsonb, message = $3 where order_key = $1"


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine on a fresh database."""
    connection = await asyncpg.connect(database)
    yield Engine(connection)
    await connection.close()


async def kept(engine: Engine) -> tuple[Any, Any]:
    """Return the document and the message of the order as they are stored."""
    doc, message = await engine.connection.fetchrow(KEPT, ORDER) or (None, None)
    return doc, message


async def find(database: str) -> Found | None:
    """Return what the API finds."""
    async with postgres.open_pool(PostgresSettings(url=SecretStr(database)), "test") as pool:
        return await find_order(pool, ORDER, wanted=lambda _: True)


async def status(database: str) -> OrderStatus:
    """Return what the API shows."""
    found = await find(database)
    assert found is not None
    return found.status


async def read_anew(engine: Engine) -> list[str]:
    """Read the order again from its history; return whether it was published because it reads differently."""
    async with engine.connection.transaction():
        return await read_again(engine.connection, HANDLER, [ORDER])


async def mark(engine: Engine, seen: Seen = SEEN) -> None:
    """Mark the order as one that a lost future has published."""
    async with engine.connection.transaction():
        await restoring_rows.mark(engine.connection, {ORDER: seen}, GOALS)


async def test_a_row_keeps_its_newest_message_packed_and_no_document(engine: Engine, database: str) -> None:
    await engine.apply(*STORY)
    last = (await values(engine.connection))[-1]
    doc, message = await kept(engine)
    assert (doc, message[:1], packed.unpack(ORDER, message)) == (None, b"\x01", last)
    assert len(message) < len(last) / 3
    assert (await status(database)).model_dump() == OrderStatus.model_validate_json(last).model_dump()
    assert await read_anew(engine) == []


async def test_of_a_shortened_message_the_row_keeps_the_whole_document(engine: Engine, database: str) -> None:
    await engine.apply(placed(lines=LARGE))
    doc, message = await kept(engine)
    assert len(json.loads(doc)["lines"]) == len(LARGE)
    assert json.loads(packed.unpack(ORDER, message))["truncated"]
    assert len((await status(database)).lines) == len(LARGE)
    assert await read_anew(engine) == []
    await engine.apply(event("erased", minutes=5))
    assert await kept(engine) == (None, None)


async def test_a_document_that_was_needed_goes_with_the_message_that_says_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.status.messages.MAX_MESSAGE_BYTES", 1_000)
    await engine.apply(placed())
    assert (await kept(engine))[0] is not None
    monkeypatch.undo()
    await engine.apply(shipment())
    assert (await kept(engine))[0] is None


async def test_what_an_older_program_stored_is_read_gone_on_with_and_repeated_to_the_byte(
    engine: Engine, database: str
) -> None:
    await engine.apply(*STORY)
    last, before = (await values(engine.connection))[-1], await engine.document()
    await engine.connection.execute(AS_BEFORE, ORDER, json.dumps(before), last)
    assert (await status(database)).model_dump() == OrderStatus.model_validate_json(last).model_dump()
    async with engine.connection.transaction():
        assert [one.value for one in await snapshot_repeats.newest(engine.connection, [ORDER])] == [last]
    evidence = await explain_queries.read_evidence(engine.connection, ORDER)
    assert evidence is not None
    assert evidence.change is not None
    assert evidence.change.version == 3
    assert await read_anew(engine) == []
    await engine.apply(scan("delivered", minutes=70))
    assert [version for version, _ in await engine.versions()] == [1, 2, 3, 4]
    assert (await kept(engine))[0] is None


async def test_a_snapshot_is_repeated_to_the_byte(engine: Engine) -> None:
    await engine.apply(*STORY)
    async with engine.connection.transaction():
        (again,) = await snapshot_repeats.newest(engine.connection, [ORDER])
    assert again.value == (await values(engine.connection))[-1]


async def test_of_an_order_of_a_lost_future_the_document_stays_what_this_database_showed(engine: Engine) -> None:
    await engine.apply(*STORY)
    before = await engine.document()
    await mark(engine)
    assert await shown.message(engine.connection) == SEEN.value
    await mark(engine, replace(SEEN, version=8, value=b"another"))
    assert await shown.message(engine.connection) == b"another"
    assert await engine.document() == before
    await engine.connection.execute("delete from status.restoring")
    assert await read_anew(engine) == [ORDER]
    correction = json.loads((await values(engine.connection))[-1])
    assert (correction["change"]["version"], correction["change"]["previous"]) == (9, "in_transit")
    assert (await kept(engine))[0] is None


async def test_an_order_that_only_a_lost_future_knew_shows_nothing_of_it_here(engine: Engine, database: str) -> None:
    await mark(engine)
    await mark(engine, replace(SEEN, version=8))
    assert await repository.documents(engine.connection, [ORDER]) == {ORDER: None}
    assert await find(database) is None


@pytest.mark.parametrize("stored", [b"\x02", b"\x01damaged"])
async def test_a_message_that_cannot_be_read_stops_the_batch_and_names_the_order(
    engine: Engine, database: str, stored: bytes
) -> None:
    await engine.apply(*STORY)
    await engine.connection.execute("update status.orders set message = $1", stored)
    with pytest.raises(Misconfigured, match=ORDER):
        await engine.apply(scan("delivered", minutes=70))
    with pytest.raises(Misconfigured, match=ORDER):
        await status(database)
    with pytest.raises(Misconfigured, match=ORDER):
        async with engine.connection.transaction():
            await snapshot_repeats.newest(engine.connection, [ORDER])
    assert await engine.connection.fetchval("select version from status.orders") == 3


async def test_what_is_shown_by_hand_is_found_by_a_rebuild_and_goes_with_it(engine: Engine) -> None:
    await engine.apply(*STORY)
    await shown.say(engine.connection, "picking")
    assert (await engine.document())["state"] == "picking"
    async with engine.connection.transaction():
        rows: list[Any] = await engine.connection.fetch(rebuild.SHOWN, [ORDER])
    assert rows[0]["message"] is None, "the document that stands there is the one that counts"
    assert await read_anew(engine) == [ORDER]
    assert (await kept(engine))[0] is None


async def test_a_printed_number_is_found_behind_however_many_orders_that_show_it_no_more(engine: Engine) -> None:
    await engine.apply(*(placed(order=f"{n}", printed="#7") for n in range(10, 60)))
    for order, document in (await shown.documents(engine.connection)).items():
        if order < "main:57":
            await engine.connection.execute(shown.SHOW, order, json.dumps({**document, "printed": "#8"}), "processing")
    assert await explain_queries.orders_printed(engine.connection, {"#7"}) == ["main:57", "main:58", "main:59"]
    for order, document in (await shown.documents(engine.connection)).items():
        await engine.connection.execute(shown.SHOW, order, json.dumps({**document, "printed": "#7"}), "processing")
    assert len(await explain_queries.orders_printed(engine.connection, {"#7"})) == 20
