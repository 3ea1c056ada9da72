"""DHL's vocabulary as data: the five status codes of all divisions, codes of Express's and Paket's own, and wording.

Sources: the Unified Tracking API's specification (`statusCode`), DHL's list of raw codes by service, the divisions'
texts. A status code always decides the direction: a finer code or wording that contradicts it is not believed. Pure.
"""

import re
from collections.abc import Mapping
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import (
    ARRIVED,
    AT_DELIVERY_OFFICE,
    AT_LOCKER,
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
    FOR_PICKUP,
    FORWARDED,
    HANDED_TO_PARTNER,
    INFORMATION,
    LABEL_CREATED,
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
    "pre-transit": LABEL_CREATED,
    "transit": PROCESSED,
    "delivered": DELIVERED,
    "failure": EXCEPTION,  # sets a condition; how it ends is told by later scans (rule R10)
    "unknown": INFORMATION,  # unknown is unknown: never a delay
}

#: `service` -> carrier. Other services become `dhl-SERVICE`.
SERVICES: Final = {
    "ecommerce": "dhl-ecommerce",
    "express": "dhl-express",
    "parcel-de": "dhl-parcel-de",
    "post-de": "deutsche-post",
    "dgf": "dhl-global-forwarding",
}

_HELD: Final = problem("held", Condition.HELD)
_WRONG_DOOR: Final = Meaning(Stage.ATTEMPTED, "bad_address", (Condition.ADDRESS_PROBLEM,))

_MISSORTED: Final = moving("missorted", Condition.MISSORTED)
_ATTEMPTED: Final = Meaning(Stage.ATTEMPTED)

#: DHL Express's checkpoints: `typeCode` of MyDHL API, and `status` where the unified API tells no words.
EXPRESS_CODES: Final = {
    "SA": PICKED_UP,
    "PU": PICKED_UP,
    "PL": PROCESSED,
    "TR": PROCESSED,  # "record of transfer"
    "PO": DEPARTED,  # "departing origin"
    "DF": DEPARTED,
    "AF": ARRIVED,
    "AR": AT_DELIVERY_OFFICE,
    "FD": FORWARDED,
    "TP": HANDED_TO_PARTNER,
    "MC": _MISSORTED,
    "MS": _MISSORTED,
    "BN": CUSTOMS_PRESENTED,  # the broker is told
    "BR": CUSTOMS_PRESENTED,  # with the broker: he clears it
    "IC": CUSTOMS_PRESENTED,
    "CC": CUSTOMS_PRESENTED,
    "CD": CUSTOMS_HELD,
    "UD": CUSTOMS_HELD,
    "CR": CUSTOMS_RELEASED,
    "WC": ON_VEHICLE,
    "OK": DELIVERED,
    "DD": Meaning(Stage.DELIVERED, "to_recipient", (Condition.DAMAGED,)),
    "NH": NOBODY_HOME,
    "CM": _WRONG_DOOR,  # the customer has moved
    "BA": _WRONG_DOOR,
    "CA": CLOSED,  # closed on arrival
    "RD": REFUSED,
    "DS": _ATTEMPTED,
    "RT": RETURNING,
    "DM": DAMAGED,
    "MD": DELAYED,  # missed today's round
    "ND": EXCEPTION,
    "OH": _HELD,
    "HP": _HELD,
    "SS": _HELD,
    # Agreements, answers, changes of service, weights; PD: some of the pieces are delivered, and theirs say which.
    "AD": INFORMATION,
    "CS": INFORMATION,
    "PD": INFORMATION,
    "RR": INFORMATION,
    "RW": INFORMATION,
    "SC": INFORMATION,
}

#: DHL Paket's, which mean other things by some of the same letters.
PARCEL_DE_CODES: Final = {
    "VA": LABEL_CREATED,
    "AN": Meaning(Stage.ANNOUNCED, "pickup_failed"),
    "AE": PICKED_UP,
    "ES": PICKED_UP,
    "AA": DEPARTED,
    "EE": ARRIVED,
    "NB": PROCESSED,
    "ZO": CUSTOMS_PRESENTED,
    "PO": ON_VEHICLE,
    "ZN": _ATTEMPTED,
    "LA": FOR_PICKUP,
    "ZF": FOR_PICKUP,  # "delivery to agency, postal office, Packstation"
    "ZU": DELIVERED,
    "BV": EXCEPTION,
    "DD": INFORMATION,  # data: a day of delivery was booked
    "GT": INFORMATION,  # money
}

