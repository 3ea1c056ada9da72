"""What an order's own events say, before any scan: lines, payment, promises, warehouse and store steps, returns. Pure.

An order is folded from all its events, sorted by what they say (`occurred_at`, kind rank, source, id), so arrival order
never matters. Two contents under one id count as one event: the smaller content hash (docs/engine-rules.md, step 2).
Parcels have their own file (`parcel_facts.py`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.order_events import (
    AddressChanged,
    Backordered,
    Cancelled,
    Collected,
    CollectionExpired,
    CollectionExtended,
    Destination,
    Erased,
    Line,
    LineQuantity,
    LinesEdited,
    OnHold,
    Packed,
    PaymentConfirmed,
    PaymentFailed,
    PickingStarted,
    Placed,
    PromiseChanged,
    ReadyToCollect,
    Released,
    Replaced,
    Returned,
    ReturnRequested,
    TimeReached,
    Window,
)
from services.status.parcel_facts import UNKNOWN_CARRIER, ParcelFacts, StoredEvent, gather_parcels

__all__ = ["UNKNOWN_CARRIER", "OrderFacts", "ParcelFacts", "Promise", "Quantities", "StoredEvent", "gather", "unite"]

#: Events that speak of units of lines.
OF_UNITS: Final = frozenset(
    {
        Backordered, PickingStarted, Packed, ReadyToCollect, CollectionExpired, Collected, Cancelled, ReturnRequested,
        Returned,
    }
)  # fmt: skip


@dataclass(slots=True)
class Quantities:
    """Units that a kind of event speaks of: all, or so many per line."""

    everything: StoredEvent | None = None
    per_line: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    first: StoredEvent | None = None
    last: StoredEvent | None = None

    def add(self, stored: StoredEvent, lines: Iterable[LineQuantity]) -> None:
        """Note one event; without lines it speaks of everything."""
        self.first, self.last = self.first or stored, stored
        named = tuple(lines)
        for entry in named:
            self.per_line[entry.line] += entry.quantity
        if not named:
            self.everything = self.everything or stored

    def of(self, line: str, ordered: int) -> int:
        """Return how many of `ordered` units of a line are spoken of."""
        return ordered if self.everything is not None else min(ordered, self.per_line.get(line, 0))

    def forget(self, lines: Iterable[LineQuantity] = ()) -> None:
        """Take back what was said of these lines, or of everything."""
        named = tuple(lines)
        for entry in named:
            self.per_line[entry.line] = max(0, self.per_line[entry.line] - entry.quantity)
        if not named:
            self.everything = None
            self.per_line.clear()


@dataclass(frozen=True, slots=True)
class Promise:
    """What the customer was promised, and the event that did."""

    made_by: StoredEvent
    window: Window | None
    """None: nothing is promised any more."""


@dataclass(slots=True)
class OrderFacts:
    """Everything the order's own events say."""

    placed: Placed | None = None
    placed_event: StoredEvent | None = None
    edited: LinesEdited | None = None
    """The newest edit of the lines."""
    destination: Destination | None = None
    promises: list[Promise] = field(default_factory=list)
    payment: StoredEvent | None = None
    """The last payment event."""
    hold: StoredEvent | None = None
    """The hold in force."""
    released: StoredEvent | None = None
    """The last release."""
    backordered: Quantities = field(default_factory=Quantities)
    picking: Quantities = field(default_factory=Quantities)
    packed: Quantities = field(default_factory=Quantities)
    ready: Quantities = field(default_factory=Quantities)
    collection_until: datetime | None = None
    expired: Quantities = field(default_factory=Quantities)
    """Units that waited in vain at the store."""
    collected: Quantities = field(default_factory=Quantities)
    cancelled: Quantities = field(default_factory=Quantities)
    return_requested: Quantities = field(default_factory=Quantities)
    returned: Quantities = field(default_factory=Quantities)
    replacement: str | None = None
    erased: StoredEvent | None = None
    parcels: dict[str, ParcelFacts] = field(default_factory=dict)
    dispatched_all: StoredEvent | None = None
    """The first dispatch before any shipment was created: the whole order left, its numbers follow."""
    times: list[StoredEvent] = field(default_factory=list)
    """Time events (rule E15)."""
    unexpected: frozenset[str] = frozenset()
    """Keys of those that the order did not expect at their place; set where its scans are known."""
    ordered: list[StoredEvent] = field(default_factory=list)
    """All the events that count under their ids, in the order of the fold."""
    strangers: frozenset[tuple[str, str]] = frozenset()
    """Source and id of events that name only lines which the order does not have: they say nothing of it (R12)."""

    @property
    def last_time(self) -> datetime | None:
        """The place of the last time event: what happens after it changes nothing of what the order expected there."""
        return max((one.event.due_at for one in self.times if isinstance(one.event, TimeReached)), default=None)

    @property
    def lines(self) -> tuple[Line, ...] | None:
        """The lines as they are now; None while nobody has told them."""
        if self.edited is not None:
            return self.edited.lines
        return None if self.placed is None else self.placed.lines

    @property
    def printed(self) -> str | None:
        """The number that customers know; None where it is that of the key."""
        placed = self.placed
        return None if placed is None or placed.printed == placed.order else placed.printed or None

    @property
    def payment_open(self) -> bool:
        """Whether the shop waits for the money: awaited or failed, and not confirmed since."""
        if self.payment is not None:
            return isinstance(self.payment.event, PaymentFailed)
        return self.placed is not None and self.placed.payment_awaited

    @property
    def free(self) -> StoredEvent | None:
        """The event since which nothing holds the warehouse back; None while something does."""
        if self.payment_open or self.hold is not None:
            return None
        events = [one for one in (self.payment or self.placed_event, self.released) if one is not None]
        return max(events, key=lambda stored: stored.position, default=None)

    @property
    def promise(self) -> Promise | None:
        """The promise that holds."""
        return self.promises[-1] if self.promises and self.promises[-1].window is not None else None

    @property
    def zone(self) -> str | None:
        """The IANA zone of the destination, else of the order."""
        known = self.destination.time_zone if self.destination is not None else None
        return known or (None if self.placed is None else self.placed.time_zone)


