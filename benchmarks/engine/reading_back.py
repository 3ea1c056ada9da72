"""What a design left behind, read back for the oracle: its tables, and its output topics from start to end."""

from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.engine.designs.design import SNAPSHOTS, STATUS, Design
from benchmarks.engine.load import PARTITIONS
from benchmarks.engine.oracle import Found, Told

_POLL_MS: Final = 1_000
_EMPTY_POLLS: Final = 20
_FETCH_BYTES: Final = 8 * 1024 * 1024


async def read_back(design: Design, *, bootstrap: str, prefix: str, dsn: str) -> Found:
    """Read everything; after the design's processes have ended."""
    found = Found(history=0)
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=120)
    try:
        found.history = int(await connection.fetchval(design.history_sql))
        if design.orders_sql:
            found.orders = [design.order_of(tuple(row)) for row in await connection.fetch(design.orders_sql)]
    finally:
        await connection.close(timeout=5)
    if design.publishes:
        found.status = Told()
        async for record in _records(bootstrap, prefix + STATUS):
            found.status.take(record.key, record.value)
    if design.snapshots:
        async for record in _records(bootstrap, prefix + SNAPSHOTS):
            found.snapshots[record.key.decode()] = record.value
    return found


async def _records(bootstrap: str, topic: str) -> AsyncIterator[Any]:
    """Give the records of a topic that lie there now, in order within each partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, max_partition_fetch_bytes=_FETCH_BYTES, enable_auto_commit=False
    )
    await consumer.start()
    try:
        assigned = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = {where: end for where, end in (await consumer.end_offsets(assigned)).items() if end > 0}
        consumer.assign(list(ends))
        await consumer.seek_to_beginning()
        empty = 0
        while ends:
            polled = await consumer.getmany(timeout_ms=_POLL_MS)
            empty = 0 if polled else empty + 1
            if empty > _EMPTY_POLLS:
                raise RuntimeError(f"{topic} cannot be read to its end")
            for records in polled.values():
                for record in records:
                    yield record
            # Markers and compaction leave holes: the position tells the end, not the number of records.
            ends = {where: end for where, end in ends.items() if await consumer.position(where) < end}
    finally:
        await consumer.stop()
