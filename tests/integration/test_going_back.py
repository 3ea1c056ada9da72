"""Rule E7 on a real broker and database: a log that is not the one that was applied is refused, never read on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from services.runtime import log_reading
from services.runtime.consume import FencedConsumer
from services.runtime.errors import Exit, ExitCode
from services.runtime.marks import Mark, Reason
from services.runtime.positions import Partition
from tests.integration.runtime_consuming import TOPIC, Bench, bench
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(240)]
FIVE = ("0", "1", "2", "3", "4")


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose topic has two partitions."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


async def applied(on: Bench, *values: str) -> None:
    """Have these applied by a consumer that is gone again."""
    await on.send(*values)
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.has(*values)
    await leave(on, consumer)


async def leave(on: Bench, consumer: FencedConsumer) -> None:
    """Stop a consumer."""
    await consumer.stop()
    on.consumers.remove(consumer)


async def refusal(on: Bench) -> str:
    """Start a consumer that refuses; return what it says."""
    with pytest.raises(Exit) as found:
        await on.life.consume(on.consumer())
    assert found.value.code is ExitCode.CONFIG
    assert "trackfold offsets adopt" in found.value.hint
    return str(found.value)


async def make_anew(on: Bench, kafka: Kafka) -> None:
    """Delete the topic and create it again under its name."""
    wire = on.settings.topic(TOPIC)
    await topics.delete(kafka, [wire])

    async def gone() -> bool:
        async with topics.admin(kafka) as admin:
            return wire not in await admin.list_topics()

    await eventually(gone, 40)
    await topics.create(kafka, wire, partitions=2)


async def mark(on: Bench) -> tuple[str | None, bytes | None]:
    """Return cluster and hash that are kept of partition 0."""
    row = await on.connection.fetchrow("select cluster, last_hash from probe.consumer_offset where part = 0")
    assert row is not None
    return row["cluster"], row["last_hash"]


async def test_each_batch_leaves_the_cluster_and_the_hash_of_its_last_record(on: Bench, kafka: Kafka) -> None:
    await applied(on, "0")
    cluster, first = await mark(on)
    async with topics.admin(kafka) as admin:
        assert cluster == (await admin.describe_cluster())["cluster_id"]
    assert first is not None
    await on.connection.execute("truncate probe.effect")
    await applied(on, "1")
    assert (await mark(on))[0] == cluster
    assert (await mark(on))[1] not in {None, first}


async def test_the_same_log_is_known_again_and_read_on(on: Bench) -> None:
    await applied(on, *FIVE)
    await on.send("5")
    await on.life.consume(on.consumer())
    await on.has(*FIVE, "5")


async def test_a_log_that_ends_below_what_was_applied_is_refused(on: Bench, kafka: Kafka) -> None:
    await applied(on, *FIVE)
    await make_anew(on, kafka)
    await on.send("new 0")
    said = await refusal(on)
    assert "all below offset 5 is applied, and the log ends at 1" in said
    assert f"{on.settings.topic(TOPIC)}/0" in said
    assert await on.effects() == list(FIVE)


async def test_a_topic_made_anew_and_grown_past_the_offset_is_refused(on: Bench, kafka: Kafka) -> None:
    await applied(on, *FIVE)
    await make_anew(on, kafka)
    await on.send(*(f"new {number}" for number in range(9)))
    assert "the record at offset 4 is another one" in await refusal(on)
    assert await on.effects() == list(FIVE)
    assert await on.next_offset() == 5


async def test_the_very_same_values_at_another_time_are_another_log(on: Bench, kafka: Kafka) -> None:
    await applied(on, *FIVE)
    await make_anew(on, kafka)
    await on.send(*FIVE, *FIVE)
    assert "the record at offset 4 is another one" in await refusal(on)


async def test_another_cluster_is_refused(on: Bench) -> None:
    await applied(on, *FIVE)
    await on.connection.execute("update probe.consumer_offset set cluster = 'the one before', last_hash = null")
    assert "it was read from cluster the one before, this is cluster" in await refusal(on)


@pytest.mark.parametrize("forgotten", ["cluster = null, last_hash = null", "last_hash = null"])
async def test_a_row_from_before_is_accepted_and_filled_by_the_next_batch(on: Bench, forgotten: str) -> None:
    await applied(on, *FIVE)
    await on.connection.execute(f"update probe.consumer_offset set {forgotten}")  # noqa: S608 - words of ours
    await on.send("5")
    await on.life.consume(on.consumer())
    await on.has(*FIVE, "5")
    assert None not in await mark(on)


@pytest.mark.needs("delete_records")
async def test_what_lies_below_the_log_start_cannot_be_checked_and_is_accepted(on: Bench, kafka: Kafka) -> None:
    await applied(on, *FIVE)
    await on.send("5")
    async with topics.admin(kafka) as admin:
        await admin.delete_records({TopicPartition(on.settings.topic(TOPIC), 0): RecordsToDelete(before_offset=5)})
    await on.connection.execute("update probe.consumer_offset set last_hash = 'unlike' where part = 0")
    await on.life.consume(on.consumer())
    await on.has(*FIVE, "5")


async def test_nothing_of_an_unknown_log_is_applied_by_a_batch_that_comes_first(
    on: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client hands records over before it tells of an assignment: the batch itself asks."""
    await applied(on, *FIVE)
    await on.send("5")
    await on.connection.execute("update probe.consumer_offset set last_hash = 'unlike' where part = 0")
    late = on.consumer()
    never_told = asyncio.Event()
    monkeypatch.setattr(late._going_back, "know", lambda _: never_told.wait())  # noqa: SLF001 - the check at the start
    starting = asyncio.create_task(on.life.consume(late))
    await eventually(lambda: on.life.ended is not None, 40)
    assert on.life.ended is not None
    assert on.life.ended[0] is ExitCode.CONFIG
    assert await on.effects() == list(FIVE)
    never_told.set()
    await starting


