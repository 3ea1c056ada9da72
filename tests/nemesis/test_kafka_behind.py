"""Consumers that are behind: a long backlog, and a producer's transaction that never ends."""

from typing import Final

import pytest
from aiokafka import AIOKafkaProducer

from services.runtime import clock
from tests.nemesis import lengths
from tests.nemesis.knocking import grown_mib, letters
from tests.nemesis.striking import logged, metric, unwanted_ends
from tests.oracle_evidence import SCANS
from tests.oracle_running import MEMORY_MIB
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
#: Orders that pile up while status is away: six records each and more.
PILE: Final = round(lengths.seconds(400, 5_000))
APPLIED: Final = "trackfold.status.apply"
#: A transaction is told of after this; and a consumer that stood still for it would be ended after STANDS_S.
HANGING_S: Final = 3.0
STANDS_S: Final = 12.0
HANGS_S: Final = lengths.seconds(STANDS_S + 3, 120)


@pytest.mark.timeout(240 + PILE / 10)
@pytest.mark.fault("backlog")
async def test_a_long_backlog_is_worked_off_with_the_memory_of_every_day(stage: Stage) -> None:
    status = await stage.start("status")
    await stage.start("notify")
    await stage.begin(seed=351, orders=12, per_second=80)
    await stage.half()
    assert await status.terminate() == 0
    pile = await stage.begin(seed=352, orders=PILE, per_second=1_000, mark="PILE", limit_s=120 + PILE / 20)
    await stage.sent()
    assert pile.done == pile.total > 5 * PILE
    await status.restart()
    evidence = await stage.heal_and_judge(within_s=60 + PILE / 20)
    assert grown_mib(evidence) < MEMORY_MIB
    assert not unwanted_ends(stage)


@pytest.mark.timeout(200 + HANGS_S)
@pytest.mark.fault("hanging_transaction")
async def test_a_transaction_that_never_ends_is_alarmed_and_what_lies_behind_it_is_applied_when_it_does(
    stage: Stage, kafka: Kafka
) -> None:
    status = await stage.start(
        "status",
        TRACKFOLD_KAFKA__LAG_INTERVAL_S="1",
        TRACKFOLD_KAFKA__HANGING_AFTER_S=f"{HANGING_S:g}",
        TRACKFOLD_PROCESS__WATCHDOG_S="5",
    )
    load = await stage.begin(seed=353, orders=24, per_second=40)
    await stage.half()
    hanging = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=f"{stage.source.prefix}hangs",
        transaction_timeout_ms=600_000,
    )  # fmt: skip
    await hanging.start()
    try:
        await hanging.begin_transaction()
        await tell_again(hanging, stage)
        assert load.done < load.total, "nothing would lie behind it"
        await eventually(lambda: alarms(stage), LIMIT_S, poll_s=0.2, what="the metric tells of it")
        await lengths.lasts(HANGS_S)
        assert status.lives == 1
        assert await alarms(stage) == 1
        assert await metric(status, "trackfold_consumer_lag_messages", group=APPLIED, topic=SCANS) > 0
        await hanging.abort_transaction()
        healed_at = clock.monotonic()
    finally:
        await hanging.stop()
    await eventually(lambda: _no_alarm(stage), LIMIT_S, poll_s=0.2, what="the alarm ends")
    async with topics.producer(kafka) as producer:
        await tell_again(producer, stage)  # the marker of its end is the last one there otherwise, and nobody reads it
    await stage.heal_and_judge(since=healed_at)
    assert logged(status, "a producer left a transaction open", level="error")
    assert not unwanted_ends(stage)


async def tell_again(producer: AIOKafkaProducer, stage: Stage) -> None:
    """Tell a scan of the load again on partition 0; it may count only once."""
    one = next(one for one in letters(stage) if one.sent.topic == SCANS and not one.sent.poison)
    key, headers = one.sent.key.encode(), list(one.headers)
    await producer.send_and_wait(stage.source.prefix + SCANS, one.value, key=key, headers=headers, partition=0)


async def alarms(stage: Stage) -> float:
    """Return how many partitions status says are stopped by an open transaction."""
    return await metric(stage.of("status")[0], "trackfold_hanging_transactions", group=APPLIED)


async def _no_alarm(stage: Stage) -> bool:
    return await alarms(stage) == 0
