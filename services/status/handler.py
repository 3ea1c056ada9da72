"""One batch of records becomes ledger rows, order states and outbox rows, in the consumer's transaction.

The consumer (`services/runtime/consume.py`) holds the fence and commits. Here: lock the shipments, find who claims
them, lock the orders, and only then read the orders and *all* their shipments (docs/engine-rules.md, steps 2 to 5).
"""

from collections.abc import Collection, Iterable, Sequence
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
from services.status import closing, outbox, repeats, repository, timer_rows, versions
from services.status.awaited import first_dates
from services.status.inputs import OrderIn, Refused, ScanIn, dead_letter, read
from services.status.messages import Message, dead_letter_message, status_message
from services.status.milestones import NO_ATTEMPT
from services.status.outputs import Outputs
from services.status.replay import World, claims_on_the_way
from services.status.replayed import Again
from services.status.unknown_carriers import count_new

SCHEMA: Final = "status"
NOW: Final = "select now()"
REPLAY_LIMIT_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Handler:
    """Applies batches. Holds nothing between them: orders and shipments are read anew under their locks."""

    outputs: Outputs
    timer_grace_s: float = 0.0
    """No timer fires sooner than this after the change that set it."""

    async def apply(self, batch: Batch) -> None:
        """Apply the records of one batch; raises Conflict when a claim needs a shipment that was not locked."""
        connection, records = batch.connection, batch.records
        await versions.hold(connection)
        await incarnation.hold(connection, SCHEMA)
        now: datetime = await connection.fetchval(NOW)
        inputs = [read(record) for record in records]
        items = [item for item in inputs if not isinstance(item, Refused)]
        refused = [item for item in inputs if isinstance(item, Refused)]
        messages: list[Message] = []
        if items:
            world = await load(connection, items)
            unknown = count_new(world.next_n)
            _replay(world, items)
            refused += world.refused
            messages = await self._save(connection, world, now)
            await timer_rows.keep(connection, first_dates(world), grace_s=self.timer_grace_s)
            batch.committed.append(lambda: _count(world, unknown))
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
        messages = await self._save(connection, world, now)
        await outbox.append(connection, [self.outputs.addressed(one) for one in messages])

    async def _save(self, connection: Connection, world: World, now: datetime) -> list[Message]:
        await closing.leave(connection, world.erased, world.left)
        await repository.append_ledger(connection, world.rows, at=now)
        await repository.note_told_earlier(connection, world.told_earlier)
        await repository.advance_shipments(connection, world.next_n)
        await repository.save_events(connection, world.new_events)
        await repeats.count(connection, world.readings_again, world.events_again)
        messages, newest = [], {}
        for one in world.published:
            traceparent = None if isinstance(one.item, Again) else trace_parent(one.item.record.headers)
            message = status_message(one.order, one.document, one.change, at=now, traceparent=traceparent)
            messages.append(message)
            newest[one.order] = message
        await closing.close_orders(connection, {order: world.orders[order] for order in world.erased}, newest)
        for order, message in sorted(newest.items()):
            if order not in world.erased:
                await repository.save_order(connection, order, world.orders[order], message)
        await repository.note_reread(connection, sorted(world.reread - newest.keys()))
        return messages


def _count(world: World, unknown_carriers: int) -> None:
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


def _replay(world: World, items: Sequence[ScanIn | OrderIn]) -> None:
    """Apply the items; raises Conflict, to be run again with fewer, before the open transaction gets too old.

    A hot order is folded again for every record of it: without this limit a batch could outlive the server's patience
    with an idle transaction, again and again.
    """
    began = clock.monotonic()
    for number, item in enumerate(items):
        if number and clock.monotonic() - began > REPLAY_LIMIT_S:
            raise Conflict("replay_too_long", f"{number} of {len(items)} records took {REPLAY_LIMIT_S:.0f} s")
        world.apply(item)


async def load(
    connection: Connection, items: Sequence[ScanIn | OrderIn], *, again: Collection[str] = frozenset()
) -> World:
    """Lock and load everything the items touch, and all of the orders that are to be read again without any."""
    shipments = await _shipments_to_lock(connection, items, again)
    next_n, closed = await repository.create_and_lock_shipments(connection, shipments)
    orders = sorted(_orders_of(items).union(again, await repository.claimants(connection, shipments)))
    rows = await repository.create_and_lock_orders(connection, orders)
    # Under the orders' locks, and not before: a sibling parcel folded by another process must be seen.
    events = await repository.events(connection, orders)
    keys = await repository.claimed_keys(connection, orders)
    histories = await repository.histories(connection, sorted(keys | set(shipments)))
    _check_all_locked(items, events, again, locked=set(shipments))
    return World(histories=histories, next_n=next_n, closed=closed, events=events, orders=rows)


async def _shipments_to_lock(
    connection: Connection, items: Sequence[ScanIn | OrderIn], again: Collection[str]
) -> list[str]:
    """Guess, from unlocked reads, every shipment that will get a row; `_check_all_locked` judges the guess."""
    shipments = {item.shipment for item in items if isinstance(item, ScanIn)}
    orders = sorted(_orders_of(items).union(again))
    if orders:
        events = await repository.events(connection, orders)
        shipments |= await repository.claimed_keys(connection, orders)
        shipments |= _claimed_on_the_way(items, events, again)
    return sorted(shipments)


def _orders_of(items: Iterable[ScanIn | OrderIn]) -> set[str]:
    return {item.order for item in items if isinstance(item, OrderIn)}


def _claimed_on_the_way(
    items: Sequence[ScanIn | OrderIn], events: repository.Events, again: Collection[str]
) -> set[str]:
    keys: set[str] = set()
    for order in _orders_of(items).union(again):
        new = [item.stored for item in items if isinstance(item, OrderIn) and item.order == order]
        keys |= claims_on_the_way(order, events[order].values(), new)
    return keys


def _check_all_locked(
    items: Sequence[ScanIn | OrderIn], events: repository.Events, again: Collection[str], *, locked: set[str]
) -> None:
    if not _claimed_on_the_way(items, events, again) <= locked:
        raise Conflict("claims_moved", "an order's claims changed while its shipments were being locked")
