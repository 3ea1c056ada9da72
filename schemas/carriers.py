"""Carriers: one canonical slug each, with the names shops use and the codes providers use for it.

Slugs are part of every shipment key, so they never change. A name nobody listed becomes a slug of its own
(`is_known` is false for it: counted and listed by its users); the order event *shipment corrected* mends a wrong one.
Sources: the carrier lists of EasyPost, AfterShip, Shippo, 17TRACK, ShipEngine, Sendcloud. The rows stand in
`carrier_table.py` and `national_posts.py`.
"""

import hashlib
import re
import unicodedata
from typing import Final
from urllib.parse import quote

from schemas import carrier_table, national_posts

_NOT_ALNUM = re.compile(r"[^a-z0-9]+")
MAX_SLUG = 40

_ROWS: Final = (*carrier_table.ROWS, *national_posts.ROWS)
CARRIERS: Final = {carrier.slug: carrier for carrier in _ROWS}


def _fold(name: str) -> str:
    """Return a name reduced to its letters and digits, so that "Royal Mail", "royal_mail" and "RoyalMail" meet."""
    plain = unicodedata.normalize("NFKD", name[:200]).encode("ascii", "ignore").decode()
    return _NOT_ALNUM.sub("", plain.casefold())


_BY_NAME: Final = {
    _fold(name): carrier.slug for carrier in _ROWS for name in (carrier.slug, carrier.name, *carrier.aliases)
}
_BY_CODE: Final = {(provider, code): carrier.slug for carrier in _ROWS for provider, code in carrier.codes}


def canonical_carrier(name: str, *, provider: str | None = None) -> str:
    """Return the carrier's slug for any name or alias; an unknown name becomes a slug of its own.

    A code means what its provider says it means, so (provider, code) is looked up before the plain name.
    Raises ValueError when the name holds no letter or digit at all.
    """
    if provider is not None and (slug := _BY_CODE.get((provider, name.strip()))) is not None:
        return slug
    if (slug := _BY_NAME.get(_fold(name))) is not None:
        return slug
    plain = unicodedata.normalize("NFKD", name[:200]).encode("ascii", "ignore").decode().casefold()
    own = _NOT_ALNUM.sub("-", plain).strip("-")[:MAX_SLUG].rstrip("-") or _slug_of_foreign_script(name[:200])
    # A provider's bare number is nobody's name: keep whose number it is, or two providers' codes would collide.
    return f"{provider}-{own}"[:MAX_SLUG] if provider is not None and own.isdigit() else own


def _slug_of_foreign_script(name: str) -> str:
    """Return a slug of its own for a name without any ASCII letter or digit: such names must not share one."""
    if not any(char.isalnum() for char in name):
        message = "a carrier name holds at least one letter or digit"
        raise ValueError(message)
    folded = unicodedata.normalize("NFKC", name).strip().casefold()
    return f"carrier-{hashlib.sha256(folded.encode(errors='replace')).hexdigest()[:12]}"


def is_known(slug: str) -> bool:
    """Tell whether a slug is in our list, or was made from a name nobody listed."""
    return slug in CARRIERS


def carrier_name(slug: str) -> str:
    """Return the name people read; for an unknown slug the slug in capitals and spaces."""
    known = CARRIERS.get(slug)
    return known.name if known is not None else slug.replace("-", " ").title()


def carrier_page(slug: str, number: str) -> str | None:
    """Return the carrier's own tracking page for a cleaned number, or None when we know none."""
    known = CARRIERS.get(slug)
    if known is None or known.tracking_page is None:
        return None
    return known.tracking_page.format(number=quote(number, safe=""))
