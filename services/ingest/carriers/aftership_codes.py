"""AfterShip's vocabulary as data: tag, subtag and, where both leave it open, wording.

Sources: AfterShip's pages "Delivery statuses" and "Delivery sub-statuses" up to version 2026-07 and its help center for
the subtags of March 2026. A public table in which Exception_004 means "returned" is invented. A tag nobody listed is
unmapped and moves nothing; an unlisted subtag keeps its tag's stage and goes on the mapping queue. Pure.
"""

import re
from typing import Final

from schemas.vocabulary import Condition, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_LOCKER,
    AT_POST_OFFICE,
    BAD_ADDRESS,
    CLOSED,
    COLLECTED,
    CUSTOMS_HELD,
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
    FORWARDED,
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
    RETURNED,
    RETURNING,
    SAFE_PLACE,
    SIGNED,
    Meaning,
    moving,
    problem,
    unmapped,
)
from services.ingest.carriers.sender_wording import sent_back

TAGS: Final = {
    "Pending": INFORMATION,  # AfterShip has found nothing yet: that says nothing of the parcel
    "InfoReceived": LABEL_CREATED,
    "InTransit": PROCESSED,
    "OutForDelivery": ON_VEHICLE,
    "AttemptFail": Meaning(Stage.ATTEMPTED),
    "Delivered": DELIVERED,
    "AvailableForPickup": FOR_PICKUP,
    "Exception": EXCEPTION,
    "Expired": EXPIRED,  # no news for 30 days; tracking can be taken up again, so it is no end
}

SUBTAGS: Final = {
    "Pending_001": INFORMATION,
    "Pending_002": INFORMATION,
    "Pending_003": INFORMATION,
    "Pending_004": INFORMATION,
    "Pending_005": INFORMATION,
    "Pending_006": INFORMATION,
    "InfoReceived_001": LABEL_CREATED,
    "InTransit_001": PROCESSED,
    "InTransit_002": PROCESSED,  # "acceptance": accepted only where the wording says so, see below
    "InTransit_003": ARRIVED,
    "InTransit_004": moving("at_destination_country"),
    "InTransit_005": CUSTOMS_RELEASED,
    "InTransit_006": CUSTOMS_PRESENTED,
    "InTransit_007": DEPARTED,
    "InTransit_008": Meaning(Stage.IN_TRANSIT, "problem_resolved", clears=(Condition.HELD,)),
    "InTransit_009": FORWARDED,
    "OutForDelivery_001": ON_VEHICLE,
    "OutForDelivery_002": FOR_PICKUP,  # in older lists only: now AvailableForPickup_001
    "OutForDelivery_003": Meaning(Stage.OUT_FOR_DELIVERY, "customer_contacted"),
    "OutForDelivery_004": Meaning(Stage.OUT_FOR_DELIVERY, "appointment", (Condition.APPOINTMENT_BOOKED,)),
    "AttemptFail_001": Meaning(Stage.ATTEMPTED),
    "AttemptFail_002": NOBODY_HOME,
    "AttemptFail_003": CLOSED,
    "AvailableForPickup_001": FOR_PICKUP,
    "Delivered_001": DELIVERED,
    "Delivered_002": COLLECTED,
    "Delivered_003": SIGNED,
    "Delivered_004": Meaning(Stage.DELIVERED, "cod_paid"),
    "Delivered_005": NEIGHBOUR,
    # An exception is a condition and moves nothing (rule R10): attempts come under AttemptFail. Customs is a place.
    "Exception_001": EXCEPTION,
    "Exception_002": BAD_ADDRESS,  # the customer moved
    "Exception_003": problem("refused", Condition.REFUSED),
    "Exception_004": CUSTOMS_HELD,
    "Exception_005": DELAYED,
    "Exception_006": problem("held", Condition.PAYMENT_DUE),
    "Exception_007": BAD_ADDRESS,
    "Exception_008": problem("not_collected", Condition.HELD),
    "Exception_009": EXCEPTION,  # rejected by the carrier
    "Exception_010": RETURNING,
    "Exception_011": RETURNED,
    "Exception_012": DAMAGED,
    "Exception_013": LOST,
    "Exception_016": DELAYED,
    "Exception_017": problem("exception", Condition.WEATHER, Condition.DELAYED),
    "Exception_018": problem("exception", Condition.DOCUMENTS_MISSING),
    "Exception_019": DELAYED,  # a late flight
    "Exception_020": LABEL_VOIDED,
    "Exception_021": DISPOSED,
    "Expired_001": EXPIRED,
}

#: Subtags that say themselves where the parcel is: no wording is asked.
_DECIDED: Final = frozenset({"Exception_010", "Exception_011", "Exception_013", "Exception_020", "Exception_021"})
_MAY_GO_BACK: Final = frozenset({"Exception", "Delivered"})

_ACCEPTED: Final = re.compile(
    r"(?<!be )\bpicked[ -]?up\b|\bpick-?up (?:scan|complete)|\baccept(?:ed|ance)\b|(?<!be )\bcollected\b"
    r"|\bdropped[ -]?off\b|\b(?:item|package|parcel|shipment) received\b|\breceived (?:by|at|from)\b|\bposted\b"
    r"|\bin possession\b",
    re.IGNORECASE,
)
#: (the plain subtag that leaves it open, pattern, meaning), first match.
_WORDING: Final = tuple(
    (subtag, re.compile(pattern, re.IGNORECASE), meaning)
    for subtag, pattern, meaning in (
        ("Delivered_001", r"\bneighbou?r", NEIGHBOUR),
        ("Delivered_001", r"\bmail ?room\b", Meaning(Stage.DELIVERED, "mail_room")),
        ("Delivered_001", r"\b(porch|front door|garage|safe ?place|patio)\b", SAFE_PLACE),
        ("AvailableForPickup_001", r"\blocker\b", AT_LOCKER),
        ("AvailableForPickup_001", r"\bpost office\b", AT_POST_OFFICE),
    )
)


def meaning_of(tag: str | None, subtag: str | None, *, wording: str | None) -> Meaning:
    """Return what a checkpoint or a tracking says; the way to the sender before the subtag, before the tag."""
    base = TAGS.get(tag or "")
    if base is None:
        return NOT_MAPPED
    back = sent_back(wording) if tag in _MAY_GO_BACK and subtag not in _DECIDED else None
    if back is not None:
        return back
    if subtag == "InTransit_002" and wording is not None and _ACCEPTED.search(wording):
        return PICKED_UP
    for worded, pattern, meaning in _WORDING:
        if worded == subtag and wording is not None and pattern.search(wording):
            return meaning
    if subtag is None:
        return base
    # A subtag of another tag contradicts it: the tag is what AfterShip shows, so it counts.
    return SUBTAGS[subtag] if subtag in SUBTAGS and subtag.startswith(f"{tag}_") else unmapped(base)
