"""A database that becomes another one under a running service, and inputs that are gone before they are read (E7)."""

from typing import Any

import asyncpg
import pytest

from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings
from services.status import reading_back
from services.status.restoring_rows import Goal
from tests.pipeline import Pipeline, judge
from tests.records import placed, scan, shipment
from tests.shown import say
from tests.stack import topics
from tests.stack.kafka import Kafka

#: What was published is read back to the end of the log.
pytestmark = pytest.mark.needs("end_offsets")

ORDER = "main:1001"
#: What the last seconds before a failover wrote, and the standby never got.
LOSE = """
update status.orders set version = version - 1;
update status.relay_position set next_offset = 0;
"""
#: A promotion; a dump from before names were kept, which was migrated.
ANOTHER = ["update status.incarnation set name = 'the old primary'", "delete from status.incarnation"]


@pytest.mark.parametrize("another", ANOTHER, ids=["promoted", "dump"])
async def test_a_failover_with_lost_commits_under_a_running_service_is_noticed_and_corrected(
    pipeline: Pipeline, database: str, another: str
) -> None:
    await pipeline.start("status")
    await pipeline.produce([placed(), shipment(), scan("in_transit", minutes=60)])
    before = judge(await pipeline.until_state(ORDER, "in_transit"))
    connection = await asyncpg.connect(database)
    try:
        async with connection.transaction():
            # Not in the middle of a batch or of the relay: both hold rows that this waits for.
            await connection.execute(LOSE)
            await say(connection, "processing")
            await connection.execute(another)
    finally:
        await connection.close()
    await pipeline.produce([scan("delivered", minutes=1700)])
    after = judge(await pipeline.until_state(ORDER, "delivered"))
    assert after[: len(before)] == before
    marks = [(one.state, one.change.marked) for one in after[len(before) :]]
    assert marks in ([("in_transit", "restored"), ("delivered", None)], [("delivered", "restored")])


async def test_a_goal_that_no_record_will_reach_is_given_up_and_any_other_is_not(kafka: Kafka, prefix: str) -> None:
    name = await topics.create(kafka, f"{prefix}inputs")
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)

    async def given_up(next_offset: int, until: int) -> list[Goal]:
        goal: Any = Goal(Partition(name, 0), next_offset, until)
        return await reading_back.with_nothing_left(settings, [goal])

    async with topics.producer(kafka, transactional_id=f"{prefix}writer") as producer, producer.transaction():
        for _ in range(3):
            await producer.send_and_wait(name, b"a record")
    # Offsets 0 to 2 are records, 3 is the marker of the transaction.
    assert await given_up(0, 4) == []
    assert await given_up(2, 3) == []
    assert len(await given_up(3, 4)) == 1
    assert await given_up(3, 5) == []