#: Codes that say less than the words beside them -> the status code whose words refine them. CC has also come for
#: parcels that wait for their recipient, DS for those that were destroyed.
_COARSE: Final = {"CC": "transit", "DS": "failure", "OK": "delivered"}
_CODE: Final = re.compile(r"[A-Z]{2}")
_SIGNED: Final = re.compile(r"\b(signed(?: for)? by\b:?)\s*\S.*", re.IGNORECASE | re.DOTALL)

_OUTBOUND: Final = {
    "pre-transit": frozenset({Stage.ANNOUNCED, Stage.CANCELLED}),
    "transit": frozenset({
        Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY, Stage.ATTEMPTED, Stage.AVAILABLE_FOR_PICKUP, None,
    }),
    # A pickup point is "delivered" for DHL; for the customer it is not yet.
    "delivered": frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.AVAILABLE_FOR_PICKUP}),
    "failure": frozenset({Stage.IN_TRANSIT, Stage.ATTEMPTED, Stage.LOST, Stage.DISPOSED, None}),
}  # fmt: skip

_AT_DOOR: Final = (
    (r"\brefused\b|\bannahme verweigert\b", REFUSED),
    (r"\bnot (at )?home\b|\brecipient (was )?(absent|not available|unavailable)\b|\bnicht angetroffen\b", NOBODY_HOME),
    (r"\bbusiness (was )?closed\b|\bclosed on arrival\b", CLOSED),
    (r"\bdelivery (was )?attempt(ed)?\b|\battempted delivery\b|\bzustellversuch\b", NOBODY_HOME),
)
_BACK: Final = (
    r"\breturn(ed|ing)? (shipment )?to (the )?(original )?(shipper|sender)\b|\bbeing returned\b"
    r"|\br(ü|ue)cksendung\b|\bzur(ü|ue)ck an den absender\b"
)
_AT_SENDER: Final = (
    r"\b(returned|delivered|handed over) (back )?to (the )?(original )?(shipper|sender)\b|\ban den absender\b"
)
_ON_VAN: Final = (
    r"\bout for delivery\b|\bwith (the )?delivery courier\b|\bdelivery vehicle\b|\bzustellfahrzeug\b|\bin zustellung\b"
)
_WAITING: Final = (
    r"\b(ready|available|awaiting|waiting)\b.{0,60}\b(collection|pick ?-?up|be (collected|picked up))\b"
    r"|\bzur abholung\b|\babholbereit\b"
)
_CLEARED: Final = (
    r"\b(clearance|customs)\b.{0,60}\b(complet|released?\b|cleared\b|processed\b)"
    r"|\bcleared customs\b|\breleased by customs\b"
)
#: status code -> (pattern, meaning), first match.
_WORDING: Final = {
    code: tuple((re.compile(pattern, re.IGNORECASE), meaning) for pattern, meaning in rows)
    for code, rows in {
        "transit": (
            (_BACK, RETURNING),
            (_ON_VAN, ON_VEHICLE),
            (r"\b(packstation|parcel ?locker)\b.{0,60}\b(collect|pick|abhol|bereit|ready)", AT_LOCKER),
            (_WAITING, FOR_PICKUP),
            *_AT_DOOR,
            (_CLEARED, CUSTOMS_RELEASED),
            (r"\b(clearance|customs)\b.{0,60}\b(delay|hold|held|required|pending documents)", CUSTOMS_HELD),
            (r"\bcustoms\b|\bclearance\b|\bzoll(abfertigung)?\b", CUSTOMS_PRESENTED),
            (r"\bon hold\b|\bis held\b", moving("held", Condition.HELD)),
            (r"\bdelay(ed)?\b|\bverz(ö|oe)ger", moving("processed", Condition.DELAYED)),
            (r"\bpicked up\b|\bcollected from (the )?(sender|shipper)\b|\beingeliefert\b|\babgeholt\b", PICKED_UP),
            (r"\barrived at (the )?(delivery|destination)\b|\bzustellbasis\b", AT_DELIVERY_OFFICE),
            (r"\barrived\b", ARRIVED),
            (r"\bdeparted\b|\bleft\b.{0,60}\b(facility|hub|cent(re|er))\b", DEPARTED),
        ),
        "failure": (
            (_BACK, RETURNING),
            *_AT_DOOR,
            (r"\bdamage|\bbesch(ä|ae)dig", DAMAGED),
            (r"\b(shipment|parcel|package|item) (has been |is |was )?(declared )?lost\b", LOST),
            (r"\bdestroyed\b|\bdisposed\b", DISPOSED),
            (r"\baddress\b|\badresse\b", BAD_ADDRESS),
            (r"\bcustoms\b|\bclearance\b", problem("customs_held", Condition.CUSTOMS_HOLD)),
            (r"\bon hold\b|\bis held\b", _HELD),
            (r"\bdelay(ed)?\b", DELAYED),
        ),
        "delivered": (
            (_AT_SENDER, RETURNED),  # rule R6
            (r"\bdelivered to (a |the )?(packstation|parcel ?locker)\b|\bin (die|eine) packstation\b", AT_LOCKER),
            (r"\bdelivered to (a |the )?((dhl )?service ?point|parcel ?shop|access point|post office)\b", FOR_PICKUP),
            (r"\b(collected|picked up) (by|at)\b|\babgeholt\b", COLLECTED),
            (r"\bneighbou?r|\bnachbar", NEIGHBOUR),
            (r"\bsafe ?place\b|\bpreferred location\b|\b(letter|mail) ?box\b|\bwunschort\b|\bablageort\b", SAFE_PLACE),
        ),
    }.items()
}  # fmt: skip


