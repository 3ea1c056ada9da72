"""Faults of the inputs and of the provider: repeats, bursts, poison, more partitions, forgotten groups, bad mail."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import AIOKafkaProducer
from confluent_kafka.admin import AdminClient

from tests.chaos.kind import Blow, Kind, Strike
from tests.chaos.schedule import Area
from tests.chaos.world import MissedError, World
from tests.oracle_evidence import ORDER_EVENTS, SCANS, WEBHOOKS
from tests.stack import topics
from tests.under_fire.stories import Letter

AGAIN: Final = 600
STORM: Final = 300
LIMIT_S: Final = 120.0
GROUPS: Final = {
    "status": "trackfold.status.apply",
    "notify": "trackfold.notify.apply",
    "ingest": "trackfold.ingest.normalise",
}


def told_already(world: World) -> list[Letter]:
    """Return the records that the load has been told are there, oldest first, but for poison."""
    done = [load for load in world.stage.loads if load.done == load.total]
    letters = [one for load in done for one in load.plan.letters]
    found = [one for one in letters if not one.sent.poison and one.sent.topic != WEBHOOKS]
    if not found:
        raise MissedError("nothing was sent yet")
    return found


async def produced(world: World, letters: Sequence[Letter]) -> None:
    """Write records once more, as they were."""
    prefix = world.stage.source.prefix
    async with topics.producer(world.brokers.kafka) as producer:
        for one in letters:
            key, headers = one.sent.key.encode(), list(one.headers)
            await producer.send(prefix + one.sent.topic, one.value, key=key, headers=headers)
        await producer.flush()


@asynccontextmanager
async def everything_again(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """The newest records of the input topics are produced once more, in another order."""
    letters = told_already(world)[-AGAIN:]
    dice.shuffle(letters)
    await produced(world, letters)
    yield Blow(f"{len(letters)} records")


@asynccontextmanager
async def duplicate_storm(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """A few records come hundreds of times."""
    few = dice.sample(letters := told_already(world)[-AGAIN:], min(3, len(letters)))
    await produced(world, [one for _ in range(STORM // len(few)) for one in few])
    yield Blow(f"{len(few)} records {STORM // len(few)} times each")


def burst(name: str, *, orders: int, poison_share: float) -> Strike:
    """A load of its own beside the steady one, as fast as it goes."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        seed = dice.randrange(10**9)
        load = await world.stage.begin(
            seed=seed, mark=f"{name}{seed}", orders=orders, poison_share=poison_share, per_second=200, limit_s=LIMIT_S
        )
        yield Blow(f"{load.total} letters")

    return strike


@asynccontextmanager
async def partitions_grow(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """An operator gives the inputs more partitions, while everybody runs."""
    world.partitions += dice.randint(1, 2)
    env = world.stage.make_environment(TRACKFOLD_KAFKA__PARTITIONS=str(world.partitions))
    applied = await world.processes.start("topics", env=env, arguments=("topics", "apply"), wait_ready=False)
    assert await applied.wait(LIMIT_S) == 0, applied.log()
    yield Blow(f"to {world.partitions}", struck="grow" in applied.log())


@asynccontextmanager
async def hanging_transaction(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Somebody else's transaction stays open over an input, and is aborted in the end."""
    topic, partition = world.stage.source.prefix + dice.choice((SCANS, ORDER_EVENTS)), dice.randrange(3)
    producer = AIOKafkaProducer(
        bootstrap_servers=world.brokers.kafka.bootstrap_servers, transactional_id=f"chaos-{dice.randrange(10**9)}"
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"never committed", key=b"nobody", partition=partition)
        yield Blow(f"{topic}/{partition}")
        await producer.abort_transaction()
    finally:
        await producer.stop()


@asynccontextmanager
async def group_forgotten(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """Kafka forgets a group with its offsets, while none of its members runs."""
    service = dice.choice(tuple(GROUPS))
    group = world.stage.source.prefix + GROUPS[service]
    members = [one for one in world.running() if one.service == service]
    try:
        await asyncio.gather(*(world.told_to_end(one) for one in members))
        await world.by_hand(_forget, world.brokers.kafka.bootstrap_servers, group)
        yield Blow(service)
    finally:
        for member in members:
            await world.back(member)


def _forget(servers: str, group: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    for done in admin.delete_consumer_groups([group], request_timeout=20).values():
        done.result(timeout=30)


def provider(mode: str) -> Strike:
    """The mail server misbehaves."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        del dice
        smtp, blow = world.stage.smtp, Blow()
        before = smtp.handler.met[mode]
        smtp.mode = mode
        try:
            yield blow
        finally:
            smtp.mode = "takes"
            count = smtp.handler.met[mode] - before
            blow.detail, blow.struck = f"{count} mails", count > 0

    return strike


KINDS: Final = (
    Kind("everything_again", Area.ALONE, everything_again, (0.0, 1.0)),
    Kind("duplicate_storm", Area.ALONE, duplicate_storm, (0.0, 1.0)),
    Kind("poison_burst", Area.OURS, burst("P", orders=2, poison_share=1.5), (1.0, 3.0)),
    Kind("burst", Area.OURS, burst("B", orders=24, poison_share=0.05), (1.0, 3.0)),
    Kind("partitions_grow", Area.ALONE, partitions_grow, (0.0, 1.0), most=2),
    Kind("hanging_transaction", Area.ALONE, hanging_transaction),
    Kind("group_forgotten", Area.ALONE, group_forgotten, (0.0, 1.0)),
    Kind("mail_comes_later", Area.OURS, provider("busy")),
    Kind("mail_refuses_the_body", Area.OURS, provider("data_451")),
    Kind("mail_breaks_off", Area.OURS, provider("drops_before")),
    Kind("mail_is_silent", Area.OURS, provider("silent_before")),
    Kind("mail_breaks_off_after_the_dot", Area.OURS, provider("drops_after_body")),
    Kind("mail_is_silent_after_the_dot", Area.OURS, provider("silent_after_body")),
)
