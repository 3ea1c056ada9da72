"""What UPS's type, code and description code say together.

The description code speaks first; the two-character code says which kind of it; the type stands in for both where they
are missing. A code that no table lists marks the scan for the mapping queue and never changes where the parcel is.
Pure. Called by `ups_alert.py` and `ups_track.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from schemas.vocabulary import Condition, Leg, Stage
from services.ingest.carriers.meanings import (
    CUSTOMS_RELEASED,
    DELIVERED,
    EXCEPTION,
    INFORMATION,
    LABEL_CREATED,
    NOT_MAPPED,
    ON_VEHICLE,
    RETURNED,
    Meaning,
    unmapped,
)
from services.ingest.carriers.ups_codes import DESCRIPTIONS, MANIFESTS, MOVEMENTS, TYPES, UPDATES
from services.ingest.carriers.ups_deliveries import DELIVERIES
from services.ingest.carriers.ups_exceptions import EXCEPTIONS
from services.ingest.carriers.ups_freight import FREIGHT_EXCEPTIONS, FREIGHT_STEPS
from services.ingest.carriers.ups_mail import MAIL
from services.ingest.carriers.ups_meanings import AT_ACCESS_POINT

Network = Literal["parcel", "mail", "freight"]

_UNCERTAIN: Final = (MOVEMENTS, EXCEPTIONS, DELIVERIES)
#: Type -> where its code is looked up, in order: UPS sends the code of one table with the type of another.
_PARCEL_TABLES: Final = {
    "M": (MANIFESTS, MOVEMENTS),
    "MV": (MANIFESTS,),
    "U": (UPDATES,),
    "X": (EXCEPTIONS, DELIVERIES, MOVEMENTS),
    "D": (DELIVERIES, MOVEMENTS, EXCEPTIONS),
}
_ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED, Stage.DISPOSED, Stage.LOST})
#: What a D that is described as "delivered" may be more exactly.
_ARRIVALS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.AVAILABLE_FOR_PICKUP})
#: Descriptions that say no more than where a parcel is, or that something is wrong: there the code says how.
_GENERAL: Final = frozenset({None, "exception", "held", "picked_up", "processed", "started"})
OWN_NUMBER: Final = re.compile(r"1[ZR][0-9A-Z]{14,26}")
"""A number of UPS's own: 1Z and 16 more, 1R and 14 or 26 more."""
_LONGEST_FREIGHT_NUMBER: Final = 14

#: Only where no description code is told and no table lists the code: (type, pattern, meaning), first match.
_WORDING: Final = tuple(
    (kind, re.compile(pattern, re.IGNORECASE), meaning)
    for kind, pattern, meaning in (
        ("X", r"\breleased by (the )?(customs|clear|government)", CUSTOMS_RELEASED),
        ("D", r"\b(returned|delivered) to (the )?(original )?(sender|shipper)\b", RETURNED),
        ("D", r"\baccess point\b", AT_ACCESS_POINT),
        ("D", r"\b(out for delivery|loaded on)\b", ON_VEHICLE),  # UPS counts the vehicle as delivery information
        ("D", r"^delivered\b", DELIVERED),
    )
)


@dataclass(frozen=True, slots=True)
class Status:
    """What UPS says happened, as it was sent."""

    type: str | None
    code: str | None
    description_code: str | None
    """Three digits."""
    wording: str | None = None
    lost_zeros: bool = False
    """It came as a number: 021 read as octal is 17, which is another row."""

    @property
    def raw_code(self) -> str:
        """The three of them as in `I/OT/021`; one that is missing leaves its place empty."""
        return "/".join((self.type or "", self.code or "", self.description_code or ""))


def network_of(*numbers: str | None) -> Network:
    """Return whose codes a shipment has: a parcel's are known by any 1Z or 1R number, freight's by their shortness."""
    given = [number for number in numbers if number]
    if any(OWN_NUMBER.fullmatch(number) for number in given) or not given:
        return "parcel"
    return "freight" if len(given[0]) <= _LONGEST_FREIGHT_NUMBER else "mail"


