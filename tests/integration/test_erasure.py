"""Erasure on a real Postgres: one last version, and then nothing, in whatever order the records come (rule E9)."""

from collections.abc import AsyncIterator
from itertools import permutations

import pytest

from services.status import closing, replay
from tests.integration.closing_stage import Closing, after_closing, opened, traces
from tests.records import event, placed, scan, shipment

PLACE = {"city": "Canary Wharf", "country": "GB"}
PLACED = placed(
    lines=[{"line": "1", "name": "Canary cage", "quantity": 1}],
    contacts=[{"role": "buyer", "name": "Canary Person", "phone": "+447700900999"}],
)
SHIPPED = shipment(minutes=10)
TRANSIT = scan("in_transit", minutes=60, place=PLACE, description="Canary is on the way")
DELIVERED = scan("delivered", minutes=1700, place=PLACE)
ERASED = event("erased", minutes=5000, reason="Canary asked for it", by={"kind": "agent", "name": "Canary Agent"})
TRUNCATE = "truncate status.orders, status.shipment, status.outbox cascade"
STORY = (PLACED, SHIPPED, TRANSIT, DELIVERED)


@pytest.fixture
async def stage(database: str) -> AsyncIterator[Closing]:
    """A fresh database."""
    async with opened(database) as made:
        yield made


async def test_an_erased_order_leaves_its_key_and_its_version_and_nothing_else(stage: Closing) -> None:
    await stage.apply(*STORY)
    assert await traces(stage.connection) != [], "the search finds nothing: the test shows nothing"
    await stage.sent()
    await stage.apply(ERASED)
    assert (await stage.queued(), await stage.versions()) == ([("main:1001", True, True)], [(5, "erased")])
    assert await traces(stage.connection) == []
    assert await stage.mark() == (5, "erased", "erased")
    assert [await stage.count(table) for table in ("order_event", "ledger", "timer")] == [0, 0, 0]
    assert await stage.count("shipment") == 1, "its mark stays, or a resent history would begin a new one"


async def test_nothing_that_comes_after_an_erasure_changes_or_tells_anything(stage: Closing) -> None:
    await stage.apply(*STORY, ERASED)
    await stage.sent()
    before, counted = await stage.content(), (after_closing("erased"), after_closing("scan"))
    due = {"rule": "silent", "basis": "x", "due_at": TRANSIT["occurred_at"]}
    later = (
        event("note", minutes=9000, text="Canary again"), shipment(parcel="S1", number="AB1", minutes=9100),
        event("time_reached", minutes=9200, **due), event("erased", minutes=9300),
    )  # fmt: skip
    await stage.apply(*STORY, *later, ERASED)
    for body in (*STORY, *later, ERASED):
        await stage.apply(body)
    assert await stage.content() == before
    assert await stage.queued() == []
    assert (after_closing("erased"), after_closing("scan")) == (counted[0] + 14, counted[1] + 4)


async def test_in_whatever_order_an_erasure_comes_the_same_is_left(stage: Closing) -> None:
    for arrival in permutations((*STORY, ERASED)):
        for body in arrival:
            await stage.apply(body)
        await stage.sent()
        shown, (mark,), events, (left,), ledger, timers = await stage.content()
        assert (mark[0], mark[2:4]) == ("main:1001", ("erased", "erased"))
        assert (shown, events, ledger, timers) == ({}, [], [], [])
        assert (left[0], left[1].isoformat()) == ("royal-mail:AB1", ERASED["occurred_at"])
        assert await traces(stage.connection) == []
        await stage.connection.execute(TRUNCATE)


async def test_all_in_one_batch_or_one_by_one_an_erasure_leaves_the_same(stage: Closing) -> None:
    story = [*STORY[:2], ERASED, *STORY[2:], event("note", minutes=9000, text="Canary")]
    await stage.apply(*story)
    at_once, told = await stage.content(), await stage.versions()
    await stage.connection.execute(TRUNCATE)
    for body in story:
        await stage.apply(body)
    assert (await stage.content(), await stage.versions()) == (at_once, told)
    assert [state for _, state in told] == ["processing", "processing", "erased"]


