"""Rebuild: what a fold from history shows otherwise than the stored state is found, and mended beside the service."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from schemas.order_status import ORDER_STATUS
from services.runtime import postgres
from services.runtime.consume import Batch
from services.runtime.errors import Exit, Transient
from services.runtime.rate import Rate
from services.runtime.settings import PostgresSettings
from services.status import rebuild, versions
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.rebuild import Choice, Portion, Publishing
from services.status.versions import MACHINE_VERSION, Activation
from tests.clocks import SleptClock
from tests.outbox import values
from tests.records import placed, record, scan, shipment
from tests.shown import say

HANDLER = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))


@pytest.fixture
async def connection(database: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the test's database, which knows an order of each of two shops."""
    opened = await asyncpg.connect(database)
    await apply(opened, placed(), shipment(), scan("in_transit", minutes=60))
    await apply(opened, placed(order="7", shop="other"), shipment("XY9", order="7", shop="other"))
    yield opened
    await opened.close()


async def apply(connection: Any, *bodies: dict[str, Any]) -> None:
    """Apply a batch as the consumer does."""
    async with connection.transaction():
        await HANDLER.apply(Batch(connection, tuple(record(body) for body in bodies)))


async def damage(connection: Any, order: str) -> None:
    """Do what somebody could do to a row by hand."""
    await say(connection, "picking", orders=[order])


async def look(connection: Any, choice: Choice | None = None) -> Portion:
    """Look what differs, in all portions together."""
    portions = [one async for one in rebuild.find(connection, choice or Choice(), unbounded())]
    return Portion(
        sum(one.read for one in portions),
        [found for one in portions for found in one.differing],
        [order for one in portions for order in one.same_by_another_machine],
    )


async def publish(database: str, orders: Sequence[str]) -> int:
    """Publish as `--apply` does."""
    async with postgres.open_pool(PostgresSettings(url=database), "test") as pool:  # type: ignore[arg-type]
        return sum([published async for published in Publishing(pool, HANDLER, unbounded()).publish(orders)])


def unbounded() -> Rate:
    """Return a rate that lets all pass."""
    return Rate(0, at_once=200)


async def shown(connection: Any, order: str = "main:1001") -> Any:
    """Return the row of an order."""
    return await connection.fetchrow("select version, state, machine from status.orders where order_key = $1", order)


async def test_what_was_folded_right_does_not_differ(connection: Any) -> None:
    found = await look(connection)
    assert (found.read, found.orders) == (2, [])


async def test_a_row_that_was_damaged_by_hand_is_found_and_published_once_and_nobody_is_told(
    connection: Any, database: str
) -> None:
    before = await shown(connection)
    await damage(connection, "main:1001")
    found = await look(connection)
    assert [rebuild.plain(one) for one in found.differing] == [
        {
            "order": "main:1001",
            "state": {"before": "picking", "after": "in_transit"},
            "parcels": [],
            "fields": ["state"],
        }
    ]
    assert (await shown(connection))["version"] == before["version"]

    assert await publish(database, found.orders) == 1
    assert tuple(await shown(connection)) == (before["version"] + 1, "in_transit", MACHINE_VERSION)
    last = ORDER_STATUS.validate_json((await values(connection))[-1])
    assert (last.state, last.change.version) == ("in_transit", before["version"] + 1)
    assert (last.change.marked, last.change.reason, last.change.correction) == ("reread", "reread", False)
    assert (last.change.previous, last.change.cause.type) == ("picking", "reread")

    assert await publish(database, found.orders) == 0
    assert (await look(connection)).orders == []


async def test_an_order_that_reads_the_same_gets_the_machine_and_no_version(connection: Any, database: str) -> None:
    before = await shown(connection)
    await connection.execute("update status.orders set machine = 1")
    found = await look(connection)
    assert (found.differing, found.orders) == ([], ["main:1001", "other:7"])
    assert await publish(database, found.orders) == 0
    assert tuple(await shown(connection)) == tuple(before)
    assert (await look(connection)).orders == []


async def test_a_timer_that_was_lost_comes_back_with_the_order(connection: Any, database: str) -> None:
    await connection.execute("delete from status.timer")
    await damage(connection, "main:1001")
    await publish(database, ["main:1001"])
    assert await connection.fetchval("select count(*) from status.timer where key = 'main:1001'") == 1


