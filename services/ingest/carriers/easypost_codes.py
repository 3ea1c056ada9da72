"""EasyPost's vocabulary as data: status, status_detail, the carrier's own code and, last, wording.

Each table row says what a scan means in our own words. A status nobody listed is unmapped and moves nothing;
an unlisted detail under a listed status keeps the status's stage and is marked for the mapping queue. Pure.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage

UNMAPPED: Final = "unmapped"
INFORMATIONAL: Final = "informational"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says in our words."""

    stage: Stage | None
    substatus: str | None = None
    sets: tuple[Condition, ...] = ()
    leg: Leg = Leg.OUTBOUND
    clears: tuple[Condition, ...] = ()


_RETURNING: Final = Meaning(Stage.IN_TRANSIT, "started", leg=Leg.RETURN)
_RETURNED: Final = Meaning(Stage.RETURNED, "received_by_sender", leg=Leg.RETURN)
_NOBODY_HOME: Final = Meaning(Stage.ATTEMPTED, "nobody_home")
_REFUSED: Final = Meaning(Stage.ATTEMPTED, "refused", (Condition.REFUSED,))
_BAD_ADDRESS: Final = Meaning(None, "bad_address", (Condition.ADDRESS_PROBLEM,))
#: A problem without a name. Held, because the next physical scan clears it; "delayed" is said only when they say so.
_EXCEPTION: Final = Meaning(None, "exception", (Condition.HELD,))


def _moving(substatus: str, *sets: Condition) -> Meaning:
    return Meaning(Stage.IN_TRANSIT, substatus, sets)


STATUSES: Final = {
    "unknown": Meaning(None, INFORMATIONAL),
    "error": Meaning(None, INFORMATIONAL),  # the tracker failed, not the parcel
    "pre_transit": Meaning(Stage.ANNOUNCED, "label_created"),
    "in_transit": _moving("processed"),
    "out_for_delivery": Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle"),
    "available_for_pickup": Meaning(Stage.AVAILABLE_FOR_PICKUP),
    "delivered": Meaning(Stage.DELIVERED, "to_recipient"),
    "return_to_sender": _RETURNING,
    "failure": _EXCEPTION,
    "cancelled": Meaning(Stage.CANCELLED, "label_voided"),
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
        "address_correction": _moving("forwarded"),
        "arrived_at_destination": _moving("at_delivery_office"),
        "arrived_at_facility": _moving("arrived"),
        "arrived_at_pickup_location": _moving("arrived"),
        "damaged": _moving("damaged", Condition.DAMAGED),
        "delayed": _moving("processed", Condition.DELAYED),
        "delivery_exception": _moving("exception", Condition.HELD),
        "departed_facility": _moving("departed"),
        "departed_origin_facility": _moving("departed"),
        "expired": _moving("processed", Condition.EXPIRED_TRACKING),
        "held": _moving("held", Condition.HELD),
        "missorted": _moving("missorted", Condition.MISSORTED),
        "received_at_destination_facility": _moving("at_delivery_office"),
        "received_at_origin_facility": Meaning(Stage.ACCEPTED, "picked_up"),
        "return": _RETURNING,
        "transferred_to_destination_carrier": _moving("handed_to_partner"),
        "transit_exception": _moving("exception", Condition.HELD),
        "weather_delay": _moving("processed", Condition.WEATHER, Condition.DELAYED),
    },
    "out_for_delivery": {
        "delayed": Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle", (Condition.DELAYED,)),
        "weather_delay": Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle", (Condition.WEATHER, Condition.DELAYED)),
    },
    "failure": {
        "address_correction": _BAD_ADDRESS,
        "awaiting_information": Meaning(None, "exception", (Condition.DOCUMENTS_MISSING,)),
        "cancelled": STATUSES["cancelled"],
        "damaged": Meaning(None, "damaged", (Condition.DAMAGED,)),
        "delayed": Meaning(None, "exception", (Condition.DELAYED,)),
        "delivery_exception": _NOBODY_HOME,
        "expired": Meaning(None, "expired", (Condition.EXPIRED_TRACKING,)),
        "held": Meaning(None, "held", (Condition.HELD,)),
        "lost": Meaning(Stage.LOST, "lost"),
        "missorted": Meaning(None, "missorted", (Condition.MISSORTED,)),
        "refused": _REFUSED,
        "return": _RETURNING,
        "weather_delay": Meaning(None, "exception", (Condition.WEATHER, Condition.DELAYED)),
    },
}

