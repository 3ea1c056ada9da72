"""Textbook: aiokafka and asyncpg, a polled batch in one transaction, `unnest`, order locks, an outbox, a polling relay.

Each of the two workers takes polls of thousands: parcels are created and locked in sorted order, then their orders;
everything those orders know is read in a few statements, and folded in record order, each parcel once whole and from
then on by what is new. What came of it is written with one `unnest` a table; each message is a row of the
outbox. One of the workers (an advisory lock says which) polls the outbox, sends its rows in their order, waits for
Kafka, and deletes them.

It promises what the product promises of a run without erasures, purges and timers: each distinct scan once in the
history, nothing lost, versions without gap and in order, repeats of a message byte for byte. It leaves out: the cache
of what was folded (a parcel's sibling may be changed by the other worker, so each batch reads anew), offsets in the
database, dead letters, snapshots, and claims that a later correction moves.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, IllegalStateError

from benchmarks.engine import outbox, plain
from benchmarks.engine.designs.design import INPUTS, Config, Design, main
from schemas.scans import SCAN, Scan
from services.runtime import clock
from services.runtime.kafka import Record
from services.status.claims import Claim
from services.status.inputs import OrderIn, Refused, ScanIn, read
from services.status.kept import Kept
from services.status.order import Document, fold_order

#: The fastest of 60, 500, 2,000 and 5,000: an order that comes again in its batch is not read and folded whole again.
BATCH: Final = 5_000
_POLL_MS: Final = 25
_FETCH_BYTES: Final = 4 * 1024 * 1024
_PARSED: Final = 100_000
"""Stored scans that are kept as they were parsed."""
#: What is prepared while a table is empty would go on reading it from end to end.
_PLANS: Final = {"plan_cache_mode": "force_custom_plan"}
_AT_ONCE: Final = 100
"""After so many folds the relay and the consumer's heartbeat have their turn."""
# A document of a few kilobytes is stored as it is: it is written again with the next scan.
DOCUMENTS: Final = "alter table orders alter column document set storage external"

DESIGN: Final = Design(
    name="textbook_batch",
    processes=2,
    pending_sql=outbox.PENDING,
    orders_sql=plain.ORDERS,
    history_sql=plain.HISTORY,
    settings=(
        f"polls of {BATCH:,}",
        "unnest",
        "an outbox row a message",
        f"a relay every {outbox.PAUSE_S * 1000:.0f} ms",
    ),
)

CLAIMANTS: Final = "select distinct order_key from claim where shipment = any($1::text[])"
CREATE_ORDERS: Final = "insert into orders (order_key) select unnest($1::text[]) on conflict do nothing"
ADD_SCANS: Final = """
insert into history (shipment, event_key, content, told_at, body)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
on conflict (shipment, event_key, content) do update set told_at = excluded.told_at, body = excluded.body
where excluded.told_at < history.told_at
"""
ADD_EVENTS: Final = """
insert into order_event (order_key, source, id, content, body)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) on conflict do nothing
"""
ADD_CLAIMS: Final = """
insert into claim (shipment, order_key, parcel, start)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) on conflict do nothing
"""
SAVE_ORDERS: Final = """
update orders set version = new.version, document = new.document
from unnest($1::text[], $2::int[], $3::text[]) as new (order_key, version, document)
where orders.order_key = new.order_key
"""
Connection = Any
"""asyncpg's, of a pool or alone."""
Item = ScanIn | OrderIn


@dataclass(slots=True)
class Batch(plain.Known):
    """What is known of all that a batch touches; what was folded once in it is gone on with."""

    kept: Kept = field(default_factory=Kept)
    new: list[Item] = field(default_factory=list)
    """What was not known."""

    def read_scan(self, shipment: str, content: str, body: str) -> None:
        """Take in a row of `history`."""
        scan = scan_of(body)
        self.histories[shipment].readings[scan.event_key, content] = scan

    def add(self, item: Item) -> set[str]:
        """Add what a record says, and see to it that its parcel or order is not shown as it was."""
        if not self._is_news(item):
            return set()
        known = isinstance(item, ScanIn) and (item.scan.event_key, item.content) in self._readings(item)
        touched = plain.Known.add(self, item)
        self.new.append(item)
        if isinstance(item, ScanIn):
            self._go_on(item, again=known)
        else:
            self.kept.forget(item.order)
        return touched

    def fold(self, order: str) -> Document:
        """Return the document of an order."""
        return fold_order(order, self.events[order].values(), self.histories, kept=self.kept)

    def claims(self) -> list[tuple[str, Claim]]:
        """Return the claims of the orders of which something is new."""
        orders = {item.order for item in self.new if isinstance(item, OrderIn)}
        return [claim for order in sorted(orders) for claim in plain.claims_of(order, self.events[order])]

    def _readings(self, item: ScanIn) -> Mapping[tuple[str, str], Any]:
        return self.histories[item.shipment].readings

    def _is_news(self, item: Item) -> bool:
        if isinstance(item, ScanIn):
            held = self._readings(item).get((item.scan.event_key, item.content))
            return held is None or item.scan.told_at < held.told_at
        known = self.events[item.order].get((item.stored.source, item.stored.id))
        return known is None or item.stored.content < known.content

    def _go_on(self, item: ScanIn, *, again: bool) -> None:
        claims = self.histories[item.shipment].claims
        for order, parcel in claims:
            if again or len(claims) > 1:
                self.kept.drop(order, parcel)
            else:
                self.kept.take(order, parcel, item.scan)