async def test_the_other_order_of_a_shared_number_is_untouched(stage: Closing) -> None:
    await stage.apply(placed(), shipment(), TRANSIT, placed(order="2"), shipment(order="2"))
    await stage.sent()
    other, ledger = await stage.document("main:2"), await stage.count("ledger")
    await stage.apply(event("erased", minutes=200))
    assert await stage.document("main:2") == other
    assert await stage.queued() == [("main:1001", True, True)]
    assert await stage.count("ledger") == ledger - 1, "only the claim of the erased order went"
    await stage.apply(DELIVERED)
    assert (await stage.document("main:2"))["state"] == "delivered"
    assert (await stage.mark())[1:] == ("erased", "erased")


async def test_an_order_whose_box_was_another_ones_as_well_reads_what_is_left_and_says_so(stage: Closing) -> None:
    """E3: the claim between two others made them one box; without it they are two."""
    days = 24 * 60
    claims = (("1", 0), ("2", 25), ("3", 50))
    for order, day in claims:
        await stage.apply(placed(order=order, minutes=day * days), shipment(order=order, minutes=day * days))
    await stage.apply(scan("delivered", minutes=60 * days))
    assert (await stage.document("main:1"))["state"] == "delivered"
    await stage.sent()
    await stage.apply(event("erased", order="2", minutes=70 * days))
    assert (await stage.document("main:1"))["state"] == "processing"
    assert (await stage.document("main:3"))["state"] == "delivered"
    assert await stage.queued() == [("main:2", True, True), ("main:1", True, False)]


async def test_a_number_of_an_erased_order_serves_the_next_order_that_has_it(stage: Closing) -> None:
    await stage.apply(*STORY, ERASED)
    await stage.apply(placed(order="2", minutes=6000), shipment(order="2", minutes=6000), *STORY)
    assert (await stage.document("main:2"))["state"] == "processing", "the past of the number is over"
    await stage.apply(scan("out_for_delivery", minutes=6100))
    assert (await stage.document("main:2"))["state"] == "out_for_delivery"
    ledger = await stage.connection.fetch("select n from status.ledger order by n")
    assert [row["n"] for row in ledger] == [4, 5], "the numbers of the rows go on"


async def test_erasing_and_claiming_anew_in_one_batch_keeps_the_new_claim(stage: Closing) -> None:
    await stage.apply(*STORY)
    await stage.apply(ERASED, shipment(order="2", minutes=6000), scan("in_transit", minutes=6100))
    assert (await stage.document("main:2"))["state"] == "in_transit"
    assert await traces(stage.connection, "wharf") == ["status.outbox.payload"]


async def test_an_order_that_was_erased_before_there_were_marks_gets_one(stage: Closing) -> None:
    """As an older program left it: the fold says erased, and everything is there."""
    await stage.apply(*STORY)
    await stage.connection.execute("update status.orders set state = 'erased'")
    await stage.sent()
    assert await stage.purge(after_days=0) == 1
    assert await stage.mark() == (4, "erased", "erased")
    assert await stage.queued() == [("main:1001", False, True)]
    await stage.sent()
    assert await traces(stage.connection) == []
    await stage.apply(*STORY, ERASED)
    assert await stage.queued() == []


async def test_the_mark_of_an_erased_order_is_never_forgotten(stage: Closing) -> None:
    await stage.apply(*STORY, ERASED)
    await stage.connection.execute("update status.orders set closed_at = now() - interval '9 years'")
    await stage.purge()
    assert (await stage.mark())[2] == "erased"


async def test_without_the_absorbing_state_a_later_event_would_bring_an_erased_order_back(
    stage: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.apply(*STORY, ERASED)
    await stage.sent()
    monkeypatch.setattr(replay.World, "_over", lambda *_: None)
    await stage.apply(event("note", minutes=9000, text="x"))
    assert await stage.queued() != []


async def test_without_the_filter_a_resent_history_of_an_erased_parcel_would_be_kept(
    stage: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "CLOSE_SHIPMENTS", "select $1::text[], $2::timestamptz[]")
    await stage.apply(*STORY, ERASED)
    await stage.apply(DELIVERED)
    assert "status.ledger.body" in await traces(stage.connection)
