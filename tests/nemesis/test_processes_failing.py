"""Batches that fail, members that come and go, partitions that become more: nothing is passed over for it."""

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from services.runtime import clock
from tests.nemesis import lengths
from tests.nemesis.striking import ask, logged, unwanted_ends
from tests.oracle_evidence import ORDER_EVENTS, SCANS, Evidence
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes
from tests.under_fire.load import Load
from tests.under_fire.stage import Stage, open_stage

LIMIT_S: Final = 60.0
STORM_S: Final = lengths.seconds(20, 120)
STAYS_S: Final = 3.0
PARTITIONS: Final = "TRACKFOLD_KAFKA__PARTITIONS"
#: New partitions are found out by asking now and then.
FOUR: Final = {PARTITIONS: "4", "TRACKFOLD_KAFKA__METADATA_MAX_AGE_MS": "3000"}
#: One failure at each place where a batch of status can fail, in several batches one after the other.
FAILING_STATUS: Final = (
    "consume.polled:raise*1,consume.fenced:raise*1,consume.applied:raise*2,consume.before_commit:raise*2,"
    "relay.before_send:raise*1,relay.after_send:raise*1"
)
FAILING_INGEST: Final = "normalise.before_send:raise*3,normalise.before_commit:raise*1"
FAILING_NOTIFY: Final = "consume.fenced:raise*1,consume.applied:raise*2,consume.before_commit:raise*2"


@pytest.mark.timeout(150)
@pytest.mark.fault("failed_then_good")
async def test_a_failed_batch_that_good_ones_follow_is_never_passed_over(stage: Stage) -> None:
    for service, points in (("status", FAILING_STATUS), ("ingest", FAILING_INGEST), ("notify", FAILING_NOTIFY)):
        once = {"TRACKFOLD_FAILPOINTS": points}
        await stage.start(service, once=once, TRACKFOLD_KAFKA__MAX_POLL_RECORDS="10")
    await stage.begin(seed=301, orders=16)
    await stage.heal_and_judge()
    for member in stage.members:
        told = member.log().count("FailpointError")
        assert told >= 3, f"{member.name} failed only {told} times"


@pytest.mark.timeout(150 + STORM_S)
@pytest.mark.fault("rebalance_storm")
async def test_a_member_that_comes_and_goes_all_the_time_costs_no_record_and_no_order(stage: Stage) -> None:
    stays = await stage.start("status")
    restless = await stage.start("status")
    await stage.begin(seed=302, orders=round(STORM_S * 2), per_second=12, limit_s=STORM_S + 120)
    dice, until = random.Random(302), clock.monotonic() + STORM_S  # noqa: S311 - must be repeatable
    while clock.monotonic() < until:
        await lengths.lasts(STAYS_S)
        if dice.random() < 1 / 4:
            restless.kill()
            restless.held = True
        else:
            assert await restless.terminate() == 0
        await restless.restart()
    await stage.heal_and_judge()
    assert len(logged(stays, "Joined group")) >= 2 * (restless.lives - 1) > 2
    assert not unwanted_ends(stage)


@pytest.fixture
async def stage_of_four(
    kafka: Kafka, prefix: str, processes: Processes, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> AsyncIterator[Stage]:
    """A stage whose topics have four partitions each."""
    async with open_stage(kafka, prefix, processes, environment, tmp_path, overrides=FOUR) as made:
        yield made


async def grow(stage: Stage, processes: Processes, count: int) -> None:
    """Have an operator's command give the inputs more partitions."""
    env = stage.make_environment(**{PARTITIONS: str(count)})
    applied = await processes.start("topics", env=env, arguments=("topics", "apply"), wait_ready=False)
    assert await applied.wait(LIMIT_S) == 0, applied.log()
    assert "grow" in applied.log()


def tell_only(load: Load, *, second: bool) -> None:
    """Leave one half of a load, before it has begun."""
    middle = len(load.plan.letters) // 2
    letters = load.plan.letters[middle:] if second else load.plan.letters[:middle]
    load.plan = replace(load.plan, letters=letters)


def parted(evidence: Evidence, topic: str) -> set[bytes]:
    """Return the keys whose records lie in more than one partition."""
    places: dict[bytes, set[int]] = {}
    for one in evidence.records(topic):
        places.setdefault(one.key or b"", set()).add(one.partition)
    return {key for key, found in places.items() if len(found) > 1}


@pytest.mark.timeout(200)
@pytest.mark.needs("end_offsets")
@pytest.mark.fault("partitions_grown")
async def test_inputs_that_grow_from_four_partitions_to_eight_under_load_lose_nothing(
    stage_of_four: Stage, processes: Processes
) -> None:
    stage = stage_of_four
    await stage.start_all(status=2)
    now = clock.now()
    tell_only(await stage.begin(seed=303, orders=30, per_second=40, now=now), second=False)
    await stage.half()
    await grow(stage, processes, 8)
    # A producer that begins now knows all eight: the rest of an order's records lies elsewhere than their beginning.
    tell_only(await stage.begin(seed=303, orders=30, per_second=40, now=now), second=True)
    evidence = await stage.heal_and_judge()
    for topic in (SCANS, ORDER_EVENTS):
        assert {one.partition for one in evidence.records(topic)} == set(range(8))
        assert parted(evidence, topic), "no subject's records lie in two partitions"
    assert await ask(stage, "select count(*) from status.consumer_offset where part > 3") > 0
