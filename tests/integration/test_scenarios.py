"""The workbench and the service: what `trackfold fold` shows is what the handler publishes, on a real Postgres."""

import json
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import asyncpg
import pytest

from schemas.order_status import ORDER_STATUS
from services.local import workbench
from services.local.record_lines import read_lines
from services.local.scenario_files import Scenario, records, scenarios
from services.runtime import clock
from services.runtime.consume import Batch
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from tests.outbox import waiting
from tests.pipeline import Pipeline, judge
from tests.unit.local.comparing import EXPECTED, SCENARIOS

HANDLER = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))
TABLES = "status.outbox, status.ledger, status.shipment, status.order_event, status.orders, status.timer"


async def published(
    connection: "asyncpg.Connection[asyncpg.Record]", scenario: Scenario, *, size: int
) -> list[tuple[str, Any]]:
    """Return what the handler leaves in the outbox for a scenario, in batches of that size."""
    told = records(scenario)
    await connection.execute(f"truncate {TABLES}")
    for start in range(0, len(told), size):
        async with connection.transaction():
            await HANDLER.apply(Batch(connection, tuple(told[start : start + size])))
    return [(one.key.decode(), json.loads(one.value or b"")) for one in await waiting(connection, STATUS_TOPIC)]


def by_order(told: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Sort by order only: between orders there is no order to keep."""
    return sorted(told, key=lambda one: one[0])


@pytest.mark.parametrize("size", [1, 4])
async def test_the_handler_publishes_what_the_workbench_shows_for_every_scenario(database: str, size: int) -> None:
    connection = await asyncpg.connect(database)
    for scenario in scenarios().values():
        body = (SCENARIOS / f"{scenario.name}.jsonl").read_bytes()
        folded = workbench.fold(read_lines(BytesIO(body), scenario.name))
        shown = [
            (one.order, {**one.document, "truncated": False, "change": one.change}) for one in folded.memory.published
        ]
        told = await published(connection, scenario, size=size)
        assert by_order(told) == by_order(shown), scenario.name
    await connection.close()


async def test_a_scenario_is_played_under_new_names_in_our_days_and_ends_as_it_does_on_the_workbench(
    pipeline: Pipeline,
) -> None:
    await pipeline.start("status")
    told = await played(pipeline, "second_attempt", "delivered_too_early", prefix="PLAY")
    assert told["failed"] == 0
    assert told["sent"] == sum(one["records"] for one in told["scenarios"])
    first, second = (one["orders"] for one in told["scenarios"])
    assert first == ["main:PLAY01-1011"]
    for order in (*first, *second):
        messages = await pipeline.until_state(order, "delivered")
        status = ORDER_STATUS.validate_json(messages[-1].value)
        at = status.parcels[0].last_scan
        assert at is not None
        assert timedelta(0) <= clock.now() - datetime.fromisoformat(at.at) < timedelta(days=2)


async def test_the_middle_of_a_story_is_published_too(pipeline: Pipeline) -> None:
    await pipeline.start("status")
    told = await played(pipeline, "handover", prefix="PACE", pace="2")
    (order,) = told["scenarios"][0]["orders"]
    messages = judge(await pipeline.until_version(order, 7))
    expected = json.loads((EXPECTED / "handover.expected.json").read_text())["orders"][0]["published"]
    assert [[one.state, one.change.previous, one.change.cause.type] for one in messages] == expected


async def played(pipeline: Pipeline, *names: str, prefix: str, pace: str = "0.5") -> dict[str, Any]:
    """Run `trackfold simulate` with these scenarios; returns what it says."""
    chosen = [word for name in names for word in ("--scenario", name)]
    run = await pipeline.processes.start(
        "simulate",
        env=pipeline.environment(),
        arguments=("simulate", *chosen, "--prefix", prefix, "--pace", pace, "--json"),
        wait_ready=False,
    )
    assert await run.wait(60) == 0, run.log()
    told: dict[str, Any] = json.loads(next(line for line in run.log().splitlines() if line.startswith("{")))
    return told
