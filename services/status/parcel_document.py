"""One parcel as the state document of its order shows it. Pure.

Called by `order.py`, which folds the parcel first; nothing is decided here but which milestones are a customer's.
"""

from datetime import UTC
from typing import Any, Final

from pydantic import BaseModel

from schemas.carriers import carrier_name, carrier_page, is_known
from schemas.scans import Scan
from schemas.vocabulary import Milestone
from services.status.order_facts import ParcelFacts
from services.status.positions import ParcelPosition
from services.status.sequence import instant
from services.status.shipment import Reached, ShipmentState

#: Of a return parcel only the end is news: it was never "shipped" to the customer.
_OF_A_RETURN: Final = frozenset({Milestone.RETURNED, Milestone.LOST})


def parcel_document(position: ParcelPosition, state: ShipmentState) -> dict[str, Any]:
    """Return a parcel of the state document."""
    parcel = position.facts
    window = state.window.window if state.window is not None else None
    return {
        "shipment": parcel.shipment,
        "key": parcel.key,
        "carrier": parcel.carrier,
        "carrier_name": _carrier_name(parcel),
        "service": parcel.service,
        "number": parcel.number,
        "tracking_page": None if parcel.number is None else carrier_page(parcel.carrier, parcel.number),
        "pieces": parcel.pieces,
        "stage": position.stage.value,
        "leg": position.leg.value,
        "substatus": state.substatus,
        "conditions": [
            {"name": name, "since": instant(scan).isoformat(), "event_key": scan.event_key}
            for name, scan in sorted(state.conditions.items())
        ],
        "lines": [{"line": entry.line, "quantity": entry.quantity} for entry in parcel.lines],
        "window": None if window is None else plain(window),
        "pod": list(state.pod),
        "dispatched": parcel.dispatched is not None,
        "last_scan": None if state.last is None else _last_scan(state.last),
        "milestones": _milestones(position, state),
        "attempt_no": state.attempt_no,
    }


def milestone(entry: Reached, *, occasion: str) -> dict[str, Any]:
    """Return a milestone as the document shows it."""
    return {
        "name": entry.name.value,
        "occasion": occasion,
        "event_key": entry.event_key,
        "at": entry.at.isoformat(),
        "inferred": entry.inferred,
    }


def plain(model: BaseModel) -> dict[str, Any]:
    """Return a part of the contract as plain JSON types."""
    return model.model_dump(mode="json")


def _carrier_name(parcel: ParcelFacts) -> str:
    """Return the name people read: ours for a carrier we know, else the name as the shop wrote it."""
    named = None if is_known(parcel.carrier) else parcel.carrier_as_given
    return named or carrier_name(parcel.carrier)


def _last_scan(scan: Scan) -> dict[str, Any]:
    return {
        "at": instant(scan).isoformat(),
        "time_precision": scan.time_precision,
        "time_kind": scan.time_kind,
        "stage": scan.stage,
        "substatus": scan.substatus,
        "description": scan.description,
        "place": None if scan.place is None else plain(scan.place),
    }


def _milestones(position: ParcelPosition, state: ShipmentState) -> list[dict[str, Any]]:
    """Return the milestones of a parcel; "shipped" is the dispatch or the first physical scan, whichever came first."""
    parcel, reached = position.facts, list(state.milestones)
    if parcel.is_return:
        reached = [entry for entry in reached if entry.name in _OF_A_RETURN]
    elif parcel.dispatched is not None:
        scanned = [entry for entry in reached if entry.name is Milestone.SHIPPED]
        stored = parcel.dispatched
        dispatch = Reached(Milestone.SHIPPED, None, stored.key, stored.event.occurred_at.astimezone(UTC))
        told = [entry for entry in (dispatch, *scanned) if not entry.inferred]
        first = min(told, key=lambda entry: (entry.at, entry.event_key))
        reached = [first, *(entry for entry in reached if entry.name is not Milestone.SHIPPED)]
    return [milestone(entry, occasion=entry.occasion or parcel.shipment) for entry in reached]
