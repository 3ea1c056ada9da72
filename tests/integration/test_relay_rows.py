"""Rows of the outbox on their way: as a consumer reads them, from older programs, and whose they are (E1)."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import asyncpg
import pytest

from services.runtime import incarnation, migrate
from services.status import outbox
from services.status.consumer import SCHEMA
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC, Message
from tests.integration.test_relay import ORDER, STORY, WAITING, Stage, lost, open_stage
from tests.integration.test_relay_trouble import all_but
from tests.outbox import waiting
from tests.pipeline import Pipeline, judge, status_of
from tests.records import placed
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

#: What a program of before 0010 writes.
OLDER = """
insert into status.outbox (topic, part, key, value, headers, timestamp_ms, tombstone)
values ($1, $2, $3, $4, $5, $6, $7)
"""
LAST_OLDER = "0009"


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with open_stage(kafka, prefix, database) as made:
        yield made


def older(order: str, version: int, *, value: bytes | None = b"", tombstone: bool = False) -> tuple[Any, ...]:
    """Return the row of one message."""
    told = f'{{"order":"{order}","version":{version}}}'.encode() if value == b"" else value
    headers = f'[["ce_id", "{order}/{version}"]]'
    return STATUS_TOPIC, 0, order.encode(), told, headers, 1_700_000_000_000 + version, tombstone


def read(records: Iterable[Any]) -> list[tuple[Any, ...]]:
    """Return what a consumer sees."""
    return [(one.key, one.value, [tuple(header) for header in one.headers], one.timestamp) for one in records]


async def test_a_consumer_reads_of_prepared_batches_what_it_reads_of_messages_that_are_sent_one_by_one(
    stage: Stage,
) -> None:
    await stage.commit(*STORY, *(placed(order=str(number)) for number in range(50)))
    async with stage.pool.acquire() as connection:
        messages = await waiting(connection, STATUS_TOPIC)
    single = stage.settings.topic("single")
    await topics.create(stage.kafka, single, partitions=3)
    for one in messages:
        part = stage.outputs.partition(STATUS_TOPIC, one.key)
        await stage.producer.send_and_wait(
            single, one.value, key=one.key, headers=one.headers, timestamp_ms=one.timestamp_ms, partition=part
        )
    await stage.relay().relay_once()
    sent = await topics.read_until(stage.kafka, single, lambda found: len(found) >= len(messages))
    relayed = await stage.read(STATUS_TOPIC, len(messages))

    def places(records: Iterable[Any]) -> list[tuple[Any, ...]]:
        return sorted((one.partition, one.offset, *key) for one, key in zip(records, read(records), strict=True))

    assert len(messages) == 54
    assert places(relayed) == places(sent)
    assert len(await stage.read(SNAPSHOT_TOPIC, 51)) == 51


async def test_rows_from_before_the_migration_are_relayed_after_it(
    kafka: Kafka, prefix: str, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = await asyncpg.connect(empty_database)
    with monkeypatch.context() as then:
        files = migrate.read
        then.setattr(migrate, "read", lambda schema: [one for one in files(schema) if one.version <= LAST_OLDER])
        await migrate.up(connection, [SCHEMA])
    rows = [older("a", 1), older("b", 1), older("a", 2), older("b", 2, tombstone=True)]
    rows.append(older("c", 1, value=None, tombstone=True))
    await connection.executemany(OLDER, rows)
    await migrate.up(connection, [SCHEMA])
    await incarnation.note(connection, SCHEMA, await incarnation.read(connection))
    newer = Message(STATUS_TOPIC, b"a", b"{}", [("ce_id", "a/3")], 1_700_000_000_003)
    async with connection.transaction():
        await outbox.append(connection, [(0, newer)])
    await connection.executemany(OLDER, [older("a", 4)])  # an older program that has not ended yet
    await connection.close()
    async with open_stage(kafka, prefix, empty_database) as stage:
        assert await stage.relay().relay_once() == 7
        told = read(await stage.read(STATUS_TOPIC, 6))
        kept = {one.key: one.value for one in await stage.read(SNAPSHOT_TOPIC, 5)}
        assert await stage.value(WAITING) == 0
        assert await stage.value("select next_offset from status.relay_position") == 6
    ids = [dict(headers)["ce_id"].decode() for _, _, headers, _ in told]
    assert [one for one in ids if one.startswith("a")] == ["a/1", "a/2", "a/3", "a/4"]
    assert [one for one in ids if one.startswith("b")] == ["b/1", "b/2"]
    assert told[ids.index("a/2")] == (b"a", rows[2][3], [("ce_id", b"a/2")], 1_700_000_000_002)
    assert kept == {b"a": b'{"order":"a","version":4}', b"b": None, b"c": None}


async def test_a_queue_is_left_to_the_relay_that_had_it_last_unless_that_one_lets_it_lie(stage: Stage) -> None:
    first, second = stage.relay(), stage.relay()
    second.patience_s = 60.0
    await stage.commit(STORY[0])
    await first.relay_once()
    await stage.commit(STORY[1])
    assert await second.relay_once() == 0
    await stage.execute("update status.relay_position set updated_at = now() - interval '1 hour'")
    assert await second.relay_once() == 0, "the row is not old yet"
    await stage.execute("update status.outbox set created_at = now() - interval '1 hour'")
    assert await second.relay_once() == 1
    await stage.commit(STORY[2])
    first.patience_s = 60.0
    assert await first.relay_once() == 0, "it is the other one's now"
    assert await second.relay_once() == 1


async def test_a_relay_that_is_woken_does_not_wait_for_its_next_look_and_ends_at_once(stage: Stage) -> None:
    relay = stage.relay()
    relay.poll_s = 3600.0
    relaying = asyncio.create_task(relay.run())
    await eventually(lambda: relay._heart is not None and not relay._woken.is_set())  # noqa: SLF001 - it runs
    await stage.commit(*STORY)
    relay.wake()
    judge(await stage.read(STATUS_TOPIC, 4))
    relay.life.stopping.set()
    async with asyncio.timeout(10):
        await relaying


async def test_a_process_sends_what_it_has_committed_before_its_relay_looks_again(pipeline: Pipeline) -> None:
    await pipeline.start("status", TRACKFOLD_STATUS__RELAY_POLL_MS="60000")
    await pipeline.produce(STORY)
    await pipeline.until_state(ORDER, "delivered")


async def test_a_dead_partition_that_heals_does_not_wait_for_another_dead_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.commit(*(placed(order=str(number)) for number in range(20)))
    relay = stage.relay()
    with monkeypatch.context() as broken:
        broken.setattr(stage.producer, "send_batch", lost)
        with pytest.raises(ConnectionResetError):
            await relay.relay_once()
    monkeypatch.setattr(stage.producer, "send_batch", all_but(0, stage.producer.send_batch))
    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            await relay.relay_once()
    assert await stage.value("select array_agg(distinct part) from status.outbox") == [0]


async def test_the_order_of_an_order_is_kept_across_rows(stage: Stage) -> None:
    for body in STORY:
        await stage.commit(body)
    assert await stage.value("select count(*) from status.outbox") == 4
    assert await stage.relay().relay_once() == 4
    assert [one.change.version for one in judge(await stage.read(STATUS_TOPIC, 4))] == [1, 2, 3, 4]
    assert status_of((await stage.read(SNAPSHOT_TOPIC, 4))[-1]).change.version == 4
