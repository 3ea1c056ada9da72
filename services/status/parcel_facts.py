"""What the shop says of each parcel of an order: its keys, lines and direction, and what changed since. Pure.

A stored event and its place in the fold stand here too, for everything else of an order is made of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from schemas.carriers import canonical_carrier
from schemas.keys import clean_number, reference_key, shipment_key
from schemas.order_events import (
    EVENT_TYPES,
    Alias,
    Dispatched,
    OrderEvent,
    Origin,
    OverrideEnded,
    OverrideSet,
    PackedQuantity,
    ReturnShipmentCreated,
    ShipmentCorrected,
    ShipmentCreated,
    ShipmentVoided,
    TimeReached,
)
from schemas.vocabulary import Leg, Stage
from services.status.expectations import Rule, basis_of
from services.status.shipment import Override

_RANK: Final = {name: rank for rank, name in enumerate(EVENT_TYPES)}
UNKNOWN_CARRIER: Final = "unknown"
_STAGES: Final = frozenset(Stage)
_LEGS: Final = frozenset(Leg)


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
    def at(self) -> datetime:
        """When it happened, in UTC."""
        return self.event.occurred_at.astimezone(UTC)

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
    lines: tuple[PackedQuantity, ...]
    references: dict[str, str]
    aliases: tuple[str, ...] = ()
    """Shipment keys of other carriers' numbers for the same parcel (R22)."""
    origin: Origin | None = None
    is_return: bool = False
    """From the customer to the shop, from its first day."""
    voided: StoredEvent | None = None
    dispatched: StoredEvent | None = None
    overrides: list[Override] = field(default_factory=list)
    """What agents said of where it is, oldest first; one without a stage ends the one before (R17)."""
    keys: tuple[str, ...] = ()
    """All keys whose histories this parcel reads (rule E4); known once everything is gathered."""

    @property
    def start(self) -> datetime:
        """Where the order's claim on the parcel's keys starts (rule E3)."""
        return self.created.event.occurred_at

    @property
    def key(self) -> str | None:
        """The shipment key, or None while no readable number is known."""
        return None if self.number is None else shipment_key(self.carrier, self.number)


@dataclass(slots=True)
class Parcels:
    """The parcels of an order, by the shop's id, in the order in which they were created."""

    known: dict[str, ParcelFacts]
    dispatched_all: StoredEvent | None = None
    """The first dispatch before any shipment was created: the whole order left, its numbers follow."""


def gather_parcels(ordered: Iterable[StoredEvent]) -> Parcels:
    """Return the parcels that follow from an order's events, given in the order of the fold."""
    events = list(ordered)
    parcels = Parcels({})
    for stored in events:
        _note_parcel(parcels, stored)
    for stored in events:
        _note_change(parcels, stored)
        _note_override(parcels, stored)
    for parcel in parcels.known.values():
        parcel.keys = _keys(parcel)
    created = sorted(parcels.known.values(), key=lambda parcel: (parcel.start, parcel.shipment))
    parcels.known = {parcel.shipment: parcel for parcel in created}
    return parcels


def _keys(parcel: ParcelFacts) -> tuple[str, ...]:
    references = (reference_key(kind, value) for kind, value in sorted(parcel.references.items()))
    return tuple(dict.fromkeys(key for key in (parcel.key, *parcel.aliases, *references) if key is not None))


def _note_parcel(parcels: Parcels, stored: StoredEvent) -> None:
    event = stored.event
    if not isinstance(event, ShipmentCreated | ReturnShipmentCreated) or event.shipment in parcels.known:
        return
    parcels.known[event.shipment] = ParcelFacts(
        shipment=event.shipment,
        created=stored,
        carrier=_slug(event.carrier),
        carrier_as_given=event.carrier,
        service=event.service,
        number=_number(event.number),
        pieces=event.pieces,
        lines=event.lines,
        references=_readable(event.references),
        aliases=_aliases(event.aliases),
        origin=event.origin,
        is_return=isinstance(event, ReturnShipmentCreated),
    )


def _note_change(parcels: Parcels, stored: StoredEvent) -> None:
    match stored.event:
        case ShipmentCorrected(shipment=shipment) as event if (parcel := parcels.known.get(shipment)) is not None:
            if event.carrier is not None:
                parcel.carrier, parcel.carrier_as_given = _slug(event.carrier), event.carrier
            parcel.number = parcel.number if event.number is None else _number(event.number)
            parcel.aliases = parcel.aliases if event.aliases is None else _aliases(event.aliases)
            parcel.references = parcel.references if event.references is None else _readable(event.references)
        case ShipmentVoided(shipment=shipment) if (parcel := parcels.known.get(shipment)) is not None:
            parcel.voided = parcel.voided or stored
        case Dispatched(shipment=None):
            _dispatch_all(parcels, stored)
        case Dispatched(shipment=str() as shipment) if (parcel := parcels.known.get(shipment)) is not None:
            parcel.dispatched = parcel.dispatched or stored
        case _:
            pass


def _note_override(parcels: Parcels, stored: StoredEvent) -> None:
    """Note who says where a parcel is: an agent, until it is taken back or its time has come (R17)."""
    match stored.event:
        case OverrideSet(shipment=shipment) as event if (parcel := parcels.known.get(shipment)) is not None:
            if event.stage in _STAGES and event.leg in _LEGS:
                parcel.overrides.append(_override(stored, event))
        case OverrideEnded(shipment=shipment) if (parcel := parcels.known.get(shipment)) is not None:
            parcel.overrides.append(Override(stored.key, stored.event.occurred_at, None))
        case TimeReached(rule=rule, basis=basis, due_at=due_at) if rule == Rule.OVERRIDE_EXPIRED:
            for parcel in parcels.known.values():
                said = parcel.overrides[-1] if parcel.overrides else None
                if said is not None and said.until is not None and basis_of(said.key) == basis:
                    parcel.overrides.append(Override(stored.key, due_at, None))
        case _:
            pass


def _override(stored: StoredEvent, event: OverrideSet) -> Override:
    return Override(
        key=stored.key,
        at=event.occurred_at,
        stage=Stage(event.stage),
        leg=Leg(event.leg),
        substatus=event.substatus,
        pinned=event.pinned,
        until=event.until,
        author=event.by.name or event.by.kind,
        reason=event.reason,
    )


def _dispatch_all(parcels: Parcels, stored: StoredEvent) -> None:
    """Note a dispatch that names no shipment: everything that had been created by then left the warehouse.

    Where nothing had been created, the whole order left, and what is created later only brings the numbers: that must
    not take "shipped" back.
    """
    at = stored.event.occurred_at
    outbound = [parcel for parcel in parcels.known.values() if not parcel.is_return]
    created = [parcel for parcel in outbound if parcel.start <= at and parcel.voided is None]
    if not created:
        parcels.dispatched_all = parcels.dispatched_all or stored
    for parcel in created or outbound:
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


def _aliases(given: Iterable[Alias]) -> tuple[str, ...]:
    """Return the keys of the numbers that can be read."""
    cleaned = ((_slug(one.carrier), _number(one.number)) for one in given)
    return tuple(shipment_key(carrier, number) for carrier, number in cleaned if number is not None)


def _readable(references: Mapping[str, str]) -> dict[str, str]:
    readable = {}
    for kind, value in references.items():
        try:
            reference_key(kind, value)
        except ValueError:
            continue
        readable[kind] = value
    return readable
