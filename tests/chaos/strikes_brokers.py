"""Faults of the three brokers: killed, frozen, leaders and controllers moved, too few replicas in sync."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from services.local.child import ChildFailedError
from tests.chaos.kind import STANDS_STILL, Blow, Kind, Strike
from tests.chaos.schedule import Area
from tests.chaos.world import World
from tests.oracle_evidence import ORDER_EVENTS, SCANS, SNAPSHOTS, STATUS, WEBHOOKS

HEALTHY_S: Final = 120.0
GROUPS: Final = ("trackfold.status.apply", "trackfold.notify.apply", "trackfold.ingest.normalise")
MOVED: Final = (SCANS, ORDER_EVENTS, WEBHOOKS, STATUS, SNAPSHOTS)

Choose = Callable[[World, random.Random], Awaitable[int]]


async def the_leader(world: World, dice: random.Random) -> int:
    """Choose the leader of some partition."""
    topic = world.stage.source.prefix + dice.choice((SCANS, ORDER_EVENTS, STATUS))
    return await world.brokers.leader(topic, dice.randrange(3))


async def the_controller(world: World, dice: random.Random) -> int:
    """Choose the broker that leads the controllers."""
    del dice
    return await world.brokers.controller()


async def the_coordinator(world: World, dice: random.Random) -> int:
    """Choose the broker that coordinates a group of ours."""
    return await world.brokers.coordinator(world.stage.source.prefix + dice.choice(GROUPS))


async def anyone(world: World, dice: random.Random) -> int:
    """Choose any broker."""
    return dice.choice(world.brokers.nodes)


def killed(choose: Choose) -> Strike:
    """SIGKILL a broker, and start it again on its data."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        node = await choose(world, dice)
        world.brokers.kill(node)
        try:
            yield Blow(f"broker {node}")
        finally:
            with suppress(ChildFailedError):  # a busy machine may take longer than it waits: the next line waits on
                await world.by_hand(world.brokers.restart, node)
            await world.brokers.healthy(HEALTHY_S)

    return strike


def frozen(count: int) -> Strike:
    """SIGSTOP some brokers: two of three leave no partition with enough replicas in sync, three are an outage."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        nodes = dice.sample(world.brokers.nodes, count)
        try:
            for node in nodes:
                world.brokers.freeze(node)
            yield Blow(f"broker {', '.join(map(str, nodes))}")
        finally:
            for node in nodes:
                world.brokers.thaw(node)
            await world.brokers.healthy(HEALTHY_S)

    return strike


@asynccontextmanager
async def leaders_move(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Another broker leads, partition by partition; nobody dies."""
    topic = dice.choice(MOVED)
    wire = world.stage.source.prefix + topic
    for partition in range(3):
        now = await world.brokers.leader(wire, partition)
        await world.brokers.move_leader(wire, partition, to=dice.choice(world.brokers.others(now)))
    yield Blow(topic)


@asynccontextmanager
async def coordinator_moves(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Another broker coordinates the groups: the leaders of their topic move."""
    for partition in range(4):
        now = await world.brokers.leader("__consumer_offsets", partition)
        target = dice.choice(world.brokers.others(now))
        await world.brokers.move_leader("__consumer_offsets", partition, to=target)
    yield Blow("all partitions of the groups' topic")


KINDS: Final = (
    Kind("kill_a_leader", Area.AROUND, killed(the_leader)),
    Kind("kill_the_controller", Area.AROUND, killed(the_controller)),
    Kind("kill_a_coordinator", Area.AROUND, killed(the_coordinator)),
    Kind("kill_a_broker_long", Area.AROUND, killed(anyone), (8.0, 10.0)),
    Kind("freeze_a_broker", Area.AROUND, frozen(1), may_end_with=STANDS_STILL),
    Kind("freeze_a_broker_long", Area.AROUND, frozen(1), (8.0, 10.0), may_end_with=STANDS_STILL),
    Kind("too_few_in_sync", Area.AROUND, frozen(2), (3.0, 5.0), may_end_with=STANDS_STILL),
    Kind("freeze_all_brokers", Area.AROUND, frozen(3), (3.0, 5.0), may_end_with=STANDS_STILL),
    Kind("leaders_move", Area.AROUND, leaders_move, (0.0, 2.0)),
    Kind("coordinators_move", Area.AROUND, coordinator_moves, (0.0, 2.0)),
)
