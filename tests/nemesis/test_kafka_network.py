"""The wire to Kafka: answers that are lost, one direction that is silent, breaks again and again, and slowness."""

import asyncio
from typing import Any, Final, Literal

import pytest

from tests.faults.proxy import CUT, Proxy, through
from tests.faults.watchers import LOSE, PRODUCE, KafkaWatch
from tests.nemesis import lengths
from tests.nemesis.knocking import is_told_to_come_again, kept_again
from tests.nemesis.striking import logged, published_again, unwanted_ends
from tests.oracle_evidence import STATUS, WEBHOOKS
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
SILENT_S: Final = lengths.seconds(5, 60)
SLOW_S: Final = lengths.seconds(5, 60)
BREAKS: Final = round(lengths.seconds(6, 60))
#: 200 kbit/s, each way and connection.
NARROW: Final = 25_000
#: What three services open again at once when all is cut, and a few attempts that meet the next cut.
CONNECTIONS_A_BREAK: Final = 60
HALF_A_TURN_S: Final = 0.15


async def all_by_way_of(stage: Stage, wire: Proxy, *, database: str = "", **overrides: Any) -> None:
    """Start one of each service behind the wire; `database` is the URL of a database behind another one."""
    url = database or stage.source.database_url
    services = ("ingest", "status", "notify")
    await asyncio.gather(
        *(stage.start(name, KAFKA_BOOTSTRAP_SERVERS=wire.bootstrap, DATABASE_URL=url, **overrides) for name in services)
    )


@pytest.mark.timeout(150)
@pytest.mark.fault("answer_lost")
@pytest.mark.parametrize(("do", "times"), [(LOSE, 1), (CUT, 3)], ids=["lost", "cut"])
async def test_a_webhook_that_kafka_took_without_being_heard_is_kept_again_and_counts_once(
    stage: Stage, kafka_wire: Proxy, do: bytes | Literal["cut"], times: int
) -> None:
    watch = KafkaWatch(api=PRODUCE, do=do, times=0, holding=WEBHOOKS.encode())
    kafka_wire.watch = watch.watcher
    await stage.start("status")
    await stage.start("ingest", KAFKA_BOOTSTRAP_SERVERS=kafka_wire.bootstrap)
    await stage.begin(seed=311, orders=24, per_second=40)
    await stage.half()
    watch.times = times
    await eventually(lambda: watch.struck == times, LIMIT_S, what="answers were lost")
    evidence = await stage.heal_and_judge()
    assert kept_again(stage, evidence, WEBHOOKS) > 0, "nothing lies there again"


@pytest.mark.timeout(150)
@pytest.mark.fault("answer_lost")
@pytest.mark.parametrize(("do", "times"), [(LOSE, 1), (CUT, 3)], ids=["lost", "cut"])
async def test_what_the_relay_sent_without_being_heard_is_sent_again_as_the_same_bytes(
    stage: Stage, kafka_wire: Proxy, do: bytes | Literal["cut"], times: int
) -> None:
    watch = KafkaWatch(api=PRODUCE, do=do, times=0, holding=STATUS.encode())
    kafka_wire.watch = watch.watcher
    await stage.start("status", KAFKA_BOOTSTRAP_SERVERS=kafka_wire.bootstrap)
    await stage.start("notify")
    await stage.begin(seed=312, orders=24, per_second=40)
    await stage.half()
    watch.times = times
    await eventually(lambda: watch.struck == times, LIMIT_S, what="answers were lost")
    evidence = await stage.heal_and_judge()
    assert published_again(evidence) > 0, "nothing was sent again"


@pytest.mark.timeout(150 + SILENT_S)
@pytest.mark.fault("cut_one_way")
async def test_when_kafka_hears_and_is_not_heard_nothing_is_promised_and_nothing_is_counted_twice(
    stage: Stage, kafka_wire: Proxy
) -> None:
    await all_by_way_of(stage, kafka_wire)
    load = await stage.begin(seed=313, orders=30, per_second=40, limit_s=120 + SILENT_S)
    await stage.half()
    kafka_wire.down.silent = True
    await is_told_to_come_again(stage)
    assert load.done < load.total, "everything was sent before the wire was silent"
    await lengths.lasts(SILENT_S)
    await kafka_wire.heal()
    await stage.heal_and_judge()
    assert not unwanted_ends(stage)


@pytest.mark.timeout(150 + 2 * BREAKS)
@pytest.mark.fault("lossy_network")
async def test_connections_that_stall_and_break_again_and_again_are_opened_again_without_a_storm(
    stage: Stage, kafka_wire: Proxy
) -> None:
    await all_by_way_of(stage, kafka_wire)
    await stage.begin(seed=314, orders=40, per_second=30, limit_s=120 + 2 * BREAKS)
    await stage.half()
    kafka_wire.up.bytes_per_s = kafka_wire.down.bytes_per_s = NARROW
    before = kafka_wire.accepted
    for _ in range(BREAKS):
        kafka_wire.silence()
        await lengths.lasts(0.4)
        kafka_wire.up.silent = kafka_wire.down.silent = False
        kafka_wire.cut()
        await lengths.lasts(0.6)
    opened = kafka_wire.accepted - before
    await kafka_wire.heal()
    await stage.heal_and_judge()
    assert BREAKS < opened < CONNECTIONS_A_BREAK * BREAKS, f"{opened} connections were opened after {BREAKS} breaks"


@pytest.mark.timeout(150 + SLOW_S)
@pytest.mark.fault("slow_network")
async def test_a_slow_wire_to_kafka_and_postgres_costs_time_and_no_rebalance(
    stage: Stage, kafka_wire: Proxy, postgres_wire: Proxy
) -> None:
    database = through(stage.source.database_url, postgres_wire)
    # Every limit of a test is small, and a slow wire is not: a batch has some forty turns of it.
    await all_by_way_of(stage, kafka_wire, database=database, TRACKFOLD_PROCESS__WATCHDOG_S="40")
    load = await stage.begin(seed=315, orders=30, per_second=30, limit_s=120 + SLOW_S)
    await stage.half()
    joined = joins(stage)
    for way in (kafka_wire.up, kafka_wire.down, postgres_wire.up, postgres_wire.down):
        way.latency_s, way.jitter_s = HALF_A_TURN_S, HALF_A_TURN_S / 3
    done, passed = load.done, postgres_wire.down.passed
    await lengths.lasts(SLOW_S)
    await eventually(lambda: load.done > done, LIMIT_S, what="slowly something is taken")
    assert postgres_wire.down.passed > passed
    assert joins(stage) == joined > 0, "somebody was put out of a group"
    await kafka_wire.heal()
    await postgres_wire.heal()
    await stage.heal_and_judge()
    assert joins(stage) == joined
    assert not unwanted_ends(stage)


def joins(stage: Stage) -> int:
    """Return how often members have joined their groups."""
    return sum(len(logged(member, "Joined group")) for member in stage.members)
