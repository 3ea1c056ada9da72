"""Every registered fail-point is hit: its process dies there, another takes over, and the end is right.

A point that is never reached is no protection: the walk fails for a process that does not die at its point, and for a
point that has no story.
"""

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.runtime.failpoints import POINTS
from tests.contract import providers
from tests.fake_api import serving
from tests.faults.freezing import is_frozen
from tests.integration import failpoint_stories as stories
from tests.integration.failpoint_stories import Story
from tests.integration.poller_stage import tracks
from tests.pipeline import Pipeline
from tests.waiting import eventually

SIGKILLED = -9
ROOT = Path(__file__).resolve().parents[2]
#: Point -> the story that leads to it.
WALK = {
    "consume.polled": "status",
    "consume.fenced": "status",
    "consume.applied": "status",
    "consume.before_commit": "status",
    "consume.after_commit": "status",
    "consume.after_kafka_commit": "status",
    "relay.before_send": "status",
    "relay.after_snapshot": "status",
    "relay.after_send": "status",
    "relay.before_commit": "status",
    "timers.before_send": "timers",
    "timers.after_send": "timers",
    "timers.before_commit": "timers",
    "purge.before_commit": "purge",
    "ingest.before_send": "ingest",
    "ingest.after_send": "ingest",
    "normalise.before_send": "ingest",
    "normalise.before_commit": "ingest",
    "import.after_batch": "import",
    "poller.before_call": "poller",
    "poller.after_call": "poller",
    "poller.before_record": "poller",
    "notify.before_claim": "notify",
    "notify.before_call": "notify",
    "notify.after_call": "notify",
    "notify.before_record": "notify",
    "outcomes.before_send": "notify",
    "outcomes.after_send": "notify",
}
#: Points whose story is long: the tests that kill a process there.
ELSEWHERE = {
    "restoring.after_mark": "tests/integration/test_restored.py",
    "restoring.before_commit": "tests/integration/test_restored.py",
    "replay.before_mark": "tests/integration/test_dead_letters_applied_once.py",
}


@pytest.fixture
async def story(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Story]:
    """The story of the name that the test is parametrised with, and the world around it."""
    match request.param:
        case "status":
            yield stories.StatusStory()
        case "timers":
            yield stories.TimerStory()
        case "purge":
            yield stories.PurgeStory()
        case "ingest":
            yield stories.IngestStory()
        case "import":
            folder = tmp_path / "files"
            folder.mkdir()
            yield stories.ImportStory(folder)
        case "poller":
            async with serving(tracks) as fake:
                yield stories.PollerStory(fake)
        case "notify":
            async with providers.smtp() as smtp:
                yield stories.NotifyStory(smtp)
        case unknown:
            raise LookupError(unknown)


@pytest.mark.parametrize(("point", "story"), WALK.items(), indirect=["story"])
async def test_a_process_dies_at_the_point_and_the_next_one_brings_all_to_its_right_end(
    pipeline: Pipeline, story: Story, point: str
) -> None:
    doomed = await story.start(pipeline, TRACKFOLD_FAILPOINTS=f"{point}:kill")
    assert await doomed.wait(stories.LIMIT_S) == SIGKILLED, f"{point} was never hit\n{doomed.child.tail()}"
    await story.start(pipeline)
    await story.check(pipeline, point)


def test_every_registered_point_is_walked() -> None:
    assert sorted([*WALK, *ELSEWHERE]) == sorted(POINTS)


@pytest.mark.parametrize(("point", "file"), ELSEWHERE.items())
def test_a_point_with_a_long_story_is_named_by_the_tests_that_kill_there(point: str, file: str) -> None:
    text = (ROOT / file).read_text()
    assert f'"{point}' in text
    assert ":kill" in text


@pytest.mark.parametrize("action", ["raise*1", "sleep=1*1", "block=1*1"])
async def test_a_point_that_fails_waits_or_blocks_once_leaves_the_same_process_to_end_it_right(
    pipeline: Pipeline, action: str
) -> None:
    told = stories.StatusStory()
    process = await told.start(pipeline, TRACKFOLD_FAILPOINTS=f"consume.before_commit:{action}")
    await told.check(pipeline, "consume.before_commit")
    assert process.running
    assert ("FailpointError" in process.log()) == action.startswith("raise")


async def test_a_process_that_stands_still_at_a_point_goes_on_when_it_is_let(pipeline: Pipeline) -> None:
    told = stories.StatusStory()
    process = await told.start(pipeline, TRACKFOLD_FAILPOINTS="consume.before_commit:stop*1")
    await eventually(lambda: is_frozen(process.pid), stories.LIMIT_S, what="the process stopped itself")
    process.send(signal.SIGCONT)
    await told.check(pipeline, "consume.before_commit")
    assert process.running
