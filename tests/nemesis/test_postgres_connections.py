"""Connections to Postgres end, freeze, or break in the middle of a COMMIT: what was done is found out, not guessed."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import pytest

from tests.faults.freezing import frozen, terminating
from tests.faults.own_postgres import OwnPostgres
from tests.faults.proxy import Proxy, through
from tests.faults.watchers import CommitWatch, When
from tests.nemesis import lengths
from tests.nemesis.postgres_seen import LIMIT_S, goes_on, start, tried_again
from tests.nemesis.striking import ask, unwanted_ends
from tests.under_fire.stage import Stage
from tests.waiting import eventually

ENDED_S: Final = lengths.seconds(6, 60)
EVERY_S: Final = 0.2
FROZEN_S: Final = lengths.seconds(5, 60)
CUTS: Final = 4
AT_WORK: Final = """
select pid from pg_stat_activity where datname = current_database() and application_name = 'trackfold-status'
and xact_start is not null and state like 'idle in transaction%' and pid = coalesce($1, pid) limit 1
"""


@contextlib.asynccontextmanager
async def frozen_at_work(stage: Stage) -> AsyncIterator[int]:
    """Keep a backend of status stopped within a transaction: one that has just ended it may not be asked again."""
    while True:
        pid = await eventually(lambda: ask(stage, AT_WORK, None), LIMIT_S, what="a backend in a transaction")
        with frozen(pid):
            if await ask(stage, AT_WORK, pid):
                yield pid
                return


@pytest.mark.timeout(150 + ENDED_S)
@pytest.mark.fault("backends_terminated")
async def test_backends_that_end_at_random_all_the_time_lose_and_double_nothing(stage: Stage) -> None:
    await start(stage)
    await stage.begin(seed=321, orders=round(ENDED_S * 3.3), per_second=20, limit_s=ENDED_S + 120)
    async with terminating(stage.source.database_url, every_s=EVERY_S, seed=321) as dead:
        await lengths.lasts(ENDED_S)
    assert len(dead) > ENDED_S  # one every 0.2 s, where the machine is quick enough
    await stage.heal_and_judge()
    assert not unwanted_ends(stage)


@pytest.mark.timeout(150 + FROZEN_S)
@pytest.mark.fault("backend_frozen")
async def test_one_frozen_backend_holds_up_one_connection_for_a_limited_time_and_nobody_else(
    own_stage: Stage, own_postgres: OwnPostgres
) -> None:
    quick = {"TRACKFOLD_POSTGRES__STATEMENT_TIMEOUT_S": "2"}
    await start(own_stage, ingest=0, status=2, settings=quick)
    await own_stage.begin(seed=322, orders=30, per_second=20)
    await own_stage.half()
    async with frozen_at_work(own_stage) as pid:
        await goes_on(own_stage)
        # A statement that is not answered ends with TimeoutError; asyncpg asks the server to cancel it, and cuts the
        # connection when that is not answered either: to a rollback that comes just then it says InterfaceError.
        await tried_again(own_stage, "status", "TimeoutError", "InterfaceError")
        await lengths.lasts(FROZEN_S)
        assert own_postgres.pid != pid
    await own_stage.heal_and_judge()
    assert not unwanted_ends(own_stage)


@pytest.mark.timeout(150)
@pytest.mark.fault("commit_cut")
@pytest.mark.parametrize("service", ["status", "notify"])
@pytest.mark.parametrize("when", ["request", "answer"])
async def test_a_connection_cut_during_commit_counts_once_whether_it_was_done_or_not(
    stage: Stage, postgres_wire: Proxy, service: str, when: When
) -> None:
    watch = CommitWatch(when=when, times=CUTS, skip=2)
    await start(stage, ingest=0, status=int(service != "status"), notify=int(service != "notify"))
    await stage.start(service, DATABASE_URL=through(stage.source.database_url, postgres_wire))
    await stage.begin(seed=323, orders=14, per_second=25)
    postgres_wire.watch = watch.watcher
    postgres_wire.cut()  # so that connections of before are watched as well
    await eventually(lambda: watch.struck == CUTS, LIMIT_S, what="COMMIT was cut")
    await stage.heal_and_judge()
    assert watch.struck == CUTS
    assert not unwanted_ends(stage)