@pytest.mark.parametrize(
    ("choice", "orders"),
    [
        (Choice(), {"main:1001", "other:7"}),
        (Choice(orders=("main:1001", "main:unknown")), {"main:1001"}),
        (Choice(shop="other"), {"other:7"}),
        (Choice(shop="oth"), set()),
        (Choice(state="picking"), {"main:1001", "other:7"}),
        (Choice(state="delivered"), set()),
        (Choice(machine_below=MACHINE_VERSION), {"other:7"}),
        (Choice(parcel="royal-mail:AB1"), {"main:1001"}),
        (Choice(shop="main", parcel="royal-mail:XY9"), set()),
    ],
)
async def test_orders_are_chosen_by_number_shop_state_machine_and_parcel(
    connection: Any, choice: Choice, orders: set[str]
) -> None:
    for order in ("main:1001", "other:7"):
        await damage(connection, order)
    await connection.execute("update status.orders set machine = 1 where order_key = 'other:7'")
    assert {one.order for one in (await look(connection, choice)).differing} == orders


async def test_each_portion_is_told_before_the_next_is_read(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "READ_AT_ONCE", 1)
    await damage(connection, "main:1001")
    portions = rebuild.find(connection, Choice(), unbounded())
    assert (await anext(portions)).orders == ["main:1001"]
    await damage(connection, "other:7")
    assert (await anext(portions)).orders == ["other:7"]
    assert [one async for one in portions] == []


async def test_it_reads_and_publishes_no_faster_than_allowed_whatever_the_portions(
    connection: Any, database: str
) -> None:
    clock = SleptClock()
    for order in ("main:1001", "other:7"):
        await damage(connection, order)
    rate = Rate(0.01, at_once=5, now=clock.now, sleep=clock.sleep)
    found = [one.orders async for one in rebuild.find(connection, Choice(), rate)]
    assert found == [["main:1001"], ["other:7"]]
    assert clock.slept == [pytest.approx(100), pytest.approx(100)]  # the second look for more finds none

    clock = SleptClock()
    rate = Rate(0.01, at_once=5, now=clock.now, sleep=clock.sleep)
    async with postgres.open_pool(PostgresSettings(url=database), "test") as pool:  # type: ignore[arg-type]
        publishing = Publishing(pool, HANDLER, rate)
        published = [done for orders in found async for done in publishing.publish(orders)]
    assert published == [1, 1]
    assert clock.slept == [pytest.approx(100)]


async def test_what_was_restored_is_left_to_the_service(connection: Any) -> None:
    await damage(connection, "main:1001")
    await connection.execute("update status.orders set restored = true where order_key = 'main:1001'")
    assert (await look(connection)).orders == []


async def test_another_program_than_the_active_one_is_refused(connection: Any) -> None:
    await versions.activate(connection, Activation(MACHINE_VERSION + 1, "ada"))
    with pytest.raises(Exit) as ended:
        await look(connection)
    assert ended.value.code == 75
    await versions.activate(connection, Activation(MACHINE_VERSION - 1, "ada"))
    with pytest.raises(Transient, match="machine activate"):
        await look(connection)


async def test_a_program_that_lost_its_turn_while_it_publishes_publishes_no_more(
    connection: Any, database: str
) -> None:
    await damage(connection, "main:1001")
    await versions.activate(connection, Activation(MACHINE_VERSION + 1, "ada"))
    with pytest.raises(Exit):
        await publish(database, ["main:1001"])
    assert (await shown(connection))["state"] == "picking"


async def test_a_batch_between_look_and_publishing_is_not_overwritten(connection: Any, database: str) -> None:
    await damage(connection, "main:1001")
    found = await look(connection)
    await apply(connection, scan("delivered", minutes=1700))
    before = await shown(connection)
    assert before["state"] == "delivered"
    assert await publish(database, found.orders) == 0
    assert tuple(await shown(connection)) == tuple(before)


def test_differences_are_plain_json() -> None:
    one = rebuild.difference("main:1", None, {"state": "processing", "parcels": []})
    assert json.loads(json.dumps(rebuild.plain(one)))["state"] == {"before": None, "after": "processing"}
