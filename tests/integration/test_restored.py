"""A status database that is older than what it has published: on real Kafka, Postgres and processes (rule E7)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from schemas.order_status import OrderStatus
from services.notify import policy
from services.notify.contacts import Book
from tests import shown
from tests.pipeline import STATUS, Pipeline, judge, of_order, status_of
from tests.records import placed, scan, shipment
from tests.stack.databases import PostgresServer
from tests.waiting import eventually

# What was published is read back to the end of the log. Four processes, one after the other.
pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
#: One that a lost future publishes, one that it leaves alone, one that it alone knows.
LOST, UNTOUCHED, UNKNOWN = "main:1001", "main:1002", "main:1003"
#: Makes a process a program without the rule: Python runs it before anything else.
WITHOUT_THE_RULE = """
import services.status.restoring as restoring
async def mark(self, *_): return 0
restoring.Restoring._mark = mark
"""


@dataclass(frozen=True)
class Restored:
    """A database that is older than the topics, and what readers have seen."""

    url: str
    seen: Sequence[Any]
    right: dict[str, Any]
    """What each order must show in the end."""


def story(order: str, number: str) -> list[dict[str, Any]]:
    """Return how an order begins."""
    return [
        placed(order=order),
        shipment(number, order=order),
        scan("in_transit", minutes=60, number=number),
    ]


async def wait_until_relayed(url: str) -> None:
    """Wait until Kafka has everything that the database has committed."""
    connection = await asyncpg.connect(url)
    try:

        async def empty() -> bool:
            return not await connection.fetch("select from status.outbox limit 1")

        await eventually(empty, timeout_s=40)
    finally:
        await connection.close()


async def versions_of(url: str) -> dict[str, int]:
    """Return the version of each order of a database."""
    connection = await asyncpg.connect(url)
    try:
        return {row["order_key"]: row["version"] for row in await connection.fetch("select * from status.orders")}
    finally:
        await connection.close()


async def documents(url: str) -> dict[str, Any]:
    """Return what each order of a database shows."""
    connection = await asyncpg.connect(url)
    try:
        return await shown.documents(connection)
    finally:
        await connection.close()


@pytest.fixture
async def copies(postgres_server: PostgresServer) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Make copies of databases that nobody is connected to, gone after the test."""
    made = []

    async def copy(url: str) -> str:
        made.append(await postgres_server.create(template=urlsplit(url).path.removeprefix("/")))
        return postgres_server.database_url(made[-1])

    yield copy
    for name in made:
        await postgres_server.drop(name)


@pytest.fixture
async def restored(pipeline: Pipeline, database: str, copies: Callable[[str], Awaitable[str]]) -> Restored:
    """Run a story, keep the database as it is, and run on: what follows is the future that the copy has lost."""
    status = await pipeline.start("status")
    await pipeline.produce([*story("1001", "AB1"), *story("1002", "AB2")])
    await pipeline.until_state(LOST, "in_transit")
    await pipeline.until_state(UNTOUCHED, "in_transit")
    await wait_until_relayed(database)
    assert await status.terminate() == 0
    copy = await copies(database)

    status = await pipeline.start("status")
    await pipeline.produce([scan("out_for_delivery", minutes=1600), scan("delivered", minutes=1700)])
    await pipeline.produce(story("1003", "AB3"))
    await pipeline.until_state(LOST, "delivered")
    await pipeline.until_state(UNKNOWN, "in_transit")
    await wait_until_relayed(database)
    assert await status.terminate() == 0
    last = await versions_of(database)

    def all_there(records: list[Any]) -> bool:
        return set(last.items()) <= {(one.key.decode(), status_of(one).change.version) for one in records}

    return Restored(copy, await pipeline.messages(STATUS, all_there), await documents(database))


async def until_restored(pipeline: Pipeline, orders: Sequence[str]) -> dict[str, list[OrderStatus]]:
    """Read until each order was published as restored; return the versions of each, judged."""

    def told(records: list[Any]) -> bool:
        return all(any(b'"restored"' in one.value for one in of_order(records, order)) for order in orders)

    records = await pipeline.messages(STATUS, told)
    return {order: judge(of_order(records, order)) for order in (LOST, UNTOUCHED, UNKNOWN)}


