"""Brokers that die, freeze, or lose the others: what was promised is kept, and what cannot be kept is not promised."""

import asyncio
import struct
from typing import Final

import pytest
from aiokafka.errors import KafkaError

from tests.faults.brokers import Brokers
from tests.faults.quorum import RefusedError
from tests.nemesis import lengths
from tests.nemesis.knocking import grown_mib, is_taken, is_told_to_come_again
from tests.nemesis.striking import unwanted_ends
from tests.oracle_evidence import ORDER_EVENTS, SCANS, STATUS, WEBHOOKS
from tests.oracle_running import MEMORY_MIB
from tests.under_fire.quiet import NORMALISER
from tests.under_fire.stage import Stage
from tests.waiting import eventually

LIMIT_S: Final = 60.0
AWAY_S: Final = lengths.seconds(5, 60)
#: A broker that freezes is found out after its session; in full it stays so for longer.
FROZEN_S: Final = lengths.seconds(1, 60)
PARTITIONS: Final = range(3)
OFFSETS: Final = "__consumer_offsets"
OFFSETS_PARTITIONS: Final = range(4)


@pytest.mark.timeout(240 + AWAY_S)
@pytest.mark.fault("broker_down")
async def test_while_all_of_kafka_is_away_senders_are_told_to_come_again_and_nothing_piles_up(
    stage3: Stage, cluster3: Brokers
) -> None:
    await stage3.start_all()
    load = await stage3.begin(seed=301, orders=24, per_second=60, limit_s=120 + AWAY_S)
    await stage3.half()
    for node in cluster3.nodes:
        cluster3.kill(node)
    await is_told_to_come_again(stage3)
    await lengths.lasts(AWAY_S)
    assert load.done < load.total, "everything was sent before Kafka was away"
    await cluster3.heal()
    evidence = await stage3.heal_and_judge()
    assert grown_mib(evidence) < MEMORY_MIB
    assert not unwanted_ends(stage3), "a process left although it only had to wait"


@pytest.mark.timeout(240 + FROZEN_S)
@pytest.mark.fault("broker_frozen")
async def test_a_frozen_leader_is_replaced_and_keeps_nothing_to_itself_when_it_thaws(
    stage3: Stage, cluster3: Brokers
) -> None:
    await stage3.start_all(status=2)
    await stage3.begin(seed=302, orders=40, per_second=30)
    topic = stage3.source.prefix + WEBHOOKS
    await stage3.half()
    frozen = await cluster3.leader(topic, 0)
    cluster3.freeze(frozen)
    await cluster3.led_by_another(topic, 0, than=frozen)
    await is_taken(stage3)
    await lengths.lasts(FROZEN_S)
    await cluster3.heal()
    await stage3.heal_and_judge()
    assert not unwanted_ends(stage3)


@pytest.mark.timeout(240 + AWAY_S)
@pytest.mark.fault("controller_killed")
async def test_the_controller_is_killed_and_another_one_leads_on(stage3: Stage, cluster3: Brokers) -> None:
    await stage3.start_all()
    load = await stage3.begin(seed=303, orders=40, per_second=30)
    await stage3.half()
    dead = await cluster3.controller()
    cluster3.kill(dead)
    await eventually(lambda: _led_by_other_than(cluster3, dead), LIMIT_S, poll_s=0.2, what="another controller")
    await is_taken(stage3)
    assert load.done < load.total
    await lengths.lasts(AWAY_S)
    await cluster3.heal()
    await stage3.heal_and_judge()
    assert not unwanted_ends(stage3)


async def _led_by_other_than(brokers: Brokers, dead: int) -> bool:
    try:
        return await brokers.controller() not in (-1, dead)
    except (RefusedError, OSError, EOFError, TimeoutError, struct.error):  # they are choosing
        return False


@pytest.mark.timeout(240 + AWAY_S)
@pytest.mark.fault("replica_cut_off")
async def test_one_broker_without_the_others_takes_nothing_and_with_them_again_has_lost_nothing(
    stage3: Stage, cluster3: Brokers
) -> None:
    alone, second, third = cluster3.nodes
    topic = stage3.source.prefix + WEBHOOKS
    for partition in PARTITIONS:
        await cluster3.move_leader(topic, partition, to=alone)
    await stage3.start_all()
    load = await stage3.begin(seed=304, orders=80, per_second=30, limit_s=180 + AWAY_S)
    cluster3.kill(third)
    await eventually(lambda: _is_out(cluster3, topic, third), LIMIT_S, poll_s=0.2, what="two replicas are in sync")
    await is_taken(stage3)
    assert load.done < load.total, "everything was sent before the last broker was alone"
    cluster3.freeze(second)
    await is_told_to_come_again(stage3)
    await lengths.lasts(AWAY_S)
    await cluster3.heal()
    await stage3.heal_and_judge()
    assert not unwanted_ends(stage3)


async def _is_out(brokers: Brokers, topic: str, node: int) -> bool:
    try:
        return node not in await brokers.in_sync(topic, 0)
    except KafkaError:  # who is asked may be choosing
        return False


@pytest.mark.timeout(240)
@pytest.mark.fault("leader_moves")
async def test_leaders_and_coordinators_that_move_under_load_are_followed(stage3: Stage, cluster3: Brokers) -> None:
    await stage3.start_all(status=2)
    load = await stage3.begin(seed=305, orders=80, per_second=30)
    group = stage3.source.prefix + NORMALISER
    before = await cluster3.coordinator(group)
    for _ in range(round(lengths.seconds(1, 5))):
        for topic in (WEBHOOKS, SCANS, ORDER_EVENTS, STATUS):
            await asyncio.gather(*(_moves(cluster3, stage3.source.prefix + topic, number) for number in PARTITIONS))
        await asyncio.gather(*(_moves(cluster3, OFFSETS, number) for number in OFFSETS_PARTITIONS))
    await eventually(lambda: _coordinated_by_other_than(cluster3, group, before), LIMIT_S, what="another coordinator")
    assert load.done > 0
    await stage3.heal_and_judge()
    assert not unwanted_ends(stage3)


async def _moves(brokers: Brokers, topic: str, partition: int) -> None:
    """Give a partition to the next broker, nobody dies."""
    leader = await brokers.leader(topic, partition)
    await brokers.move_leader(topic, partition, to=leader % len(brokers.nodes) + 1)


async def _coordinated_by_other_than(brokers: Brokers, group: str, before: int) -> bool:
    try:
        return await brokers.coordinator(group) != before
    except KafkaError:
        return False
