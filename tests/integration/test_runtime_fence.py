"""The fenced consumer on a real broker and database: nothing twice, nothing passed over, whatever fails."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from prometheus_client import REGISTRY

from services.runtime.consume import Batch
from services.runtime.errors import Conflict, Poison
from services.runtime.placement import partition_of
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually, never

TEN = tuple(str(n) for n in range(10))


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose topic has two partitions."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


async def test_records_are_applied_once_in_order_and_the_offset_stands_behind_them(on: Bench) -> None:
    await on.send(*TEN)
    await on.life.consume(on.consumer())
    await on.has(*TEN)
    await on.send("10")
    await on.has(*TEN, "10")
    assert await on.next_offset() == 11
    assert await on.gaps() == []


async def test_kafka_is_told_the_offset_after_the_database_has_it(on: Bench) -> None:
    await on.send(*TEN)
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.has(*TEN)
    partition = TopicPartition(on.settings.topic(TOPIC), 0)

    async def told() -> bool:
        return bool(await consumer.consumer.committed(partition) == 10)

    await eventually(told)


@pytest.mark.parametrize("failure", [TimeoutError(), ValueError("unexpected"), ConnectionResetError()])
async def test_a_batch_that_fails_once_in_the_handler_is_not_passed_over(on: Bench, failure: Exception) -> None:
    failures = [failure]

    async def apply(batch: Batch) -> None:
        await write_down(batch)
        if failures:
            raise failures.pop()

    await on.send(*TEN)
    await on.life.consume(on.consumer(apply))
    await on.has(*TEN)
    await on.send("10")
    await on.has(*TEN, "10")


async def test_a_connection_killed_inside_the_transaction_costs_nothing(on: Bench) -> None:
    kills = [True]

    async def apply(batch: Batch) -> None:
        await write_down(batch)
        if kills and kills.pop():
            pid = await batch.connection.fetchval("select pg_backend_pid()")
            killer = await asyncpg.connect(on.url)
            await killer.execute("select pg_terminate_backend($1)", pid)
            await killer.close()

    await on.send(*TEN)
    await on.life.consume(on.consumer(apply))
    await on.has(*TEN)


async def test_five_unexpected_failures_end_the_process_with_75_and_apply_nothing_behind_them(on: Bench) -> None:
    async def apply(_: Batch) -> None:
        raise ValueError("always")

    await on.send(*TEN)
    await on.life.consume(on.consumer(apply))
    await eventually(lambda: on.life.ended is not None)
    assert on.life.ended is not None
    assert on.life.ended[0] == 75
    await on.send("10")
    await never(on.effects, 0.5)


async def test_a_missing_table_ends_the_process_with_78(on: Bench) -> None:
    async def apply(batch: Batch) -> None:
        await batch.connection.execute("select * from nowhere")

    await on.send("0")
    await on.life.consume(on.consumer(apply))
    await eventually(lambda: on.life.ended is not None)
    assert on.life.ended is not None
    assert on.life.ended[0] == 78


async def test_a_record_that_postgres_refuses_is_set_aside_and_its_neighbours_are_applied(on: Bench) -> None:
    """E10: it is found one by one; the limit of how many is open."""
    await on.send("0", "1", "bad\0", "3", "4")
    await on.life.consume(on.consumer())
    await on.has("0", "1", "3", "4")
    assert await on.letters() == [(2, "postgres_22021")]
    assert await on.next_offset() == 5


async def test_a_record_that_the_service_refuses_is_set_aside_with_its_reason(on: Bench) -> None:
    async def apply(batch: Batch) -> None:
        if any(one.value == b"1" for one in batch.records):
            raise Poison("too_many_parcels")
        await write_down(batch)

    await on.send("0", "1", "2")
    await on.life.consume(on.consumer(apply))
    await on.has("0", "2")
    assert await on.letters() == [(1, "too_many_parcels")]


async def test_a_conflict_halves_what_is_tried_at_once(on: Bench) -> None:
    sizes: list[int] = []

    async def apply(batch: Batch) -> None:
        sizes.append(len(batch.records))
        if len(batch.records) > 2:
            raise Conflict("ledger")
        await write_down(batch)

    await on.send(*TEN)
    await on.life.consume(on.consumer(apply))
    await on.has(*TEN)
    assert sizes[:3] == [10, 5, 2]
    assert max(sizes[2:]) == 2


async def test_a_zombie_that_comes_late_with_the_same_batch_changes_nothing(on: Bench) -> None:
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow(batch: Batch) -> None:
        await write_down(batch)
        inside.set()
        await go_on.wait()

    await on.send(*TEN)
    await on.life.consume(on.consumer(slow))
    await inside.wait()
    # Another owner gets the same records while the first still holds its rows: it waits for the lock, then drops them.
    zombie = on.consumer()
    records = await topics.read_until(
        Kafka(",".join(on.settings.bootstrap_servers), "", "", frozenset()),
        on.settings.topic(TOPIC),
        lambda found: len(found) == 10,
    )
    late = asyncio.create_task(zombie._handle(records))  # noqa: SLF001 - what FastStream would call
    await asyncio.sleep(0)
    go_on.set()
    await late
    await on.has(*TEN)
    assert await on.next_offset() == 10


async def test_what_another_owner_has_done_meanwhile_is_dropped(on: Bench) -> None:
    await on.send(*TEN)
    consumer = on.consumer()
    first = await topics.read_until(
        Kafka(",".join(on.settings.bootstrap_servers), "", "", frozenset()),
        on.settings.topic(TOPIC),
        lambda found: len(found) == 10,
    )
    await on.connection.execute(
        "insert into probe.consumer_offset values ($1, $2, 0, 7, now())",
        on.settings.group(GROUP),
        on.settings.topic(TOPIC),
    )
    await consumer._handle(first)  # noqa: SLF001 - what FastStream would call
    assert await on.effects() == ["7", "8", "9"]


async def test_a_consumer_that_starts_above_the_stored_offset_goes_back(
    on: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on.send(*TEN)
    await on.life.consume(first := on.consumer())
    await on.has(*TEN)
    await first.stop()
    on.consumers.clear()
    # As after a restore of the database: Kafka's own committed offset is ahead of ours, and no listener helps.
    await on.connection.execute("truncate probe.effect")
    await on.connection.execute("update probe.consumer_offset set next_offset = 3, last_hash = null where part = 0")
    before = REGISTRY.get_sample_value("trackfold_seeks_total", {"group": GROUP}) or 0
    second = on.consumer()
    monkeypatch.setattr(second, "_listener", lambda: None)
    await on.life.consume(second)
    await on.send("10")
    await on.has(*TEN[3:], "10")
    assert await on.gaps() == []
    assert (REGISTRY.get_sample_value("trackfold_seeks_total", {"group": GROUP}) or 0) > before


@pytest.mark.needs("delete_records")
async def test_records_that_retention_took_are_written_down_and_never_silent(on: Bench, kafka: Kafka) -> None:
    await on.send(*TEN)
    topic = on.settings.topic(TOPIC)
    await on.connection.execute(
        "insert into probe.consumer_offset values ($1, $2, 0, 2, now())", on.settings.group(GROUP), topic
    )
    async with topics.admin(kafka) as admin:
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=6)})
    before = REGISTRY.get_sample_value("trackfold_offset_gaps_total", {"group": GROUP}) or 0
    await on.life.consume(on.consumer())
    await on.has(*TEN[6:])
    assert await on.gaps() == [(2, 6)]
    assert (REGISTRY.get_sample_value("trackfold_offset_gaps_total", {"group": GROUP}) or 0) == before + 1


@pytest.mark.needs("delete_records")
async def test_what_was_gone_before_the_group_existed_is_no_gap(on: Bench, kafka: Kafka) -> None:
    await on.send(*TEN)
    async with topics.admin(kafka) as admin:
        await admin.delete_records({TopicPartition(on.settings.topic(TOPIC), 0): RecordsToDelete(before_offset=6)})
    await on.life.consume(on.consumer())
    await on.has(*TEN[6:])
    assert await on.gaps() == []


@pytest.mark.needs("idempotence")
async def test_transaction_markers_are_no_gap_and_aborted_records_are_not_read(on: Bench, kafka: Kafka) -> None:
    topic = on.settings.topic(TOPIC)
    await on.life.consume(on.consumer())
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic)
    await producer.start()
    try:
        for number in range(6):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, str(number).encode(), partition=0)
            await (producer.abort_transaction() if number % 3 == 2 else producer.commit_transaction())
    finally:
        await producer.stop()
    await on.send("end")
    await on.has("0", "1", "3", "4", "end")
    assert await on.gaps() == []


async def test_two_members_share_the_work_and_every_record_counts_once(on: Bench) -> None:
    await on.life.consume(on.consumer())
    for number in range(5):
        await on.send(str(number), partition=number % 2)
    await on.life.consume(on.consumer())
    for number in range(5, 40):
        await on.send(str(number), partition=number % 2)

    async def all_there() -> bool:
        found = [await on.effects(partition) for partition in (0, 1)]
        assert found == [[str(n) for n in range(40) if n % 2 == partition] for partition in (0, 1)]
        return True

    await eventually(all_there, 60)


async def test_a_consumer_waits_for_its_topic_and_says_so(kafka: Kafka, empty_database: str, prefix: str) -> None:
    async with bench(kafka, empty_database, prefix) as on:
        starting = asyncio.create_task(on.life.consume(on.consumer()))
        await eventually(lambda: on.life.health.is_waiting(GROUP), 30)
        assert "missing in Kafka" in str(on.life.health.report())
        await topics.create(kafka, prefix + TOPIC)
        await starting
        await on.send("0")
        await on.has("0")


async def test_a_record_on_another_partition_than_its_keys_is_counted_and_applied(on: Bench) -> None:
    """E13: it is counted, not refused."""
    labels, right = {"group": GROUP}, partition_of(b"k", 2)
    before = REGISTRY.get_sample_value("trackfold_misplaced_records_total", labels) or 0
    await on.send("at home", partition=right)
    await on.send("abroad", partition=1 - right)
    await on.life.consume(on.consumer())
    await eventually(lambda: REGISTRY.get_sample_value("trackfold_misplaced_records_total", labels) == before + 1)
    assert [await on.effects(number) for number in (right, 1 - right)] == [["at home"], ["abroad"]]
