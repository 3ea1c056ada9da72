"""USPS's event codes and status categories as data.

Sources: Publication 199 (appendix G-4, scan events) as far as quoted publicly, the code list of USPS's Customer Daily
Extract, and recorded answers of the tracking API. A code that stands in none of them is unmapped. `eventType` is the
fixed text of a code's variant, not free wording, so it refines the codes that have variants. Pure.
"""

import re
from dataclasses import replace
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    CLOSED,
    COLLECTED,
    DELIVERED,
    DEPARTED,
    EXCEPTION,
    FOR_PICKUP,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
    NEIGHBOUR,
    NO_ACCESS,
    NOBODY_HOME,
    NOT_COLLECTED,
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
)

_MAIL_ROOM: Final = Meaning(Stage.DELIVERED, "mail_room")
_ATTEMPTED: Final = Meaning(Stage.ATTEMPTED)
_MISSENT: Final = moving("missorted", Condition.MISSORTED)
_LATE: Final = moving("processed", Condition.DELAYED)
_BACK_FOR_ADDRESS: Final = replace(RETURNING, sets=(Condition.ADDRESS_PROBLEM,))
_WITH_RETURNS_AGENT: Final = Meaning(Stage.IN_TRANSIT, "handed_to_partner", leg=Leg.RETURN)

_ROWS: Final[tuple[tuple[str, Meaning], ...]] = (
    ("GX MA 89", LABEL_CREATED),
    # "USPS Awaiting Item": a partner of the sender's has it, and it does move.
    ("80", PICKED_UP),
    ("81", ARRIVED),
    ("82", DEPARTED),
    ("83", HANDED_TO_PARTNER),  # tendered to the postal service
    # 03: in possession. TM and PA: taken with a whole truck, without a scan of its own. UA: accepted at a facility.
    ("03 OA UA TM PA", PICKED_UP),
    ("10 A1 AD AE U1 41", ARRIVED),  # AD, AE: accepted at a later facility, so it arrived there
    ("SF EF T1 L1", DEPARTED),
    ("TL NT PC", PROCESSED),
    ("LD", _LATE),
    ("06", FORWARDED),
    ("08 15", _MISSENT),
    ("42", HANDED_TO_PARTNER),
    ("07", AT_DELIVERY_OFFICE),  # "Arrived at Post Office": no delivery, though some maps say out for delivery
    ("OF", ON_VEHICLE),
    ("02 52 56", NOBODY_HOME),
    ("51", CLOSED),
    ("30 53 54 55", NO_ACCESS),  # no way in, blocked, full, nowhere safe
    ("57", _ATTEMPTED),
    ("71", problem("rescheduled", Condition.DELAYED)),
    ("14", FOR_PICKUP),
    ("16", AT_POST_OFFICE),
    ("01", DELIVERED),
    ("17 43", COLLECTED),
    ("04", REFUSED),
    ("05", BAD_ADDRESS),
    ("11 44", EXCEPTION),  # dead letter; recalled by the sender: neither says where it will end
    ("09 28 29", RETURNING),
    ("21 22 23 24 25 26", _BACK_FOR_ADDRESS),  # no such number, insufficient address, moved, expired, unknown, vacant
    ("27 31", NOT_COLLECTED),
    ("DX GC", INFORMATION),  # awaiting the delivery scan; a return receipt belongs to it
)

EVENTS: Final = {code: meaning for codes, meaning in _ROWS for code in codes.split()}

#: (code, pattern of `eventType`, meaning), first match.
_VARIANTS: Final = tuple(
    (code, re.compile(pattern, re.IGNORECASE), meaning)
    for code, pattern, meaning in (
        ("01", r"\bto (the )?(original )?sender\b", RETURNED),
        ("01", r"\breturns agent\b", _WITH_RETURNS_AGENT),
        ("01", r"\bneighbou?r\b", NEIGHBOUR),
        ("01", r"\b(front desk|reception|mail ?room)\b", _MAIL_ROOM),
        ("01", r"\bpicked up at\b", COLLECTED),
        ("01", r"\b(porch|front door|garage|other door|other location)\b", SAFE_PLACE),
        ("17", r"\breturns agent\b", _WITH_RETURNS_AGENT),
    )
)

#: Pub 199's status categories, folded.
CATEGORIES: Final = {
    "pre-shipment": LABEL_CREATED,
    "accepted": PICKED_UP,
    "acceptance": PICKED_UP,
    "in transit": PROCESSED,
    "in-transit": PROCESSED,
    "moving through network": PROCESSED,
    "arriving late": _LATE,
    "preparing for delivery": AT_DELIVERY_OFFICE,
    "out for delivery": ON_VEHICLE,
    "available for pickup": AT_POST_OFFICE,
    "delivery attempt": _ATTEMPTED,
    "delivery attempted": _ATTEMPTED,
    "delivery attempt: action needed": _ATTEMPTED,
    "delivered": DELIVERED,
    "delivered to agent": DELIVERED,
    "delivered to agent for final delivery": DELIVERED,
    "delivered, to original sender": RETURNED,
    "return to sender": RETURNING,
    "alert": EXCEPTION,
}


def meaning_of(code: str | None, kind: str | None) -> Meaning:
    """Return what an event means: its code, refined by the variant that its `eventType` names."""
    plain = (code or "").strip().upper()
    for refined, pattern, meaning in _VARIANTS:
        if refined == plain and kind and pattern.search(kind):
            return meaning
    return EVENTS.get(plain, NOT_MAPPED)


def meaning_of_category(category: str | None, status: str | None) -> Meaning:
    """Return what `statusCategory` means; `status` is the text of the newest event, and names the variant."""
    base = CATEGORIES.get((category or "").strip().casefold(), NOT_MAPPED)
    return meaning_of("01", status) if base == DELIVERED else base
