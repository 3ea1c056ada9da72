"""What Kafka forgets: a group's offsets, records that nobody had read yet, a whole topic."""

import json
from typing import Final

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.protocol.admin import DeleteGroupsRequest

from services.runtime.errors import ExitCode
from tests.nemesis.knocking import letters
from tests.nemesis.striking import ask, logged, metric
from tests.oracle_evidence import SCANS
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes
from tests.under_fire.quiet import NORMALISER
from tests.under_fire.settings import FAST
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
APPLIED: Final = "trackfold.status.apply"
ADOPT: Final = ("offsets", "adopt", "--service", "status", "--from", "start", "--json")


async def forget_group(kafka: Kafka, group: str) -> None:
    """Have Kafka forget a group that nobody is in, and see that it has."""
    async with topics.admin(kafka) as admin:
        assert await admin.list_consumer_group_offsets(group), f"{group} had committed nothing"
        node = await admin.find_coordinator(group)
        answer = await admin._send_request_to_node(node, DeleteGroupsRequest([group]))  # noqa: SLF001 - no public way
        assert [code for _, code in answer.results] == [0]
        assert not await admin.list_consumer_group_offsets(group)


@pytest.mark.timeout(150)
@pytest.mark.fault("group_offsets_deleted")
async def test_when_kafka_forgets_the_offsets_everything_is_read_again_and_nothing_counts_again(
    stage: Stage, kafka: Kafka
) -> None:
    ingest, status = await stage.start("ingest"), await stage.start("status")
    await stage.start("notify")
    await stage.begin(seed=341, orders=24, per_second=40)
    await stage.half()
    for member in (ingest, status):
        assert await member.terminate() == 0
    for group in (NORMALISER, APPLIED):
        await forget_group(kafka, stage.source.prefix + group)
    for member in (ingest, status):
        await member.restart()
    evidence = await stage.heal_and_judge()
    scans = [one.value for one in evidence.records(SCANS)]
    assert len(scans) > len(set(scans)), "ingest has no database: it reads all of it again, and tells it again"
    assert not evidence.gaps


@pytest.mark.timeout(150)
@pytest.mark.fault("group_offsets_deleted")
async def test_a_group_at_the_start_of_the_log_is_filtered_by_the_database(stage: Stage, kafka: Kafka) -> None:
    status = await stage.start("status")
    await stage.begin(seed=342, orders=16, per_second=80)
    await stage.sent()
    await stage.heal()
    assert await status.terminate() == 0
    group = stage.source.prefix + APPLIED
    await forget_group(kafka, group)
    await commit_zero(kafka, group, stage.source.prefix + SCANS)
    await status.restart()
    await stage.begin(seed=343, orders=8, mark="AGAIN")
    await stage.heal_and_judge()


async def commit_zero(kafka: Kafka, group: str, topic: str) -> None:
    """Write down in Kafka that a group has read nothing of a topic, as a reset does."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        parts = [TopicPartition(topic, number) for number in range(3)]
        consumer.assign(parts)
        await consumer.commit(dict.fromkeys(parts, 0))
    finally:
        await consumer.stop()


@pytest.mark.timeout(150)
@pytest.mark.fault("retention_passed")
async def test_records_that_retention_took_before_they_were_read_are_written_down_and_alarmed(
    stage: Stage, kafka: Kafka
) -> None:
    status = await stage.start("status")
    await stage.begin(seed=344, orders=16, per_second=80)
    await stage.heal()
    assert await status.terminate() == 0
    stands = await ask(
        stage, "select next_offset from status.consumer_offset where topic like '%scans.v1' and part = 0"
    )
    end = await fill(kafka, stage)
    async with topics.admin(kafka) as admin:
        await admin.delete_records({TopicPartition(stage.source.prefix + SCANS, 0): RecordsToDelete(before_offset=end)})
    stage.explained_gaps.add(("status", SCANS, 0))
    await status.restart()
    await stage.begin(seed=345, orders=16, per_second=80, mark="AFTER")
    await fill(kafka, stage)
    evidence = await stage.heal_and_judge()
    assert [(gap.want, gap.got) for gap in evidence.gaps] == [(stands, end)]
    assert await metric(status, "trackfold_offset_gaps_total", group=APPLIED) > 0
    assert logged(status, level="error") or logged(status, level="critical"), "nobody was told"


async def fill(kafka: Kafka, stage: Stage) -> int:
    """Tell some scans again, all on partition 0, where nobody would put them; return the log's end behind them."""
    told = [one for one in letters(stage) if one.sent.topic == SCANS and not one.sent.poison][:5]
    async with topics.producer(kafka) as producer:
        for one in told:
            done = await producer.send_and_wait(
                stage.source.prefix + SCANS,
                one.value,
                key=one.sent.key.encode(),
                headers=list(one.headers),
                partition=0,
            )
    return int(done.offset) + 1


@pytest.mark.timeout(200)
@pytest.mark.fault("topic_recreated")
async def test_a_topic_made_anew_and_grown_past_the_offset_is_refused_until_a_person_adopts_it(
    stage: Stage, kafka: Kafka, processes: Processes
) -> None:
    status = await stage.start("status")
    await stage.begin(seed=346, orders=8, per_second=80)
    await stage.heal()
    assert await status.terminate() == 0
    await made_anew(stage, kafka, processes)
    await stage.begin(seed=347, orders=48, per_second=200, mark="ANEW")
    await stage.sent()
    await refuses(status)
    adopted = await trackfold(stage, processes, *ADOPT, "--yes", "--reason", "the topic was made anew")
    (said,) = [json.loads(adopted[adopted.index("{") : adopted.rindex("}") + 1])]
    assert said["done"]
    assert {one["new_offset"] for one in said["partitions"]} == {0}
    await status.restart()
    # Offsets went back, and what was acknowledged before lay in another log: both on purpose.
    await stage.heal_and_judge(but_for={"I5", "I7"})


async def refuses(status: Member) -> None:
    """Start it, see it leave with 78 and say what a person can do."""
    status.may_end_with.add(int(ExitCode.CONFIG))
    status.note_end()
    await status.start(wait_ready=False)
    assert await status.life.wait(LIMIT_S) == ExitCode.CONFIG, status.log()
    assert "trackfold offsets adopt" in status.life.log()


async def made_anew(stage: Stage, kafka: Kafka, processes: Processes) -> None:
    """Delete the topic of scans, and make it as an operator does."""
    wire = stage.source.prefix + SCANS
    await topics.delete(kafka, [wire])
    async with topics.admin(kafka) as admin:

        async def gone() -> bool:
            return wire not in await admin.list_topics()

        await eventually(gone, LIMIT_S, what="the topic is gone")
    await trackfold(stage, processes, "topics", "apply")


async def trackfold(stage: Stage, processes: Processes, *arguments: str) -> str:
    """Run one of the operator's commands, and return what it wrote."""
    run = await processes.start(arguments[0], env=stage.make_environment(**FAST), arguments=arguments, wait_ready=False)
    assert await run.wait(LIMIT_S) == 0, run.log()
    return run.log()
