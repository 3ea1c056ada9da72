"""A consumer on a real broker and database whose only work is to write down what it was given."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from aiokafka.record.util import calc_crc32c

from services.runtime import kafka as wiring
from services.runtime import postgres
from services.runtime.consume import Batch, FencedConsumer
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.settings import (
    KafkaSettings,
    PostgresSettings,
    ProcessSettings,
    ServiceSettings,
)
from tests.stack.kafka import Kafka
from tests.waiting import eventually

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

TOPIC: Final = "inbox.v1"
GROUP: Final = "trackfold.test.apply"
_CRC_AT: Final = 17  # in a record batch: base offset 8, length 4, leader epoch 4, magic 1

DDL: Final = """
create schema probe;
create table probe.consumer_offset (
  grp text not null, topic text not null, part integer not null, next_offset bigint not null,
  updated_at timestamptz not null, cluster text, last_hash bytea, primary key (grp, topic, part)
);
create table probe.offset_gap (
  id bigint generated always as identity primary key, grp text not null, topic text not null, part integer not null,
  want bigint not null, got bigint not null, at timestamptz not null
);
create table probe.effect (n bigint generated always as identity, part integer, off bigint, value text);
create table probe.letter (part integer, off bigint, reason text);
"""
INSERT: Final = "insert into probe.effect (part, off, value) values ($1, $2, $3)"
LETTER: Final = "insert into probe.letter values ($1, $2, $3)"

Apply = Callable[[Batch], Any]


async def write_down(batch: Batch) -> None:
    """Write every record into the table of effects."""
    for one in batch.records:
        await batch.connection.execute(INSERT, one.partition, one.offset, (one.value or b"").decode("latin-1"))


async def write_letter(connection: Connection, record: Record, reason: str) -> None:
    """Set one record aside."""
    await connection.execute(LETTER, record.partition, record.offset, reason)


class Bench:
    """One topic, one database, consumers on them."""

    def __init__(self, settings: KafkaSettings, url: str, pool: Pool, connection: Any, producer: Any) -> None:
        self.settings = settings
        self.url = url
        self.pool = pool
        self.connection: asyncpg.Connection[asyncpg.Record] = connection
        self.producer: AIOKafkaProducer = producer
        self.life = Life("test", ServiceSettings(kafka=settings, process=ProcessSettings(drain_s=5)))
        self.consumers: list[FencedConsumer] = []

    def consumer(
        self,
        apply: Apply = write_down,
        *,
        life: Life | None = None,
        pool: Pool | None = None,
        may_take: Callable[[], bool] = lambda: True,
    ) -> FencedConsumer:
        """Make a consumer; not started."""
        made = FencedConsumer(
            life or self.life,
            self.settings,
            pool or self.pool,
            schema="probe",
            group=GROUP,
            topics=(TOPIC,),
            apply=apply,
            dead_letter=write_letter,
            may_take=may_take,
        )
        self.consumers.append(made)
        return made

    async def send(self, *values: str | None, partition: int = 0, headers: Sequence[Any] = ()) -> None:
        """Write records into one partition."""
        for value in values:
            data = None if value is None else value.encode()
            await self.producer.send_and_wait(
                self.settings.topic(TOPIC), data, key=b"k", partition=partition, headers=list(headers)
            )

    async def send_all(self, *values: str) -> None:
        """Write many records into partition 0, not one by one."""
        topic = self.settings.topic(TOPIC)
        sent = [await self.producer.send(topic, one.encode(), key=b"k", partition=0) for one in values]
        await asyncio.gather(*sent)

    async def effects(self, partition: int = 0) -> list[str]:
        """Return what was applied to a partition, in the order of application."""
        rows = await self.connection.fetch("select value from probe.effect where part = $1 order by n", partition)
        return [row["value"] for row in rows]

    async def has(self, *values: str) -> None:
        """Wait until exactly these were applied to partition 0."""

        async def same() -> bool:
            found = await self.effects()
            assert found == list(values)
            return True

        await eventually(same)

    async def next_offset(self, partition: int = 0) -> int | None:
        """Return where the database stands."""
        found: int | None = await self.connection.fetchval(
            "select next_offset from probe.consumer_offset where part = $1", partition
        )
        return found

    async def gaps(self) -> list[tuple[int, int]]:
        """Return the gaps that were written down."""
        return [
            (row["want"], row["got"]) for row in await self.connection.fetch("select want, got from probe.offset_gap")
        ]

    async def letters(self) -> list[tuple[int, str]]:
        """Return the records that were set aside."""
        return [
            (row["off"], row["reason"]) for row in await self.connection.fetch("select off, reason from probe.letter")
        ]


@asynccontextmanager
async def bench(kafka: Kafka, url: str, prefix: str, **more: object) -> AsyncIterator[Bench]:
    """Give a bench; its consumers are stopped at the end. `more` are settings of Kafka."""
    settings = KafkaSettings(
        bootstrap_servers=tuple(kafka.bootstrap_servers.split(",")),
        topic_prefix=prefix,
        fetch_max_wait_ms=20,
        session_timeout_ms=6000,
        trust_log_ends="end_offsets" in kafka.capabilities,
    ).model_copy(update=more)
    database = PostgresSettings(url=url)  # type: ignore[arg-type] # pydantic makes it a secret
    connection = await asyncpg.connect(url)
    await connection.execute(DDL)
    try:
        async with (
            postgres.open_pool(database, "trackfold-test", schema="probe") as pool,
            wiring.open_producer(settings, "test") as producer,
        ):
            made = Bench(settings, url, pool, connection, producer)
            try:
                yield made
            finally:
                made.life.draining.set()
                for consumer in made.consumers:
                    await consumer.stop()
    finally:
        await connection.close()


async def send_with_header_name(on: Bench, *records: tuple[str, bytes]) -> None:
    """Write one record batch whose header names (four bytes each) are what no Python client would send."""
    batch = on.producer.create_batch()
    for value, _ in records:
        assert batch.append(key=b"k", value=value.encode(), timestamp=None, headers=[("QQQQ", b"x")]) is not None
    data = batch._buffer = bytearray(batch._build())  # noqa: SLF001 - aiokafka would only take text
    start = 0
    for _, name in records:
        start = data.index(b"QQQQ", start)
        data[start : start + 4] = name
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_CRC_AT + 4 :])))
    sent = await on.producer.send_batch(batch, on.settings.topic(TOPIC), partition=0)
    await sent
