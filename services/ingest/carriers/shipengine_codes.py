"""ShipEngine's vocabulary as data: the eight status codes, the detail codes, and wording where there is no detail.

Sources: `tracking_status_detail_code` of ShipEngine's SDKs, whose descriptions decide the rows ("being returned"), and
the status lists of its carrier API. Most bodies have no detail code; what they say stands in status and wording. Pure.
"""

from dataclasses import replace
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_LOCKER,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DISPOSED,
    DROPPED_OFF,
    EXCEPTION,
    FOR_PICKUP,
    HANDED_TO_PARTNER,
    INFORMATION,
    INFORMATIONAL,
    LABEL_CREATED,
    LABEL_VOIDED,
    LOST,
    NEIGHBOUR,
    NO_ACCESS,
    NOBODY_HOME,
    NOT_COLLECTED,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    RETURNING,
    SAFE_PLACE,
    Meaning,
    moving,
    problem,
    unmapped,
)
from services.ingest.carriers.wording import AWAITED, DELIVERED_TO, TRAVELLING, WRONG, Table, worded

STATUSES: Final = {
    "UN": INFORMATION,
    "AC": PICKED_UP,
    "IT": PROCESSED,
    "DE": DELIVERED,
    "EX": EXCEPTION,
    "AT": NOBODY_HOME,
    "NY": LABEL_CREATED,
    # "Delivered to the collection location": it waits there; who collects it makes it DE.
    "SP": FOR_PICKUP,
}

_APPOINTMENT: Final = moving("processed", Condition.APPOINTMENT_BOOKED)
_UNPAID: Final = Meaning(Stage.ATTEMPTED, None, (Condition.PAYMENT_DUE,))

