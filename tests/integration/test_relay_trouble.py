"""The relay in trouble: slow brokers, dead partitions, lost repeats, large backlogs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from services.runtime.kafka import open_producer
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import KafkaSettings, PostgresSettings
from services.status import relay as relay_module
from services.status.consumer import SCHEMA
from services.status.messages import STATUS_TOPIC
from services.status.record_batches import MAX_BATCH_BYTES
from tests.integration.test_relay import ORDER, PLANNED, STORY, WAITING, Stage, lost
from tests.pipeline import judge, of_order
from tests.records import event, placed
from tests.stack.kafka import Kafka

IDLE_LIMIT_S = 1.0
#: Longer than the idle limit only in sum.
SLOW_S = 0.6


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage whose database soon takes a silent transaction for a frozen one."""
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)
    postgres = PostgresSettings(url=SecretStr(database), idle_in_transaction_timeout_s=IDLE_LIMIT_S)
    async with (
        open_pool(postgres, "test", schema=SCHEMA) as pool,
        open_producer(settings, "test", max_batch_size=MAX_BATCH_BYTES) as producer,
    ):
        made = Stage(kafka, settings, pool, producer)
        await made.prepare()
        yield made


async def test_a_slow_broker_does_not_cost_the_relay_its_lock(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    send = stage.producer.send_batch

    async def slowly(*batch: Any, **where: Any) -> Any:
        await asyncio.sleep(SLOW_S)
        return await send(*batch, **where)

    monkeypatch.setattr(stage.producer, "send_batch", slowly)
    await stage.commit(*large(6))
    assert await stage.relay().relay_once() == 6
    judge(await stage.read(STATUS_TOPIC, 6))


async def test_a_dead_partition_holds_up_no_other(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.commit(*(placed(order=str(number)) for number in range(20)))
    dead = await stage.value("select min(part) from status.outbox")
    stuck = await stage.value("select sum(messages) from status.outbox group by part order by part limit 1")
    assert 0 < stuck < 20
    monkeypatch.setattr(stage.producer, "send_batch", all_but(dead, stage.producer.send_batch))
    relay = stage.relay()
    for _ in range(3):
        with pytest.raises(ConnectionResetError):
            await relay.relay_once()
    assert await stage.value(WAITING) == stuck
    monkeypatch.undo()
    assert await relay.relay_once() == stuck


async def test_a_repeat_that_is_lost_is_planned_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.commit(*STORY)
    relay = stage.relay()
    await relay.relay_once()
    await stage.execute("update status.snapshot_repeat set due_at = now()")
    with monkeypatch.context() as broken:
        broken.setattr(stage.producer, "send_batch", lost)
        with pytest.raises(ConnectionResetError):
            await relay.relay_once()
    assert await stage.value(PLANNED) == 1


async def test_repeats_that_could_not_be_planned_are_planned_when_the_database_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = stage.relay()
    await stage.commit(*STORY[:1])
    await relay.relay_once()
    await stage.execute("delete from status.snapshot_repeat")
    await stage.commit(*STORY[1:])
    with monkeypatch.context() as broken:
        broken.setattr(stage.producer, "send_batch", lose_the_database_too(stage.pool, broken))
        with pytest.raises(ConnectionResetError):
            await relay.relay_once()
    assert await stage.value(PLANNED) == 0
    await relay.relay_once()
    assert await stage.value(PLANNED) == 1


async def test_a_backlog_of_large_orders_is_relayed_in_rounds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.commit(*large(20))
    relay = stage.relay()
    monkeypatch.setattr(relay_module, "MAX_ROUND_BYTES", 1000)
    rounds = [await relay.relay_once() for _ in range(3)]
    assert sum(rounds) >= 20
    assert max(rounds) < 20
    judge(of_order(await stage.read(STATUS_TOPIC, 20), ORDER))


def large(count: int) -> list[dict[str, Any]]:
    """Return events of an order, each of which gives a message of about 100 KiB."""
    lines = [{"line": f"{n}", "name": "n" * 190, "sku": "s" * 190, "quantity": count} for n in range(200)]
    picked = [event("packed", minutes=n, lines=[{"line": "1", "quantity": 1}]) for n in range(1, count)]
    return [placed(lines=lines), *picked]


def all_but(dead: int, send: Any) -> Any:
    """Return a send that loses what goes to one partition."""

    async def some(batch: Any, wire: str, *, partition: int) -> Any:
        return await (lost() if partition == dead else send(batch, wire, partition=partition))

    return some


def lose_the_database_too(pool: Pool, broken: pytest.MonkeyPatch) -> Any:
    """Return a send that fails, after which no new transaction begins."""

    async def both(*_: object, **__: object) -> None:
        def refuse(**_: object) -> Any:
            raise ConnectionRefusedError

        broken.setattr(pool, "transaction", refuse)
        raise ConnectionResetError

    return both
