"""The consumer watched from beside: what stands still is seen, what cannot move or must wait is not blamed (E12)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import KafkaError
from prometheus_client import REGISTRY

from services.runtime import adopting, membership
from services.runtime import kafka as wiring
from services.runtime.consume import Batch, FencedConsumer
from services.runtime.errors import ExitCode
from services.runtime.lag import Standing
from services.runtime.lag_watch import LagWatch
from services.runtime.settings import KafkaSettings
from services.runtime.watchdog import Heart
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

LIMIT_S = 60.0


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose consumers are looked at ten times a second."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix, lag_interval_s=0.1) as made:
        yield made


def gauge(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"trackfold_{name}", {"group": GROUP} | labels)


def lag() -> float | None:
    return gauge("consumer_lag_messages", topic=TOPIC)


def watch(consumer: FencedConsumer) -> LagWatch:
    """The watch of a started consumer."""
    found = consumer._lag  # noqa: SLF001 - nobody else needs it
    assert found is not None
    return found


async def stands_still(consumer: FencedConsumer) -> None:
    """Wait until the watchdog would end the process, were its limit two seconds."""
    await eventually(lambda: watch(consumer).heart.still_s > 2, LIMIT_S)


async def beats(heart: Heart, *, times: int = 10) -> None:
    """Wait until a heart has beaten that often from now on."""
    for _ in range(times):
        began = time.monotonic()

        def beaten(since: float = began) -> bool:
            return heart.still_s < time.monotonic() - since

        await eventually(beaten, LIMIT_S)


@asynccontextmanager
async def transaction(kafka: Kafka, topic: str) -> AsyncIterator[AIOKafkaProducer]:
    """An open transaction that has written one record; committed at the end."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"in doubt", partition=0)
        yield producer
        await producer.commit_transaction()
    finally:
        await producer.stop()


@pytest.mark.needs("end_offsets")
async def test_lag_is_measured_against_the_log_itself_and_falls_to_nothing(on: Bench) -> None:
    go_on = asyncio.Event()

    async def held(batch: Batch) -> None:
        await write_down(batch)
        await go_on.wait()

    await on.send("0", "1", "2")
    consumer = on.consumer(held)
    await on.life.consume(consumer)
    await eventually(lambda: lag() == 3, LIMIT_S)
    await on.send("3")
    await eventually(lambda: lag() == 4, LIMIT_S)
    go_on.set()
    await eventually(lambda: lag() == 0, LIMIT_S)
    await beats(watch(consumer).heart)


@pytest.mark.needs("end_offsets", "delete_records")
async def test_what_retention_took_before_a_partition_was_read_is_no_lag(on: Bench, kafka: Kafka) -> None:
    async def held(_: Batch) -> None:
        await asyncio.Event().wait()

    await on.send("0", "1", "2")
    async with topics.admin(kafka) as admin:
        await admin.delete_records({TopicPartition(on.settings.topic(TOPIC), 0): RecordsToDelete(before_offset=3)})
    await on.send("x", partition=1)
    await on.life.consume(on.consumer(held))
    await eventually(lambda: lag() == 1, LIMIT_S)


@pytest.mark.needs("end_offsets")
async def test_a_fetcher_that_dies_is_seen_although_the_polls_go_on(on: Bench) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.send("0")
    await on.has("0")
    consumer.consumer._fetcher._fetch_task.cancel()  # noqa: SLF001 - as hazard K4
    await stands_still(consumer)
    await beats(consumer.heart)  # the polls themselves bring nothing and look well
    await eventually(lambda: (gauge("consumer_standing_seconds") or 0) > 2, LIMIT_S)


@pytest.mark.parametrize("task", ["_heartbeat_task", "_coordination_task"])
async def test_a_member_whose_background_task_dies_is_seen(on: Bench, task: str) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.send("0")
    await on.has("0")
    getattr(consumer.consumer._coordinator, task).cancel()  # noqa: SLF001 - as hazard K3
    await stands_still(consumer)


async def test_a_consumer_that_never_hears_of_leaders_again_is_seen(on: Bench) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.send("0")
    await on.has("0")
    consumer.consumer._client._sync_task.cancel()  # noqa: SLF001 - as aiokafka#1038
    await stands_still(consumer)


async def test_a_producer_that_never_hears_of_leaders_again_ends_the_process(on: Bench) -> None:
    on.life.spawn("kafka", lambda: wiring.watch(on.life, on.producer))
    on.producer.client._sync_task.cancel()  # noqa: SLF001 - as aiokafka#1038
    await eventually(lambda: on.life.ended is not None and on.life.ended[0] is ExitCode.WATCHDOG, LIMIT_S)


async def test_a_heartbeat_answered_with_an_unknown_code_is_seen(on: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)

    async def unknown() -> bool:
        raise KafkaError("Unexpected exception in heartbeat task")

    monkeypatch.setattr(consumer.consumer._coordinator, "_do_heartbeat", unknown)  # noqa: SLF001 - as hazard K3
    await stands_still(consumer)
    await eventually(lambda: consumer.heart.still_s > 2, LIMIT_S)  # its polls fail as well


