"""EasyPost's vocabulary as data: status, status_detail, the carrier's own code and, last, wording.

Each table row says what a scan means in our own words. A status nobody listed is unmapped and moves nothing;
an unlisted detail under a listed status keeps the status's stage and is marked for the mapping queue. Pure.
"""

import re
from typing import Final

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_LOCKER,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    EXCEPTION,
    EXPIRED,
    FOR_PICKUP,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
    LABEL_VOIDED,
    LOST,
    NEIGHBOUR,
    NOBODY_HOME,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    RETURNING,
    SAFE_PLACE,
    Meaning,
    moving,
    problem,
    unmapped,
)

STATUSES: Final = {
    "unknown": INFORMATION,
    "error": INFORMATION,  # the tracker failed, not the parcel
    "pre_transit": LABEL_CREATED,
    "in_transit": PROCESSED,
    "out_for_delivery": ON_VEHICLE,
    "available_for_pickup": FOR_PICKUP,
    "delivered": DELIVERED,
    "return_to_sender": RETURNING,
    "failure": EXCEPTION,
    "cancelled": LABEL_VOIDED,
}

#: Every documented detail: under a status with no row for it in DETAILS it says nothing more than the status.
KNOWN_DETAILS: Final = frozenset({
    "address_correction", "arrived_at_destination", "arrived_at_facility", "arrived_at_pickup_location",
    "awaiting_information", "cancelled", "damaged", "delayed", "delivery_exception", "departed_facility",
    "departed_origin_facility", "expired", "failure", "held", "in_transit", "label_created", "lost", "missorted",
    "out_for_delivery", "received_at_destination_facility", "received_at_origin_facility", "refused", "return",
    "status_update", "transferred_to_destination_carrier", "transit_exception", "unknown", "weather_delay",
})  # fmt: skip

DETAILS: Final = {
    "in_transit": {
        "address_correction": FORWARDED,
        "arrived_at_destination": AT_DELIVERY_OFFICE,
        "arrived_at_facility": ARRIVED,
        "arrived_at_pickup_location": ARRIVED,
        "damaged": moving("damaged", Condition.DAMAGED),
        "delayed": moving("processed", Condition.DELAYED),
        "delivery_exception": moving("exception", Condition.HELD),
        "departed_facility": DEPARTED,
        "departed_origin_facility": DEPARTED,
        "expired": moving("processed", Condition.EXPIRED_TRACKING),
        "held": moving("held", Condition.HELD),
        "missorted": moving("missorted", Condition.MISSORTED),
        "received_at_destination_facility": AT_DELIVERY_OFFICE,
        "received_at_origin_facility": PICKED_UP,
        "return": RETURNING,
        "transferred_to_destination_carrier": HANDED_TO_PARTNER,
        "transit_exception": moving("exception", Condition.HELD),
        "weather_delay": moving("processed", Condition.WEATHER, Condition.DELAYED),
    },
    "out_for_delivery": {
        "delayed": Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle", (Condition.DELAYED,)),
        "weather_delay": Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle", (Condition.WEATHER, Condition.DELAYED)),
    },
    "failure": {
        "address_correction": BAD_ADDRESS,
        "awaiting_information": problem("exception", Condition.DOCUMENTS_MISSING),
        "cancelled": LABEL_VOIDED,
        "damaged": DAMAGED,
        "delayed": DELAYED,
        "delivery_exception": NOBODY_HOME,
        "expired": EXPIRED,
        "held": problem("held", Condition.HELD),
        "lost": LOST,
        "missorted": problem("missorted", Condition.MISSORTED),
        "refused": REFUSED,
        "return": RETURNING,
        "weather_delay": problem("exception", Condition.WEATHER, Condition.DELAYED),
    },
}

#: (carrier, status, the carrier's own code, detail or None for any).
CARRIER_CODES: Final = {
    ("canada-post", "in_transit", "2300", None): PICKED_UP,
    ("fedex", "in_transit", "PU", None): PICKED_UP,
    ("fedex", "in_transit", "PX", None): PICKED_UP,
    # FedEx's arrival scan comes with this detail at every stop, at the last one too.
    ("fedex", "in_transit", "AR", "received_at_origin_facility"): ARRIVED,
    ("fedex", "in_transit", "CC", None): CUSTOMS_RELEASED,
    ("fedex", "in_transit", "CD", None): CUSTOMS_HELD,
    ("fedex", "in_transit", "HP", None): FOR_PICKUP,
    ("fedex", "in_transit", "HL", None): FOR_PICKUP,
    ("fedex", "failure", "CD", None): problem("customs_held", Condition.CUSTOMS_HOLD),
    ("fedex", "failure", "RS", None): RETURNING,
    ("ups", "in_transit", "OR", None): PICKED_UP,
    ("usps", "in_transit", "03", None): PICKED_UP,
}

_NO_ANSWER: Final = (
    r"customer not available|business closed|notice left|(?<!not )(?<!pickup )\battempted\b"
    r"|\b(recipient|receiver|addressee) (was )?(unavailable|not (available|home|in))\b"
    r"|\b(no ?one|nobody) (was )?(available|home|in)\b"
)
#: Wording, only where status, detail and code are known to say too little: (status, pattern, meaning), first match.
_WORDING: Final = tuple(
    (status, re.compile(pattern, re.IGNORECASE), meaning)
    for status, pattern, meaning in (
        # FedEx through EasyPost: an attempt is told as failure/delayed.
        ("failure", _NO_ANSWER, NOBODY_HOME),
        ("failure", r"\brefused\b", REFUSED),
        ("failure", r"\b(incorrect|insufficient|incomplete|wrong|bad) address", BAD_ADDRESS),
        # Bodies of the old shape have no carrier's code.
        ("in_transit", r"^picked up$", PICKED_UP),
        ("delivered", r"\b(returned|delivered),? to (the )?(original )?(sender|shipper)\b", RETURNED),
        ("return_to_sender", r"\bdelivered,? to (the )?(original )?(sender|shipper)\b", RETURNED),
        ("delivered", r"\bneighbou?r", NEIGHBOUR),
        ("delivered", r"\bmail ?room\b", Meaning(Stage.DELIVERED, "mail_room")),
        ("delivered", r"\b(porch|front door|garage|safe ?place|patio)\b", SAFE_PLACE),
        ("delivered", r"\bpicked up (by|at)\b", COLLECTED),
        ("available_for_pickup", r"\blocker\b", AT_LOCKER),
        ("available_for_pickup", r"\bpost office\b", AT_POST_OFFICE),
    )
)


def meaning_of(status: str, detail: str | None, *, carrier: str, code: str | None, wording: str | None) -> Meaning:
    """Return what a scan means; wording before the carrier's code, before the detail, before the status."""
    base = STATUSES.get(status)
    if base is None:
        return NOT_MAPPED
    for worded, pattern, meaning in _WORDING:
        if worded == status and wording and pattern.search(wording):
            return meaning
    for refined in (detail, None):
        if (by_code := CARRIER_CODES.get((carrier, status, code or "", refined))) is not None:
            return by_code
    if detail is None or detail in KNOWN_DETAILS:
        return DETAILS.get(status, {}).get(detail or "", base)
    return unmapped(base)
