"""`trackfold offsets show | adopt` and the refusing service, as real processes on real Kafka and Postgres."""

import json
from typing import Any

import asyncpg
import pytest

from tests.pipeline import Pipeline, judge
from tests.records import event, placed, scan, shipment
from tests.stack.processes import Process
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(300)]
ORDER = "main:1001"
CONFIG, FAILED, USAGE = 78, 1, 2
FIRST = (placed(minutes=0), shipment(minutes=10), scan("accepted", minutes=60))
THEN = (event("picking_started", minutes=5), scan("in_transit", minutes=120), scan("delivered", minutes=1700))
NOBODYS = "the one before"


async def ask(pipeline: Pipeline, query: str, *arguments: object) -> list[Any]:
    """Ask the database of the processes."""
    connection = await asyncpg.connect(pipeline.environment()["DATABASE_URL"])
    try:
        rows: list[Any] = await connection.fetch(query, *arguments)
    finally:
        await connection.close()
    return rows


async def offsets(pipeline: Pipeline, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    env = pipeline.environment()
    ran = await pipeline.processes.start("offsets", env=env, arguments=("offsets", *arguments), wait_ready=False)
    return await ran.wait(60), ran.log()


async def show(pipeline: Pipeline) -> tuple[int, list[dict[str, Any]]]:
    """Return what `offsets show` says."""
    code, said = await offsets(pipeline, "show", "--json")
    return code, json.loads(said[said.index("[") : said.rindex("]") + 1])


async def has_read(pipeline: Pipeline, count: int) -> None:
    """Wait until status has read so many records."""

    async def all_were_read() -> bool:
        (row,) = await ask(pipeline, "select coalesce(sum(next_offset), 0) as read from status.consumer_offset")
        return bool(row["read"] == count)

    await eventually(all_were_read, 60)


async def version(pipeline: Pipeline) -> int:
    """Return the order's version."""
    (row,) = await ask(pipeline, "select version from status.orders")
    return int(row["version"])


async def refuse(pipeline: Pipeline, service: str = "status") -> Process:
    """Start a service that ends with 78 by itself."""
    refusing = await pipeline.start(service, wait_ready=False)
    assert await refusing.wait(90) == CONFIG
    return refusing


async def test_another_cluster_is_refused_with_78_shown_and_adopted_and_nothing_counts_twice(
    pipeline: Pipeline,
) -> None:
    await pipeline.produce(FIRST)
    running = await pipeline.start("status")
    await has_read(pipeline, len(FIRST))
    before = await version(pipeline)
    assert await running.terminate() == 0
    assert (await show(pipeline))[0] == 0
    await ask(pipeline, "update status.consumer_offset set cluster = $1", NOBODYS)

    refusing = await refuse(pipeline)
    assert f"it was read from cluster {NOBODYS}" in refusing.log()
    assert "trackfold offsets adopt" in refusing.log()
    assert "main:1001" not in refusing.log()

    code, rows = await show(pipeline)
    assert code == FAILED
    assert {one["verdict"] for one in rows} == {"another_cluster"}
    assert sum(one["next_offset"] for one in rows) == sum(one["log_end"] for one in rows) == len(FIRST)

    code, said = await offsets(pipeline, "adopt", "--service", "status")
    assert code == 0
    assert "nothing was changed" in said
    assert (await offsets(pipeline, "adopt", "--service", "status", "--yes"))[0] == USAGE
    assert (await offsets(pipeline, "adopt", "--yes", "--reason", "moved"))[0] == USAGE
    assert await ask(pipeline, "select 1 from status.offset_adopted") == []
    code, said = await offsets(
        pipeline, "adopt", "--service", "status", "--yes", "--reason", "moved to a new cluster", "--author", "ada"
    )
    assert code == 0, said

    written = await ask(pipeline, "select * from status.offset_adopted where old_offset > 0 order by id")
    assert {(one["author"], one["reason"], one["old_cluster"]) for one in written} == {
        ("ada", "moved to a new cluster", NOBODYS)
    }
    assert {one["new_offset"] for one in written} == {0}
    await pipeline.start("status")
    await has_read(pipeline, len(FIRST))
    assert await version(pipeline) == before, "what was read again counted again"
    await pipeline.produce(THEN)
    await has_read(pipeline, len(FIRST) + len(THEN))
    judge(await pipeline.until_state(ORDER, "delivered"))
    scans = await ask(pipeline, "select event_key from status.ledger where kind = 'scan'")
    assert len(scans) == len({one["event_key"] for one in scans}) == 3
    code, rows = await show(pipeline)
    assert (code, {one["verdict"] for one in rows}) == (0, {"ok"})


@pytest.mark.parametrize(("start", "target"), [("end", "log_end"), ("keep", "next_offset"), ("start", "log_start")])
async def test_adopting_takes_the_place_that_was_asked_for(pipeline: Pipeline, start: str, target: str) -> None:
    await pipeline.produce(FIRST)
    running = await pipeline.start("status")
    await has_read(pipeline, len(FIRST))
    assert await running.terminate() == 0
    await pipeline.produce(THEN)
    await ask(pipeline, "update status.consumer_offset set cluster = $1 where topic like '%scans%'", NOBODYS)
    _, before = await show(pipeline)
    scans = ("--service", "status", "--topic", "carrier.scans.v1")
    code, said = await offsets(pipeline, "adopt", *scans, "--from", start, "--yes", "--reason", "a test")
    assert code == 0, said
    _, after = await show(pipeline)
    expected = [one[target] if one["verdict"] == "another_cluster" else one["next_offset"] for one in before]
    assert [one["next_offset"] for one in after] == expected
    assert {one["verdict"] for one in after} == {"ok"}


async def test_an_offset_that_the_log_does_not_reach_cannot_be_kept(pipeline: Pipeline) -> None:
    await pipeline.produce(FIRST)
    running = await pipeline.start("status")
    await has_read(pipeline, len(FIRST))
    assert await running.terminate() == 0
    await ask(pipeline, "update status.consumer_offset set next_offset = 1000 where topic like '%scans%'")
    refusing = await refuse(pipeline)
    assert "all below offset 1000 is applied, and the log ends at" in refusing.log()
    wish = ("--group", "trackfold.status.apply", "--yes", "--reason", "a test")
    code, said = await offsets(pipeline, "adopt", *wish, "--from", "keep")
    assert code == CONFIG, said
    assert "offset 1000 is not in it" in said
    code, said = await offsets(pipeline, "adopt", *wish)
    assert code == 0, said
    await pipeline.start("status")


async def test_a_partition_that_kafka_has_no_more_is_shown_and_removed(pipeline: Pipeline) -> None:
    await ask(
        pipeline,
        "insert into status.consumer_offset (grp, topic, part, next_offset) values ($1, $2, 7, 5)",
        f"{pipeline.prefix}trackfold.status.apply",
        f"{pipeline.prefix}carrier.scans.v1",
    )
    code, (row,) = await show(pipeline)
    assert (code, row["verdict"], row["log_end"]) == (FAILED, "not_in_kafka", None)
    code, said = await offsets(pipeline, "adopt", "--service", "status", "--yes", "--reason", "a test")
    assert code == 0, said
    assert await show(pipeline) == (0, [])
    (written,) = await ask(pipeline, "select old_offset, new_offset from status.offset_adopted")
    assert tuple(written) == (5, None)


async def test_a_topic_of_which_kafka_shows_nothing_must_be_named_before_its_rows_go(pipeline: Pipeline) -> None:
    """It may only be hidden from this account: its rows are all that keeps its records from being applied again."""
    await ask(
        pipeline,
        "insert into status.consumer_offset (grp, topic, part, next_offset) values ($1, $2, 0, 5)",
        f"{pipeline.prefix}trackfold.status.apply",
        f"{pipeline.prefix}hidden.v1",
    )
    wish = ("--service", "status", "--yes", "--reason", "a test")
    code, said = await offsets(pipeline, "adopt", *wish)
    assert code == CONFIG, said
    assert f"not to be seen by this account: {pipeline.prefix}hidden.v1" in said
    assert "DESCRIBE" in said
    assert len((await show(pipeline))[1]) == 1
    code, said = await offsets(pipeline, "adopt", *wish, "--topic", "hidden.v1")
    assert code == 0, said
    assert await show(pipeline) == (0, [])


async def test_adopting_under_a_running_service_warns_and_the_service_goes_to_the_adopted_place(
    pipeline: Pipeline,
) -> None:
    await pipeline.produce(FIRST)
    await pipeline.start("status")
    await has_read(pipeline, len(FIRST))
    wish = ("--service", "status", "--all", "--yes", "--reason", "a test")
    code, said = await offsets(pipeline, "adopt", *wish)
    assert code == 0, said
    assert "has 1 members now" in said
    assert all(one["next_offset"] == 0 for one in (await show(pipeline))[1])
    # One more record in each partition makes each batch find its row moved.
    await pipeline.produce(THEN)
    await pipeline.until_state(ORDER, "delivered")
    judge(await pipeline.until_state(ORDER, "delivered"))
