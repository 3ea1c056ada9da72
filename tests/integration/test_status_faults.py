"""Status as real processes on real Kafka and Postgres: killed at the worst places, nothing is lost or doubled."""

import json
from typing import Any

import asyncpg
import pytest

from tests.pipeline import SNAPSHOTS, Pipeline, judge, of_order, status_of
from tests.records import event, placed, scan, shipment
from tests.waiting import eventually

ORDER = "main:1001"
SIGKILLED = -9
STORY = (
    placed(minutes=0),
    event("picking_started", minutes=5),
    shipment(minutes=10),
    scan("accepted", minutes=60),
    scan("in_transit", minutes=120),
    scan("out_for_delivery", minutes=1500),
    scan("delivered", minutes=1700),
)


@pytest.mark.parametrize(
    "failpoint", ["consume.before_commit", "consume.after_commit", "relay.before_send", "relay.after_send"]
)
async def test_a_status_process_killed_there_loses_and_doubles_nothing(pipeline: Pipeline, failpoint: str) -> None:
    await pipeline.produce(STORY)
    doomed = await pipeline.start("status", wait_ready=False, TRACKFOLD_FAILPOINTS=f"{failpoint}:kill")
    assert await doomed.wait(40) == SIGKILLED
    await pipeline.start("status")
    records = await pipeline.until_state(ORDER, "delivered")
    versions = judge(records)
    assert versions[-1].state == "delivered"
    if failpoint == "relay.after_send":
        assert len(records) > len(versions), "the killed relay's messages were not sent again: the test shows nothing"
    ledger = await ledger_of(pipeline)
    assert len(ledger) == len(set(ledger)) == 4
    await snapshot_is_the_newest_message(pipeline)


async def test_a_batch_that_fails_once_in_the_handler_is_not_passed_over(pipeline: Pipeline) -> None:
    await pipeline.start("status", TRACKFOLD_FAILPOINTS="consume.before_commit:raise*1")
    await pipeline.produce(STORY[:3])
    await pipeline.until_version(ORDER, 3)
    await pipeline.produce(STORY[3:])
    versions = judge(await pipeline.until_state(ORDER, "delivered"))
    assert [version.state for version in versions[3:]] == ["in_transit", "in_transit", "out_for_delivery", "delivered"]


async def test_producing_the_same_records_again_publishes_nothing_new(pipeline: Pipeline) -> None:
    await pipeline.start("status")
    await pipeline.produce(STORY)
    before = await pipeline.until_state(ORDER, "delivered")
    await pipeline.produce(STORY)

    async def all_were_read() -> bool:
        (row,) = await ask(pipeline, "select sum(next_offset) as read from status.consumer_offset")
        return bool(row["read"] == 2 * len(STORY))

    await eventually(all_were_read)
    # What the repeats had led to would have taken its version in the same transaction.
    (row,) = await ask(pipeline, "select version from status.orders")
    assert row["version"] == len(before)


async def test_two_processes_on_two_parcels_of_one_order_lose_no_part_and_keep_the_versions_in_order(
    pipeline: Pipeline,
) -> None:
    orders = [f"T{number}" for number in range(12)]
    lines = [{"line": "1", "name": "Lamp", "quantity": 1}, {"line": "2", "name": "Vase", "quantity": 1}]
    for order in orders:
        await pipeline.produce(
            [
                placed(order=order, lines=lines),
                shipment(f"{order}A", parcel="A", order=order, lines=[{"line": "1", "quantity": 1}]),
                shipment(f"{order}B", parcel="B", order=order, lines=[{"line": "2", "quantity": 1}]),
            ]
        )
    await pipeline.start("status")
    await pipeline.start("status")
    scans = [
        scan(stage, minutes=minutes, number=f"{order}{parcel}")
        for stage, minutes in (("in_transit", 60), ("out_for_delivery", 1500), ("delivered", 1700))
        for order in orders
        for parcel in "AB"
    ]
    await pipeline.produce(scans)

    def all_delivered(records: list[Any]) -> bool:
        return all(status_of(of_order(records, f"main:{o}")[-1]).state == "delivered" for o in orders)

    records = await pipeline.messages(
        "order.status.v1", lambda found: len(found) >= len(orders) * 9 and all_delivered(found), timeout_s=60
    )
    for order in orders:
        versions = judge(of_order(records, f"main:{order}"))
        assert len(versions) == 9
        assert versions[-1].state == "delivered"
        assert {parcel.stage for parcel in versions[-1].parcels} == {"delivered"}


async def ledger_of(pipeline: Pipeline) -> list[str]:
    """Return the event keys of all scans in the ledger."""
    return [row["event_key"] for row in await ask(pipeline, "select event_key from status.ledger where kind = 'scan'")]


async def ask(pipeline: Pipeline, query: str) -> list[Any]:
    """Ask the database of the processes."""
    connection = await asyncpg.connect(pipeline.environment()["DATABASE_URL"])
    try:
        rows: list[Any] = await connection.fetch(query)
    finally:
        await connection.close()
    return rows


async def snapshot_is_the_newest_message(pipeline: Pipeline) -> None:
    """Check that the last snapshot of the order is, byte for byte, its newest status message."""

    async def same() -> bool:
        messages = await pipeline.until_state(ORDER, "delivered")
        newest = max(messages, key=lambda one: status_of(one).change.version)
        snapshots = of_order(await pipeline.messages(SNAPSHOTS, lambda found: of_order(found, ORDER)), ORDER)
        assert json.loads(snapshots[-1].value)["change"] == json.loads(newest.value)["change"]
        return bool(snapshots[-1].value == newest.value)

    assert await eventually(same, what="the newest snapshot")
