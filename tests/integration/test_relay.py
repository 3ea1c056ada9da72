"""The relay on real Kafka and Postgres: order, repeats, takeovers, and the snapshots that must not go back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from pydantic import SecretStr

from services.runtime.consume import Batch
from services.runtime.kafka import open_producer
from services.runtime.life import Life
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import KafkaSettings, PostgresSettings, ServiceSettings
from services.status.consumer import SCHEMA
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs, read_outputs
from services.status.record_batches import MAX_BATCH_BYTES
from services.status.relay import Relay
from tests.pipeline import judge, of_order, status_of
from tests.records import event, placed, record, scan, shipment
from tests.stack import topics
from tests.stack.kafka import Kafka

ORDER = "main:1001"
STORY = (placed(), shipment(), scan("accepted", minutes=60), scan("delivered", minutes=1700))
WAITING = "select coalesce(sum(messages), 0) from status.outbox"
PLANNED = "select count(*) from status.snapshot_repeat where due_at > now() + interval '9 min'"


async def lost(*_: object, **__: object) -> None:
    """Lose a send: nobody knows whether Kafka has it."""
    raise ConnectionResetError


class Stage:
    """A database with an outbox, a broker with the output topics, and relays between them."""

    def __init__(self, kafka: Kafka, settings: KafkaSettings, pool: Pool, producer: AIOKafkaProducer) -> None:
        self.kafka = kafka
        self.settings = settings
        self.pool = pool
        self.producer = producer
        self.outputs = Outputs({})

    async def prepare(self) -> None:
        """Create the output topics."""
        for name in (STATUS_TOPIC, SNAPSHOT_TOPIC, DEAD_LETTER_TOPIC):
            await topics.create(self.kafka, self.settings.topic(name), partitions=3)
        self.outputs = await read_outputs(self.producer, self.settings)

    async def commit(self, *bodies: dict[str, Any]) -> None:
        """Apply a batch as the consumer does."""
        async with self.pool.transaction() as connection:
            batch = Batch(connection, tuple(record(body) for body in bodies))
            await Handler(self.outputs).apply(batch)

    def relay(self) -> Relay:
        """Return a relay as another process would have it."""
        life = Life("status", ServiceSettings(kafka=self.settings))
        return Relay(life, self.settings, self.pool, self.producer, self.outputs, patience_s=0, repeat_s=0)

    async def read(self, topic: str, count: int) -> list[Any]:
        """Read at least so many records."""
        wire = self.settings.topic(topic)
        return await topics.read_until(self.kafka, wire, lambda found: len(found) >= count)

    async def value(self, query: str) -> Any:
        """Ask the database for one value."""
        async with self.pool.acquire() as connection:
            return await connection.fetchval(query)

    async def execute(self, statement: str) -> None:
        """Change something behind the relay's back."""
        async with self.pool.acquire() as connection:
            await connection.execute(statement)


@asynccontextmanager
async def open_stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """Give a prepared stage."""
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)
    async with (
        open_pool(PostgresSettings(url=SecretStr(database)), "test", schema=SCHEMA) as pool,
        open_producer(settings, "test", max_batch_size=MAX_BATCH_BYTES) as producer,
    ):
        made = Stage(kafka, settings, pool, producer)
        await made.prepare()
        yield made


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with open_stage(kafka, prefix, database) as made:
        yield made


async def test_committed_rows_are_published_in_order_and_leave_the_outbox(stage: Stage) -> None:
    """E1: the relay publishes in id order."""
    await stage.commit(*STORY)
    assert await stage.relay().relay_once() == 4
    versions = judge(await stage.read(STATUS_TOPIC, 4))
    assert [version.state for version in versions] == ["processing", "processing", "in_transit", "delivered"]
    assert await stage.value("select count(*) from status.outbox") == 0
    assert await stage.value("select next_offset from status.relay_position") == 4


async def test_the_snapshot_is_the_same_bytes_as_the_newest_message(stage: Stage) -> None:
    await stage.commit(*STORY)
    await stage.relay().relay_once()
    (snapshot,) = of_order(await stage.read(SNAPSHOT_TOPIC, 1), ORDER)
    newest = (await stage.read(STATUS_TOPIC, 4))[-1]
    assert (snapshot.key, snapshot.value, snapshot.headers, snapshot.timestamp) == (
        newest.key, newest.value, newest.headers, newest.timestamp,
    )  # fmt: skip


async def test_a_takeover_plans_to_repeat_the_snapshots_and_the_repeat_is_the_newest_one(stage: Stage) -> None:
    """E1: after a takeover the newest snapshots go out once more."""
    relay = stage.relay()
    await stage.commit(STORY[0])
    await relay.relay_once()
    assert await stage.value(PLANNED) == 1, "before the first owner was written down there may have been another"
    await stage.execute("delete from status.snapshot_repeat")
    await stage.commit(STORY[1])
    await relay.relay_once()
    assert await stage.value(PLANNED) == 0
    await stage.commit(STORY[2])
    successor = stage.relay()
    await successor.relay_once()
    assert await stage.value(PLANNED) == 1
    await stage.commit(STORY[3])
    await successor.relay_once()
    await stage.execute("update status.snapshot_repeat set due_at = now()")
    await successor.relay_once()
    snapshots = await stage.read(SNAPSHOT_TOPIC, 5)
    assert [status_of(one).change.version for one in snapshots] == [1, 2, 3, 4, 4]
    assert snapshots[-1].value == snapshots[-2].value
    assert await stage.value("select count(*) from status.snapshot_repeat") == 0


async def test_a_send_that_fails_keeps_the_rows_and_plans_to_repeat_the_snapshots(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.commit(*STORY)

    with monkeypatch.context() as broken:
        broken.setattr(stage.producer, "send_batch", lost)
        with pytest.raises(ConnectionResetError):
            await stage.relay().relay_once()
    assert await stage.value(WAITING) == 4
    assert await stage.value(PLANNED) == 1
    await stage.relay().relay_once()
    judge(await stage.read(STATUS_TOPIC, 4))


async def test_a_queue_that_another_relay_holds_is_left_alone(stage: Stage) -> None:
    await stage.commit(*STORY)
    async with stage.pool.transaction() as held:
        part = await held.fetchval("select part from status.outbox limit 1")
        await held.fetchval("select pg_advisory_xact_lock(hashtextextended($1, 0))", f"relay {STATUS_TOPIC}/{part}")
        assert await stage.relay().relay_once() == 0
    assert await stage.relay().relay_once() == 4


@pytest.mark.parametrize("lines", [300, 500])
async def test_a_large_order_is_published_whole_or_marked_as_truncated(stage: Stage, lines: int) -> None:
    ordered = [{"line": f"line-{n}", "name": "n" * 200, "sku": "s" * 190, "quantity": 1} for n in range(lines)]
    await stage.commit(placed(lines=ordered), event("packed", minutes=5))
    await stage.relay().relay_once()
    newest = status_of((await stage.read(STATUS_TOPIC, 2))[-1])
    assert newest.truncated == (lines == 500)
    assert len(newest.lines) == (0 if newest.truncated else lines)
