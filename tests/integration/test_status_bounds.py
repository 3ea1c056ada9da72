"""Nothing that a stranger can write stops the engine, grows a message beyond its topic or leaves by a back door."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from schemas.order_events import MAX_LINES
from schemas.order_status import ORDER_STATUS
from schemas.topics import TOPICS
from services.status import expiry_rows
from services.status.messages import DEAD_LETTER_TOPIC, MAX_MESSAGE_BYTES, STATUS_TOPIC
from tests import outbox
from tests.integration.test_status_engine import Engine
from tests.records import event, placed, record, scan, shipment
from tests.waiting import eventually

LONG = "x" * 110
LINES = [{"line": f"{number}-{LONG}", "quantity": 1} for number in range(MAX_LINES)]

#: A view in the table's place that shows a row only when the gate is open: the moment between snapshot and lock.
GATE = """
create function gate() returns boolean language plpgsql volatile as
    $$ begin perform pg_advisory_xact_lock(42); return true; end $$;
alter table status.shipment rename to shipment_rows;
create view status.shipment as select * from status.shipment_rows where gate();
"""


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine on a fresh database."""
    connection = await asyncpg.connect(database)
    yield Engine(connection)
    await connection.close()


async def values(engine: Engine, topic: str) -> list[bytes]:
    """Return the messages that wait for a topic."""
    return await outbox.values(engine.connection, topic)


async def test_a_scan_that_calls_itself_a_claim_is_a_scan_of_no_meaning(engine: Engine) -> None:
    await engine.apply(placed(), shipment(), scan("in_transit", minutes=60, kind="claim"))
    await engine.apply(scan("delivered", minutes=70))
    assert (await engine.document())["state"] == "delivered"


async def test_an_order_of_many_open_parcels_with_many_lines_fits_into_its_message(engine: Engine) -> None:
    await engine.apply(placed(lines=LINES), *(shipment(f"B{n}", parcel=f"P{n}", lines=LINES) for n in range(6)))
    messages = await values(engine, STATUS_TOPIC)
    assert max(len(message) for message in messages) <= MAX_MESSAGE_BYTES
    newest = ORDER_STATUS.validate_json(messages[-1])
    assert newest.truncated
    assert [parcel.shipment for parcel in newest.parcels] == [f"P{n}" for n in range(6)]
    assert not any(parcel.lines for parcel in newest.parcels)


async def test_of_parcels_that_do_not_fit_the_one_with_news_stays(engine: Engine) -> None:
    words = [[f"condition-{n}-{m}-{'x' * 40}" for m in range(20)] for n in range(10)]
    parcels = [f"P{n}" for n in range(8)]
    scans = [
        scan("in_transit", minutes=60 + n, number=f"B{parcel}", conditions_set=some)
        for parcel in parcels
        for n, some in enumerate(words)
    ]
    await engine.apply(placed(), *(shipment(f"B{parcel}", parcel=parcel) for parcel in parcels), *scans)
    await engine.apply(scan("delivered", minutes=999, number="BP5"))
    messages = await values(engine, STATUS_TOPIC)
    assert max(len(message) for message in messages) <= MAX_MESSAGE_BYTES
    newest = ORDER_STATUS.validate_json(messages[-1])
    assert "P5" in {parcel.shipment for parcel in newest.parcels} < set(parcels)


async def test_a_giant_record_leaves_a_dead_letter_that_its_topic_takes(engine: Engine) -> None:
    # A record of 256 KiB on the wire can be this large once it is decompressed.
    giant = record(scan("delivered", minutes=1), value=b"x" * 8_000_000)
    full = record(scan("delivered", minutes=1), value=b"x" * 2_900_000, headers=(("h", b"x" * 90_000),))
    await engine.apply_records([giant, full, record(scan("delivered", minutes=1), value=b"small")])
    largest = max(len(value) for value in await values(engine, DEAD_LETTER_TOPIC))
    assert largest < TOPICS[DEAD_LETTER_TOPIC].max_message_bytes - 1024
    bare, whole, small = sorted(await engine.letters(), key=lambda letter: letter.offset)
    assert (bare.value, bare.value_sha256 is not None, bare.reason) == (None, True, "invalid")
    assert (len(whole.value), small.value) == (2_900_000, b"small")


async def test_the_detail_of_a_dead_letter_quotes_no_name_that_the_sender_chose(engine: Engine) -> None:
    bad = shipment(references={"Canary Person": "1"})
    await engine.apply_records([record(shipment(), value=json.dumps(bad).encode())])
    (letter,) = await engine.letters()
    assert letter.detail.startswith("shipment_created.references: ")
    assert "anary" not in letter.model_dump_json()


async def test_what_an_agent_wrote_stays_in_the_history_and_leaves_in_no_message(engine: Engine) -> None:
    by = {"kind": "agent", "name": "Canary Agent"}
    await engine.apply(placed(), event("cancelled", minutes=5, by=by, reason="canary reason"))
    assert "anary" not in str(await values(engine, STATUS_TOPIC))
    assert "anary" not in json.dumps(await engine.document())


async def test_of_a_customer_who_acts_nothing_but_that_is_stored(engine: Engine) -> None:
    by = {"kind": "customer", "name": "Canary Person"}
    await engine.apply(placed(), event("cancelled", minutes=5, by=by))
    stored = await engine.connection.fetch("select body from status.order_event")
    assert "anary" not in str(stored)
    assert sum('"customer"' in row["body"] for row in stored) == 1


async def test_a_shipment_that_is_claimed_while_it_expires_stays(engine: Engine, database: str) -> None:
    await engine.apply(scan("in_transit", minutes=1))
    await engine.connection.execute("update status.shipment set created_at = now() - interval '61 days'")
    await engine.connection.execute("update status.ledger set received_at = now() - interval '61 days'")
    await engine.connection.execute(GATE)
    expiring: Any = await asyncpg.connect(database)
    await engine.connection.execute("select pg_advisory_lock(42)")

    async def expire() -> dict[str, int]:
        async with expiring.transaction():
            return await expiry_rows.expire(expiring, days=60, limit=10)

    async def waits() -> bool:
        blocked = "select cardinality(pg_blocking_pids($1)) > 0"
        return bool(await engine.connection.fetchval(blocked, expiring.get_server_pid()))

    expiry = asyncio.create_task(expire())
    await eventually(waits)
    await engine.apply(placed(), shipment())
    await engine.connection.execute("select pg_advisory_unlock(42)")
    assert await expiry == {}
    assert (await engine.document())["state"] == "in_transit"
    await engine.apply(scan("delivered", minutes=70))
    assert (await engine.document())["state"] == "delivered"
    await expiring.close()
