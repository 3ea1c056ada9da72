"""Australia Post's and StarTrack's vocabulary as data: the English text is the only code there is.

Sources: the status tables of Australia Post's developer portal (articles, StarTrack consignments and items) and event
texts seen in recorded answers and in public code that reads this API. Texts are compared folded: case, blanks and a
full stop at the end do not count. A text that no row knows is unmapped; one that begins like a known kind and ends in
a way nobody listed keeps the kind and is marked. Pure.
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
    CLOSED,
    COLLECTED,
    CUSTOMS_HELD,
    CUSTOMS_PRESENTED,
    CUSTOMS_RELEASED,
    DAMAGED,
    DELAYED,
    DELIVERED,
    DEPARTED,
    DROPPED_OFF,
    EXCEPTION,
    FOR_PICKUP,
    FORWARDED,
    INFORMATION,
    INFORMATIONAL,
    LABEL_CREATED,
    LABEL_VOIDED,
    NEIGHBOUR,
    NO_ACCESS,
    NOBODY_HOME,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    RETURNING,
    SAFE_PLACE,
    SIGNED,
    Meaning,
    moving,
    problem,
    unmapped,
)

_ATTEMPTED: Final = Meaning(Stage.ATTEMPTED)
_RESCHEDULED: Final = Meaning(Stage.ATTEMPTED, "rescheduled")
_AWAITING_PICKUP: Final = Meaning(Stage.ANNOUNCED, "pickup_scheduled")
_ABROAD: Final = moving("at_destination_country")
_HELD: Final = problem("held", Condition.HELD)
_REDIRECT_ASKED: Final = problem(INFORMATIONAL, Condition.REDIRECT_PENDING)

#: Statuses of a consignment, an article or a freight item; StarTrack writes most of them as events too.
STATUSES: Final = {
    "created": LABEL_CREATED,
    "sealed": LABEL_CREATED,
    "initiated": LABEL_CREATED,
    "confirmed": LABEL_CREATED,
    "unconfirmed": LABEL_CREATED,
    "incomplete": LABEL_CREATED,
    # The carrier is to fetch it from the sender. It is not the customer who may: karrio's map has that wrong.
    "ready for pickup": _AWAITING_PICKUP,
    "unsuccessful pickup": problem("pickup_failed", Condition.HELD),
    "picked up": PICKED_UP,
    "partial pickup": PICKED_UP,
    "in transit": PROCESSED,
    "re-consigned": problem("exception", Condition.HELD),  # goes on under another consignment's number
    "at delivery depot": AT_DELIVERY_OFFICE,
    "booked in": moving("at_delivery_office", Condition.APPOINTMENT_BOOKED),
    "on board for delivery": ON_VEHICLE,
    "onboard for delivery": ON_VEHICLE,
    "to be re-delivered": _RESCHEDULED,  # came back to the depot, goes out on a following day
    "unsuccessful delivery": _ATTEMPTED,
    "awaiting collection": AT_POST_OFFICE,
    "delivered": DELIVERED,
    "item delivered": DELIVERED,
    "delivered in full": DELIVERED,
    "partial delivery": INFORMATION,  # some items: their own statuses say which
    "final shortage": EXCEPTION,  # the delivery is over, and an item is missing; nobody declared it lost
    "possible delay": DELAYED,
    "article damaged": DAMAGED,
    "held by courier": _HELD,
    "cannot be delivered": BAD_ADDRESS,  # "as addressed", says the portal
    "cancelled": LABEL_VOIDED,
    "deleted": LABEL_VOIDED,
    "track items for detailed delivery information": INFORMATION,  # the articles differ
    "unknown": INFORMATION,
}

#: What a consignment's "delivered" cannot say of each of several articles: StarTrack means "some or all" by it.
OF_ALL_ARTICLES: Final = frozenset({"delivered in full"})

EVENTS: Final = STATUSES | {
    # Data, no parcel yet.
    "shipping information received by australia post": LABEL_CREATED,
    "shipping information approved by australia post": LABEL_CREATED,
    "shipment information received": LABEL_CREATED,
    "courier dispatch information received": LABEL_CREATED,
    "courier dispatch information approved": LABEL_CREATED,
    "label created by sender": LABEL_CREATED,
    "manifested": LABEL_CREATED,
    "order accepted": LABEL_CREATED,
    "order processed": LABEL_CREATED,
    "pending - no events yet": INFORMATION,
    # Handed over.
    "received by australia post": PICKED_UP,
    "received by australia post for transportation to processing facility": PICKED_UP,
    "received by our network": PICKED_UP,
    "received and ready for processing": PICKED_UP,
    "received item from sender (outbound)": PICKED_UP,
    "accepted by driver": PICKED_UP,
    "lodged": DROPPED_OFF,
    # On its way.
    "processed through australia post facility": PROCESSED,
    "item processed at facility": PROCESSED,
    "item processed at sorting facility": PROCESSED,
    "processed at export facility": PROCESSED,
    "processed by air carrier": PROCESSED,
    "scanned in transit": PROCESSED,
    "freight handling": PROCESSED,
    "transferred": PROCESSED,
    "arrived at facility": ARRIVED,
    "arrived at sorting facility": ARRIVED,
    "arrived at facility in destination country": _ABROAD,
    "departed facility": DEPARTED,
    "despatch parcels from export facility": DEPARTED,
    "dispatched": DEPARTED,
    "redirected": FORWARDED,
    # Customs. "(Inbound)" is the importing side's.
    "item is in customs": CUSTOMS_PRESENTED,
    "arrived awaiting clearance (inbound)": CUSTOMS_PRESENTED,
    "held by customs": CUSTOMS_HELD,
    "item cleared by customs": CUSTOMS_RELEASED,
    "clearance processing complete": CUSTOMS_RELEASED,
    "cleared and awaiting international departure": CUSTOMS_RELEASED,
    # At the door.
    "with australia post for delivery today": ON_VEHICLE,
    "unable to complete delivery": _ATTEMPTED,
    "ready for collection": FOR_PICKUP,
    "collected by customer": COLLECTED,
    # Back. "Returned to sender" is said when it leaves as well as when it is there: never an end too early.
    "return requested": RETURNING,
    "return to sender": RETURNING,
    "returned to sender": RETURNING,
    "being returned to sender": RETURNING,
    "item being returned to sender": RETURNING,
    "delivered to sender": RETURNED,
    # Beside the parcel.
    "customer enquiry lodged": problem(INFORMATIONAL, Condition.INVESTIGATION_OPEN),
    "leave in a safe place requested by receiver": INFORMATION,
    "receiver requested safe drop": INFORMATION,
    "redirection requested": _REDIRECT_ASKED,
}

#: (beginning, pattern of what follows, meaning), first match. A place or a reason follows the beginning.
_KINDS: Final = tuple(
    (beginning, re.compile(pattern), meaning)
    for beginning, pattern, meaning in (
        ("in transit to ", r"", PROCESSED),
        ("arrived in ", r"", _ABROAD),
        ("awaiting collection at ", r"\blockers?\b", AT_LOCKER),
        ("awaiting collection at ", r"", AT_POST_OFFICE),
        ("delivered - ", r"\bto (the )?sender\b", RETURNED),
        ("delivered - ", r"\bsafe (place|drop)\b", SAFE_PLACE),
        ("delivered - ", r"\bneighbou?r\b", NEIGHBOUR),
        ("delivered - ", r"\bmail ?room\b|\breception\b", Meaning(Stage.DELIVERED, "mail_room")),
        ("delivered - ", r"\bsign(ed|ature)\b", SIGNED),
        ("delivered - ", r"\bcollected\b", COLLECTED),
        ("delivered - ", r"", unmapped(DELIVERED)),
        ("attempted delivery", r"\b(gain )?access\b", NO_ACCESS),
        ("attempted delivery", r"\bclosed\b", CLOSED),
        ("attempted delivery", r"\brefused\b", REFUSED),
        ("attempted delivery", r"\baddress\b", Meaning(Stage.ATTEMPTED, "bad_address", (Condition.ADDRESS_PROBLEM,))),
        ("attempted delivery", r"\bcard(ed)?\b|\b(no ?one|nobody|not) (at )?home\b", NOBODY_HOME),
        ("attempted delivery", r"^$", _ATTEMPTED),
        ("attempted delivery", r"", unmapped(_ATTEMPTED)),
        ("unable to be left in a safe place", r"", NO_ACCESS),
    )
)


def folded(description: str) -> str:
    """Return a text as it is compared: lower case, single blanks, no full stop at the end."""
    return " ".join(description.casefold().split()).rstrip(". ")


def meaning_of(description: str | None) -> Meaning:
    """Return what an event's text means."""
    plain = folded(description or "")
    known = EVENTS.get(plain)
    if known is not None:
        return known
    for beginning, pattern, meaning in _KINDS:
        if plain.startswith(beginning) and pattern.search(plain[len(beginning) :]):
            return meaning
    return NOT_MAPPED
