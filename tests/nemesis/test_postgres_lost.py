"""A database that has lost its last commits, under services that go on: corrected once, and nobody is told twice (E7).

What was told and had not reached Kafka when the database was lost is known to nobody: I4 is judged of the rest here.
The database and the pages go back once, with the loss: I5 and I11 are judged of what came after it.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from services.runtime import clock
from tests import oracle, oracle_collect
from tests.faults.own_postgres import OwnPostgres
from tests.faults.proxy import Proxy, address_of, proxy, through
from tests.faults.standby import standby
from tests.nemesis.postgres_seen import LIMIT_S, start
from tests.nemesis.striking import ask, logged, unwanted_ends
from tests.oracle_evidence import OUTCOMES, STATUS, Evidence
from tests.oracle_telling import MAYBE_TOLD
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes
from tests.under_fire.stage import Stage, open_stage
from tests.waiting import eventually

RELAYED: Final = "select coalesce(sum(next_offset), 0) from status.relay_position where topic = 'order.status.v1'"
#: As many messages there will be of what the database holds now, published or not.
VERSIONS: Final = "select coalesce(sum(version), 0)::bigint from status.orders"
MARKED: Final = "select count(*) from status.orders where restored"
NOTICED: Final = "the database is older than what was published"
#: Messages that the lost future has published, at the least.
LOST: Final = 15
ORDERS: Final = 24
PER_SECOND: Final = 15.0


@pytest.fixture
async def wire(own_postgres: OwnPostgres) -> AsyncIterator[Proxy]:
    """The address under which everybody knows the database, whichever server that is."""
    async with proxy(address_of(own_postgres.url)) as made:
        yield made


@pytest.fixture
async def stage(
    kafka: Kafka,
    prefix: str,
    processes: Processes,
    environment: Callable[..., dict[str, str]],
    tmp_path: Path,
    own_postgres: OwnPostgres,
    wire: Proxy,
) -> AsyncIterator[Stage]:
    """A stage whose database, the oracle's as well, is behind the wire."""
    on_it = partial(environment, DATABASE_URL=through(own_postgres.database_url, wire))
    async with open_stage(kafka, prefix, processes, on_it, tmp_path) as made:
        yield made


async def more_is_relayed(stage: Stage, than: int) -> None:
    """Wait until so many messages were published."""

    async def relayed() -> bool:
        return int(await ask(stage, RELAYED)) >= than

    await eventually(relayed, LIMIT_S, what=f"{than} messages are published")


async def outcomes_in_kafka(stage: Stage) -> frozenset[str]:
    """Return the ids of the messages to customers of which Kafka knows how they ended."""
    topics, _, _ = await oracle_collect.read_topics(stage.source, (OUTCOMES,))
    bodies = [json.loads(one.value) for one in topics[OUTCOMES] if one.value]
    return frozenset(str(body["notification"]) for body in bodies if body["outcome"] in MAYBE_TOLD)


async def heal_and_judge_what_came_after(stage: Stage, lost_at: float, known: frozenset[str]) -> None:
    """Wait until every lost order was published again, and judge; the time to recover began when a server was back."""

    async def restored() -> bool:
        noticed = any(logged(one, NOTICED) for one in stage.of("status"))
        return noticed and await ask(stage, MARKED) == 0

    await eventually(restored, LIMIT_S, what="what the lost future had published is corrected")
    evidence = await stage.heal(since=lost_at)
    after = replace(
        evidence,
        pages=tuple(one for one in evidence.pages if one.at > lost_at),
        offsets=tuple(one for one in evidence.offsets if one.at > lost_at or one.at == 0),
    )
    findings = oracle.judge(after, but_for={"I4"})
    assert not findings, oracle.report(findings)
    assert corrections(evidence), "no message is marked as restored"
    assert not told_twice(evidence, known)
    assert not unwanted_ends(stage)


def corrections(evidence: Evidence) -> int:
    """Return how many status messages are marked as restored."""
    marks = (json.loads(one.value or b"{}").get("change", {}).get("marked") for one in evidence.records(STATUS))
    return sum(mark == "restored" for mark in marks)


def told_twice(evidence: Evidence, known: frozenset[str]) -> list[str]:
    """Return the mails taken twice although Kafka knew their outcome."""
    taken = Counter(mail.message_id for mail in evidence.mails)
    return [one for one, count in taken.items() if count > 1 and any(id_ in one for id_ in known)]


@pytest.mark.timeout(240)
@pytest.mark.fault("database_restored")
async def test_a_database_restored_from_a_backup_under_load_is_corrected_and_nobody_is_told_twice(
    stage: Stage, own_postgres: OwnPostgres
) -> None:
    await start(stage)
    await stage.begin(seed=351, orders=ORDERS, per_second=PER_SECOND)
    await more_is_relayed(stage, than=10)
    saved = own_postgres.backup()
    held = int(await ask(stage, VERSIONS))
    await stage.half()
    await more_is_relayed(stage, than=held + LOST)
    own_postgres.restore(saved)
    lost_at, known = clock.monotonic(), await outcomes_in_kafka(stage)
    await heal_and_judge_what_came_after(stage, lost_at, known)


@pytest.mark.timeout(240)
@pytest.mark.fault("standby_promoted")
async def test_a_standby_that_lacks_the_last_commits_is_promoted_and_what_it_lacks_is_corrected(
    stage: Stage, own_postgres: OwnPostgres, wire: Proxy
) -> None:
    async with standby(own_postgres) as second:
        await start(stage)
        await stage.begin(seed=352, orders=ORDERS, per_second=PER_SECOND)
        await more_is_relayed(stage, than=10)
        second.wire.refuse()
        second.wire.cut()
        held = int(await ask(stage, VERSIONS))
        await stage.half()
        await more_is_relayed(stage, than=held + LOST)
        own_postgres.halt("immediate")
        await second.promote()
        wire.upstream = address_of(second.url)
        wire.cut()
        lost_at, known = clock.monotonic(), await outcomes_in_kafka(stage)
        await heal_and_judge_what_came_after(stage, lost_at, known)
