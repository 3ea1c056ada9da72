"""FedEx's vocabulary as data: one row for every event code, and wording where the code alone says too little.

Sources: FedEx's table of tracking status codes (movement, regulatory, possession), developer.fedex.com. `eventType` is
what happened; `derivedStatusCode` beside it is the parcel's status then and is often another one (HP carries IT, RS has
come with DL), so it is never looked up for a scan that has an event type. Pure.
"""

import re
from dataclasses import replace
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
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
    EXCEPTION,
    FOR_PICKUP,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
    LABEL_VOIDED,
    LOST,
    NEIGHBOUR,
    NOBODY_HOME,
    NOT_ATTEMPTED,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    REFUSED,
    RETURNED,
    RETURNING,
    SAFE_PLACE,
    Meaning,
    problem,
)

_AT_THE_DOOR: Final = Meaning(Stage.ATTEMPTED)
_WRONG_DOOR: Final = Meaning(Stage.ATTEMPTED, "bad_address", (Condition.ADDRESS_PROBLEM,))
_REDIRECTED: Final = problem("forwarded", Condition.REDIRECTED)
_WEATHER: Final = problem("exception", Condition.WEATHER, Condition.DELAYED)
_PAPERS: Final = problem("exception", Condition.DOCUMENTS_MISSING)

CODES: Final = {
    # Movement
    "IN": LABEL_CREATED,  # "Initiated": only as a status
    "OC": LABEL_CREATED,
    "OX": LABEL_CREATED,  # the data have gone to USPS, not the parcel
    "EP": Meaning(Stage.ANNOUNCED, "pickup_scheduled"),  # the courier is on the way to the sender
    "PD": DELAYED,  # the pickup is late
    "AP": PICKED_UP,
    "PU": PICKED_UP,
    "PX": PICKED_UP,
    "OF": Meaning(Stage.ACCEPTED, "dropped_off"),
    "AA": ARRIVED,
    "AC": HANDED_TO_PARTNER,  # at Canada Post
    "AF": AT_DELIVERY_OFFICE,
    "AR": ARRIVED,
    "AX": HANDED_TO_PARTNER,  # at USPS
    "DP": DEPARTED,
    "EA": PROCESSED,  # two meanings under one code: see the wording
    "EO": DEPARTED,
    "FD": AT_DELIVERY_OFFICE,
    "IT": PROCESSED,
    "IX": PROCESSED,
    "LO": DEPARTED,
    "OW": PROCESSED,  # FedEx writes it "Ow"
    "PF": PROCESSED,
    "PL": ARRIVED,
    "PM": PROCESSED,
    "SF": PROCESSED,
    "TR": PROCESSED,
    "AD": ON_VEHICLE,
    "ED": ON_VEHICLE,
    "OD": ON_VEHICLE,
    "HL": FOR_PICKUP,
    "HP": FOR_PICKUP,
    "DE": _AT_THE_DOOR,  # what went wrong stands in the wording
    "DL": DELIVERED,
    "RS": RETURNING,
    "RT": RETURNING,
    "CA": LABEL_VOIDED,
    "DD": DELAYED,
    "DY": DELAYED,
    "SE": EXCEPTION,
    # Regulatory
    "CC": CUSTOMS_RELEASED,
    "CD": CUSTOMS_HELD,
    "CP": CUSTOMS_PRESENTED,
    # Requests of the customer, notices, and links for returns: they move nothing
    "AE": INFORMATION,
    "AO": INFORMATION,
    "CH": INFORMATION,
    "HA": INFORMATION,  # "hold at location request accepted": not in the table, but sent
    "LP": INFORMATION,
    "RC": INFORMATION,
    "RD": INFORMATION,
    "RG": INFORMATION,
    "RM": INFORMATION,
    "RP": INFORMATION,
    "RR": INFORMATION,
    "SP": INFORMATION,  # parts of a shipment differ; each part has its own scans
    "DR": INFORMATION,  # a vehicle that was not used
    "DS": INFORMATION,  # a vehicle was dispatched: to collect or to deliver is not said
    # Possession: who holds the parcel. CA (carrier) and RC (recipient) share their letters with the rows above.
    "BR": INFORMATION,
    "CU": INFORMATION,
    "SH": INFORMATION,
    "TP": INFORMATION,
}

