"""What an order's own events say, before any scan: lines, payment, warehouse steps, parcels and their keys. Pure.

An order is folded from all its events, sorted by what they say (`occurred_at`, kind rank, source, id), so arrival order
never matters. Two contents under one id count as one event: the smaller content hash (docs/engine-rules.md, step 2).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.carriers import canonical_carrier
from schemas.keys import clean_number, reference_key, shipment_key
from schemas.order_events import (
    EVENT_TYPES,
    Cancelled,
    Collected,
    Dispatched,
    LineQuantity,
    OrderEvent,
    Packed,
    PaymentConfirmed,
    PaymentFailed,
    PickingStarted,
    Placed,
    ReadyToCollect,
    ShipmentCorrected,
    ShipmentCreated,
    ShipmentVoided,
)  # fmt: skip

_RANK: Final = {name: rank for rank, name in enumerate(EVENT_TYPES)}
UNKNOWN_CARRIER: Final = "unknown"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One order event with its identity and the hash of its content."""

    source: str
    id: str
    event: OrderEvent
    content: str

    @property
    def key(self) -> str:
        """The event's key in states and milestones."""
        return f"{self.source}#{self.id}"[:200]

    @property
    def position(self) -> tuple[datetime, int, str, str]:
        """Where the event stands in the fold."""
        return self.event.occurred_at, _RANK.get(self.event.type, len(_RANK)), self.source, self.id


@dataclass(slots=True)
class ParcelFacts:
    """One shipment as the shop describes it, after all corrections."""

    shipment: str
    created: StoredEvent
    carrier: str
    carrier_as_given: str
    service: str | None
    number: str | None
    pieces: int
    lines: tuple[LineQuantity, ...]
    references: dict[str, str]
    voided: StoredEvent | None = None
    dispatched: StoredEvent | None = None

    @property
    def start(self) -> datetime:
        """Where the order's claim on the parcel's keys starts (rule E3)."""
        return self.created.event.occurred_at

    @property
    def key(self) -> str | None:
        """The shipment key, or None while no readable number is known."""
        return None if self.number is None else shipment_key(self.carrier, self.number)

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys whose histories this parcel reads (rule E4)."""
        references = (reference_key(kind, value) for kind, value in sorted(self.references.items()))
        return tuple(key for key in (self.key, *references) if key is not None)


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


@dataclass(slots=True)
class OrderFacts:
    """Everything the order's own events say."""

    placed: Placed | None = None
    placed_event: StoredEvent | None = None
    payment: StoredEvent | None = None
    """The last payment event."""
    picking: Quantities = field(default_factory=Quantities)
    packed: Quantities = field(default_factory=Quantities)
    ready: Quantities = field(default_factory=Quantities)
    collected: Quantities = field(default_factory=Quantities)
    cancelled: Quantities = field(default_factory=Quantities)
    parcels: dict[str, ParcelFacts] = field(default_factory=dict)
    dispatched_all: StoredEvent | None = None
    """The first dispatch before any shipment was created: the whole order left, its numbers follow."""

    @property
    def payment_open(self) -> bool:
        """Whether the shop waits for the money: awaited or failed, and not confirmed since."""
        if self.payment is not None:
            return isinstance(self.payment.event, PaymentFailed)
        return self.placed is not None and self.placed.payment_awaited

    @property
    def zone(self) -> str | None:
        """The IANA zone of the destination, else of the order."""
        if self.placed is None:
            return None
        destination = self.placed.destination
        return (destination.time_zone if destination is not None else None) or self.placed.time_zone


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
    facts, ordered = OrderFacts(), unite(events)
    for stored in ordered:
        _note_order(facts, stored)
    for stored in ordered:
        _note_parcel(facts, stored)
    for stored in ordered:
        _note_change_of_parcel(facts, stored)
    return facts


def _note_order(facts: OrderFacts, stored: StoredEvent) -> None:
    match stored.event:
        case Placed() as placed if facts.placed is None:
            facts.placed, facts.placed_event = placed, stored
        case PaymentConfirmed() | PaymentFailed():
            facts.payment = stored
        case PickingStarted(lines=lines):
            facts.picking.add(stored, lines)
        case Packed(lines=lines):
            facts.packed.add(stored, lines)
        case ReadyToCollect(lines=lines):
            facts.ready.add(stored, lines)
        case Collected(lines=lines):
            facts.collected.add(stored, lines or _all_that_was_ready(facts))
        case Cancelled(lines=lines):
            facts.cancelled.add(stored, lines)
        case _:
            pass  # parcels follow; an event of a later version is kept and moves nothing


def _all_that_was_ready(facts: OrderFacts) -> tuple[LineQuantity, ...]:
    """Return what was ready and not collected yet; no lines where no line was named: then it is everything."""
    if facts.ready.everything is not None:
        return ()
    waiting = {line: count - facts.collected.per_line.get(line, 0) for line, count in facts.ready.per_line.items()}
    return tuple(LineQuantity(line=line, quantity=max(count, 0)) for line, count in waiting.items())


def _note_parcel(facts: OrderFacts, stored: StoredEvent) -> None:
    if not isinstance(stored.event, ShipmentCreated) or stored.event.shipment in facts.parcels:
        return
    event = stored.event
    facts.parcels[event.shipment] = ParcelFacts(
        shipment=event.shipment,
        created=stored,
        carrier=_slug(event.carrier),
        carrier_as_given=event.carrier,
        service=event.service,
        number=_number(event.number),
        pieces=event.pieces,
        lines=event.lines,
        references=_readable(event.references),
    )


def _note_change_of_parcel(facts: OrderFacts, stored: StoredEvent) -> None:
    match stored.event:
        case ShipmentCorrected(shipment=shipment) as event if (parcel := facts.parcels.get(shipment)) is not None:
            if event.carrier is not None:
                parcel.carrier, parcel.carrier_as_given = _slug(event.carrier), event.carrier
            parcel.number = parcel.number if event.number is None else _number(event.number)
            parcel.references = parcel.references if event.references is None else _readable(event.references)
        case ShipmentVoided(shipment=shipment) if (parcel := facts.parcels.get(shipment)) is not None:
            parcel.voided = parcel.voided or stored
        case Dispatched(shipment=None):
            _dispatch_all(facts, stored)
        case Dispatched(shipment=str() as shipment) if (parcel := facts.parcels.get(shipment)) is not None:
            parcel.dispatched = parcel.dispatched or stored
        case _:
            pass


def _dispatch_all(facts: OrderFacts, stored: StoredEvent) -> None:
    """Note a dispatch that names no shipment: everything that had been created by then left the warehouse.

    Where nothing had been created, the whole order left, and what is created later only brings the numbers: that must
    not take "shipped" back.
    """
    at = stored.event.occurred_at
    created = [parcel for parcel in facts.parcels.values() if parcel.start <= at and parcel.voided is None]
    if not created:
        facts.dispatched_all = facts.dispatched_all or stored
    for parcel in created or facts.parcels.values():
        if parcel.voided is None:
            parcel.dispatched = parcel.dispatched or stored


def _slug(carrier: str) -> str:
    try:
        return canonical_carrier(carrier)
    except ValueError:
        return UNKNOWN_CARRIER


def _number(number: str | None) -> str | None:
    """Return the cleaned number; None for one that cannot be read: the shop corrects it, the order goes on."""
    try:
        return None if number is None else clean_number(number)
    except ValueError:
        return None


def _readable(references: Mapping[str, str]) -> dict[str, str]:
    readable = {}
    for kind, value in references.items():
        try:
            reference_key(kind, value)
        except ValueError:
            continue
        readable[kind] = value
    return readable
