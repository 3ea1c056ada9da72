"""Where an Australia Post scan happened: one text, written in five ways. Pure. Called by `australiapost.py`."""

import re
from typing import Final

from schemas.scans import Place
from services.ingest.carriers.shipment import Shipment

#: The first that fits the whole text; what none fits is a name: a suburb, or StarTrack's depot as in `PER`.
_FORMS: Final = tuple(
    re.compile(form)
    for form in (
        r"(?P<city>.+?)\s*\((?P<country>[A-Z]{2})\)",  # CHICAGO (US)
        r"((?P<city>.+?)(?:,\s*|\s+))?(?P<region>NSW|VIC|QLD|SA|WA|TAS|NT|ACT)",  # ALEXANDRIA NSW; NSW
        r"(?P<country>[A-Z]{2})-(?P<postcode>[0-9A-Z -]{3,10}),\s*.+",  # US-60199, UNITED STATES
        r"(?P<country>[A-Z]{2})",  # NZ
        r"(?P<city>.+)",
    )
)
#: No place: told for what moves between two.
_NOWHERE: Final = frozenset({"transit scan"})


def place_of(shipment: Shipment, location: str | None) -> Place | None:
    """Return the place of a scan; None where it names none."""
    if location is None or location.casefold() in _NOWHERE:
        return None
    found = next(match for form in _FORMS if (match := form.fullmatch(location)) is not None)
    named = found.groupdict()
    if named.get("region"):
        named["country"] = "AU"  # the states of Australia
    return shipment.place(**named)
