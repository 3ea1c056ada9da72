"""The purge on a real Postgres: what is forgotten is not told again, whoever sends it once more (rule E8)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from services.runtime import failpoints
from services.runtime.consume import Batch
from services.runtime.failpoints import FailpointError
from services.runtime.rate import Rate
from services.status import expiry_rows, purge_rows, rebuild, replay
from services.status.versions import MACHINE_VERSION
from tests.integration.closing_stage import Closing, after_closing, opened, traces
from tests.integration.test_status_engine import HANDLER
from tests.records import event, placed, record, scan, shipment
from tests.waiting import eventually

PLACE = {"city": "Canary Wharf", "country": "GB"}
STORY = (
    placed(lines=[{"line": "1", "name": "Canary cage", "quantity": 1}]),
    shipment(minutes=10),
    scan("in_transit", minutes=60, place=PLACE),
    scan("delivered", minutes=1700, place=PLACE),
)
#: After every test's clock, as anything new is after a purge.
NEW = 60 * 24 * 365 * 20


@pytest.fixture
async def stage(database: str) -> AsyncIterator[Closing]:
    """A fresh database."""
    async with opened(database) as made:
        yield made


async def purged(stage: Closing) -> None:
    """Purge the order of the story."""
    await stage.apply(*STORY)
    await stage.sent()
    await stage.age()
    assert await stage.purge() == 1


async def test_a_finished_order_goes_when_nothing_changed_for_so_long_and_leaves_a_mark_and_a_tombstone(
    stage: Closing,
) -> None:
    await stage.apply(*STORY)
    await stage.sent()
    await stage.age(days=399)
    assert await stage.purge() == 0
    await stage.age(days=2)
    assert await stage.purge(after_days=0) == 0, "0 is never"
    assert await stage.purge() == 1
    assert await stage.queued() == [("main:1001", False, True)]
    assert await stage.mark() == (4, "delivered", "purged")
    assert await traces(stage.connection) == []
    shown, (_,), events, ((parcel, through),), ledger, timers = await stage.content()
    assert (shown, events, ledger, timers) == ({}, [], [], [])
    assert (parcel, through.isoformat()) == ("royal-mail:AB1", STORY[-1]["occurred_at"])
    assert await stage.purge() == 0


async def test_an_order_that_is_not_finished_stays(stage: Closing) -> None:
    await stage.apply(*STORY[:3])
    await stage.age(days=5000)
    assert await stage.purge() == 0
    assert (await stage.mark())[2] is None


async def test_e8_a_history_that_is_sent_again_after_the_purge_tells_and_keeps_nothing(stage: Closing) -> None:
    await purged(stage)
    await stage.sent()
    before, counted = await stage.content(), (after_closing("purged"), after_closing("scan"))
    again = [{**body, "told_at": "2030-01-01T00:00:00Z"} if "event_key" in body else body for body in STORY]
    await stage.apply(*again)
    for body in reversed(again):
        await stage.apply(body)
    await stage.apply(scan("out_for_delivery", minutes=1500), scan("returned", minutes=1700))
    assert await stage.content() == before
    assert await stage.queued() == []
    assert (after_closing("purged"), after_closing("scan")) == (counted[0] + 4, counted[1] + 6)


async def test_without_the_filters_a_resent_history_would_be_told_again(
    stage: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await purged(stage)
    await stage.sent()
    monkeypatch.setattr(replay.World, "_over", lambda *_: None)
    await stage.apply(*STORY)
    assert (await stage.versions())[-1] == (8, "delivered")


async def test_a_scan_after_the_end_of_a_purged_parcel_begins_a_new_history_that_is_nobodys(stage: Closing) -> None:
    await purged(stage)
    await stage.sent()
    await stage.apply(scan("in_transit", minutes=1701), STORY[2])
    assert await stage.queued() == []
    rows = await stage.connection.fetch("select n, kind from status.ledger")
    assert [(row["n"], row["kind"]) for row in rows] == [(4, "scan")]
    for table in ("shipment set created_at", "ledger set received_at"):
        await stage.connection.execute(f"update status.{table} = now() - interval '61 days'")
    async with stage.connection.transaction():
        assert await expiry_rows.expire(stage.connection, days=60, limit=10) == {"easypost": 1}
        assert await expiry_rows.expire(stage.connection, days=60, limit=10) == {}
    assert (await stage.count("ledger"), await stage.count("shipment")) == (0, 1), "the mark outlives what expires"
    await stage.apply(*STORY)
    assert await stage.queued() == []


async def test_a_number_that_is_used_again_after_the_purge_shows_only_what_is_new(stage: Closing) -> None:
    await purged(stage)
    await stage.apply(placed(order="2", minutes=NEW), shipment(order="2", minutes=NEW), *STORY)
    assert (await stage.document("main:2"))["state"] == "processing"
    await stage.apply(scan("in_transit", minutes=NEW + 60))
    assert (await stage.document("main:2"))["state"] == "in_transit"


async def test_what_happens_after_its_purge_opens_an_order_again_and_its_versions_go_on(stage: Closing) -> None:
    await purged(stage)
    await stage.sent()
    await stage.apply(placed(minutes=NEW), *STORY)
    assert await stage.versions() == [(5, "processing")]
    assert await stage.mark() == (5, "processing", None)
    assert (await stage.document())["parcels"] == [], "what was before stays forgotten"
    await stage.apply(*STORY)
    assert await stage.versions() == [(5, "processing")]


async def test_a_time_event_that_was_on_its_way_does_not_open_an_order_again(stage: Closing) -> None:
    await purged(stage)
    await stage.sent()
    due_at = (await stage.connection.fetchval("select now() - interval '1 minute'")).isoformat()
    late = event("time_reached", rule="promise_missed", basis="x", due_at=due_at) | {"occurred_at": due_at}
    await stage.apply(late)
    assert await stage.queued() == []


async def test_a_purged_order_can_be_erased_and_says_so_once(stage: Closing) -> None:
    await purged(stage)
    await stage.sent()
    for _ in range(2):
        await stage.apply(event("erased", minutes=2000), *STORY)
    assert await stage.versions() == [(5, "erased")]
    assert await stage.mark() == (5, "erased", "erased")


async def test_a_shared_parcel_goes_with_the_last_order_that_claims_it(stage: Closing) -> None:
    await stage.apply(*STORY, placed(order="2"), shipment(order="2", parcel="B"))
    other, ledger = await stage.document("main:2"), await stage.count("ledger")
    await stage.age()
    assert await stage.purge() == 1
    assert (await stage.document("main:2"), await stage.count("ledger")) == (other, ledger)
    await stage.sent()
    await stage.apply(scan("returned", minutes=1800))
    assert [key for key, _, _ in await stage.queued()] == ["main:2"], "of the purged one nothing is told"
    await stage.age("main:2")
    assert await stage.purge() == 1
    assert await stage.count("ledger") == 0
    assert (await stage.mark("main:2"))[2] == "purged"


async def test_erasing_the_last_open_order_of_a_parcel_takes_what_purged_ones_left_there(stage: Closing) -> None:
    await stage.apply(*STORY, placed(order="2"), shipment(order="2", parcel="B"))
    await stage.age()
    assert await stage.purge() == 1
    await stage.apply(event("erased", order="2", minutes=2000))
    assert await stage.count("ledger") == 0


async def test_marks_are_forgotten_after_thirteen_months(stage: Closing) -> None:
    await purged(stage)
    await stage.purge()
    assert (await stage.count("orders"), await stage.count("shipment")) == (1, 1)
    for table in ("orders", "shipment"):
        await stage.connection.execute(f"update status.{table} set closed_at = now() - interval '397 days'")  # noqa: S608
    await stage.purge(forget_after_days=0)
    assert (await stage.count("orders"), await stage.count("shipment")) == (1, 1), "0 is for ever"
    await stage.purge()
    assert (await stage.count("orders"), await stage.count("shipment")) == (0, 0)


async def test_a_scan_that_is_applied_while_the_purge_looks_keeps_its_order(stage: Closing, database: str) -> None:
    """The batch holds the locks; the purge, which found the order due, waits and looks again."""
    await stage.apply(*STORY)
    await stage.age()
    writer = await asyncpg.connect(database)
    try:
        batch = writer.transaction()
        await batch.start()
        await HANDLER.apply(Batch(writer, (record(scan("returned", minutes=1800, place=PLACE)),)))
        purge = asyncio.create_task(stage.purge())
        await eventually(lambda: waits(stage.connection), what="the purge at the lock")
        await batch.commit()
        assert await purge == 0
    finally:
        await writer.close()
    assert await stage.mark() == (5, "returned", None)


async def test_without_the_second_look_the_purge_would_take_what_just_changed(
    stage: Closing, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsure = purge_rows.STILL_DUE.replace("updated_at < now()", "updated_at < 'infinity'::timestamptz or now() < now()")
    assert unsure != purge_rows.STILL_DUE
    monkeypatch.setattr(purge_rows, "STILL_DUE", unsure)
    await stage.apply(*STORY)
    await stage.age()
    writer = await asyncpg.connect(database)
    try:
        batch = writer.transaction()
        await batch.start()
        await HANDLER.apply(Batch(writer, (record(scan("returned", minutes=1800)),)))
        purge = asyncio.create_task(stage.purge())
        await eventually(lambda: waits(stage.connection), what="the purge at the lock")
        await batch.commit()
        assert await purge == 1
    finally:
        await writer.close()


async def test_a_purge_that_fails_before_its_commit_has_done_nothing(stage: Closing) -> None:
    await stage.apply(*STORY)
    await stage.sent()
    await stage.age()
    before = await stage.content()
    failpoints.arm("purge.before_commit:raise*1")
    try:
        with pytest.raises(FailpointError):
            await stage.purge_of().purge(["main:1001"])
    finally:
        failpoints.arm("")
    assert await stage.content() == before
    assert await stage.queued() == []
    assert await stage.purge() == 1


async def test_a_walk_goes_through_all_orders_however_few_it_sees_at_once(
    stage: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.status.purge.WINDOW", 3)
    monkeypatch.setattr("services.status.purge.AT_ONCE", 2)
    orders = [f"P{number}" for number in range(8)]
    for order in orders:
        await stage.apply(placed(order=order), event("cancelled", order=order, minutes=5))
        await stage.age(f"main:{order}", days=401 if order != "P4" else 1)
    assert await stage.purge() == 7
    assert (await stage.mark("main:P4"))[2] is None


async def test_an_order_whose_future_was_restored_is_left_until_it_has_said_so(stage: Closing) -> None:
    await stage.apply(*STORY)
    await stage.age()
    await stage.connection.execute("update status.orders set restored = true")
    assert await stage.purge() == 0


async def test_a_rebuild_finds_nothing_to_say_of_closed_orders(stage: Closing) -> None:
    await purged(stage)
    await stage.apply(placed(order="2"), event("erased", order="2", minutes=5), placed(order="3"))
    await stage.connection.execute("insert into status.machine_version (version) values ($1)", MACHINE_VERSION)
    found = [portion async for portion in rebuild.find(stage.connection, rebuild.Choice(), Rate(0, at_once=200))]
    assert [(one.read, one.orders) for one in found] == [(1, [])]


async def waits(connection: Any) -> bool:
    """Tell whether somebody waits for a lock."""
    waiting = await connection.fetchval(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    return bool(waiting)


def test_the_story_is_over_before_anything_new_of_these_tests() -> None:
    assert datetime.fromisoformat(scan("delivered", minutes=NEW)["occurred_at"]).year > 2040
