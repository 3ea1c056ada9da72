"""A send of unknown outcome that arrives late: last on the compacted topic lies an older snapshot, for a while."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from services.status import packed
from tests import oracle_collect
from tests.nemesis.striking import ask
from tests.oracle_evidence import SNAPSHOTS, TopicRecord
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.under_fire import quiet
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
_NEWEST: Final = "select message from status.orders where order_key = $1"
_PLANNED: Final = "select order_key from status.snapshot_repeat where due_at > now()"


@pytest.mark.timeout(150)
@pytest.mark.fault("late_repeat")
async def test_an_older_snapshot_that_arrives_last_is_followed_by_the_newest_once_more(
    stage: Stage, kafka: Kafka
) -> None:
    status = await stage.start("status")
    await stage.begin(seed=361, orders=16, per_second=40)
    await stage.half()
    status.kill()  # what it had sent may still be on its way: its successor plans to repeat
    await stage.sent()
    await eventually(lambda: _quiet(stage), LIMIT_S, poll_s=0.3, what="all is published")
    late = {key: told for key, told in (await snapshots(stage)).items() if key in await planned(stage)}
    late = {key: told for key, told in late.items() if told[0].value != told[-1].value}
    assert late, "no order that shall be repeated has two snapshots"
    async with topics.producer(kafka) as producer:
        for told in late.values():
            await again(producer, stage, told[0])
    stale = await snapshots(stage)
    assert all(stale[key][-1].value == told[0].value for key, told in late.items()), "the older ones lie last"
    await stage.heal_and_judge()
    last = await snapshots(stage)
    for key in late:
        assert last[key][-1].value == packed.unpack(key, await ask(stage, _NEWEST, key))


async def again(producer: AIOKafkaProducer, stage: Stage, one: TopicRecord) -> None:
    """Write a record once more, byte by byte."""
    await producer.send_and_wait(
        stage.source.prefix + one.topic,
        one.value,
        key=one.key,
        headers=list(one.headers),
        partition=one.partition,
        timestamp_ms=one.timestamp,
    )


async def snapshots(stage: Stage) -> Mapping[str, Sequence[TopicRecord]]:
    """Return every snapshot of each order, in the order in which they lie there."""
    records, _, _ = await oracle_collect.read_topics(stage.source, [SNAPSHOTS])
    found: dict[str, list[TopicRecord]] = defaultdict(list)
    for one in records[SNAPSHOTS]:
        assert one.key is not None
        found[one.key.decode()].append(one)
    return found


async def planned(stage: Stage) -> set[str]:
    """Return the orders whose snapshots are to be repeated later."""
    connection = await asyncpg.connect(stage.source.database_url, timeout=10, command_timeout=20)
    try:
        return {row["order_key"] for row in await connection.fetch(_PLANNED)}
    finally:
        await connection.close(timeout=5)


async def _quiet(stage: Stage) -> bool:
    return not await quiet.unrest(stage.source, stage.services)
