"""The limit: COPY of the same history rows plus offsets, on two connections, and nothing else.

What this machine and this Postgres could store if validating, folding, publishing and Kafka cost nothing. The rows are
read and made ready before the first is copied, so that only storing them is measured. It promises nothing.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.engine import plain
from benchmarks.engine.designs.design import INPUTS, Config, Design, main
from benchmarks.engine.load import PARTITIONS
from services.runtime.kafka import Record
from services.status.inputs import OrderIn, Refused, ScanIn, read

BATCH: Final = 5_000
_POLL_MS: Final = 1_000
_COLUMNS: Final = {
    "history": ("shipment", "n", "event_key", "content", "told_at", "body"),
    "order_event": ("order_key", "source", "id", "content", "body"),
}
_TABLES: Final = """
create table history (
    shipment text not null, n int not null, event_key text not null, content text not null,
    told_at timestamptz not null, body text not null, primary key (shipment, n)
);
create table order_event (
    order_key text not null, source text not null, id text not null, content text not null, body text not null,
    primary key (order_key, source, id)
);
create table consumer_offset (topic text not null, part int not null, next_offset bigint not null,
    primary key (topic, part));
"""
_ADVANCE: Final = """
insert into consumer_offset (topic, part, next_offset) select * from unnest($1::text[], $2::int[], $3::bigint[])
on conflict (topic, part) do update set next_offset = excluded.next_offset
"""

DESIGN: Final = Design(
    name="limit",
    processes=2,
    pending_sql="select 0",
    orders_sql="",
    history_sql=plain.HISTORY,
    publishes=False,
    progress_sql="select coalesce(sum(next_offset), 0)::bigint from consumer_offset",
    settings=(f"COPY of {BATCH:,} rows a transaction, two connections", "rows made ready before"),
)

Item = ScanIn | OrderIn


async def prepare(config: Config) -> None:
    """Create the tables."""
    connection = await asyncpg.connect(config.dsn)
    try:
        await connection.execute(_TABLES)
    finally:
        await connection.close()


async def run(config: Config) -> None:
    """Copy this worker's share, then wait to be told to end."""
    batches = [batch async for batch in _batches(config)]
    connection = await asyncpg.connect(config.dsn)
    try:
        for rows, offsets in batches:
            async with connection.transaction():
                for table, group in rows.items():
                    await connection.copy_records_to_table(table, records=group, columns=_COLUMNS[table])
                await connection.execute(_ADVANCE, *(list(column) for column in zip(*offsets, strict=True)))
        await connection.fetchval("select pg_sleep(86400)")
    finally:
        connection.terminate()


async def _batches(
    config: Config,
) -> AsyncIterator[tuple[dict[str, list[tuple[Any, ...]]], list[tuple[str, int, int]]]]:
    """Give the rows of each batch by table, and where its partitions stand after it."""
    seen: dict[str, set[tuple[str, str]]] = {}
    async for records in _records(config):
        items = [read(record) for record in records]
        rows: dict[str, list[tuple[Any, ...]]] = {}
        for item in items:
            if isinstance(item, Refused):
                raise ValueError(f"{item.record.place}: {item.reason}")  # noqa: TRY004 - the load has none
            if (row := _row(item, seen)) is not None:
                rows.setdefault("history" if isinstance(item, ScanIn) else "order_event", []).append(row)
        ends = {(record.topic, record.partition): record.offset + 1 for record in records}
        yield rows, [(topic, part, end) for (topic, part), end in ends.items()]


def _row(item: Item, seen: dict[str, set[tuple[str, str]]]) -> tuple[Any, ...] | None:
    """Return the row of a record; None: a scan that was told before."""
    if isinstance(item, OrderIn):
        stored = item.stored
        return item.order, stored.source, stored.id, stored.content, plain.event_text(stored)
    known, slot = seen.setdefault(item.shipment, set()), (item.scan.event_key, item.content)
    if slot in known:
        return None
    known.add(slot)
    return item.shipment, len(known), *slot, item.scan.told_at, plain.scan_text(item.scan)


async def _records(config: Config) -> AsyncIterator[Sequence[Record]]:
    """Give the records of this worker's partitions, batch by batch, to their ends."""
    consumer = AIOKafkaConsumer(bootstrap_servers=config.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        numbers = range(config.worker, PARTITIONS, config.workers)
        assigned = [TopicPartition(config.topic(name), number) for name in INPUTS for number in numbers]
        ends = await consumer.end_offsets(assigned)
        left = sum(ends.values())
        consumer.assign(assigned)
        while left:
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=BATCH)
            records = [_record(config, raw) for raws in polled.values() for raw in raws]
            left -= len(records)
            if records:
                yield records
    finally:
        await consumer.stop()


def _record(config: Config, raw: Any) -> Record:
    topic = raw.topic.removeprefix(config.prefix)
    return Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers))


if __name__ == "__main__":
    main(prepare=prepare, run=run)