_TO_SENDER: Final = r"\breturn(ed|ing)?\b.{0,40}\bto (the )?(shipper|sender)\b|\breturning package\b"
#: (codes, pattern, meaning): the first match wins. Only where the code is known to say too little.
_WORDING: Final = tuple(
    (frozenset(codes.split()), re.compile(pattern, re.IGNORECASE), meaning)
    for codes, pattern, meaning in (
        ("DL", r"\b(returned|delivered),? (package )?to (the )?(original )?(shipper|sender)\b", RETURNED),  # rule R6
        ("DL", r"\bneighbou?r", NEIGHBOUR),
        ("DL", r"\bmail ?room\b", Meaning(Stage.DELIVERED, "mail_room")),
        ("DL", r"\b(front|back|side) door\b|\bporch\b|\bgarage\b|\bpatio\b|\bsafe ?place\b", SAFE_PLACE),
        ("DL", r"\bpicked up (by|at)\b", COLLECTED),
        ("EA", r"\bexport\b", CUSTOMS_RELEASED),
        ("EA", r"\ben ?route\b", DEPARTED),
        ("AR", r"\bat (local|destination)\b", AT_DELIVERY_OFFICE),
        ("DE SE DY DD", _TO_SENDER, RETURNING),
        ("DE", r"\bno(t)? (delivery )?attempt(ed)?\b|\bwithout (an )?attempt\b", NOT_ATTEMPTED),
        ("DE SE", r"\bredirect|\bhold at\b|\bheld at\b|\bdelivery option request", _REDIRECTED),
        ("DE", r"\brefused\b", REFUSED),
        ("DE", r"\b(incorrect|insufficient|incomplete|wrong|bad|invalid) (\w+ )?address\b", _WRONG_DOOR),
        ("DE", r"\bcustomer not available\b|\b(recipient|consignee) (was )?not (available|home|in)\b", NOBODY_HOME),
        ("DE", r"\bbusiness (was )?closed\b", CLOSED),
        ("DE", r"\b(unable to|no|not) access\b|\baccess (denied|restricted)\b|\bgate code\b",
         Meaning(Stage.ATTEMPTED, "no_access")),
        ("DE SE DY DD", r"\bdamage", DAMAGED),
        # Only the parcel itself: a label can be lost, too.
        ("DE SE", r"\b(package|parcel|shipment) ((has been|is|was|declared|presumed) ){0,2}lost\b", LOST),
        ("DE SE DY DD", r"\bweather\b|\bnatural disaster\b|\bsnow\b|\bstorm\b|\bhurricane\b", _WEATHER),
        ("SE", r"\baddress\b", BAD_ADDRESS),
        ("SE CD", r"\b(missing|incomplete|additional) (documents?|documentation|paperwork|information)\b", _PAPERS),
        ("DE", r"\bdelivery restriction\b|\bfuture delivery\b", DELAYED),
        ("DE SE", r"\bdelay(ed)?\b|\bnext (business|scheduled) day\b", DELAYED),
    )
)  # fmt: skip

_OVER: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED, Stage.DISPOSED, Stage.LOST})


def meaning_of(code: str | None, wording: str) -> Meaning:
    """Return what an event code means; wording decides only where the table of wordings names the code."""
    key = (code or "").upper()
    base = CODES.get(key)
    if base is None:
        return NOT_MAPPED
    return next((says for codes, pattern, says in _WORDING if key in codes and pattern.search(wording)), base)


def delayed(meaning: Meaning, *, status: str | None, reason: str | None) -> Meaning:
    """Return a meaning with the delay that FedEx tells beside it; a parcel that has arrived is not late any more."""
    if status != "DELAYED" or meaning.stage in _OVER or meaning.leg == Leg.RETURN:
        return meaning
    more = (Condition.WEATHER, Condition.DELAYED) if reason == "WEATHER" else (Condition.DELAYED,)
    return replace(meaning, sets=tuple(dict.fromkeys((*meaning.sets, *more))))
