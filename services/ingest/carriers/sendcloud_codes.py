"""Sendcloud's parcel statuses as data: id, its name, and what it means.

Sources: `GET /parcels/statuses` as several integrations keep it, sendcloud.dev "Tracking statuses" for what the names
mean. Tables on the web contradict each other, so a name that belongs to another status is not believed, and neither is
the id then. Pure.
"""

import re
from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    BAD_ADDRESS,
    COLLECTED,
    CUSTOMS_PRESENTED,
    DELAYED,
    DELIVERED,
    EXCEPTION,
    FOR_PICKUP,
    INFORMATION,
    LABEL_CREATED,
    LABEL_VOIDED,
    NOBODY_HOME,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    Meaning,
    problem,
    unmapped,
)


@dataclass(frozen=True, slots=True)
class _Status:
    names: tuple[str, ...]
    says: Meaning


_READY: Final = "Ready to send"

STATUSES: Final = {
    "0": _Status((_READY,), LABEL_CREATED),  # not in the list, but sent
    "1": _Status(("Announced",), LABEL_CREATED),
    "3": _Status(("En route to sorting center", "En route to sorting centre"), PROCESSED),
    "4": _Status(("Delivery delayed",), DELAYED),
    "5": _Status(("Sorted",), PROCESSED),
    "6": _Status(("Not sorted",), EXCEPTION),
    "7": _Status(("Being sorted",), PROCESSED),
    "8": _Status(("Delivery attempt failed",), NOBODY_HOME),  # "the end customer was not home"
    "11": _Status(("Delivered",), DELIVERED),
    "12": _Status(("Awaiting customer pickup",), FOR_PICKUP),
    "13": _Status(("Announced: not collected",), LABEL_CREATED),
    "15": _Status(("Error collecting",), Meaning(Stage.ANNOUNCED, "pickup_failed")),
    "22": _Status(("Shipment picked up by driver",), PICKED_UP),
    "80": _Status(("Unable to deliver",), EXCEPTION),
    "91": _Status(("Parcel en route",), PROCESSED),
    "92": _Status(("Driver en route",), ON_VEHICLE),
    "93": _Status(("Shipment collected by customer", "Picked up at service point"), COLLECTED),
    "94": _Status(("Parcel cancellation failed.",), INFORMATION),
    "999": _Status(("No label",), INFORMATION),
    "1000": _Status((_READY,), LABEL_CREATED),
    "1001": _Status(("Being announced",), LABEL_CREATED),
    "1002": _Status(("Announcement failed",), EXCEPTION),
    # Sendcloud itself does not know: unknown is unknown.
    "1337": _Status(("Unknown status - check carrier track & trace page for more insights",), INFORMATION),
    # A cancellation counts when the carrier has confirmed it, which is 2000.
    "1998": _Status(("Cancelled upstream",), INFORMATION),
    "1999": _Status(("Cancellation requested", "Cancellation request"), INFORMATION),
    "2000": _Status(("Cancelled",), LABEL_VOIDED),
    "2001": _Status(("Submitting cancellation request",), INFORMATION),
    "62989": _Status(("At customs",), CUSTOMS_PRESENTED),
    "62990": _Status(("At sorting centre", "At sorting center"), ARRIVED),
    "62991": _Status(("Refused by recipient",), REFUSED),
    "62992": _Status(("Returned to sender",), RETURNED),
    # What changed is not told: no new date, address or method stands in the body.
    "62993": _Status(("Delivery method changed",), INFORMATION),
    "62994": _Status(("Delivery date changed",), INFORMATION),
    "62995": _Status(("Delivery address changed",), problem("forwarded", Condition.REDIRECTED)),
    "62996": _Status(("Exception",), EXCEPTION),
    "62997": _Status(("Address invalid",), BAD_ADDRESS),
}

#: Ids that tables on the web read in more than one way: without the name we know they say nothing.
_DISPUTED: Final = frozenset({"3", "12", "22"})


def _fold(name: str) -> str:
    """Return a status's name without case and signs: the tracking API writes it as `en-route-to-sorting-center`."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_NAME: Final = {_fold(name): number for number, status in STATUSES.items() for name in status.names}


def meaning_of(number: str | None, name: str | None) -> Meaning:
    """Return what a status means: by its id, with its name as a check."""
    status = STATUSES.get(number or "")
    if status is None:
        return NOT_MAPPED
    if name is None:
        return status.says
    other = STATUSES.get(_BY_NAME.get(_fold(name), ""))
    if other is None:
        return NOT_MAPPED if number in _DISPUTED else unmapped(status.says)
    # Sendcloud's own example has 1 with the name of 1000: it is the same for a parcel.
    return status.says if other.says == status.says else NOT_MAPPED


def id_of(name: str | None) -> str | None:
    """Return the id of the status of that name: the tracking API gives names only."""
    return _BY_NAME.get(_fold(name or ""))
