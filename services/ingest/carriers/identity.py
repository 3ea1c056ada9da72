"""The identity of a scan (rule R1), made in this one place from the scan itself.

Never from wording, a delivery id, or the time we were told. Pure. Called by the provider files.
"""

import hashlib
import unicodedata

from schemas.scans import Place
from schemas.vocabulary import ScanKind, TimeKind
from services.ingest.carriers.times import Told

_SEPARATOR = "\x1f"
KEY_LENGTH = 32
_ZONELESS = frozenset({TimeKind.ASSUMED_ZONE, TimeKind.UNKNOWN_ZONE})


def event_key(kind: str, subject: str, *, told: Told | None, code: str | None, place: Place | None = None) -> str:
    """Return the event key: 128 bits over subject, instant, raw code and place.

    `subject` is the shipment key (or the reference key of a scan without a number). `told` is None only where the
    provider gave no time at all.
    """
    parts = (kind, subject, instant_text(told), code or "", place_text(place))
    digest = hashlib.sha256(_SEPARATOR.join(parts).encode()).hexdigest()[:KEY_LENGTH]
    return digest if kind == ScanKind.SCAN else f"{kind}:{digest}"


def instant_text(told: Told | None) -> str:
    """Return the instant at its source's precision: one text for one instant, however it was written.

    A minute stands at its first second; a date without a time of day is that date in every zone. A time told without
    a zone is its wall clock: the zone we assume can change when the same scan is told again with a country.
    """
    if told is None:
        return ""
    if told.date_only:
        return told.at.date().isoformat()
    if told.kind in _ZONELESS:
        return told.at.replace(tzinfo=None).isoformat(timespec="seconds")
    return str(int(told.at.timestamp()))


def place_text(place: Place | None) -> str:
    """Return the most telling part of a place, folded: providers add a postcode or a country to a scan later on."""
    if place is None:
        return ""
    return _fold(place.city or place.postcode or place.region or place.country or "")


def _fold(words: str) -> str:
    plain = unicodedata.normalize("NFKD", words).casefold()
    return "".join(char for char in plain if char.isalnum())
