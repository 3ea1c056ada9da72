"""Shopify's fulfilments as shipments: created, corrected, dispatched, voided. Pure.

A fulfilment is one shipment by its id; each further tracking number is one more (`ID-2`, ...). Its units are dealt to
them in order, because Shopify does not say what lies where; with fewer units than parcels none is named, so that all of
them stand with the slowest parcel. The first carries the reference that fulfilment events name: Shopify follows that
number alone. A number or carrier that is told later corrects the shipment.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from schemas.carriers import canonical_carrier
from services.ingest.carriers.detection import sole_carrier
from services.ingest.carriers.documents import rows, text
from services.ingest.shops.shopify_values import REFERENCE, Order, count, id_of, is_shipped, said_at
from services.ingest.shops.telling import Telling

MAX_NUMBERS: Final = 50
UNKNOWN: Final = "unknown"

#: The shop took it back, or the warehouse could not do it: nothing is sent.
_VOID: Final = frozenset({"cancelled", "error", "failure"})
_SENT: Final = "success"
#: What Shopify writes where the shop named no carrier.
_NO_NAME: Final = frozenset({"other", "custom", "none", "n/a"})

Units = Sequence[tuple[str, int]]


def tell_fulfillment(telling: Telling, order: Order, body: object) -> None:
    """Note a fulfilment. Raises ValueError where it has no id or no time."""
    fulfillment = id_of(body, "id")
    if fulfillment is None or not isinstance(body, dict):
        message = "a fulfilment without an id"
        raise ValueError(message)
    lines = rows(body, "line_items")
    if lines and not any(map(is_shipped, lines)):
        return  # a gift card that was "sent" by mail
    units = [(line, quantity) for one in lines if is_shipped(one) for line, quantity in _units(one)]
    numbers = _numbers(body)
    parcels = deal(units, len(numbers))
    for position, number in enumerate(numbers):
        shipment = fulfillment if position == 0 else f"{fulfillment}-{position + 1}"
        references = {REFERENCE: fulfillment} if position == 0 else {}
        _tell_parcel(telling, order, body, shipment, number, parcels[position], references)


def _tell_parcel(
    telling: Telling,
    order: Order,
    body: Mapping[str, object],
    shipment: str,
    number: str | None,
    units: Units,
    references: Mapping[str, str],
) -> None:
    created, updated = said_at(body, "created_at"), said_at(body, "updated_at", "created_at")
    subject, status = f"fulfillment/{shipment}", text(body, "status")
    carrier = _carrier(body, number)
    fields = {
        "carrier": carrier,
        "number": number,
        "lines": [{"line": line, "quantity": quantity} for line, quantity in units],
        "references": references,
    }
    telling.add(subject, order.event("shipment_created", created, shipment=shipment, **fields))
    if updated > created and (number is not None or carrier != UNKNOWN):
        known = None if carrier == UNKNOWN else carrier
        telling.add(
            subject, order.event("shipment_corrected", updated, shipment=shipment, carrier=known, number=number)
        )
    if status in _VOID:
        telling.add(subject, order.event("shipment_voided", updated, shipment=shipment, reason=status))
    elif status in (_SENT, None) and number is None:
        # Nobody will ever scan it: that the shop calls it sent is all there is.
        telling.add(subject, order.event("dispatched", created, shipment=shipment))


def _units(line: object) -> list[tuple[str, int]]:
    known, quantity = text(line, "id"), count(line, "quantity")
    return [(known, quantity)] if known is not None and quantity else []


def _numbers(body: Mapping[str, object]) -> list[str | None]:
    """Return the tracking numbers, each once; one None where there is none: it is a parcel all the same."""
    given = [number for number in rows(body, "tracking_numbers") if isinstance(number, str) and number.strip()]
    single = text(body, "tracking_number")
    told = given or ([single] if single else [])
    return list(dict.fromkeys(number.strip()[:200] for number in told[:MAX_NUMBERS])) or [None]


def _carrier(body: Mapping[str, object], number: str | None) -> str:
    """Return the carrier's name as the shop gives it, else whose the number is where that is sure."""
    name = text(body, "tracking_company")
    if name is not None and name.strip().lower() not in _NO_NAME:
        return name if _is_name(name) else UNKNOWN
    try:
        return (None if number is None else sole_carrier(number)) or UNKNOWN
    except ValueError:
        return UNKNOWN


def _is_name(name: str) -> bool:
    try:
        canonical_carrier(name)
    except ValueError:
        return False
    return True


def deal(units: Units, parcels: int) -> list[Units]:
    """Return the units of each parcel: dealt in order, the first parcels get one more; none where there are too few."""
    total = sum(quantity for _, quantity in units)
    if parcels == 1:
        return [units]
    if total < parcels:
        return [()] * parcels
    dealt: list[list[tuple[str, int]]] = []
    left = list(units)
    for position in range(parcels):
        share = total // parcels + (position < total % parcels)
        mine: list[tuple[str, int]] = []
        while share:
            line, quantity = left.pop(0)
            taken = min(share, quantity)
            share -= taken
            mine.append((line, taken))
            if quantity > taken:
                left.insert(0, (line, quantity - taken))
        dealt.append(mine)
    return list(dealt)
