"""The one thing that wording is asked for where a code does not say it: whether a parcel goes, or went, to its sender.

Pure. Called by the providers whose codes leave it open (AfterShip's Exception_007, 17TRACK's Delivered_Other).
"""

import re
from typing import Final

from services.ingest.carriers.meanings import RETURNED, RETURNING, Meaning

_SENDER: Final = r"(?:the )?(?:original )?(?:sender|shipper|consignor)\b"
_ON_THE_WAY: Final = re.compile(
    rf"\bbe(?:ing)? returned\b|\breturn(?:ing)? to {_SENDER}|\bon (?:its|the) way back to {_SENDER}", re.IGNORECASE
)
_ARRIVED: Final = re.compile(rf"\b(?:returned|delivered),? (?:back )?to {_SENDER}", re.IGNORECASE)


def sent_back(wording: str | None) -> Meaning | None:
    """Return that a parcel is on its way back, or back with its sender; None where the wording says neither.

    "Will be returned" and "being returned" are promises, so they are looked for before "returned".
    """
    if wording is None:
        return None
    if _ON_THE_WAY.search(wording):
        return RETURNING
    return RETURNED if _ARRIVED.search(wording) else None