#: A problem without a stage keeps the stage of the status it comes with: see `meaning_of`.
DETAILS: Final = {
    "SHIPMENT_CREATED": LABEL_CREATED,
    "AWAITING_DESPATCH": LABEL_CREATED,
    "AWAITING_ELECTRONIC_ADVICE": LABEL_CREATED,
    "AWAITING_PICKUP_DROP_OFF": LABEL_CREATED,
    "ELEC_ADVICE_RECD_BY_CARRIER": LABEL_CREATED,
    "NOT_YET_RECEIVED_BY_CARRIER": LABEL_CREATED,
    "COLLECTION_REQUESTED": Meaning(Stage.ANNOUNCED, "pickup_scheduled"),
    "COLLECTION_FAILED": Meaning(Stage.ANNOUNCED, "pickup_failed"),
    "CANCELLED": LABEL_VOIDED,
    "CANCELLED_BEFORE_DESPATCH": LABEL_VOIDED,
    "COLLECTION_MADE": PICKED_UP,
    "PICKED_UP": PICKED_UP,
    "RECEIVED_BY_CARRIER": PICKED_UP,
    "RECD_BY_CARRIER_NO_ELEC_ADVICE": PICKED_UP,
    "DESPATCHED": DROPPED_OFF,
    "DROPPED_OFF": DROPPED_OFF,
    "IN_TRANSIT": PROCESSED,
    "HUB_PROCESSING": PROCESSED,
    # Named as a departure, described as "at the main delivery depot": neither is said for sure.
    "HUB_SCAN_OUT": PROCESSED,
    "HUB_SCAN_IN": ARRIVED,
    "PARCEL_OVER_LABELLED": PROCESSED,
    "RECEIVED_LOCAL_DELIVERY_DEPOT": AT_DELIVERY_OFFICE,
    "SUB_CONTRACTOR_EVENT": HANDED_TO_PARTNER,
    "SUB_CONTRACTOR_RECEIVED": HANDED_TO_PARTNER,
    "PARCEL_REDIRECTED": moving("forwarded", Condition.REDIRECTED),
    "DELIVERY_ARRANGED_WITH_RECIPIENT": _APPOINTMENT,
    "DELIVERY_SCHEDULED": _APPOINTMENT,
    "DELIVERY_RESCHEDULED": moving("rescheduled", Condition.APPOINTMENT_BOOKED),
    "CUSTOMS_CLEARED": CUSTOMS_RELEASED,
    "CUSTOMS_PROCESSING": CUSTOMS_PRESENTED,
    "HELD_BY_CUSTOMS": CUSTOMS_HELD,
    "HELD_BY_EXPORT_CUSTOMS": CUSTOMS_HELD,
    "HELD_BY_IMPORT_CUSTOMS": CUSTOMS_HELD,
    "HELD_BY_CARRIER_FOR_CLEARANCE_PRE_PROCESSING": CUSTOMS_HELD,
    "HELD_BY_CARRIER": problem("held", Condition.HELD),
    "MISSORTED": problem("missorted", Condition.MISSORTED),
    "ROUTING_ERROR": problem("missorted", Condition.MISSORTED),
    "ADDRESS_QUERY": BAD_ADDRESS,
    "CARRIER_DELAYS": DELAYED,
    "DELAYED_NOT_CARRIER": DELAYED,
    "INCORRECT_DECLARATION": EXCEPTION,
    "PARCEL_REPACKED": EXCEPTION,
    "NOT_DELIVERED_ADDRESSEE_DECEASED": EXCEPTION,
    "PARCEL_DAMAGED": DAMAGED,
    "PARCEL_LOST": LOST,
    "PARCEL_DISPOSED": DISPOSED,
    "OUT_FOR_DELIVERY": ON_VEHICLE,
    "ATTEMPTED_DELIVERY": NOBODY_HOME,
    "ATTEMPTED_DELIVERY_2ND": NOBODY_HOME,
    "ATTEMPTED_DELIVERY_3RD": NOBODY_HOME,
    "ATTEMPTED_DELIVERY_FINAL": NOBODY_HOME,
    "CUSTOMER_CARDED": NOBODY_HOME,
    "NO_ACCESS_TO_RECIPIENTS_ADDRESS": NO_ACCESS,
    "COD_AMOUNT_NOT_PAID": _UNPAID,
    "INVALID_METHOD_OF_PAYMENT": _UNPAID,
    "CUSTOMER_IDENTIFICATION_FAILED": Meaning(Stage.ATTEMPTED, None, (Condition.ACTION_REQUIRED,)),
    "COD_AMOUNT_PAID": Meaning(None, INFORMATIONAL, clears=(Condition.PAYMENT_DUE,)),
    "AWAITING_COLLECTION_FROM_PICKUP_POINT": FOR_PICKUP,
    "CUSTOMER_TO_COLLECT_FROM_CARRIER": FOR_PICKUP,
    "COLLECT_AT_LOCAL_PO": AT_POST_OFFICE,
    "DELIVERED": DELIVERED,
    "PROOF_OF_DELIVERY": DELIVERED,
    "DELIVERED_TO_PO_BOX": DELIVERED,
    "DELIVERED_DAMAGED": Meaning(Stage.DELIVERED, "to_recipient", (Condition.DAMAGED,)),
    # The number stands for all of it, and the rest is still on its way.
    "DELIVERED_IN_PART": INFORMATION,
    "DELIVERED_SPECIFIED_SAFE_PLACE": SAFE_PLACE,
    "DELIVERED_TO_NEIGHBOUR": NEIGHBOUR,
    "DELIVERED_TO_LOCKER_COLLECTION_POINT": AT_LOCKER,
    # "Check carrier instructions for pickup details": the recipient does not have it.
    "DELIVERED_TO_ALTERNATIVE_DELIVERY_LOCATION": FOR_PICKUP,
    "PARCEL_COLLECTED_FROM_PICKUP_POINT": COLLECTED,
    "RETURN_TO_SENDER": RETURNING,
    "CUSTOMER_MOVED": RETURNING,
    "HAZARDOUS_PROHIBITED": RETURNING,
    "NOT_DELIVERED": RETURNING,
    "PARCEL_OUTSIDE_OF_SERVICE_CAPABILITY": RETURNING,
    "REFUSED_BY_CUSTOMER": Meaning(Stage.IN_TRANSIT, "started", (Condition.REFUSED,), Leg.RETURN),
    "NOT_COLLECTED_FROM_PICKUP_POINT": NOT_COLLECTED,
    "INFORMATION": INFORMATION,
    "PARCEL_UPDATE_NOTIFICATION": INFORMATION,
    "PARCEL_UPDATE_NOTIFICATION_VIA_EMAIL": INFORMATION,
    "PARCEL_UPDATE_NOTIFICATION_VIA_SMS": INFORMATION,
    "POST_TRANSIT_STATUS": INFORMATION,
}
#: ShipEngine says so itself: the status is all it knows.
_UNREFINED: Final = "CARRIER_STATUS_NOT_MAPPED"
#: What can be said of a delivery. Any other detail under DE is of an earlier scan, and the status wins.
_OF_A_DELIVERY: Final = frozenset({
    "DELIVERED_DAMAGED", "DELIVERED_IN_PART", "DELIVERED_SPECIFIED_SAFE_PLACE", "DELIVERED_TO_NEIGHBOUR",
    "DELIVERED_TO_LOCKER_COLLECTION_POINT", "DELIVERED_TO_ALTERNATIVE_DELIVERY_LOCATION",
    "PARCEL_COLLECTED_FROM_PICKUP_POINT", "RETURN_TO_SENDER",
})  # fmt: skip

#: By status: what wording may say where there is no detail. AC is also used for "label created".
_WORDINGS: Final[dict[str, Table]] = {
    "UN": AWAITED,
    "AC": AWAITED,
    "IT": TRAVELLING,
    "DE": DELIVERED_TO,
    "EX": WRONG,
    "AT": WRONG,
}


def meaning_of(status: str, detail: str | None, *, wording: str | None) -> Meaning:
    """Return what a status means, refined by its detail or, without one, by wording."""
    base = STATUSES.get(status)
    if base is None:
        return NOT_MAPPED
    if detail is None:
        return worded(_WORDINGS.get(status, ()), wording) or base
    row = DETAILS.get(detail)
    if row is None or detail == _UNREFINED:
        return unmapped(base)
    if status == "DE" and detail not in _OF_A_DELIVERY:
        return base
    only_a_problem = row.stage is None and row.sets and base.stage is not None
    return replace(row, stage=base.stage) if only_a_problem else row


def told_by_wording(wording: str | None) -> Meaning | None:
    """Return what an event of the old shape means, which has no code at all; None where its text says nothing sure."""
    if wording is not None and wording.strip().lower().startswith("delivered"):
        return worded(DELIVERED_TO, wording) or DELIVERED
    return worded(TRAVELLING, wording)
