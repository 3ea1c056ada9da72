"""Postgres crashes or is away: whoever needs it waits and says so, whoever does not need it goes on."""

from http import HTTPStatus

import pytest

from tests.faults.own_postgres import OwnPostgres
from tests.nemesis import lengths
from tests.nemesis.postgres_seen import (
    LIMIT_S,
    asked,
    goes_on,
    not_ready,
    start,
    webhooks_answered,
)
from tests.nemesis.striking import logged, unwanted_ends
from tests.under_fire.stage import Stage
from tests.waiting import eventually

AWAY_S = lengths.seconds(5, 120)
CRASHES = 3


@pytest.mark.timeout(150)
@pytest.mark.fault("postgres_restarted")
async def test_a_postgres_that_crashes_again_and_again_costs_retries_and_nothing_else(
    own_stage: Stage, own_postgres: OwnPostgres
) -> None:
    await start(own_stage)
    await own_stage.begin(seed=301, orders=20, per_second=25)
    for _ in range(CRASHES):
        await goes_on(own_stage)
        own_postgres.restart("immediate")
    await own_stage.heal_and_judge()
    assert own_postgres.log_file.read_text().count("was not properly shut down") == CRASHES
    for service in ("status", "notify"):
        assert any(logged(member, "waiting") for member in own_stage.of(service)), f"{service} did not notice"
    assert not unwanted_ends(own_stage)


@pytest.mark.timeout(150 + AWAY_S)
@pytest.mark.fault("postgres_down")
async def test_while_postgres_is_away_webhooks_are_taken_and_everybody_else_says_503_and_comes_back(
    own_stage: Stage, own_postgres: OwnPostgres
) -> None:
    await start(own_stage)
    await own_stage.begin(seed=302, orders=24, per_second=20)
    await own_stage.half()
    own_postgres.halt()
    taken = webhooks_answered(own_stage, HTTPStatus.ACCEPTED)
    await lengths.lasts(AWAY_S)
    for service in ("status", "notify"):
        await not_ready(own_stage, service)
    answer = await asked(own_stage)
    assert (answer.status_code, answer.headers["retry-after"].isdigit()) == (HTTPStatus.SERVICE_UNAVAILABLE, True)
    await eventually(lambda: webhooks_answered(own_stage, HTTPStatus.ACCEPTED) > taken, LIMIT_S)
    assert await own_stage.of("ingest")[0].life.ready()
    own_postgres.go_on()
    await own_stage.heal_and_judge()
    assert webhooks_answered(own_stage, HTTPStatus.SERVICE_UNAVAILABLE) == 0
    assert not unwanted_ends(own_stage)
