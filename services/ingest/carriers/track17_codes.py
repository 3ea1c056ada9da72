"""17TRACK's vocabulary as data: sub-status, milestone stage and status.

Sources: the 30 sub-statuses of 17TRACK's API documentation v2.x as several independent clients list them, with its
one-line explanations. A name under a listed status that nobody listed keeps the status's stage and goes on the mapping
queue; any other name is unmapped and moves nothing. Pure.
"""

from typing import Final

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.meanings import (
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    DISPOSED,
    EXCEPTION,
    EXPIRED,
    FOR_PICKUP,
    INFORMATION,
    LABEL_CREATED,
    LABEL_VOIDED,
    LOST,
    NOBODY_HOME,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    RETURNING,
    Meaning,
    moving,
    problem,
    unmapped,
)
from services.ingest.carriers.sender_wording import sent_back
from services.ingest.carriers.wording import TRAVELLING, worded

STATUSES: Final = {
    "NotFound": INFORMATION,  # of an event it says nothing; of a number without events see track17_tracking.py
    "InfoReceived": LABEL_CREATED,
    "InTransit": PROCESSED,
    "Expired": EXPIRED,
    "AvailableForPickup": FOR_PICKUP,
    "OutForDelivery": ON_VEHICLE,
    "DeliveryFailure": Meaning(Stage.ATTEMPTED),
    "Delivered": DELIVERED,
    "Exception": EXCEPTION,
}

SUB_STATUSES: Final = {
    "NotFound_Other": INFORMATION,
    "NotFound_InvalidCode": INFORMATION,
    "InfoReceived": LABEL_CREATED,
    "InTransit_PickedUp": PICKED_UP,
    "InTransit_Other": PROCESSED,
    "InTransit_Departure": DEPARTED,  # left the port of the country of origin
    "InTransit_Arrival": moving("at_destination_country"),  # reached the port of the country of destination
    "InTransit_CustomsProcessing": CUSTOMS_PRESENTED,
    "InTransit_CustomsReleased": CUSTOMS_RELEASED,
    "InTransit_CustomsRequiringInformation": moving(
        "customs_held", Condition.CUSTOMS_HOLD, Condition.DOCUMENTS_MISSING
    ),
    "Expired_Other": EXPIRED,
    "AvailableForPickup_Other": FOR_PICKUP,
    "OutForDelivery_Other": ON_VEHICLE,
    "DeliveryFailure_Other": Meaning(Stage.ATTEMPTED),
    "DeliveryFailure_NoBody": NOBODY_HOME,
    "DeliveryFailure_Security": Meaning(Stage.ATTEMPTED, "held", (Condition.HELD,)),  # security, customs or fees
    "DeliveryFailure_Rejected": REFUSED,
    "DeliveryFailure_InvalidAddress": Meaning(Stage.ATTEMPTED, "bad_address", (Condition.ADDRESS_PROBLEM,)),
    "Delivered_Other": DELIVERED,
    # An exception was noticed before any delivery: a condition that moves nothing (rule R10).
    "Exception_Other": EXCEPTION,
    "Exception_Returning": RETURNING,
    "Exception_Returned": RETURNED,
    "Exception_NoBody": problem("not_collected", Condition.HELD),
    "Exception_Security": problem("held", Condition.HELD),
    "Exception_Damage": DAMAGED,
    "Exception_Rejected": problem("refused", Condition.REFUSED),
    "Exception_Delayed": DELAYED,
    "Exception_Lost": LOST,
    "Exception_Destroyed": DISPOSED,
    "Exception_Cancel": LABEL_VOIDED,
}

#: The milestones: events of v2.0 have no sub-status, only these, and none where an event is no milestone.
STAGES: Final = {
    "InfoReceived": LABEL_CREATED,
    "PickedUp": PICKED_UP,
    "Departure": DEPARTED,
    "Arrival": moving("at_destination_country"),
    "AvailableForPickup": FOR_PICKUP,
    "OutForDelivery": ON_VEHICLE,
    "Delivered": DELIVERED,
    "Returning": RETURNING,
    "Returned": RETURNED,
}

#: v1 tells the state of the parcel in numbers. 20 and 50 are left out: public lists contradict each other (alert and
#: expired, expired and alert, expired and returned), and a guess would be worse than silence.
OLD_STATES: Final = {
    "0": INFORMATION,
    "10": PROCESSED,
    "30": FOR_PICKUP,
    "35": Meaning(Stage.ATTEMPTED),
    "40": DELIVERED,
}

#: Where the sub-status leaves it open, wording may say that the sender has it or gets it.
_OPEN: Final = frozenset({"Delivered_Other", "Exception_Other", "Exception_NoBody", "Exception_Rejected"})


def meaning_of(sub_status: str | None, stage: str | None, *, wording: str | None = None) -> Meaning:
    """Return what an event says: its sub-status, else its milestone, else its wording.

    `stage` may be the status of the whole parcel.
    """
    code = sub_status or stage
    if code is None:
        return worded(TRAVELLING, wording) or INFORMATION  # v2.0: an event that is no milestone
    if code in _OPEN and (back := sent_back(wording)) is not None:
        return back
    for table in (SUB_STATUSES, STAGES, STATUSES):
        if code in table:
            return table[code]
    base = STATUSES.get(code.partition("_")[0])
    return NOT_MAPPED if base is None else unmapped(base)