#: (carrier, status, the carrier's own code, detail or None for any).
CARRIER_CODES: Final = {
    ("fedex", "in_transit", "PU", None): Meaning(Stage.ACCEPTED, "picked_up"),
    ("fedex", "in_transit", "PX", None): Meaning(Stage.ACCEPTED, "picked_up"),
    # FedEx's arrival scan comes with this detail at every stop, at the last one too.
    ("fedex", "in_transit", "AR", "received_at_origin_facility"): _moving("arrived"),
    ("fedex", "in_transit", "CC", None): Meaning(
        Stage.IN_TRANSIT, "customs_released", clears=(Condition.CUSTOMS_HOLD,)
    ),
    ("fedex", "in_transit", "CD", None): _moving("customs_held", Condition.CUSTOMS_HOLD),
    ("fedex", "in_transit", "HP", None): Meaning(Stage.AVAILABLE_FOR_PICKUP),
    ("fedex", "in_transit", "HL", None): Meaning(Stage.AVAILABLE_FOR_PICKUP),
    ("fedex", "failure", "CD", None): Meaning(None, "customs_held", (Condition.CUSTOMS_HOLD,)),
    ("fedex", "failure", "RS", None): _RETURNING,
    ("ups", "in_transit", "OR", None): Meaning(Stage.ACCEPTED, "picked_up"),
    ("usps", "in_transit", "03", None): Meaning(Stage.ACCEPTED, "picked_up"),
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
        ("failure", _NO_ANSWER, _NOBODY_HOME),
        ("failure", r"\brefused\b", _REFUSED),
        ("failure", r"\b(incorrect|insufficient|incomplete|wrong|bad) address", _BAD_ADDRESS),
        ("delivered", r"\b(returned|delivered),? to (the )?(original )?(sender|shipper)\b", _RETURNED),
        ("return_to_sender", r"\bdelivered,? to (the )?(original )?(sender|shipper)\b", _RETURNED),
        ("delivered", r"\bneighbou?r", Meaning(Stage.DELIVERED, "neighbour")),
        ("delivered", r"\bmail ?room\b", Meaning(Stage.DELIVERED, "mail_room")),
        ("delivered", r"\b(porch|front door|garage|safe ?place|patio)\b", Meaning(Stage.DELIVERED, "safe_place")),
        ("delivered", r"\bpicked up (by|at)\b", Meaning(Stage.DELIVERED, "collected")),
        ("available_for_pickup", r"\blocker\b", Meaning(Stage.AVAILABLE_FOR_PICKUP, "locker")),
        ("available_for_pickup", r"\bpost office\b", Meaning(Stage.AVAILABLE_FOR_PICKUP, "post_office")),
    )
)


def meaning_of(status: str, detail: str | None, *, carrier: str, code: str | None, wording: str | None) -> Meaning:
    """Return what a scan means; wording before the carrier's code, before the detail, before the status."""
    base = STATUSES.get(status)
    if base is None:
        return Meaning(None, UNMAPPED)
    for worded, pattern, meaning in _WORDING:
        if worded == status and wording and pattern.search(wording):
            return meaning
    for refined in (detail, None):
        if (by_code := CARRIER_CODES.get((carrier, status, code or "", refined))) is not None:
            return by_code
    if detail is None or detail in KNOWN_DETAILS:
        return DETAILS.get(status, {}).get(detail or "", base)
    return base if base.substatus == INFORMATIONAL else replace(base, substatus=UNMAPPED)
