"""Naive: a FastStream subscriber, one message, one transaction, publish, commit.

Right by simple means: the parcel's row is locked, then its orders'; everything an order knows is read again from
Postgres for every message and folded whole. What was published and not committed would be published again after a
crash, perhaps with another content: it promises less than an outbox does.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, TopicPartition
from faststream.kafka.message import KafkaMessage

from benchmarks.engine import plain
from benchmarks.engine.designs.design import INPUTS, Config, Design, main
from services.runtime import clock
from services.runtime.kafka import Record
from services.status.claims import Claim
from services.status.inputs import OrderIn, Refused, ScanIn, read

Connection = Any
"""asyncpg's, of a pool or alone."""

DESIGN: Final = Design(
    name="naive",
    processes=1,
    pending_sql="select 0",
    orders_sql=plain.ORDERS,
    history_sql=plain.HISTORY,
    settings=("FastStream, one subscriber", "one transaction a message", "offset committed a message"),
)

CREATE_ORDER: Final = "insert into orders (order_key) values ($1) on conflict do nothing"
CLAIMANTS: Final = "select distinct order_key from claim where shipment = $1"
ADD_SCAN: Final = """
insert into history (shipment, event_key, content, told_at, body) values ($1, $2, $3, $4, $5)
on conflict (shipment, event_key, content) do update set told_at = excluded.told_at, body = excluded.body
where excluded.told_at < history.told_at
"""
ADD_EVENT: Final = """
insert into order_event (order_key, source, id, content, body) values ($1, $2, $3, $4, $5) on conflict do nothing
"""
ADD_CLAIM: Final = """
insert into claim (shipment, order_key, parcel, start) values ($1, $2, $3, $4) on conflict do nothing
"""
SAVE_ORDER: Final = "update orders set version = $2, document = $3 where order_key = $1"


@dataclass(frozen=True, slots=True)
class Application:
    """What handles one message."""

    config: Config
    broker: KafkaBroker
    pool: asyncpg.Pool

    async def handle(self, record: Record) -> None:
        """Apply one message: one transaction, in which what is new is published."""
        item = read(record)
        if isinstance(item, Refused):
            raise ValueError(f"{record.place}: {item.reason}, {item.detail}")  # noqa: TRY004 - the load has none
        async with self.pool.acquire() as connection, connection.transaction():
            known = await _load(connection, item)
            versions = known.take(item)
            await _save(connection, item, known)
            for one in versions:
                await connection.execute(SAVE_ORDER, one.order, one.version, one.text())
                await self._publish(one)

    async def _publish(self, version: plain.Version) -> None:
        message = version.message(clock.now())
        await self.broker.publish(
            message.value,
            topic=self.config.topic(message.topic),
            key=message.key,
            headers=dict(message.headers),
            timestamp_ms=message.timestamp_ms,
        )


async def _load(connection: Connection, item: ScanIn | OrderIn) -> plain.Known:
    """Lock what a message touches, and read all that is known of it."""
    known = plain.Known()
    if isinstance(item, ScanIn):
        await _lock_shipments(connection, [item.shipment])
        orders = [row["order_key"] for row in await connection.fetch(CLAIMANTS, item.shipment)]
        shipments = {item.shipment}
    else:
        orders = [item.order]
        await _read_events(connection, known, orders)
        events = known.events[item.order] | {(item.stored.source, item.stored.id): item.stored}
        shipments = {shipment for shipment, _ in plain.claims_of(item.order, events)}
        await _lock_shipments(connection, sorted(shipments))
        await connection.execute(CREATE_ORDER, item.order)
    for row in await connection.fetch(plain.LOCK_ORDERS, orders):
        known.read_order(*row)
    await _read_events(connection, known, orders)
    for shipment, order, parcel, start in await connection.fetch(plain.CLAIMS, orders):
        known.read_claim(shipment, Claim(start, order, parcel))
        shipments.add(shipment)
    for row in await connection.fetch(plain.READINGS, list(shipments)):
        known.read_scan(*row)
    return known


async def _lock_shipments(connection: Connection, shipments: Sequence[str]) -> None:
    await connection.execute(plain.CREATE_SHIPMENTS, shipments)
    await connection.execute(plain.LOCK_SHIPMENTS, shipments)


async def _read_events(connection: Connection, known: plain.Known, orders: Sequence[str]) -> None:
    for order, *stored in await connection.fetch(plain.EVENTS, orders):
        known.read_event(order, tuple(stored))


async def _save(connection: Connection, item: ScanIn | OrderIn, known: plain.Known) -> None:
    """Store the message itself; what is known already stays."""
    if isinstance(item, ScanIn):
        scan = item.scan
        row = (item.shipment, scan.event_key, item.content, scan.told_at, plain.scan_text(scan))
        await connection.execute(ADD_SCAN, *row)
        return
    stored = item.stored
    await connection.execute(ADD_EVENT, item.order, stored.source, stored.id, stored.content, plain.event_text(stored))
    claims = plain.claims_of(item.order, known.events[item.order])
    await connection.executemany(ADD_CLAIM, [(key, one.order, one.parcel, one.start) for key, one in claims])


async def prepare(config: Config) -> None:
    """Create the tables."""
    connection = await asyncpg.connect(config.dsn)
    try:
        await connection.execute(plain.TABLES)
    finally:
        await connection.close()


async def serve(config: Config, subscribers: Iterable[Sequence[TopicPartition]] | None = None) -> None:
    """Consume until cancelled: one subscriber of both topics, or one for each of the partitions that are given."""
    broker = KafkaBroker(config.bootstrap, acks="all", apply_types=False, graceful_timeout=10, logger=None)
    assigned = [list(partitions) for partitions in subscribers or ()]
    async with asyncpg.create_pool(config.dsn, min_size=1, max_size=max(1, len(assigned))) as pool:
        application = Application(config, broker, pool)

        async def handle(raw: Any) -> None:
            await application.handle(_record(config, raw))

        topics = () if assigned else tuple(map(config.topic, INPUTS))
        for partitions in assigned or [[]]:
            subscriber = broker.subscriber(
                *topics,
                partitions=partitions,
                group_id=config.group,
                auto_offset_reset="earliest",
                ack_policy=AckPolicy.NACK_ON_ERROR,
                decoder=_raw,
                no_reply=True,
            )
            subscriber(handle)
        await broker.start()
        try:
            await asyncio.Event().wait()
        finally:
            await broker.stop()


async def _raw(message: KafkaMessage) -> object:
    return message.raw_message


def _record(config: Config, raw: Any) -> Record:
    topic = raw.topic.removeprefix(config.prefix)
    return Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers))


if __name__ == "__main__":
    main(prepare=prepare, run=serve)