async def test_a_topic_made_anew_under_a_running_process_ends_it(on: Bench, kafka: Kafka) -> None:
    await on.send(*FIVE)
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.has(*FIVE)
    await make_anew(on, kafka)
    await on.send("new 0", "new 1")

    async def ended() -> bool:
        # The client looks for new topics every five minutes; here it is told to look.
        await consumer.consumer._client.force_metadata_update()  # noqa: SLF001
        return on.life.ended is not None

    await eventually(ended, 60, poll_s=1)
    assert on.life.ended is not None
    assert on.life.ended[0] is ExitCode.CONFIG
    assert await on.effects() == list(FIVE)


async def test_a_log_that_begins_again_without_a_rebalance_is_looked_at_again(on: Bench) -> None:
    """As after a fetch out of range: the client goes to the log's start by itself and tells nobody."""
    await on.send(*FIVE)
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.has(*FIVE)
    await on.connection.execute("update probe.consumer_offset set last_hash = 'unlike' where part = 0")
    consumer.consumer.seek(TopicPartition(on.settings.topic(TOPIC), 0), 0)
    await eventually(lambda: on.life.ended is not None, 40)
    assert on.life.ended is not None
    assert on.life.ended[0] is ExitCode.CONFIG


async def test_kafka_that_does_not_answer_is_waited_for(on: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await applied(on, *FIVE)
    nobody = on.settings.model_copy(update={"bootstrap_servers": ("127.0.0.1:1",)})
    consumer = on.consumer()
    check = consumer._going_back  # noqa: SLF001 - only what the check talks to is away
    monkeypatch.setattr(check, "_settings", nobody)
    starting = asyncio.create_task(on.life.consume(consumer))
    await eventually(lambda: on.life.health.is_waiting(f"{consumer.name} log"), 40)
    monkeypatch.setattr(check, "_settings", on.settings)
    await on.send("5")
    await starting
    await on.has(*FIVE, "5")


@pytest.mark.needs("idempotence")
@pytest.mark.parametrize(("name", "reason"), [("scans.v1", Reason.NO_RECORD), ("order.snapshots.v1", None)])
async def test_a_record_that_is_gone_is_refused_but_where_the_contract_lets_records_go(
    on: Bench, kafka: Kafka, name: str, reason: Reason | None
) -> None:
    """A transaction's marker stands at the offset: no record, and none to come."""
    wire = await topics.create(kafka, on.settings.topic(name))
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=wire)
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(wire, b"0", partition=0)
    finally:
        await producer.stop()
    here = Partition(wire, 0)
    cluster = await log_reading.read_cluster(on.settings, "test")
    assert here in cluster.partitions

    async def compared() -> bool:
        marks = {here: Mark(2, cluster.id, b"hash")}
        refusal = (await log_reading.compare(on.settings, marks, cluster=cluster.id, name="test"))[here]
        assert (None if refusal is None else refusal.reason) is reason
        return True

    await eventually(compared, 40)  # the marker is written soon after the commit


async def test_only_records_of_compacted_topics_are_not_awaited_for_ever(on: Bench) -> None:
    compacted, plain = (Partition(on.settings.topic(name), 0) for name in ("order.snapshots.v1", "carrier.scans.v1"))
    vanished = log_reading._vanished  # noqa: SLF001 - no broker makes such a log in a test's time
    assert vanished(on.settings, [compacted], waited_s=60)
    assert not vanished(on.settings, [compacted], waited_s=0)
    assert not vanished(on.settings, [compacted, plain], waited_s=60)
