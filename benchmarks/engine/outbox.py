"""The textbook's outbox: each message is a row, and a loop that polls them, sends them in order, and deletes them."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer

from benchmarks.engine.designs.design import Config
from services.status.messages import Message

BATCH: Final = 2_000
PAUSE_S: Final = 0.02
_LOCK: Final = 7_001
_LINGER_MS: Final = 5
_BATCH_BYTES: Final = 256 * 1024

# Values of a few kilobytes are stored as they are: compressing them costs more than they are worth for a moment.
TABLES: Final = """
create table outbox (
    id bigint generated always as identity primary key,
    topic text not null, key bytea not null, value bytea not null, headers text not null, timestamp_ms bigint not null
);
alter table outbox alter column value set storage external;
"""
PENDING: Final = "select count(*) from outbox"

# The ids are drawn while the orders are locked: an order's rows stand in the order of its versions.
_ADD: Final = """
insert into outbox (topic, key, value, headers, timestamp_ms)
select * from unnest($1::text[], $2::bytea[], $3::bytea[], $4::text[], $5::bigint[])
"""
_NEXT: Final = "select id, topic, key, value, headers, timestamp_ms from outbox order by id limit $1"
_DELETE: Final = "delete from outbox where id = any($1::bigint[])"


async def append(connection: Any, messages: Iterable[Message]) -> None:
    """Append messages, within the transaction of what they tell."""
    rows = [(one.topic, one.key, one.value, json.dumps(one.headers), one.timestamp_ms) for one in messages]
    if rows:
        await connection.execute(_ADD, *(list(column) for column in zip(*rows, strict=True)))


async def relay(config: Config) -> None:
    """Publish what lies in the outbox until cancelled; the other worker waits for the lock meanwhile."""
    producer = AIOKafkaProducer(
        bootstrap_servers=config.bootstrap, acks="all", linger_ms=_LINGER_MS, max_batch_size=_BATCH_BYTES
    )
    connection = await asyncpg.connect(config.dsn)
    await producer.start()
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        while True:
            rows = await connection.fetch(_NEXT, BATCH)
            if rows:
                await _send(config, producer, rows)
                await connection.execute(_DELETE, [row["id"] for row in rows])
            if len(rows) < BATCH:
                await asyncio.sleep(PAUSE_S)
    finally:
        await producer.stop()
        await connection.close()


async def _send(config: Config, producer: AIOKafkaProducer, rows: Sequence[Any]) -> None:
    """Hand rows over in their order, and return when Kafka has them all."""
    sent = [
        await producer.send(
            config.topic(row["topic"]),
            value=row["value"],
            key=row["key"],
            headers=[(name, text.encode()) for name, text in json.loads(row["headers"])],
            timestamp_ms=row["timestamp_ms"],
        )
        for row in rows
    ]
    await asyncio.gather(*sent)
