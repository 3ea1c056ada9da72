"""Everything told once more, after all was over: nothing changes, nobody is told, nothing that is erased comes back."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer

from services.runtime import clock
from tests import oracle
from tests.integration.closing_stage import traces
from tests.nemesis.striking import ask, metric
from tests.oracle_evidence import ORDER_EVENTS, OUTCOMES, SNAPSHOTS, STATUS, Evidence
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.under_fire import stories
from tests.under_fire.load import Load
from tests.under_fire.stage import Stage


def in_reverse(load: Load) -> Load:
    """Turn a load round that has not begun: what came last is told first."""
    load.plan = replace(load.plan, letters=load.plan.letters[::-1])
    return load


def told(evidence: Evidence) -> dict[str, Any]:
    """Return all that anybody outside could have seen."""
    published = {
        topic: {(one.key, one.value) for one in evidence.records(topic)} for topic in (STATUS, SNAPSHOTS, OUTCOMES)
    }
    return {**published, "orders": evidence.orders, "mails": sorted(mail.message_id for mail in evidence.mails)}


async def stop_all(stage: Stage) -> None:
    for member in stage.members:
        assert await member.terminate() == 0


async def restart_all(stage: Stage) -> None:
    for member in stage.members:
        await member.restart()


async def forget_groups(stage: Stage, kafka: Kafka) -> None:
    """Set every committed offset of the groups back to the start of its log."""
    async with topics.admin(kafka) as admin:
        groups = [name for name, _ in await admin.list_consumer_groups() if name.startswith(stage.source.prefix)]
        committed = {group: await admin.list_consumer_group_offsets(group) for group in groups}
    assert sum(len(offsets) for offsets in committed.values()) > 0
    for group, offsets in committed.items():
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign(list(offsets))
            await consumer.commit(dict.fromkeys(offsets, 0))
        finally:
            await consumer.stop()


@pytest.mark.timeout(200)
@pytest.mark.fault("whole_topic_again")
async def test_all_inputs_told_again_in_reverse_to_reset_groups_change_nothing_and_nobody_is_told(
    stage: Stage, kafka: Kafka
) -> None:
    await stage.start_all()
    now = clock.now()
    await stage.begin(seed=401, orders=16, now=now)
    before = await stage.heal_and_judge()
    await stop_all(stage)
    await forget_groups(stage, kafka)
    await restart_all(stage)
    (status,) = stage.of("status")
    in_reverse(await stage.begin(seed=401, orders=16, now=now))
    after = await stage.heal_and_judge()
    assert len(before.mails) > 5
    assert told(after) == told(before)
    assert await metric(status, "trackfold_status_repeated_total") > len(before.counted) / 2


def erasure(order: str, at: datetime) -> stories.Letter:
    """Return the wish of a customer to be forgotten."""
    number = order.partition(":")[2]
    body = {"type": "erased", "shop": "main", "order": number, "occurred_at": at.isoformat(), "reason": "asked for"}
    headers = {"ce_id": f"{number}-erased", "ce_source": "oms", "ce_type": "trackfold.order.events.erased.v1"}
    return stories.letter(ORDER_EVENTS, order, json.dumps(body).encode(), id_=f"event {number}-erased", headers=headers)


def without(evidence: Evidence, erased: Collection[str]) -> Evidence:
    """Return the evidence with erased orders as they must be: nothing of them counts, nobody need be told more."""
    gone = {token for one in evidence.expected if one.order in erased for token in (*one.tokens, one.order)}
    gone |= {f"94{token.partition('RM')[2][:-1]}" for token in gone if token.startswith("RM")}  # numbers of handovers

    def is_gone(subject: str) -> bool:
        return subject in gone or subject.partition(":")[2] in gone

    sent = tuple(
        replace(one, events=tuple(event for event in one.events if not is_gone(event.subject))) for one in evidence.sent
    )
    expected = tuple(
        replace(one, state="erased", stages={}, told={}, may_tell=dict.fromkeys((*one.told, *one.may_tell), 9))
        if one.order in erased
        else one
        for one in evidence.expected
    )
    return replace(evidence, sent=sent, expected=expected)


async def left_of(stage: Stage, words: Collection[str]) -> list[str]:
    """Return where in the database something of these words is stored."""
    connection = await asyncpg.connect(stage.source.database_url, timeout=10, command_timeout=30)
    try:
        return await traces(connection, "|".join(word.replace("+", r"\+") for word in words))
    finally:
        await connection.close(timeout=5)


@pytest.mark.timeout(200)
@pytest.mark.fault("erased_and_replayed")
async def test_nothing_of_erased_orders_comes_back_when_everything_is_told_again(stage: Stage) -> None:
    await stage.start_all()
    now = clock.now()
    first = await stage.begin(seed=402, orders=22, now=now)
    before = await stage.heal_and_judge()
    erased = [one.order for one in first.plan.expected[::2]]
    people = [one.recipient for one in first.plan.expected[::2]]
    assert await left_of(stage, people) != [], "the search finds nothing: the test shows nothing"

    load = in_reverse(await stage.begin(seed=402, orders=22, now=now))
    letters = list(load.plan.letters)
    for n, order in enumerate(erased):
        letters.insert(n * len(letters) // len(erased), erasure(order, now))
    load.plan = replace(load.plan, letters=tuple(letters))
    await stage.sent()
    in_reverse(await stage.begin(seed=402, orders=22, now=now))

    evidence = without(await stage.heal(), erased)
    findings = oracle.judge(evidence)
    assert not findings, oracle.report(findings)
    assert await left_of(stage, people) == []
    assert len(evidence.mails) == len(before.mails), "nobody is told of anything after it"
    newest = {one.key: one.value for one in sorted(evidence.records(SNAPSHOTS), key=lambda one: one.offset)}
    assert {newest[order.encode()] for order in erased} == {None}
    assert await ask(stage, "select count(*) from status.orders where closed = 'erased'") == len(erased)
    (status,) = stage.of("status")
    assert await metric(status, "trackfold_status_after_closing_total") > 0
