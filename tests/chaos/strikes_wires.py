"""Faults of the wires to Kafka and to Postgres: silent, slow, narrow, cut, refused, answers lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

from tests.chaos.kind import STANDS_STILL, Blow, Kind, Strike
from tests.chaos.schedule import Area
from tests.chaos.world import World
from tests.faults.proxy import CUT, Proxy, Verdict
from tests.faults.watchers import (
    FETCH,
    FIND_COORDINATOR,
    HEARTBEAT,
    LOSE,
    METADATA,
    OFFSET_COMMIT,
    PRODUCE,
    CommitWatch,
    KafkaWatch,
    When,
)

#: 200 kbit/s, each way and connection.
NARROW: Final = 25_000
Wires = Callable[[World], Iterable[Proxy]]
Harm = Callable[[Proxy], None]


def to_kafka(world: World) -> Iterable[Proxy]:
    """Return the wires to all brokers."""
    return world.kafka_wires.values()


def to_postgres(world: World) -> Iterable[Proxy]:
    """Return the wires of all services."""
    return world.postgres_wires.values()


def harmed(wires: Wires, harm: Harm, *, one: bool = False) -> Strike:
    """Do something to wires, all of them or one."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        found = list(wires(world))
        struck = [dice.choice(found)] if one else found
        try:
            for wire in struck:
                harm(wire)
            yield Blow(f"{len(struck)} of {len(found)} wires")
        finally:
            await _healed(struck)

    return strike


def reset_again_and_again(wires: Wires) -> Strike:
    """RST to every connection, twice a second."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        count = 0

        async def storm() -> None:
            nonlocal count
            while True:
                for wire in wires(world):
                    count += wire.connections
                    wire.cut()
                await asyncio.sleep(dice.uniform(0.3, 0.7))

        task, blow = asyncio.create_task(storm()), Blow()
        try:
            yield blow
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            blow.detail, blow.struck = f"{count} connections", count > 0

    return strike


def kafka_requests(api: int, *, do: Verdict, when: When = "answer", times: int = 3) -> Strike:
    """Lose or cut at some of Kafka's requests or answers of one kind."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        watch = KafkaWatch(api=api, do=do, when=when, times=times, skip=dice.randint(0, 3))
        async with _watched(list(to_kafka(world)), watch.watcher) as blow:
            yield blow
            blow.detail, blow.struck = f"{watch.struck} times", watch.struck > 0

    return strike


def commits_cut(when: When) -> Strike:
    """Cut connections to Postgres at COMMIT, before it leaves or before its answer arrives."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        watch = CommitWatch(when=when, times=dice.randint(2, 5))
        async with _watched(list(to_postgres(world)), watch.watcher) as blow:
            yield blow
            blow.detail, blow.struck = f"{watch.struck} times", watch.struck > 0

    return strike


@asynccontextmanager
async def _watched(wires: Sequence[Proxy], watcher: Callable[[], object]) -> AsyncIterator[Blow]:
    """Watch all connections: those that are open are cut once, so that all are made anew."""
    try:
        for wire in wires:
            wire.watch = watcher  # type: ignore[assignment]
            wire.cut()
        yield Blow()
    finally:
        await _healed(wires)
        for wire in wires:  # what was lost on a connection that stays open is missing for ever
            wire.cut()


async def _healed(wires: Iterable[Proxy]) -> None:
    for wire in wires:
        await wire.heal()


def no_answer(wire: Proxy) -> None:
    """Let nothing come back."""
    wire.down.silent = True


def no_request(wire: Proxy) -> None:
    """Let nothing get there."""
    wire.up.silent = True


def slow(wire: Proxy) -> None:
    """300 ms there and back, with jitter."""
    wire.up.latency_s = wire.down.latency_s = 0.15
    wire.up.jitter_s = wire.down.jitter_s = 0.05


def narrow(wire: Proxy) -> None:
    """Let 200 kbit/s through."""
    wire.up.bytes_per_s = wire.down.bytes_per_s = NARROW


def unreachable(wire: Proxy) -> None:
    """Reset what is open and refuse what is new."""
    wire.refuse()
    wire.cut()


KINDS: Final = (
    Kind("kafka_is_not_heard", Area.AROUND, harmed(to_kafka, no_answer), may_end_with=STANDS_STILL),
    Kind("kafka_does_not_hear", Area.AROUND, harmed(to_kafka, no_request), may_end_with=STANDS_STILL),
    Kind("kafka_slow", Area.AROUND, harmed(to_kafka, slow)),
    Kind("kafka_narrow", Area.AROUND, harmed(to_kafka, narrow)),
    Kind("kafka_unreachable", Area.AROUND, harmed(to_kafka, unreachable)),
    Kind("one_broker_unreachable", Area.AROUND, harmed(to_kafka, unreachable, one=True)),
    Kind("one_broker_not_heard", Area.AROUND, harmed(to_kafka, no_answer, one=True), may_end_with=STANDS_STILL),
    Kind("kafka_resets", Area.AROUND, reset_again_and_again(to_kafka), may_end_with=STANDS_STILL),
    Kind("produce_answers_cut", Area.AROUND, kafka_requests(PRODUCE, do=CUT, times=5)),
    Kind("produce_answers_lost", Area.AROUND, kafka_requests(PRODUCE, do=LOSE, times=2), may_end_with=STANDS_STILL),
    Kind("produce_requests_cut", Area.AROUND, kafka_requests(PRODUCE, do=CUT, when="request")),
    Kind("fetch_answers_cut", Area.AROUND, kafka_requests(FETCH, do=CUT, times=6)),
    Kind("heartbeats_lost", Area.AROUND, kafka_requests(HEARTBEAT, do=LOSE, times=2), may_end_with=STANDS_STILL),
    Kind("kafka_commits_cut", Area.AROUND, kafka_requests(OFFSET_COMMIT, do=CUT)),
    Kind("metadata_lost", Area.AROUND, kafka_requests(METADATA, do=LOSE, times=2), may_end_with=STANDS_STILL),
    Kind("coordinator_not_found", Area.AROUND, kafka_requests(FIND_COORDINATOR, do=CUT)),
    Kind("postgres_is_not_heard", Area.AROUND, harmed(to_postgres, no_answer), may_end_with=STANDS_STILL),
    Kind("postgres_slow", Area.AROUND, harmed(to_postgres, slow)),
    Kind("postgres_narrow", Area.AROUND, harmed(to_postgres, narrow)),
    Kind("postgres_unreachable", Area.AROUND, harmed(to_postgres, unreachable)),
    Kind("postgres_resets", Area.AROUND, reset_again_and_again(to_postgres)),
    Kind("commit_not_sent", Area.AROUND, commits_cut("request")),
    Kind("commit_not_answered", Area.AROUND, commits_cut("answer")),
)
