"""Shippo's vocabulary as data: the status, its sub-status, and wording where Shippo gives no sub-status.

Source: the event definitions of Shippo's tracking guide and SDKs (`TrackingStatusEnum`, `substatus.code`). Out for
delivery, an attempt and a parcel that waits exist only as sub-statuses of TRANSIT. The status wins: a sub-status that
belongs to another one says nothing. Pure.
"""

from typing import Final

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    BAD_ADDRESS,
    DAMAGED,
    DELIVERED,
    DEPARTED,
    DISPOSED,
    EXCEPTION,
    FOR_PICKUP,
    FORWARDED,
    INFORMATION,
    LABEL_CREATED,
    LOST,
    NO_ACCESS,
    NOBODY_HOME,
    NOT_COLLECTED,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    RETURNING,
    Meaning,
    moving,
    problem,
    unmapped,
)
from services.ingest.carriers.wording import (
    AWAITED,
    CUSTOMS,
    DELIVERED_TO,
    GOING_BACK,
    TRAVELLING,
    WRONG,
    Table,
    worded,
)

STATUSES: Final = {
    # "Not found in the carrier's system", and what the oldest bodies say of a label: it moves nothing.
    "UNKNOWN": INFORMATION,
    "PRE_TRANSIT": LABEL_CREATED,
    "TRANSIT": PROCESSED,
    "DELIVERED": DELIVERED,
    # "En route to be returned, or returned": on its way back until somebody says who received it.
    "RETURNED": RETURNING,
    "FAILURE": EXCEPTION,
}

_ASKS_THE_CUSTOMER: Final = problem("exception", Condition.HELD, Condition.ACTION_REQUIRED)
_PROBLEMS: Final = {
    "address_issue": BAD_ADDRESS,
    "contact_carrier": _ASKS_THE_CUSTOMER,
    "delivery_attempted": NOBODY_HOME,
    "location_inaccessible": NO_ACCESS,
    "notice_left": NOBODY_HOME,
    "package_damaged": DAMAGED,
    "reschedule_delivery": _ASKS_THE_CUSTOMER,
}

SUBSTATUSES: Final[dict[str, dict[str, Meaning]]] = {
    "UNKNOWN": {"other": INFORMATION},
    "PRE_TRANSIT": {"information_received": LABEL_CREATED},
    "TRANSIT": _PROBLEMS
    | {
        "delayed": moving("processed", Condition.DELAYED),
        # Another day can be agreed without an attempt, so it is none.
        "delivery_rescheduled": moving("rescheduled", Condition.APPOINTMENT_BOOKED),
        "delivery_scheduled": moving("processed", Condition.APPOINTMENT_BOOKED),
        "out_for_delivery": ON_VEHICLE,
        "package_accepted": PICKED_UP,
        "package_arrived": ARRIVED,
        "package_departed": DEPARTED,
        "package_forwarded": FORWARDED,
        "package_held": moving("held", Condition.HELD),
        "package_processed": PROCESSED,
        "package_processing": PROCESSED,
        "pickup_available": FOR_PICKUP,
    },
    "DELIVERED": {"delivered": DELIVERED},
    "RETURNED": {"return_to_sender": RETURNING, "package_unclaimed": NOT_COLLECTED},
    # The documented three; the problems of TRANSIT are read here too, since a carrier's failure may be told as either.
    "FAILURE": _PROBLEMS
    | {
        "package_undeliverable": EXCEPTION,
        "package_disposed": DISPOSED,
        "package_lost": LOST,
    },
}
KNOWN_SUBSTATUSES: Final = frozenset(code for codes in SUBSTATUSES.values() for code in codes)

#: By status: what wording may say where there is no sub-status.
_WORDINGS: Final[dict[str, Table]] = {
    "UNKNOWN": AWAITED,
    "TRANSIT": TRAVELLING,
    "DELIVERED": DELIVERED_TO,
    "RETURNED": GOING_BACK,
    "FAILURE": WRONG,
}
#: (status, sub-status) that are coarser than their wording: Shippo has no code for customs, nor for who received it.
_REFINED: Final[dict[tuple[str, str], Table]] = {
    ("TRANSIT", "package_held"): CUSTOMS,
    ("TRANSIT", "package_processed"): CUSTOMS,
    ("TRANSIT", "package_processing"): CUSTOMS,
    ("DELIVERED", "delivered"): DELIVERED_TO,
    ("RETURNED", "return_to_sender"): GOING_BACK,
}


def meaning_of(status: str, substatus: str | None, *, wording: str | None) -> Meaning:
    """Return what a status with its sub-status means; wording where that is missing, or known to be coarse."""
    base = STATUSES.get(status)
    if base is None:
        return NOT_MAPPED
    if substatus is None:
        return worded(_WORDINGS.get(status, ()), wording) or base
    known = SUBSTATUSES[status].get(substatus)
    if known is not None:
        return worded(_REFINED.get((status, substatus), ()), wording) or known
    # One of another status: the status wins, as wording may still refine it.
    foreign = substatus in KNOWN_SUBSTATUSES
    return worded(_WORDINGS.get(status, ()), wording) or base if foreign else unmapped(base)


def has_ended(status: str) -> bool:
    """Tell whether a status leaves nothing to expect."""
    return STATUSES.get(status, NOT_MAPPED).stage in (Stage.DELIVERED, Stage.CANCELLED) or status == "RETURNED"
