"""All brokers move to other addresses: clients made before never find them, clients made anew do (rule E12)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from services.runtime import kafka as wiring
from services.runtime import lag_watch
from services.runtime.consume import FencedConsumer
from services.runtime.errors import ExitCode
from tests.faults.proxy import Proxy, proxy
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench
from tests.integration.test_runtime_watching import beats, watch
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually, never

LIMIT_S = 60.0
LOOK_S = 2.0


@dataclass(frozen=True)
class Moving:
    """A broker behind a bootstrap address that stays, and under an address of its own that can change."""

    door: Proxy
    """The bootstrap address: a name or a load balancer that leads to wherever the brokers are."""
    old: Proxy
    """The broker, at the address that it names to those who come through the door before it moves."""
    new: tuple[str, int]

    def leave(self) -> None:
        """Be gone: neither the door nor the old address leads anywhere."""
        for wire in (self.door, self.old):
            wire.refuse()
            wire.cut()

    async def arrive(self) -> None:
        """Be back elsewhere: who comes through the door is told the new address, the old one leads nowhere."""
        self.door.upstream = self.new
        await self.door.accept()


@pytest.fixture(name="moving")
async def moving_fixture(kafka: Kafka, kafka_wire: Proxy) -> AsyncIterator[Moving]:
    """A broker that can move."""
    host, port = kafka.bootstrap_servers.split(":")
    async with proxy(kafka_wire.upstream) as door:
        yield Moving(door, kafka_wire, (host, int(port)))


@pytest.fixture(name="on")
async def bench_fixture(
    kafka: Kafka, moving: Moving, empty_database: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Bench]:
    """A bench that looks ten times a second, or as soon as a look was given up, and came through the door."""
    monkeypatch.setattr(lag_watch, "_ASK_LIMIT_S", LOOK_S)
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    seen = replace(kafka, bootstrap_servers=moving.door.bootstrap)
    async with bench(seen, empty_database, prefix, lag_interval_s=0.1, request_timeout_ms=1000) as made:
        yield made


async def reads(on: Bench) -> FencedConsumer:
    """Start a consumer that has read what there was."""
    consumer = on.consumer()
    await on.life.consume(consumer)
    await on.send("0")
    await on.has("0")
    return consumer


def ends_after(on: Bench, watchdog_s: float) -> None:
    """Let the process have that watchdog's limit from now on."""
    process = on.life.settings.process.model_copy(update={"watchdog_s": watchdog_s})
    on.life.settings = on.life.settings.model_copy(update={"process": process})


async def is_away(on: Bench) -> None:
    """Wait until the consumer's watch takes Kafka to be away."""
    await eventually(lambda: on.life.health.is_waiting(f"{GROUP} log ends"), LIMIT_S)


async def test_a_consumer_that_alone_gets_no_answer_stands_still(on: Bench, moving: Moving, kafka: Kafka) -> None:
    consumer = await reads(on)
    moving.leave()
    await is_away(on)
    await moving.arrive()
    async with topics.producer(kafka) as producer:
        await producer.send_and_wait(on.settings.topic(TOPIC), b"1", partition=0)
    await eventually(lambda: watch(consumer).heart.still_s > 3 * LOOK_S, LIMIT_S)
    assert await on.effects() == ["0"]


async def test_a_consumer_has_the_time_in_which_one_hanging_broker_is_given_up(
    on: Bench, moving: Moving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "consumer_hangs_s", lambda _: 1000.0)
    consumer = await reads(on)
    moving.leave()
    await is_away(on)
    await moving.arrive()
    await eventually(lambda: watch(consumer)._alone_since, LIMIT_S)  # noqa: SLF001 - nobody else needs it
    await beats(watch(consumer).heart, times=2)


async def test_a_kafka_that_is_away_for_all_ends_nothing(on: Bench, moving: Moving) -> None:
    ends_after(on, 2)
    consumer = await reads(on)
    on.life.spawn("kafka", lambda: wiring.watch(on.life, on.producer))
    moving.leave()
    await is_away(on)
    await eventually(lambda: on.life.health.is_waiting("kafka"), LIMIT_S)
    await beats(watch(consumer).heart)
    await beats(consumer.heart)
    await never(lambda: on.life.ended, 8)


async def test_a_kafka_whose_own_address_leads_nowhere_is_away_though_its_door_is_open(
    on: Bench, moving: Moving
) -> None:
    ends_after(on, 2)
    consumer = await reads(on)
    on.life.spawn("kafka", lambda: wiring.watch(on.life, on.producer))
    moving.leave()
    await moving.door.accept()
    await is_away(on)
    await eventually(lambda: on.life.health.is_waiting("kafka"), LIMIT_S)
    await beats(watch(consumer).heart)
    await never(lambda: on.life.ended, 8)


async def test_a_producer_that_alone_gets_no_answer_ends_the_process(on: Bench, moving: Moving) -> None:
    ends_after(on, 2)
    on.life.spawn("kafka", lambda: wiring.watch(on.life, on.producer))
    moving.leave()
    await moving.arrive()
    await eventually(lambda: on.life.ended is not None and on.life.ended[0] is ExitCode.WATCHDOG, LIMIT_S)


async def test_looks_open_no_connection_while_all_is_well(on: Bench, moving: Moving) -> None:
    consumer = await reads(on)
    on.life.spawn("kafka", lambda: wiring.watch(on.life, on.producer))
    watch(consumer)._owners_at = float("inf")  # noqa: SLF001 - that question, now and then, has a client of its own
    await beats(watch(consumer).heart)
    before = moving.door.accepted + moving.old.accepted
    await beats(watch(consumer).heart, times=30)
    assert moving.door.accepted + moving.old.accepted == before


async def test_a_service_whose_brokers_all_moved_ends_with_70_and_a_new_one_works(
    moving: Moving, pipeline: Pipeline
) -> None:
    settings: dict[str, Any] = {
        "KAFKA_BOOTSTRAP_SERVERS": moving.door.bootstrap,
        "TRACKFOLD_KAFKA__REQUEST_TIMEOUT_MS": "1000",
        "TRACKFOLD_PROCESS__WATCHDOG_S": "4",
    }
    process = await pipeline.start("status", **settings)
    moving.leave()
    await moving.arrive()
    assert await process.wait(LIMIT_S) == ExitCode.WATCHDOG, process.log()
    await pipeline.start("status", **settings)
