"""Which of an order's own events moved nothing, and why. Pure.

An event counted if it left a trace in the facts that were folded (`order_facts.py`, `parcel_facts.py`): no rule is told
twice here. Facts that change no state by design (refunds, notes, contacts, preferences) are not set aside. Called for
the state document and by whoever explains it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from schemas.order_events import (
    Dispatched,
    OrderEvent,
    OverrideEnded,
    OverrideSet,
    Placed,
    ReturnShipmentCreated,
    ShipmentCorrected,
    ShipmentCreated,
    ShipmentVoided,
    TimeReached,
    UnknownOrderEvent,
)
from schemas.vocabulary import Stage
from services.status.expectations import Rule
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent, gather

#: So many of the newest stand in a document: a message has its limits.
MOST_SHOWN: Final = 20

CONTRADICTS: Final = "contradicts"


@dataclass(frozen=True, slots=True)
class EventVerdict:
    """An order event that moved nothing, and why."""

    stored: StoredEvent
    reason: str
    rule: str


class Why(NamedTuple):
    """A reason and its rule."""

    reason: str
    rule: str


_CONTRADICTS: Final = Why(CONTRADICTS, "R1")
_UNKNOWN_TYPE: Final = Why("unknown_type", "R12")
_UNKNOWN_SHIPMENT: Final = Why("unknown_shipment", "R12")
_UNKNOWN_LINE: Final = Why("unknown_line", "R12")
_UNKNOWN_STAGE: Final = Why("unknown_stage", "R12")
_UNKNOWN_LEG: Final = Why("unknown_leg", "R12")
_PLACED_BEFORE: Final = Why("placed_before", "R1")
_KNOWN_SHIPMENT: Final = Why("known_shipment", "R1")
_VOIDED_BEFORE: Final = Why("voided_before", "R1")
_DISPATCHED_BEFORE: Final = Why("dispatched_before", "R1")
_NOT_EXPECTED: Final = Why("not_expected", "E15")

_STAGES: Final = frozenset(Stage)
_Judge = Callable[[OrderFacts, StoredEvent, Any], Why | None]


def set_aside(events: Iterable[StoredEvent], *, unexpected: frozenset[str] = frozenset()) -> list[EventVerdict]:
    """Return the events of an order that moved nothing, in the order of the fold; `unexpected` as in the facts.

    Of several contents under one id only one counts; the others are here too, as far as they are among `events`. Of an
    erased order nothing is told (E9).
    """
    everything = list(events)
    facts = gather(everything)
    if facts.erased is not None:
        return []
    facts.unexpected = unexpected
    counted = {(one.source, one.id): one.content for one in facts.ordered}
    others = {
        (one.source, one.id, one.content): one for one in everything if counted[one.source, one.id] != one.content
    }
    lost = [EventVerdict(stored, *_CONTRADICTS) for stored in others.values()]
    return sorted((*set_aside_of(facts), *lost), key=lambda one: (one.stored.position, one.stored.content))


def set_aside_of(facts: OrderFacts) -> list[EventVerdict]:
    """Return those of the events that count under their id, and moved nothing."""
    if facts.erased is not None:
        return []  # not even the ids of its events are to be told
    judged = ((stored, _judged(facts, stored)) for stored in facts.ordered)
    return [EventVerdict(stored, *why) for stored, why in judged if why is not None]


def reasons_of(facts: OrderFacts) -> list[dict[str, Any]]:
    """Return the newest of them as the state document names them.

    Another content under a known id is not among them: the ledger keeps one, and the dead letters the others.
    """
    newest = set_aside_of(facts)[-MOST_SHOWN:]
    return [{"event": one.stored.key, "rule": one.rule, "why": one.reason} for one in newest]


def _judged(facts: OrderFacts, stored: StoredEvent) -> Why | None:
    if (stored.source, stored.id) in facts.strangers:
        return _UNKNOWN_LINE
    judge = _JUDGES.get(type(stored.event))
    return None if judge is None else judge(facts, stored, stored.event)


def _unknown(_: OrderFacts, __: StoredEvent, ___: UnknownOrderEvent) -> Why | None:
    return _UNKNOWN_TYPE


def _placed(facts: OrderFacts, stored: StoredEvent, _: Placed) -> Why | None:
    return None if stored is facts.placed_event else _PLACED_BEFORE


def _created(facts: OrderFacts, stored: StoredEvent, event: ShipmentCreated | ReturnShipmentCreated) -> Why | None:
    return None if facts.parcels[event.shipment].created is stored else _KNOWN_SHIPMENT


def _corrected(facts: OrderFacts, _: StoredEvent, event: ShipmentCorrected | OverrideEnded) -> Why | None:
    return None if event.shipment in facts.parcels else _UNKNOWN_SHIPMENT


def _voided(facts: OrderFacts, stored: StoredEvent, event: ShipmentVoided) -> Why | None:
    parcel = facts.parcels.get(event.shipment)
    if parcel is None:
        return _UNKNOWN_SHIPMENT
    return None if parcel.voided is stored else _VOIDED_BEFORE


def _dispatched(facts: OrderFacts, stored: StoredEvent, event: Dispatched) -> Why | None:
    if event.shipment is not None and event.shipment not in facts.parcels:
        return _UNKNOWN_SHIPMENT
    first = stored is facts.dispatched_all or any(one.dispatched is stored for one in facts.parcels.values())
    return None if first else _DISPATCHED_BEFORE


def _override(facts: OrderFacts, stored: StoredEvent, event: OverrideSet) -> Why | None:
    parcel = facts.parcels.get(event.shipment)
    if parcel is None:
        return _UNKNOWN_SHIPMENT
    if _overrides(parcel, stored):
        return None
    return _UNKNOWN_LEG if event.stage in _STAGES else _UNKNOWN_STAGE


def _time(facts: OrderFacts, stored: StoredEvent, event: TimeReached) -> Why | None:
    if any(_overrides(parcel, stored) for parcel in facts.parcels.values()):
        return None
    known = event.rule in {Rule.PROMISE_MISSED, Rule.NEVER_DISPATCHED}
    return None if known and stored.key not in facts.unexpected else _NOT_EXPECTED


def _overrides(parcel: ParcelFacts, stored: StoredEvent) -> bool:
    return any(override.key == stored.key for override in parcel.overrides)


_JUDGES: Final[Mapping[type[OrderEvent], _Judge]] = MappingProxyType(
    {
        UnknownOrderEvent: _unknown,
        Placed: _placed,
        ShipmentCreated: _created,
        ReturnShipmentCreated: _created,
        ShipmentCorrected: _corrected,
        OverrideEnded: _corrected,
        ShipmentVoided: _voided,
        Dispatched: _dispatched,
        OverrideSet: _override,
        TimeReached: _time,
    }
)
