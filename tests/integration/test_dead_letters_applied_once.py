"""A replayed record is applied once, however often it is written: by the services themselves, on real Kafka."""

import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.runtime import clock
from services.runtime.kafka import Record
from tests.contract import providers
from tests.contract.providers import SmtpSetup
from tests.integration.dead_letter_desk import ORDER_EVENTS, WEBHOOKS, WHY, Desk
from tests.integration.test_notify import placed as placed_by_somebody
from tests.integration.test_notify import produce, start, story, until_taken
from tests.integration.webhook_door import scan_body
from tests.pipeline import STATUS, Pipeline, judge
from tests.records import SCANS, placed, scan, shipment
from tests.unit.ingest.samples import webhook_record

ORDER = "main:1001"
REFUSED = {
    "scan": "alter table status.ledger add constraint refused check (event_key not like '%out_for_delivery%')",
    "event": "alter table status.order_event add constraint refused check (id not like 'shipment_created%')",
    "status": "alter table notify.customer_order add constraint refused check (version <> 2)",
}
MENDED = {
    "scan": "alter table status.ledger drop constraint refused",
    "event": "alter table status.order_event drop constraint refused",
    "status": "alter table notify.customer_order drop constraint refused",
}
SIGKILLED = -9
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def desk(pipeline: Pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSetup]:
    """The customers' mail server."""
    async with providers.smtp() as setup:
        yield setup