@pytest.mark.needs("end_offsets")
async def test_a_consumer_that_does_nothing_with_what_it_reads_is_seen(on: Bench) -> None:
    async def stuck(_: Batch) -> None:
        await asyncio.Event().wait()

    consumer = on.consumer(stuck)
    await on.life.consume(consumer)
    await beats(watch(consumer).heart)
    await on.send("0")
    await stands_still(consumer)
    assert lag() == 1


async def test_waiting_for_the_database_is_no_standstill(on: Bench) -> None:
    async def away(_: Batch) -> None:
        raise ConnectionRefusedError

    consumer = on.consumer(away)
    await on.life.consume(consumer)
    await on.send("0")
    await eventually(lambda: on.life.health.is_waiting(GROUP), LIMIT_S)
    await beats(watch(consumer).heart)


async def test_waiting_at_the_gate_is_no_standstill_and_the_batch_begins_when_it_opens(on: Bench) -> None:
    gate: list[bool] = []
    consumer = on.consumer(may_take=lambda: bool(gate))
    await on.life.consume(consumer)
    await on.send("0")
    await beats(watch(consumer).heart)
    await beats(consumer.heart)
    assert await on.effects() == []
    gate.append(True)
    await on.has("0")


async def test_a_consumer_at_the_gate_stops_when_the_process_does(on: Bench) -> None:
    consumer = on.consumer(may_take=lambda: False)
    await on.life.consume(consumer)
    await on.send("0")
    await eventually(lambda: consumer.waits, LIMIT_S)
    on.life.draining.set()
    async with asyncio.timeout(LIMIT_S):
        await consumer.stop()
    assert await on.effects() == []


async def test_kafka_being_away_is_no_standstill(on: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)

    async def away(*_: object) -> dict[object, int]:
        raise TimeoutError

    monkeypatch.setattr(watch(consumer), "_places", away)
    await eventually(lambda: on.life.health.is_waiting(f"{GROUP} log ends"), LIMIT_S)
    await beats(watch(consumer).heart)
    monkeypatch.undo()
    await eventually(lambda: not on.life.health.is_waiting(f"{GROUP} log ends"), LIMIT_S)


async def test_a_watch_that_cannot_see_for_another_reason_does_not_beat(
    on: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)

    async def broken(*_: object) -> dict[object, int]:
        raise ValueError

    monkeypatch.setattr(watch(consumer), "_places", broken)
    await stands_still(consumer)


@pytest.mark.needs("idempotence", "end_offsets")
async def test_markers_at_the_end_of_the_log_are_no_lag(on: Bench, kafka: Kafka) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)
    async with transaction(kafka, on.settings.topic(TOPIC)):
        pass
    await on.has("in doubt")
    await eventually(lambda: lag() == 0, LIMIT_S)
    assert await on.next_offset() == 1, "the marker itself is never handed over"
    await beats(watch(consumer).heart)


@pytest.mark.needs("idempotence", "end_offsets")
async def test_a_transaction_that_hangs_is_told_and_its_reader_is_not_blamed(
    on: Bench, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = on.consumer()
    await on.life.consume(consumer)
    monkeypatch.setattr(watch(consumer), "_standing", Standing(hanging_after_s=1))
    async with transaction(kafka, on.settings.topic(TOPIC)):
        await on.send("behind it")
        await eventually(lambda: gauge("hanging_transactions", topic=TOPIC) == 1, LIMIT_S)
        await beats(watch(consumer).heart)
        assert await on.effects() == []
        assert lag() == 2
    await on.has("in doubt", "behind it")
    await eventually(lambda: gauge("hanging_transactions", topic=TOPIC) == 0, LIMIT_S)
    assert on.life.ended is None


@pytest.mark.needs("groups")
async def test_partitions_that_nobody_owns_are_counted(on: Bench) -> None:
    assert await unowned(on.settings) == 2
    await on.life.consume(on.consumer())
    assert await unowned(on.settings) == 0


async def unowned(settings: KafkaSettings) -> int:
    return await membership.count_unowned(settings, GROUP, [TOPIC])


async def test_the_members_of_many_groups_are_counted_and_a_group_without_any_is_left_out(on: Bench) -> None:
    group = on.settings.group(GROUP)
    wanted = [f"{group}.before", group, f"{group}.behind"]
    assert await adopting.members(on.settings, wanted) == {}
    await on.life.consume(on.consumer())
    assert await adopting.members(on.settings, wanted) == {group: 1}


async def test_a_broker_that_lies_about_the_end_is_not_compared_with(
    kafka: Kafka, empty_database: str, prefix: str
) -> None:
    await topics.create(kafka, prefix + TOPIC, partitions=1)
    async with bench(kafka, empty_database, prefix, lag_interval_s=0.1, trust_log_ends=False) as on:

        async def stuck(_: Batch) -> None:
            await asyncio.Event().wait()

        consumer = on.consumer(stuck)
        await on.life.consume(consumer)
        await on.send("0")
        await beats(watch(consumer).heart)
