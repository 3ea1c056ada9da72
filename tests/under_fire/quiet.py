"""When everything is done: every input read to its end, nothing left to publish, no message to a customer still due.

Asked from the inputs to the outputs, so that what was quiet when it was asked stays so. Whatever does not answer is
not quiet: the caller asks again.
"""

import asyncio
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.oracle_collect import Source, partitions_of
from tests.oracle_evidence import ORDER_EVENTS, SCANS, STATUS, WEBHOOKS

ASK_S: Final = 15.0
NORMALISER: Final = "trackfold.ingest.normalise"
#: What each service must have read behind its fence.
INPUTS: Final[Mapping[str, tuple[str, ...]]] = {"status": (SCANS, ORDER_EVENTS), "notify": (ORDER_EVENTS, STATUS)}
#: What must be empty, by service: a query that counts, and its name.
LEFT: Final[Mapping[str, Mapping[str, str]]] = {
    "ingest": {},
    "status": {
        "rows of the outbox": "select count(*) from status.outbox",
        "snapshots to repeat": "select count(*) from status.snapshot_repeat where due_at <= now()",
    },
    "notify": {
        "messages not ended": "select count(*) from notify.notification where outcome_no is null",
        "outcomes not published": (
            "select count(*) from notify.notification where outcome_no is distinct from published_no"
        ),
        "dead letters not published": "select count(*) from notify.quarantine",
    },
}
_READ: Final = "select topic, part, next_offset from {schema}.consumer_offset"
#: The ten minutes after which snapshots of an unknown send are repeated (rule E1) are over now.
_TEN_MINUTES_LATER: Final = "update status.snapshot_repeat set due_at = now() where due_at > now()"
AWAY: Final = (OSError, TimeoutError, KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def unrest(source: Source, services: Collection[str]) -> tuple[str, ...]:
    """Return what is not quiet yet, in words; empty: everything is."""
    try:
        async with asyncio.timeout(ASK_S):
            return await _unrest(source, services)
    except AWAY as error:
        return (f"cannot be asked: {type(error).__name__}",)


async def ten_minutes_later(source: Source) -> None:
    """Make the repeats of snapshots due that a killed or replaced relay has planned."""
    connection = await asyncpg.connect(source.database_url, timeout=5, command_timeout=5)
    try:
        await connection.execute(_TEN_MINUTES_LATER)
    finally:
        await connection.close(timeout=5)


async def _unrest(source: Source, services: Collection[str]) -> tuple[str, ...]:
    connection = await asyncpg.connect(source.database_url, timeout=5, command_timeout=5)
    try:
        found: list[str] = []
        if "ingest" in services:
            found += await _unread_webhooks(source)
        for service in ("status", "notify"):
            if service in services and not found:
                found += await _behind(source, connection, service)
            if service in services and not found:
                found += await _left(connection, service)
        return tuple(found)
    finally:
        await connection.close(timeout=5)


async def _left(connection: "asyncpg.Connection[asyncpg.Record]", service: str) -> list[str]:
    counts = {what: await connection.fetchval(query) for what, query in LEFT[service].items()}
    return [f"{service}: {count} {what}" for what, count in counts.items() if count]


async def _behind(source: Source, connection: "asyncpg.Connection[asyncpg.Record]", service: str) -> list[str]:
    ends = await _ends(source, INPUTS[service])
    rows = {
        (row["topic"], row["part"]): row["next_offset"] for row in await connection.fetch(_READ.format(schema=service))
    }
    return list(_lags(service, ends, rows, len(source.prefix)))


async def _unread_webhooks(source: Source) -> list[str]:
    ends = await _ends(source, (WEBHOOKS,))
    admin = AIOKafkaAdminClient(bootstrap_servers=source.bootstrap_servers, request_timeout_ms=5_000)
    await admin.start()
    try:
        # By name: librdkafka's mock cluster tells nothing when it is asked for all.
        committed = await admin.list_consumer_group_offsets(source.prefix + NORMALISER, partitions=list(ends))
    finally:
        await admin.close()
    read = {(one.topic, one.partition): meta.offset for one, meta in committed.items()}
    return list(_lags("ingest", ends, read, len(source.prefix)))


def _lags(
    service: str, ends: Mapping[TopicPartition, tuple[int, int]], read: Mapping[tuple[str, int], int], cut: int
) -> Iterator[str]:
    for one, (start, end) in ends.items():
        at = max(start, read.get((one.topic, one.partition), start))
        if at < end:
            yield f"{service} is {end - at} behind in {one.topic[cut:]}/{one.partition}"


async def _ends(source: Source, topics: Collection[str]) -> dict[TopicPartition, tuple[int, int]]:
    """Return start and end of every partition."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=source.bootstrap_servers, isolation_level="read_committed", request_timeout_ms=5_000
    )
    try:
        await consumer.start()
        partitions = await partitions_of(consumer, [source.prefix + topic for topic in topics])
        starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {one: (starts[one], ends[one]) for one in partitions}
