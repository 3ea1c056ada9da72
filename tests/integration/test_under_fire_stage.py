"""The stage and the oracle together: a quiet run is clean, a healed one too, and what is broken is found."""

import json
import signal
from collections.abc import Collection

import asyncpg
import pytest

from services.runtime import clock
from tests import oracle
from tests.oracle_evidence import STATUS, WEBHOOKS
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.under_fire import load, stories
from tests.under_fire.stage import Stage
from tests.waiting import eventually

SIGKILLED = -signal.SIGKILL


@pytest.mark.needs("end_offsets")  # the oracle reads to the ends
async def test_a_quiet_run_of_all_services_is_clean_and_all_of_it_was_looked_at(stage: Stage) -> None:
    await stage.start_all()
    await stage.begin(seed=1, orders=22, poison_share=0.1)
    evidence = await stage.heal_and_judge()
    assert len(evidence.expected) == len(evidence.orders) == 22
    assert {one.topic for one in evidence.sent if one.poison}
    assert {one.topic for one in evidence.sent if one.answers} == {WEBHOOKS}
    assert all(one.promised for one in evidence.sent)
    assert len(evidence.mails) > 10
    assert {look.http_status for look in evidence.pages} >= {200}
    assert {row.service for row in evidence.offsets} == {"status", "notify"}
    assert {sample.moment for sample in evidence.processes} >= {"baseline", "end"}
    assert evidence.recovery is not None
    assert evidence.recovery.seconds is not None


@pytest.mark.needs("end_offsets")
async def test_killed_processes_are_started_again_and_the_end_is_the_same(stage: Stage) -> None:
    doomed = await stage.start("status", once={"TRACKFOLD_FAILPOINTS": "consume.after_commit:kill"})
    notifier = await stage.start("notify", once={"TRACKFOLD_FAILPOINTS": "notify.after_call:kill"})
    await stage.begin(seed=2, orders=8)
    await stage.half()
    await eventually(lambda: doomed.lives > 1 and doomed.running, 40)
    doomed.kill()
    evidence = await stage.heal_and_judge()
    ends = [end.process for end in evidence.ends if end.code == SIGKILLED]
    assert {"status 1 (life 1)", "status 1 (life 2)", "notify 1 (life 1)"} <= set(ends), ends
    assert notifier.lives > 1
    assert "unknown" in {row.state for row in evidence.notifications}


async def test_what_is_broken_behind_the_services_is_found(stage: Stage, kafka: Kafka) -> None:
    member = await stage.start("status")
    await stage.begin(seed=3, orders=4, scenarios=("plain_delivery", "told_again"), poison_share=0)
    await stage.heal_and_judge()

    await execute(stage, "delete from status.ledger where kind = 'scan' and event_key = 'RMF3Z0A-delivered-90'")
    await found(stage, {"I1"}, "royal-mail:RMF3Z0A: RMF3Z0A-delivered-90 was taken")

    await forge(stage, kafka, {"state": "lost", "change": {"version": 1}}, order="main:F3-1")
    await found(stage, {"I1", "I3"}, "repeats version 1 with other bytes")

    gap = "insert into status.offset_gap (grp, topic, part, want, got) values ('g', 'order.events.v1', 0, 3, 9)"
    await execute(stage, gap)
    await found(stage, {"I1", "I3", "I5"}, "records 3 to 9 were passed over")

    await forge(stage, kafka, {"to": f"{stories.CANARY_BOX}@example.com"}, order="main:F3-1")
    await found(stage, {"I1", "I3", "I5", "I9"}, f"it holds '{stories.CANARY_BOX}'")

    member.life.send(signal.SIGSTOP)
    evidence = await stage.heal(within_s=2)
    member.life.send(signal.SIGCONT)
    told = oracle.report(oracle.judge(evidence))
    assert "I6 recovery: not quiet 2 s after healing: status 1 is not ready" in told
    assert "I12 status 1: it runs and is not ready" in told


async def test_what_the_load_was_not_told_is_never_called_promised(stage: Stage) -> None:
    await stage.start("status")
    await stage.begin(seed=4, orders=3, per_second=20, scenarios=("still_moving",))
    await stage.half()
    await stage.close()
    sent, expected = stage.read_ledger()
    assert len(expected) == 3
    assert any(one.promised for one in sent)
    assert len(sent) < len(load.make_plan(4, orders=3, scenarios=("still_moving",)).letters)


async def test_a_misconfigured_process_is_not_started_again_and_is_a_finding(stage: Stage) -> None:
    member = await stage.start("status", wait_ready=False, TRACKFOLD_STATUS__RELAY_BATCH="0")
    await eventually(lambda: bool(member.ends), 40)
    told = oracle.report(oracle.judge(await stage.heal(within_s=1)))
    assert "I12 status 1 (life 1): it ended with 78" in told
    assert "I12 status 1: it is gone and was not started again" in told
    assert member.lives == 1


async def found(stage: Stage, invariants: Collection[str], words: str) -> None:
    """Check that the oracle finds it, and nothing but what was broken so far."""
    findings = oracle.judge(await stage.heal())
    assert {one.invariant for one in findings} == set(invariants), oracle.report(findings)
    assert words in oracle.report(findings)


async def execute(stage: Stage, statement: str) -> None:
    """Break something in the database."""
    connection = await asyncpg.connect(stage.source.database_url)
    try:
        assert not (await connection.execute(statement)).endswith(" 0"), "nothing was broken: the test shows nothing"
    finally:
        await connection.close()


async def forge(stage: Stage, kafka: Kafka, body: dict[str, object], *, order: str) -> None:
    """Write a status message that status did not."""
    at = int(clock.now().timestamp() * 1000)
    async with topics.producer(kafka) as producer:
        value = json.dumps(body).encode()
        await producer.send_and_wait(stage.source.prefix + STATUS, value, key=order.encode(), timestamp_ms=at)