def status_code(written: str | None) -> str:
    """Return a status code as the table writes it: `Pre Transit` and `pre_transit` are `pre-transit`."""
    return re.sub(r"[\s_]+", "-", (written or "").strip().lower())


def type_code(status: str | None) -> str | None:
    """Return a division's own code where `status` holds one instead of words."""
    return status if status is not None and _CODE.fullmatch(status) else None


def codes_of(carrier: str) -> Mapping[str, Meaning]:
    """Return the codes of a division's own."""
    return PARCEL_DE_CODES if carrier == SERVICES["parcel-de"] else EXPRESS_CODES


def meaning_of(code: str, own: str | None, wording: str, *, codes: Mapping[str, Meaning] = EXPRESS_CODES) -> Meaning:
    """Return what a scan means: a division's own code, or wording, as far as they agree with the status code."""
    base = STATUSES.get(code)
    if base is None:
        return NOT_MAPPED
    if own is not None and own not in codes:
        return unmapped(base)
    worded = (says for pattern, says in _WORDING.get(code, ()) if pattern.search(wording))
    coded = codes.get(own or "")
    finer = coded if coded is not None and own not in _COARSE else next(worded, coded)
    return finer if finer is not None and _agrees(code, finer) else base


def checkpoint(own: str | None, wording: str) -> Meaning:
    """Return what a checkpoint of DHL Express means where no status code stands beside it."""
    code = (own or "").upper()
    if code in _COARSE:
        return meaning_of(_COARSE[code], code, wording)
    return EXPRESS_CODES.get(code, NOT_MAPPED)


def without_signer(wording: str | None) -> str | None:
    """Return a text without the name that DHL Express writes into it: "Delivered - Signed for by: ..."."""
    return None if wording is None else _SIGNED.sub(r"\1 ***", wording)


def carrier_name(service: str | None) -> str:
    """Return the carrier of a DHL service, by its slug."""
    key = status_code(service)
    return SERVICES.get(key, f"dhl-{key}" if key else "dhl")


def _agrees(code: str, meaning: Meaning) -> bool:
    allowed = _OUTBOUND.get(code, frozenset())
    back = meaning.leg == Leg.RETURN and code in ("transit", "failure")
    return back or meaning.stage in allowed
