"""Error codes of Kafka's, one after the other, as librdkafka's mock cluster can tell them and no real broker on demand.

Each service is one process there, and a member that joins again under another name has to wait until its old self's
session is over.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from services.runtime import clock
from services.runtime.errors import ExitCode
from tests.faults import mock_cluster as mock
from tests.faults.mock_cluster import MockCluster
from tests.nemesis.knocking import REFUSED, is_taken, is_told_to_come_again, knock
from tests.nemesis.striking import logged, metric, unwanted_ends
from tests.pipeline import Pipeline
from tests.stack.processes import Processes
from tests.under_fire.stage import Stage, open_stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
#: Of the coordinator, which is asked for again; and of the membership, for which the member joins again.
COMMITS: Final = (
    (mock.NOT_COORDINATOR, mock.COORDINATOR_LOADING),
    (mock.REBALANCE_IN_PROGRESS, mock.ILLEGAL_GENERATION, mock.UNKNOWN_MEMBER),
)
FETCHES: Final = (mock.CORRUPT_MESSAGE, mock.OFFSET_OUT_OF_RANGE)
#: Errors that pass are tried again by the client itself: so many outlast what it is patient for.
MANY: Final = 300
PASSING: Final = (mock.NOT_LEADER, mock.NOT_ENOUGH_REPLICAS, mock.REQUEST_TIMED_OUT)


@pytest.fixture
async def stage_of_mock(mock_pipeline: Pipeline, processes: Processes, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on the mock cluster."""
    kafka, environment = mock_pipeline.kafka, mock_pipeline.environment
    async with open_stage(kafka, mock_pipeline.prefix, processes, environment, tmp_path, topics=False) as made:
        yield made


@pytest.mark.timeout(150)
@pytest.mark.fault("heartbeat_error")
async def test_a_member_whose_heartbeat_died_leaves_with_70_and_goes_on_when_started_again(
    stage_of_mock: Stage, mock_kafka: MockCluster
) -> None:
    status = await stage_of_mock.start("status", TRACKFOLD_KAFKA__LAG_INTERVAL_S="1")
    await stage_of_mock.begin(seed=331, orders=16, per_second=40)
    await stage_of_mock.half()
    mock_kafka.push_errors(mock.HEARTBEAT, mock.STORAGE_ERROR)
    await eventually(lambda: status.lives > 1, LIMIT_S, what="the watchdog ended it")
    assert [end.code for end in status.ends] == [ExitCode.WATCHDOG]
    assert logged(status, "the consumer is not in its group")
    await stage_of_mock.heal_and_judge()


@pytest.mark.timeout(150)
@pytest.mark.fault("commit_errors")
@pytest.mark.parametrize("codes", COMMITS, ids=["coordinator", "membership"])
async def test_a_commit_to_kafka_that_fails_changes_nothing_because_postgres_has_committed(
    stage_of_mock: Stage, mock_kafka: MockCluster, codes: tuple[int, ...]
) -> None:
    await stage_of_mock.start("status")
    await stage_of_mock.begin(seed=332, orders=16, per_second=20)
    mock_kafka.track()
    mock_kafka.push_errors(mock.OFFSET_COMMIT, *codes)
    await stage_of_mock.half()
    await stage_of_mock.heal_and_judge()
    asked = mock_kafka.requests().count(mock.OFFSET_COMMIT)
    assert asked > len(codes), "not all of them were told"
    assert not unwanted_ends(stage_of_mock)


@pytest.mark.timeout(150)
@pytest.mark.fault("fetch_errors")
@pytest.mark.parametrize("code", FETCHES)
async def test_batches_that_are_broken_or_out_of_range_are_fetched_again_and_count_once(
    stage_of_mock: Stage, mock_kafka: MockCluster, code: int
) -> None:
    status = await stage_of_mock.start("status")
    await stage_of_mock.begin(seed=333, orders=12, per_second=40)
    await stage_of_mock.half()
    mock_kafka.track()
    mock_kafka.push_errors(mock.FETCH, *[code] * 5)
    await eventually(lambda: mock_kafka.requests().count(mock.FETCH) > 5, LIMIT_S, what="all were told")
    await stage_of_mock.heal_and_judge()
    assert not unwanted_ends(stage_of_mock)
    again = await metric(status, "trackfold_records_total", outcome="repeated")
    assert (again > 0) == (code == mock.OFFSET_OUT_OF_RANGE), "who is out of range reads all of it again"


@pytest.mark.timeout(150)
@pytest.mark.fault("produce_errors")
@pytest.mark.parametrize("code", PASSING)
async def test_while_kafka_refuses_what_is_sent_the_door_says_so_and_the_next_webhook_is_fine(
    stage_of_mock: Stage, mock_kafka: MockCluster, code: int
) -> None:
    await stage_of_mock.start("ingest")
    await stage_of_mock.start("status")
    await stage_of_mock.begin(seed=334, orders=16, per_second=40)
    await stage_of_mock.half()
    mock_kafka.push_errors(mock.PRODUCE, *[code] * MANY)
    await is_told_to_come_again(stage_of_mock)
    mock_kafka.clear_errors(mock.PRODUCE)
    healed_at = clock.monotonic()
    await is_taken(stage_of_mock)
    await stage_of_mock.heal_and_judge(since=healed_at)
    assert not unwanted_ends(stage_of_mock)


@pytest.mark.timeout(150)
@pytest.mark.fault("produce_errors")
@pytest.mark.parametrize(("code", "status"), [(mock.TOPIC_AUTHORIZATION_FAILED, 503), (mock.MESSAGE_TOO_LARGE, 413)])
async def test_a_webhook_that_kafka_will_not_have_is_refused_and_the_next_one_is_fine(
    stage_of_mock: Stage, mock_kafka: MockCluster, code: int, status: int
) -> None:
    await stage_of_mock.start("ingest")
    await stage_of_mock.start("status")
    await stage_of_mock.begin(seed=335, orders=8, per_second=80)
    await stage_of_mock.heal()
    mock_kafka.push_errors(mock.PRODUCE, code)
    answer = await knock(stage_of_mock)
    assert (answer.status, answer.retry_after is not None) == (status, status == REFUSED)
    await is_taken(stage_of_mock)
    await stage_of_mock.begin(seed=336, orders=8, per_second=80, mark="NEXT")
    await stage_of_mock.heal_and_judge()
    assert not unwanted_ends(stage_of_mock)