def assert_corrected_once(restored: Restored, versions: dict[str, list[OrderStatus]]) -> None:
    """What readers saw stands; behind it comes one correction with the right state, and nothing of the others."""
    for order in (LOST, UNKNOWN):
        before, last = judge(of_order(restored.seen, order)), versions[order][-1]
        assert versions[order][:-1] == before
        assert (last.change.marked, last.change.reason, last.change.correction) == ("restored", "restored", True)
        assert last.model_dump(mode="json", exclude={"change"}).items() >= _plain(restored.right[order]).items()
    assert versions[UNTOUCHED] == judge(of_order(restored.seen, UNTOUCHED))


def _plain(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("shop", "order", "state", "display", "conditions")}


async def test_what_a_lost_future_published_is_corrected_once_and_nothing_else_is_touched(
    pipeline: Pipeline, restored: Restored
) -> None:
    await pipeline.start("status", DATABASE_URL=restored.url)
    versions = await until_restored(pipeline, (LOST, UNKNOWN))
    assert_corrected_once(restored, versions)
    assert await documents(restored.url) == restored.right

    await pipeline.produce([scan("delivered", minutes=1800, number="AB3")])
    news = judge(await pipeline.until_state(UNKNOWN, "delivered"))
    assert (news[-1].change.version, news[-1].change.marked) == (len(versions[UNKNOWN]) + 1, None)


async def test_nobody_is_told_of_what_a_correction_shows_first(pipeline: Pipeline, restored: Restored) -> None:
    await pipeline.start("status", DATABASE_URL=restored.url)
    last = (await until_restored(pipeline, (LOST,)))[LOST][-1]
    planned = policy.plan(LOST, last, Book(), channels=("email",))
    assert {one.identity.milestone for one in planned} >= {"shipped", "delivered"}
    assert {one.withheld for one in planned} <= {"restored", "inferred"}


@pytest.mark.parametrize("point", ["restoring.after_mark", "restoring.before_commit", "consume.after_commit"])
async def test_killed_while_it_restores_it_goes_on_where_it_was(
    pipeline: Pipeline, restored: Restored, point: str
) -> None:
    dying = await pipeline.start(
        "status", wait_ready=False, DATABASE_URL=restored.url, TRACKFOLD_FAILPOINTS=f"{point}:kill"
    )
    assert await dying.wait(40) == -9
    await pipeline.start("status", DATABASE_URL=restored.url)
    assert_corrected_once(restored, await until_restored(pipeline, (LOST, UNKNOWN)))
    assert await documents(restored.url) == restored.right


async def test_two_processes_that_restore_at_once_correct_once(pipeline: Pipeline, restored: Restored) -> None:
    both = [await pipeline.start("status", wait_ready=False, DATABASE_URL=restored.url) for _ in range(2)]
    versions = await until_restored(pipeline, (LOST, UNKNOWN))
    for process in both:
        await process.wait_ready(60)
        assert await process.terminate() == 0
    await wait_until_relayed(restored.url)
    assert_corrected_once(restored, await until_restored(pipeline, (LOST, UNKNOWN)))
    assert_corrected_once(restored, versions)


async def test_a_database_that_lost_everything_reads_all_again_and_corrects_every_order(
    pipeline: Pipeline, restored: Restored, template: str, copies: Callable[[str], Awaitable[str]]
) -> None:
    fresh = await copies(f"/{template}")
    await pipeline.start("status", DATABASE_URL=fresh)
    versions = await until_restored(pipeline, (LOST, UNTOUCHED, UNKNOWN))
    for order, told in versions.items():
        assert told[:-1] == judge(of_order(restored.seen, order))
    assert await documents(fresh) == restored.right


async def test_a_start_after_that_marks_nothing(pipeline: Pipeline, restored: Restored) -> None:
    first = await pipeline.start("status", DATABASE_URL=restored.url)
    await until_restored(pipeline, (LOST, UNKNOWN))
    assert await first.terminate() == 0
    again = await pipeline.start("status", DATABASE_URL=restored.url)
    await pipeline.produce([scan("delivered", minutes=1800, number="AB3")])
    assert judge(await pipeline.until_state(UNKNOWN, "delivered"))[-1].change.marked is None
    assert "it was restored" in first.log()
    assert "it was restored" not in again.log()


async def test_without_the_rule_a_version_would_be_published_twice_with_other_contents(
    pipeline: Pipeline, restored: Restored, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_THE_RULE)
    await pipeline.start("status", DATABASE_URL=restored.url, PYTHONPATH=f"{tmp_path}:{ROOT}")
    before = len(of_order(restored.seen, LOST))

    def twice(records: list[Any]) -> bool:
        return len(of_order(records, LOST)) > before

    with pytest.raises(AssertionError, match="repeated with other bytes"):
        judge(of_order(await pipeline.messages(STATUS, twice), LOST))