def unite(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Return the events sorted for the fold, one per identity: of two contents under one id the smaller hash counts."""
    chosen: dict[tuple[str, str], StoredEvent] = {}
    for stored in events:
        held = chosen.get((stored.source, stored.id))
        if held is None or stored.content < held.content:
            chosen[stored.source, stored.id] = stored
    return sorted(chosen.values(), key=lambda stored: stored.position)


def gather(events: Iterable[StoredEvent]) -> OrderFacts:
    """Return the facts of an order from the set of its events."""
    ordered = unite(events)
    facts = OrderFacts(ordered=ordered)
    for stored in ordered:
        _note_plan(facts, stored)
    # Which lines there are is known only now: an edit that stands later can bring one that was spoken of before.
    facts.strangers = _strangers(facts)
    for stored in ordered:
        if (stored.source, stored.id) in facts.strangers:
            continue
        _note_hindrance(facts, stored)
        _note_work(facts, stored)
        _note_return(facts, stored)
    parcels = gather_parcels(ordered)
    facts.parcels, facts.dispatched_all = parcels.known, parcels.dispatched_all
    return facts


def _strangers(facts: OrderFacts) -> frozenset[tuple[str, str]]:
    """Return the identities of the events that speak of units, and of no line that the order has (R12)."""
    if facts.lines is None:
        return frozenset()
    known = {line.line for line in facts.lines}
    named = ((one, getattr(one.event, "lines", ())) for one in facts.ordered if type(one.event) in OF_UNITS)
    return frozenset(
        (one.source, one.id) for one, lines in named if lines and not any(entry.line in known for entry in lines)
    )


def _note_plan(facts: OrderFacts, stored: StoredEvent) -> None:
    """Note what was ordered, where it goes, and when it is promised."""
    match stored.event:
        case Placed() as placed if facts.placed is None:
            facts.placed, facts.placed_event = placed, stored
            facts.destination = facts.destination or placed.destination
            if placed.promised is not None:
                facts.promises.append(Promise(stored, placed.promised))
        case LinesEdited() as edited:
            facts.edited = edited
        case AddressChanged(destination=destination):
            facts.destination = destination
        case PromiseChanged(promised=promised):
            facts.promises.append(Promise(stored, promised))
        case _:
            pass  # an event of a later version is kept and moves nothing


def _note_hindrance(facts: OrderFacts, stored: StoredEvent) -> None:
    """Note what holds the order back, and what no longer does."""
    match stored.event:
        case PaymentConfirmed() | PaymentFailed():
            facts.payment = stored
        case OnHold():
            facts.hold = stored
        case Released():
            facts.hold, facts.released = None, stored
        case Backordered(lines=lines):
            facts.backordered.add(stored, lines)
        case TimeReached():
            facts.times.append(stored)
        case _:
            pass


def _note_work(facts: OrderFacts, stored: StoredEvent) -> None:
    """Note what warehouse and store did with the units."""
    match stored.event:
        case PickingStarted(lines=lines):
            facts.picking.add(stored, lines)
        case Packed(lines=lines):
            facts.packed.add(stored, lines)
        case ReadyToCollect(lines=lines, until=until):
            facts.ready.add(stored, lines)
            facts.collection_until = until
            facts.expired.forget(lines)
        case CollectionExtended(until=until):
            facts.collection_until = until
            facts.expired.forget()
        case CollectionExpired(lines=lines):
            facts.expired.add(stored, lines or _all_that_was_ready(facts))
        case Collected(lines=lines):
            facts.collected.add(stored, lines or _all_that_was_ready(facts))
        case Cancelled(lines=lines):
            facts.cancelled.add(stored, lines)
        case _:
            pass


def _note_return(facts: OrderFacts, stored: StoredEvent) -> None:
    """Note what comes back, what takes its place, and the end of all data."""
    match stored.event:
        case ReturnRequested(lines=lines):
            facts.return_requested.add(stored, lines)
        case Returned(lines=lines):
            facts.returned.add(stored, lines)
        case Replaced(replacement=replacement):
            facts.replacement = replacement
        case Erased():
            facts.erased = facts.erased or stored
        case _:
            pass


def _all_that_was_ready(facts: OrderFacts) -> tuple[LineQuantity, ...]:
    """Return what was ready and not collected yet; no lines where no line was named: then it is everything."""
    if facts.ready.everything is not None:
        return ()
    waiting = {line: count - facts.collected.per_line.get(line, 0) for line, count in facts.ready.per_line.items()}
    return tuple(LineQuantity(line=line, quantity=max(count, 0)) for line, count in waiting.items())