def meaning_of(status: Status, network: Network = "parcel") -> Meaning:
    """Return what a status says in our words."""
    if status.type == "U":  # R11, whatever is said beside it
        return INFORMATION if _is_listed(status) else NOT_MAPPED
    told = DESCRIPTIONS.get(status.description_code or "")
    by_code = _by_code(status, network)
    if told == LABEL_CREATED and status.type in ("X", "D"):
        told = None  # a label that is only announced has neither an exception nor a delivery
    if told is None:
        return _without_description(status, by_code)
    if status.lost_zeros and by_code is not None:
        return by_code
    return _refined(told, by_code)


def _is_listed(status: Status) -> bool:
    """Tell whether an update is one we know."""
    if status.description_code is not None:
        return status.description_code in DESCRIPTIONS
    return status.code is None or status.code in UPDATES


def _by_code(status: Status, network: Network) -> Meaning | None:
    """Return what the two-character code says; a reason (X) never ends a parcel by itself (R10)."""
    code = status.code or ""
    code = code.zfill(2) if code.isdigit() else code.upper()
    meaning = next((table[code] for table in _tables(status.type, network) if code in table), None)
    if meaning is not None and status.type == "X" and meaning.stage in _ENDS:
        return replace(EXCEPTION, sets=(*EXCEPTION.sets, *meaning.sets))
    return meaning


def _tables(kind: str | None, network: Network) -> tuple[Mapping[str, Meaning], ...]:
    if network == "mail":
        return (MAIL, *_UNCERTAIN)
    if network == "freight":
        return (FREIGHT_EXCEPTIONS, FREIGHT_STEPS) if kind == "X" else (FREIGHT_STEPS, FREIGHT_EXCEPTIONS)
    return _PARCEL_TABLES.get(kind or "", _UNCERTAIN)


def _without_description(status: Status, by_code: Meaning | None) -> Meaning:
    """Return what code or type say; marked where a description code or a code is told that nobody listed."""
    if by_code is not None:
        unknown = status.description_code is not None and status.description_code not in DESCRIPTIONS
        return unmapped(by_code) if unknown else by_code
    worded = _by_wording(status)
    base = worded or TYPES.get(status.type or "", NOT_MAPPED)
    known = worded is not None or (status.code is None and status.description_code is None)
    return base if known else unmapped(base)


def _by_wording(status: Status) -> Meaning | None:
    """Return what the text says, where nothing else is left."""
    wording = status.wording or ""
    return next(
        (meaning for kind, pattern, meaning in _WORDING if kind == status.type and pattern.search(wording)), None
    )


def _refined(told: Meaning, by_code: Meaning | None) -> Meaning:
    """Return the description with what the code adds: how or why, and never another place, but for these.

    "Exception" names no reason, so one that the code names is all there is; and a D described as delivered may be an
    access point's or the sender's.
    """
    if by_code is None or by_code.is_silent or told == NOT_MAPPED:
        return told
    if told == EXCEPTION:
        return by_code if _is_reason(by_code) else told
    if told == DELIVERED and by_code.stage in _ARRIVALS:
        return by_code
    sets = _both(told.sets, by_code.sets)
    if (told.stage, told.leg) == (by_code.stage, by_code.leg):
        finer = by_code if told.substatus in _GENERAL else told
        return replace(finer, substatus=finer.substatus or told.substatus, sets=sets)
    return replace(told, sets=sets) if told.stage is None and told.sets else told


def _is_reason(by_code: Meaning) -> bool:
    """Tell whether a code says why something is wrong: an attempt, customs, the way back, or a condition."""
    at_customs = (by_code.substatus or "").startswith("customs")
    return by_code.stage in (None, Stage.ATTEMPTED) or by_code.leg == Leg.RETURN or at_customs


def _both(first: tuple[Condition, ...], second: tuple[Condition, ...]) -> tuple[Condition, ...]:
    return (*first, *(one for one in second if one not in first))
