"""Keys: the only makers of order keys and shipment keys, used alike by order events, scans, rows and links."""

import re
import unicodedata
from functools import lru_cache

from schemas.carriers import canonical_carrier

SHOP_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
DEFAULT_SHOP = "main"

_SHOP = re.compile(SHOP_PATTERN)
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,63}")
_MAX_RAW_NUMBER = 512
_KIND = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_INVISIBLE = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def order_key(shop: str, order: str) -> str:
    """Return `shop:order number`. A shop never holds a colon, so two orders never share a key."""
    if not _SHOP.fullmatch(shop) or not order:
        message = "a shop is 1 to 63 lower-case letters, digits and hyphens; an order number is not empty"
        raise ValueError(message)
    return f"{shop}:{order}"


def split_order_key(key: str) -> tuple[str, str]:
    """Return (shop, order number) of an order key; ValueError when it is none."""
    shop, colon, order = key.partition(":")
    if not colon or not order or not _SHOP.fullmatch(shop):
        message = "an order key is `shop:order number`"
        raise ValueError(message)
    return shop, order


#: What people type where a number is not known yet. Taken for numbers, they would tie strangers' orders together.
_PLACEHOLDERS = frozenset(
    {"N/A", "NA", "NONE", "NULL", "NIL", "TBA", "TBC", "TBD", "PENDING", "UNKNOWN", "NOTRACKING", "NOTYET", "TEST"}
)


#: A few zeros are typed where there is no number yet; carriers' own examples have numbers of zeros in full length.
_SHORTEST_OF_ZEROS = 10


@lru_cache(maxsize=4096)
def clean_number(number: str) -> str:
    """Return a tracking number as its carrier prints it without decoration: no spaces, upper case, ASCII digits.

    Raises ValueError when nothing that could be a tracking number is left (carriers' valid samples hold spaces
    between digits; leading zeros are kept; bad input tries unicode digits and right-to-left marks).
    """
    # Too long is refused, not cut: what is left of a cut number would be another parcel's.
    folded = unicodedata.normalize("NFKC", number) if len(number) <= _MAX_RAW_NUMBER else ""
    kept = (char for char in folded if unicodedata.category(char) not in _INVISIBLE)
    cleaned = "".join(str(unicodedata.decimal(char, char)) for char in kept)
    # Judged before it is upper-cased: "ß" would become a readable "SS".
    if not _NUMBER.fullmatch(cleaned):
        message = "a tracking number is 1 to 64 letters, digits and . _ / + -"
        raise ValueError(message)
    if cleaned.upper() in _PLACEHOLDERS or (len(cleaned) < _SHORTEST_OF_ZEROS and not cleaned.strip("0")):
        message = "this is a placeholder, not a tracking number"
        raise ValueError(message)
    return cleaned.upper()


@lru_cache(maxsize=4096)
def shipment_key(carrier: str, number: str, *, provider: str | None = None) -> str:
    """Return `carrier:number`, with the carrier's canonical slug and the cleaned number.

    `carrier` may be any name or alias a shop or provider uses; an unknown one becomes a slug of its own.
    """
    return f"{canonical_carrier(carrier, provider=provider)}:{clean_number(number)}"


def reference_key(kind: str, value: str) -> str:
    """Return `ref:kind:value`: the key of scans that carry no tracking number (Shopify's fulfilment id, say)."""
    kind, value = kind.strip().lower(), value.strip()
    printable = value.isprintable() and 0 < len(value) <= 128  # noqa: PLR2004 - the bound of Identifier
    if not _KIND.fullmatch(kind) or not printable:
        message = "a reference is a short kind and a printable value of at most 128 characters"
        raise ValueError(message)
    return f"ref:{kind}:{value}"
