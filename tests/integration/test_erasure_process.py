"""Erasure and purge through the running services: topics, databases and replays, on real Kafka and Postgres."""

from typing import Any

import asyncpg

from tests.integration.closing_stage import traces
from tests.pipeline import SNAPSHOTS, STATUS, Pipeline, judge, of_order
from tests.records import event, placed, scan, shipment
from tests.waiting import eventually

ORDER, OTHER = "main:1001", "main:2"
SIGKILLED = -9
PLACE = {"city": "Canary Wharf", "country": "GB"}
PEOPLE = [{"role": "buyer", "name": "Canary Person", "email": "canary@example.com", "phone": "+447700900999"}]
STORY = (
    placed(lines=[{"line": "1", "name": "Canary cage", "quantity": 1}], contacts=PEOPLE),
    shipment(),
    scan("in_transit", minutes=60, place=PLACE),
    scan("delivered", minutes=1700, place=PLACE),
)
OTHERS = (placed(order="2"), shipment("CD2", order="2"), scan("delivered", minutes=1700, number="CD2"))
ERASED = event("erased", minutes=5000)
LIMIT_S = 60
PUBLISHED = "select sum(next_offset) from status.relay_position where topic = 'order.status.v1'"


async def ask(pipeline: Pipeline, query: str) -> Any:
    """Ask the database of the processes for one value."""
    connection = await asyncpg.connect(pipeline.environment()["DATABASE_URL"])
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def left(pipeline: Pipeline) -> list[str]:
    """Return where the canary is still stored."""
    connection = await asyncpg.connect(pipeline.environment()["DATABASE_URL"])
    try:
        return await traces(connection)
    finally:
        await connection.close()


async def told_of_it(pipeline: Pipeline) -> list[int]:
    """Return the offsets of all that was ever told of the order."""
    count = await ask(pipeline, PUBLISHED)
    found = await pipeline.messages(STATUS, lambda records: len(records) >= count)
    return [one.offset for one in of_order(found, ORDER)]


async def tombstone(pipeline: Pipeline) -> Any:
    """Return the order's newest snapshot, which must be a tombstone."""
    found = await pipeline.messages(SNAPSHOTS, lambda records: any(one.value is None for one in records), LIMIT_S)
    newest = of_order(found, ORDER)[-1]
    assert newest.value is None
    return newest


async def until_read(pipeline: Pipeline, schema: str, topic: str, count: int) -> None:
    """Wait until a service has applied so many records of a topic."""
    query = f"select sum(next_offset) from {schema}.consumer_offset where topic like '%{topic}'"  # noqa: S608 - ours

    async def read() -> bool:
        return int(await ask(pipeline, query) or 0) >= count

    await eventually(read, LIMIT_S, what=f"{schema} at the end of {topic}")


async def until_all_is_read(pipeline: Pipeline, *, events: int, scans: int) -> None:
    """Wait until both services have applied everything, and everything is told."""
    await until_read(pipeline, "status", "order.events.v1", events)
    await until_read(pipeline, "status", "carrier.scans.v1", scans)
    await until_read(pipeline, "notify", "order.events.v1", events)

    async def empty() -> bool:
        return not await ask(pipeline, "select count(*) from status.outbox")

    await eventually(empty, LIMIT_S, what="an empty outbox")
    await until_read(pipeline, "notify", "order.status.v1", await ask(pipeline, PUBLISHED))


async def test_an_erased_order_is_told_once_more_and_then_never_whatever_is_replayed(pipeline: Pipeline) -> None:
    await pipeline.start("status")
    await pipeline.start("notify")
    await pipeline.produce([*STORY, *OTHERS])
    await pipeline.until_state(ORDER, "delivered", timeout_s=LIMIT_S)
    await until_all_is_read(pipeline, events=4, scans=3)
    assert await left(pipeline) != [], "the search finds nothing: the test shows nothing"
    await pipeline.produce([ERASED])
    told = await pipeline.until_state(ORDER, "erased", timeout_s=LIMIT_S)
    assert [one.state for one in judge(told)][-2:] == ["delivered", "erased"]
    await until_all_is_read(pipeline, events=5, scans=3)
    assert await left(pipeline) == []
    gone = await tombstone(pipeline)
    assert (gone.headers, gone.timestamp) == (told[-1].headers, told[-1].timestamp)
    other = await ask(pipeline, f"select message from status.orders where order_key = '{OTHER}'")  # noqa: S608

    await pipeline.produce([*STORY, *OTHERS, ERASED, scan("returned", minutes=1800, place=PLACE), *reversed(STORY)])
    await until_all_is_read(pipeline, events=12, scans=9)
    assert await left(pipeline) == []
    assert await told_of_it(pipeline) == [one.offset for one in told]
    await tombstone(pipeline)
    assert await ask(pipeline, f"select message from status.orders where order_key = '{OTHER}'") == other  # noqa: S608


async def test_killed_before_it_commits_an_erasure_status_erases_after_its_restart(
    pipeline: Pipeline,
) -> None:
    first = await pipeline.start("status")
    await pipeline.produce(STORY)
    await pipeline.until_state(ORDER, "delivered", timeout_s=LIMIT_S)
    await first.terminate()
    await pipeline.produce([ERASED])
    doomed = await pipeline.start("status", wait_ready=False, TRACKFOLD_FAILPOINTS="consume.before_commit:kill")
    assert await doomed.wait(LIMIT_S) == SIGKILLED
    await pipeline.start("status")
    told = judge(await pipeline.until_state(ORDER, "erased", timeout_s=LIMIT_S))
    assert [one.state for one in told][-2:] == ["delivered", "erased"]


async def test_a_purge_killed_before_its_commit_is_done_after_its_restart_and_its_order_is_not_told_again(
    pipeline: Pipeline,
) -> None:
    first = await pipeline.start("status")
    await pipeline.produce(STORY)
    before = await pipeline.until_state(ORDER, "delivered", timeout_s=LIMIT_S)
    await first.terminate()
    await ask(pipeline, "update status.orders set updated_at = now() - interval '401 days' returning 1")
    doomed = await pipeline.start(
        "status",
        wait_ready=False,
        TRACKFOLD_FAILPOINTS="purge.before_commit:kill",
        TRACKFOLD_STATUS__PURGE_ROUND_S="0.1",
    )
    assert await doomed.wait(LIMIT_S) == SIGKILLED
    assert await ask(pipeline, "select closed from status.orders") is None
    await pipeline.start("status", TRACKFOLD_STATUS__PURGE_ROUND_S="0.1")
    await tombstone(pipeline)
    assert await ask(pipeline, "select closed from status.orders") == "purged"
    await pipeline.produce(STORY)
    await until_read(pipeline, "status", "carrier.scans.v1", 4)
    await until_read(pipeline, "status", "order.events.v1", 4)
    assert await ask(pipeline, "select count(*) from status.outbox") == 0
    assert await told_of_it(pipeline) == [one.offset for one in before]
    assert await left(pipeline) == []
