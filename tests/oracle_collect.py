"""Reads the evidence that lies in Kafka and Postgres: every record of the topics, and the rows that count.

Without a consumer group and straight from broker and database: neither a proxy in between nor what the services cache
is asked. The tables and their columns are those of the contract of the engine, not of its code.
"""

import asyncio
import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from tests.oracle_evidence import (
    SERVICES,
    TOPICS,
    Evidence,
    GapRow,
    LedgerRow,
    NotificationRow,
    OffsetRow,
    OrderRow,
    TopicRecord,
)

READ_LIMIT_S: Final = 60.0

_SCANS: Final = """
select shipment, kind, event_key, occurred_at, body ->> 'raw_code' as raw_code from status.ledger where kind <> 'claim'
"""
_EVENTS: Final = "select order_key, source, id, body ->> 'type' as type from status.order_event"
_ORDERS: Final = "select order_key, version, state, doc, message from status.orders order by order_key"
#: What both sides know of a packed message beforehand (docs/decisions/0024): a file, and no code of the services.
_WORDS: Final = (Path(__file__).parents[1] / "services" / "status" / "packed_words_1.txt").read_bytes()
_NOTIFICATIONS: Final = "select id::text, order_key, milestone, state, reason from notify.notification order by id"
_OFFSETS: Final = "select grp, topic, part, next_offset from {schema}.consumer_offset order by topic, part"
_GAPS: Final = "select topic, part, want, got from {schema}.offset_gap order by topic, part, want"
#: Every text of status that could hold what belongs to notify alone.
_TEXTS: Final = {
    "status.order_event": "select string_agg(body::text, ' ') from status.order_event",
    "status.ledger": "select string_agg(body::text, ' ') from status.ledger",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where the evidence lies."""

    bootstrap_servers: str
    prefix: str
    database_url: str


async def collect(source: Source, *, topics: Collection[str] = TOPICS) -> Evidence:
    """Read everything there is now."""
    async with asyncio.timeout(READ_LIMIT_S):
        records, starts, ends = await read_topics(source, topics)
        connection = await asyncpg.connect(source.database_url, timeout=10, command_timeout=30)
        try:
            return Evidence(
                topics=records,
                log_starts=starts,
                log_ends=ends,
                counted=await counted(connection),
                orders=await orders(connection),
                notifications=await notifications(connection),
                offsets=await offsets(connection, source.prefix),
                gaps=await gaps(connection, source.prefix),
                texts=await texts(connection),
            )
        finally:
            await connection.close(timeout=5)


async def read_topics(
    source: Source, topics: Collection[str]
) -> tuple[dict[str, tuple[TopicRecord, ...]], dict[tuple[str, int], int], dict[tuple[str, int], int]]:
    """Return the records of each topic from its start to its end, and both ends of each partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=source.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=20,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        partitions = await partitions_of(consumer, [source.prefix + topic for topic in topics])
        starts = await consumer.beginning_offsets(partitions)
        ends = await consumer.end_offsets(partitions)
        found = await _read(consumer, starts, ends)
    finally:
        await consumer.stop()
    cut = len(source.prefix)
    records = {topic: tuple(_record(topic, one) for one in found[source.prefix + topic]) for topic in topics}
    return (
        records,
        {(one.topic[cut:], one.partition): offset for one, offset in starts.items()},
        {(one.topic[cut:], one.partition): offset for one, offset in ends.items()},
    )


async def partitions_of(consumer: AIOKafkaConsumer, wire: Collection[str]) -> list[TopicPartition]:
    """Return all partitions of these topics; one that is not there is an error, never taken for empty."""
    cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001 -- the only way to ask at once
    found = [TopicPartition(name, n) for name in wire for n in sorted(cluster.partitions_for_topic(name) or ())]
    if len({one.topic for one in found}) != len(set(wire)):
        raise UnknownTopicOrPartitionError(
            f"of {sorted(wire)} the broker has only {sorted({one.topic for one in found})}"
        )
    return found


async def _read(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    left = {one for one, end in ends.items() if end > starts[one]}
    if not left:
        return found
    consumer.assign(sorted(left))
    await consumer.seek_to_beginning()
    while left:
        for partition, batch in (await consumer.getmany(timeout_ms=100)).items():
            found[partition.topic] += [one for one in batch if one.offset < ends[partition]]
        left = {one for one in left if await consumer.position(one) < ends[one]}
    return found


def _record(topic: str, one: Any) -> TopicRecord:
    return TopicRecord(topic, one.partition, one.offset, one.key, one.value, tuple(one.headers), one.timestamp)


async def counted(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[LedgerRow, ...]:
    """Return what counts: scans by shipment, order events by order; claims are ours and time events too."""
    scans = [
        LedgerRow(
            row["shipment"],
            frozenset({row["event_key"], f"{instant(row['occurred_at'])}|{row['raw_code']}"}),
            "scan" if row["kind"] == "scan" else "other",
        )
        for row in await connection.fetch(_SCANS)
    ]
    events = [
        LedgerRow(
            row["order_key"],
            frozenset({f"{row['source']}/{row['id']}"}),
            "time" if row["type"] == "time_reached" else "event",
        )
        for row in await connection.fetch(_EVENTS)
    ]
    return (*scans, *events)


async def orders(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[OrderRow, ...]:
    """Return every order with its state and its parcels' stages."""
    found = []
    for row in await connection.fetch(_ORDERS):
        document = json.loads(row["doc"] or _told(row["message"]) or "{}")
        stages = {one["shipment"]: one["stage"] for one in document.get("parcels", ())}
        found.append(OrderRow(row["order_key"], row["version"], row["state"], stages))
    return tuple(found)


def _told(message: bytes | None) -> str:
    """Return a stored message: plain JSON, or packed behind a byte 1."""
    if message is None or message.startswith(b"{"):
        return (message or b"").decode()
    assert message[0] == 1, "messages are packed in a way that the oracle does not know"
    return zlib.decompressobj(zdict=_WORDS).decompress(message[1:]).decode()


async def texts(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, str]:
    """Return, table by table, what could hold somebody's contact."""
    found = {name: await connection.fetchval(query) or "" for name, query in _TEXTS.items()}
    orders = await connection.fetch(_ORDERS)
    return {**found, "status.orders": " ".join(f"{row['doc'] or ''} {_told(row['message'])}" for row in orders)}


async def notifications(connection: "asyncpg.Connection[asyncpg.Record]") -> tuple[NotificationRow, ...]:
    """Return every message to a customer."""
    return tuple(NotificationRow(*row) for row in await connection.fetch(_NOTIFICATIONS))


async def offsets(
    connection: "asyncpg.Connection[asyncpg.Record]", prefix: str, *, at: float = 0.0
) -> tuple[OffsetRow, ...]:
    """Return where each service stands, by its own database."""
    found = [
        OffsetRow(
            schema,
            row["grp"].removeprefix(prefix),
            row["topic"].removeprefix(prefix),
            row["part"],
            row["next_offset"],
            at,
        )
        for schema in SERVICES
        for row in await connection.fetch(_OFFSETS.format(schema=schema))
    ]
    return tuple(found)


async def gaps(connection: "asyncpg.Connection[asyncpg.Record]", prefix: str) -> tuple[GapRow, ...]:
    """Return what the services say that retention took."""
    found = [
        GapRow(schema, row["topic"].removeprefix(prefix), row["part"], row["want"], row["got"])
        for schema in SERVICES
        for row in await connection.fetch(_GAPS.format(schema=schema))
    ]
    return tuple(found)


def instant(at: datetime) -> str:
    """Return an instant as an event's name has it: whole seconds, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
