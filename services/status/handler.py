"""One batch of records becomes ledger rows, order states and outbox rows, in the consumer's transaction.

The consumer (`services/runtime/consume.py`) holds the fence and commits. Here: read the records, fold them
(`ahead.py`: docs/engine-rules.md, steps 2 to 4), and write what comes of it (step 5).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.envelope import trace_parent
from schemas.vocabulary import Stage
from services.runtime import clock, incarnation, metrics
from services.runtime.consume import Batch
from services.runtime.errors import Conflict
from services.runtime.kafka import Record
from services.runtime.postgres import Connection
from services.status import ahead, closing, outbox, repeats, saving, timer_rows, versions
from services.status.awaited import first_dates
from services.status.cache import Cache
from services.status.inputs import Input, OrderIn, Refused, ScanIn, dead_letter, read
from services.status.loaded import Loaded
from services.status.messages import Message, dead_letter_message, status_message
from services.status.milestones import NO_ATTEMPT
from services.status.outputs import Outputs
from services.status.replay import World
from services.status.replayed import Again
from services.status.unknown_carriers import count_new

SCHEMA: Final = "status"
NOW: Final = "select now()"
REPLAY_LIMIT_S: Final = 4.0
#: Pages, the relay and heartbeats wait no longer than for so many records.
BREATHE_EVERY: Final = 100


@dataclass(frozen=True, slots=True)
class Handler:
    """Applies batches. What it keeps between them counts only where the locked rows say that it is still so."""

    outputs: Outputs
    timer_grace_s: float = 0.0
    """No timer fires sooner than this after the change that set it."""
    cache: Cache | None = None
    """For the one consumer that this handler serves; None: everything is read anew."""

    async def apply(self, batch: Batch) -> None:
        """Apply the records of one batch; raises Conflict when a claim needs a shipment that was not locked."""
        connection, records = batch.connection, batch.records
        await versions.hold(connection)
        database = await incarnation.hold(connection, SCHEMA)
        now: datetime = await connection.fetchval(NOW)
        inputs = [await _read(record, place) for place, record in enumerate(records)]
        items = [item for item in inputs if not isinstance(item, Refused)]
        refused = [item for item in inputs if isinstance(item, Refused)]
        messages: list[Message] = []
        if items:
            cache = Cache() if self.cache is None else self.cache
            replay = Replaying(now, alone=len(items) == 1).replay
            loaded = await ahead.fold(connection, items, replay, cache=cache, database=database)
            world = loaded.world
            unknown = count_new({key: row.stamp.next_n for key, row in loaded.locked.items()})
            refused += world.refused
            messages = world.messages
            await self._save(connection, world, now)
            partly = loaded.partly()
            dates = loaded.earlier(first_dates(world, partly=partly), partly=partly, now=now)
            await timer_rows.keep(connection, dates, grace_s=self.timer_grace_s)
            batch.committed.extend((lambda: _count(loaded, unknown), lambda: self._keep(loaded)))
        letters = [dead_letter_message(dead_letter(one, at=now), at=now) for one in refused]
        await outbox.append(connection, [self.outputs.addressed(one) for one in (*messages, *letters)])
        batch.committed.append(lambda: _count_refused(refused))

    async def quarantine(self, connection: Connection, record: Record, reason: str) -> None:
        """Set a record aside that the database itself refused."""
        await versions.hold(connection)
        await incarnation.hold(connection, SCHEMA)
        now: datetime = await connection.fetchval(NOW)
        letter = dead_letter_message(dead_letter(Refused(record, reason, "the database refused it"), at=now), at=now)
        await outbox.append(connection, [self.outputs.addressed(letter)])

    async def save_again(self, connection: Connection, world: World, now: datetime) -> None:
        """Save what was read again without any record (`republishing.py`)."""
        tell(world, now)
        await self._save(connection, world, now)
        await outbox.append(connection, [self.outputs.addressed(one) for one in world.messages])

    def _keep(self, loaded: Loaded) -> None:
        if self.cache is not None:
            loaded.put_back(self.cache)

    async def _save(self, connection: Connection, world: World, now: datetime) -> None:
        await closing.leave(connection, world.erased, world.left)
        await saving.append_ledger(connection, world.rows, at=now)
        await saving.note_told_earlier(connection, world.told_earlier)
        await saving.advance_shipments(connection, world.next_n)
        await saving.save_events(connection, world.new_events)
        await repeats.count(connection, world.readings_again, world.events_again)
        newest = {one.order: message for one, message in zip(world.published, world.messages, strict=True)}
        await closing.close_orders(connection, {order: world.orders[order] for order in world.erased}, newest)
        lasting = [(order, message) for order, message in sorted(newest.items()) if order not in world.erased]
        await saving.save_orders(connection, [(order, world.orders[order], last) for order, last in lasting])
        await saving.note_reread(connection, sorted(world.reread - newest.keys()))


def tell(world: World, now: datetime) -> None:
    """Make the messages of what a world has published; they take their time, so before the orders are locked."""
    for one in world.published[len(world.messages) :]:
        traceparent = None if isinstance(one.item, Again) else trace_parent(one.item.record.headers)
        world.messages.append(status_message(one.order, one.document, one.change, at=now, traceparent=traceparent))


def _count(loaded: Loaded, unknown_carriers: int) -> None:
    world = loaded.world
    metrics.FOLDED_AGAIN.inc(loaded.folded_again)
    for one in world.published:
        metrics.PUBLISHED.labels(one.document["state"]).inc()
    metrics.REPEATED.inc(world.repeated)
    metrics.CONTRADICTED.inc(world.contradicted)
    metrics.UNKNOWN_CARRIERS.inc(unknown_carriers)
    for what, count in world.after_closing.items():
        metrics.AFTER_CLOSING.labels(what).inc(count)
    metrics.NOT_ATTEMPTED.inc(not_attempted(world))


def not_attempted(world: World) -> int:
    """Return how many attempts that were none (R9) a batch told for the first time; another reading is no other one."""
    new = {(row.shipment, row.scan.event_key, row.content): row.scan for row in world.rows if row.scan is not None}
    told = {at[:2] for at, scan in new.items() if scan.stage == Stage.ATTEMPTED and scan.substatus == NO_ATTEMPT}
    known = {
        (shipment, event_key)
        for shipment in {shipment for shipment, _ in told}
        for event_key, content in world.histories[shipment].readings
        if (shipment, event_key, content) not in new
    }
    return len(told - known)


def _count_refused(refused: Sequence[Refused]) -> None:
    for one in refused:
        metrics.DEAD_LETTERS.labels("status", one.reason).inc()


async def _read(record: Record, place: int) -> Input:
    if not place % BREATHE_EVERY:
        await asyncio.sleep(0)
    return read(record)


@dataclass(slots=True)
class Replaying:
    """Applies records to worlds, until the open transaction gets too old.

    A hot order is folded again for every record of it: without a limit a batch could outlive the server's patience with
    an idle transaction, again and again.
    """

    now: datetime
    alone: bool = False
    """There is one record only: fewer cannot be tried."""
    records: int = 0
    seconds: float = 0.0

    async def replay(self, world: World, items: Sequence[ScanIn | OrderIn]) -> None:
        """Apply the items and make their messages; raises Conflict, to be run again with fewer."""
        began = clock.monotonic()
        for item in items:
            if self.records and not self.alone and self.seconds + clock.monotonic() - began > REPLAY_LIMIT_S:
                raise Conflict("replay_too_long", f"{self.records} records took {REPLAY_LIMIT_S:.0f} s")
            world.apply(item)
            self.records += 1
            if not self.records % BREATHE_EVERY:
                await asyncio.sleep(0)
        tell(world, self.now)
        self.seconds += clock.monotonic() - began