@lru_cache(maxsize=_PARSED)
def scan_of(body: str) -> Scan:
    """Return a scan as it is stored: most were read by this process before."""
    return SCAN.validate_json(body)


async def apply(connection: Connection, items: Sequence[Item]) -> None:
    """Apply a batch within the open transaction."""
    batch = await _load(connection, items)
    versions: list[plain.Version] = []
    for number, item in enumerate(items):
        versions += batch.take(item)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    await _save(connection, batch, versions)


async def _load(connection: Connection, items: Sequence[Item]) -> Batch:
    """Lock the parcels, then the orders, both sorted; only then read all that these orders know."""
    batch = Batch()
    shipments = {item.shipment for item in items if isinstance(item, ScanIn)} | _claimed(items)
    await connection.execute(plain.CREATE_SHIPMENTS, sorted(shipments))
    await connection.execute(plain.LOCK_SHIPMENTS, sorted(shipments))
    orders = {item.order for item in items if isinstance(item, OrderIn)}
    await connection.execute(CREATE_ORDERS, sorted(orders))
    orders |= {row["order_key"] for row in await connection.fetch(CLAIMANTS, list(shipments))}
    for row in await connection.fetch(plain.LOCK_ORDERS, list(orders)):
        batch.read_order(*row)
    for order, *stored in await connection.fetch(plain.EVENTS, list(orders)):
        batch.read_event(order, tuple(stored))
    for shipment, order, parcel, start in await connection.fetch(plain.CLAIMS, list(orders)):
        batch.read_claim(shipment, Claim(start, order, parcel))
        shipments.add(shipment)
    for row in await connection.fetch(plain.READINGS, list(shipments)):
        batch.read_scan(*row)
    return batch


def _claimed(items: Iterable[Item]) -> set[str]:
    """Return the parcels that the batch's own events claim; those of earlier events were locked with them."""
    events: dict[str, dict[tuple[str, str], Any]] = {}
    for item in items:
        if isinstance(item, OrderIn):
            events.setdefault(item.order, {})[item.stored.source, item.stored.id] = item.stored
    return {shipment for order, told in events.items() for shipment, _ in plain.claims_of(order, told)}


async def _save(connection: Connection, batch: Batch, versions: Sequence[plain.Version]) -> None:
    newest = {version.order: version for version in versions}
    scans = {(one.shipment, one.scan.event_key, one.content): one.scan for one in batch.new if isinstance(one, ScanIn)}
    orders = (one for one in batch.new if isinstance(one, OrderIn))
    events = {(one.order, one.stored.source, one.stored.id): one.stored for one in orders}
    await _write(connection, ADD_SCANS, ((*at, one.told_at, plain.scan_text(one)) for at, one in scans.items()))
    await _write(connection, ADD_EVENTS, ((*at, one.content, plain.event_text(one)) for at, one in events.items()))
    await _write(connection, ADD_CLAIMS, ((key, one.order, one.parcel, one.start) for key, one in batch.claims()))
    await _write(connection, SAVE_ORDERS, ((one.order, one.version, one.text()) for one in newest.values()))
    now = clock.now()
    await outbox.append(connection, (version.message(now) for version in versions))


async def _write(connection: Connection, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if columns:
        await connection.execute(statement, *columns)


async def consume(config: Config) -> None:
    """Take batches until cancelled: fold, commit, and only then commit the offsets."""
    consumer = AIOKafkaConsumer(
        *map(config.topic, INPUTS),
        bootstrap_servers=config.bootstrap,
        group_id=config.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    connection = await asyncpg.connect(config.dsn, server_settings=_PLANS)
    await consumer.start()
    try:
        while True:
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=BATCH)
            items = [_item(config, raw) for told in polled.values() for raw in told]
            if not items:
                continue
            async with connection.transaction():
                await apply(connection, items)
            # Somebody else has the partition by now: it will be read again there, and found known.
            with suppress(CommitFailedError, IllegalStateError):
                await consumer.commit({where: told[-1].offset + 1 for where, told in polled.items()})
    finally:
        await consumer.stop()
        await connection.close()


def _item(config: Config, raw: Any) -> Item:
    topic = raw.topic.removeprefix(config.prefix)
    item = read(Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers)))
    if isinstance(item, Refused):
        raise ValueError(f"{item.record.place}: {item.reason}, {item.detail}")  # noqa: TRY004 - the load has none
    return item


async def prepare(config: Config) -> None:
    """Create the tables."""
    connection = await asyncpg.connect(config.dsn)
    try:
        await connection.execute(plain.TABLES)
        await connection.execute(DOCUMENTS)
        await connection.execute(outbox.TABLES)
    finally:
        await connection.close()


async def run(config: Config) -> None:
    """Consume and relay until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(consume(config))
        tasks.create_task(outbox.relay(config))


if __name__ == "__main__":
    main(prepare=prepare, run=run)
