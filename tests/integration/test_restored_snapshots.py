"""A database that is lost between a snapshot and its message: readers of snapshots alone have seen that future (E7)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.test_restored import LOST, ROOT, story, wait_until_relayed
from tests.pipeline import SNAPSHOTS, Pipeline, judge, of_order, status_of
from tests.records import scan
from tests.stack.databases import PostgresServer

# What was published is read back to the end of the log. Three processes, one after the other.
pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(300)]

#: Makes a process a program that compares with the messages alone: Python runs it before anything else.
WITHOUT_SNAPSHOTS = """
import services.status.reading_back as reading_back
async def snapshots(settings, since):
    for piece in (): yield piece
reading_back.snapshots = snapshots
"""


@dataclass(frozen=True)
class Restored:
    """A database that is older than a snapshot."""

    url: str
    before: list[Any]
    """The order's messages; the snapshot is newer by two versions that were folded in one batch."""
    snapshot: Any


@pytest.fixture
async def restored(pipeline: Pipeline, database: str, postgres_server: PostgresServer) -> AsyncIterator[Restored]:
    """Run a story, keep the database as it is, and run on until a snapshot is acknowledged and its message not sent."""
    status = await pipeline.start("status")
    await pipeline.produce(story("1001", "AB1"))
    before = await pipeline.until_state(LOST, "in_transit")
    await wait_until_relayed(database)
    assert await status.terminate() == 0
    name = await postgres_server.create(template=urlsplit(database).path.removeprefix("/"))

    await pipeline.produce([scan("out_for_delivery", minutes=1600), scan("delivered", minutes=1700)])
    dying = await pipeline.start("status", wait_ready=False, TRACKFOLD_FAILPOINTS="relay.after_snapshot:kill")
    assert await dying.wait(60) == -9
    newer = len(judge(before)) + 1

    def shown(records: list[Any]) -> bool:
        return any(status_of(one).change.version >= newer for one in of_order(records, LOST))

    snapshots = await pipeline.messages(SNAPSHOTS, shown)
    yield Restored(postgres_server.database_url(name), before, of_order(snapshots, LOST)[-1])
    await postgres_server.drop(name)


def same(one: Any, other: Any) -> bool:
    """Tell whether two records are the same bytes."""
    return bool(
        (one.key, one.value, one.headers, one.timestamp) == (other.key, other.value, other.headers, other.timestamp)
    )


async def until_version(pipeline: Pipeline, version: int) -> list[Any]:
    """Read the order's messages until one has this version."""
    return await pipeline.until_version(LOST, version)


async def test_a_version_that_only_a_snapshot_had_shown_is_published_as_it_was_and_then_corrected(
    pipeline: Pipeline, restored: Restored
) -> None:
    shown = status_of(restored.snapshot)
    assert (shown.state, shown.change.version) == ("delivered", len(judge(restored.before)) + 2)

    process = await pipeline.start("status", DATABASE_URL=restored.url)
    records = await until_version(pipeline, shown.change.version + 1)
    versions = judge(records)
    assert [
        one for one in records if status_of(one).change.version == shown.change.version and same(one, restored.snapshot)
    ]
    last = versions[-1]
    assert (last.state, last.change.marked, last.change.correction) == ("delivered", "restored", True)
    assert [one.change.marked for one in versions[:-1]] == [None] * (len(versions) - 1)
    assert "it was restored" in process.log()


async def test_without_reading_snapshots_back_a_version_would_be_shown_twice_with_other_contents(
    pipeline: Pipeline, restored: Restored, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_SNAPSHOTS)
    await pipeline.start("status", DATABASE_URL=restored.url, PYTHONPATH=f"{tmp_path}:{ROOT}")
    version = status_of(restored.snapshot).change.version
    records = await until_version(pipeline, version)
    assert not any(same(one, restored.snapshot) for one in records)
