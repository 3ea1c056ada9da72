"""Which shipment keys an order claims, as it follows from its own events (rule E3). Pure.

Only three kinds of events name numbers and references; all others leave the claims as they are.
"""

from collections.abc import Iterable

from schemas.order_events import ReturnShipmentCreated, ShipmentCorrected, ShipmentCreated
from services.status.claims import Claim
from services.status.order_facts import StoredEvent, gather


def is_claiming(stored: StoredEvent) -> bool:
    """Tell whether an event can change what its order claims."""
    return isinstance(stored.event, ShipmentCreated | ReturnShipmentCreated | ShipmentCorrected)


def wanted_claims(order: str, events: Iterable[StoredEvent]) -> set[tuple[str, Claim]]:
    """Return the (shipment key, claim) pairs that follow from an order's events, one content an event."""
    return _claims(order, (stored for stored in events if is_claiming(stored)))


def claims_on_the_way(order: str, held: Iterable[StoredEvent], new: Iterable[StoredEvent]) -> set[str]:
    """Return every shipment key the order claims at any step of applying `new`: all of them must be locked.

    Of two contents under one id the other may count in the end: what neither of them claims is left out, and no other.
    """
    before, told = list(held), list(new)
    claiming = {stored.key for stored in (*before, *told) if is_claiming(stored)}
    events = [stored for stored in before if stored.key in claiming]
    keys = {key for key, _ in _claims(order, events)}
    for stored in told:
        if stored.key in claiming:
            events.append(stored)
            keys |= {key for key, _ in _claims(order, events)}
            if not before:  # it may be erased: then each event is read for itself (`World._leave_what_it_names`)
                keys |= {key for key, _ in _claims(order, [stored])}
    return keys


def _claims(order: str, events: Iterable[StoredEvent]) -> set[tuple[str, Claim]]:
    parcels = gather(events).parcels.values()
    return {(key, Claim(parcel.start, order, parcel.shipment)) for parcel in parcels for key in parcel.keys}