async def execute(database: str, statement: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def until_listed(desk: Desk, number: int) -> list[dict[str, Any]]:
    """Wait for so many dead letters, and return them as they are listed."""
    await desk.letters(number)
    listed = await desk.ask("list")
    assert listed["total"] == number
    letters: list[dict[str, Any]] = listed["letters"]
    return letters


def shown(records: list[Any]) -> list[str]:
    """Return what an order showed, version by version."""
    return [one.state for one in judge(records)]


async def test_a_scan_is_applied_once_however_often_it_is_replayed(desk: Desk, database: str) -> None:
    await execute(database, REFUSED["scan"])
    await desk.pipeline.start("status")
    await desk.pipeline.produce([placed(), shipment(), scan("out_for_delivery", minutes=30)])
    (letter,) = await until_listed(desk, 1)
    assert (letter["service"], letter["topic"], letter["reason"]) == ("status", SCANS, "postgres_23514")

    await execute(database, MENDED["scan"])
    await desk.type("replay", letter["key"], *WHY, "--yes")
    await desk.pipeline.until_state(ORDER, "out_for_delivery")
    await desk.type("replay", letter["key"], *WHY, "--yes", "--again")
    await desk.pipeline.produce([scan("delivered", minutes=60)])  # the same key: it lies behind both replays
    states = shown(await desk.pipeline.until_state(ORDER, "delivered"))
    assert states.count("out_for_delivery") == 1
    assert states[-2:] == ["out_for_delivery", "delivered"]
    assert await desk.count(SCANS) == 4


async def test_a_replay_that_dies_before_its_mark_is_done_again_and_changes_nothing_twice(
    desk: Desk, database: str
) -> None:
    await execute(database, REFUSED["event"])
    await desk.pipeline.start("status")
    await desk.pipeline.produce([placed(), shipment()])
    (letter,) = await until_listed(desk, 1)
    assert letter["topic"] == ORDER_EVENTS

    await execute(database, MENDED["event"])
    killed = {"TRACKFOLD_FAILPOINTS": "replay.before_mark:kill"}
    await desk.type("replay", letter["key"], *WHY, "--yes", exit_code=SIGKILLED, **killed)
    assert (await desk.ask("list"))["total"] == 1, "written again, and not marked"
    await desk.type("replay", letter["key"], *WHY, "--yes")
    assert (await desk.ask("list"))["total"] == 0
    await desk.pipeline.produce([shipment("AB2", parcel="S2", minutes=20)])

    def has_both(records: list[Any]) -> bool:
        return any(len(json.loads(one.value)["parcels"]) == 2 for one in records)

    versions = judge(await desk.pipeline.messages(STATUS, has_both))
    assert [len(one.parcels) for one in versions] == [0, 1, 2]
    assert await desk.count(ORDER_EVENTS) == 5


async def test_a_webhook_that_is_replayed_twice_is_one_scan_of_its_order(desk: Desk) -> None:
    number, told_at = "AB1", clock.now().replace(microsecond=0)

    def webhook(stage: str, minute: int) -> Record:
        at = f"2026-11-20T09:{minute}:00+00:00"
        body = scan_body(number, carrier="royal-mail", stage=stage, code=stage, occurred_at=at)
        return webhook_record("standard", json.dumps(body).encode(), told_at=told_at, offset=900 + minute)

    # As an ingest without this provider left it: retention took the webhook, its dead letter has it.
    key = await desk.set_aside(webhook("out_for_delivery", 30), reason="unknown_provider")
    await desk.pipeline.start("ingest", TRACKFOLD_INGEST__REMEMBERED_SCANS="0")
    await desk.pipeline.start("status")
    await desk.pipeline.produce([placed(), shipment(number)])
    await desk.type("replay", key, *WHY, "--yes")
    await desk.type("replay", key, *WHY, "--yes", "--again")
    await desk.read(SCANS, 2)
    last = webhook("delivered", 50)
    await desk.write(WEBHOOKS, key=None, value=last.value, headers=last.headers)
    states = shown(await desk.pipeline.until_state(ORDER, "delivered"))
    assert states.count("out_for_delivery") == 1


async def test_a_status_message_that_is_replayed_twice_tells_nobody_twice(
    desk: Desk, database: str, smtp: SmtpSetup
) -> None:
    await execute(database, REFUSED["status"])
    await start(desk.pipeline, smtp)
    await produce(desk.pipeline, placed_by_somebody(), story(0), story(1))
    (letter,) = await until_listed(desk, 1)
    assert (letter["service"], letter["topic"]) == ("notify", STATUS)
    assert smtp.taken == []

    await execute(database, MENDED["status"])
    await desk.type("replay", letter["key"], *WHY, "--yes")
    await until_taken(smtp, 1)
    await desk.type("replay", letter["key"], *WHY, "--yes", "--again")
    await produce(desk.pipeline, story(2))
    await until_taken(smtp, 2)
    before, *replays = [one for one in await desk.read(STATUS, 5) if json.loads(one.value)["change"]["version"] == 2]
    assert len(replays) == 2
    for one in replays:
        assert (one.key, one.value, one.headers, one.timestamp, one.partition) == (
            before.key, before.value, before.headers, before.timestamp, before.partition,
        )  # fmt: skip


async def test_a_replayed_record_that_fails_again_is_a_new_letter_linked_to_its_old_one(
    desk: Desk, database: str
) -> None:
    await execute(database, REFUSED["event"])
    await desk.pipeline.start("status")
    await desk.pipeline.produce([placed(), shipment()])
    (first,) = await until_listed(desk, 1)
    (done,) = (await desk.ask("replay", first["key"], *WHY, "--yes"))["done"]
    await desk.letters(3)
    (again,) = (await desk.ask("list"))["letters"]
    assert (again["key"], again["replay_of"]) == (done["replayed_to"], first["key"])
    assert f"it is the replay of {first['key']}" in await desk.type("show", again["key"])


async def test_letters_of_two_services_are_one_record_written_once(desk: Desk, smtp: SmtpSetup) -> None:
    await desk.pipeline.start("status")
    await start(desk.pipeline, smtp)
    identity = [("ce_id", b"1"), ("ce_source", b"oms")]
    record = await desk.write(ORDER_EVENTS, key=b"main:1", value=b"{", headers=identity)
    both = await until_listed(desk, 2)
    assert {(one["service"], one["key"]) for one in both} == {("notify", record.place), ("status", record.place)}
    told = await desk.ask("replay", record.place, *WHY, "--yes")
    assert [one["services"] for one in told["done"]] == [["notify", "status"]]
    assert await desk.count(ORDER_EVENTS) == 2
    await desk.letters(6)  # two letters, two marks, and two letters of the replay
