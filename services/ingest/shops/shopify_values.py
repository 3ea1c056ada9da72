"""What Shopify's bodies are read by: the shop, the order, its times and counts. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.keys import DEFAULT_SHOP, SHOP_PATTERN
from services.ingest.carriers.documents import text
from services.ingest.carriers.times import read_time
from services.runtime.errors import Poison

REFERENCE: Final = "shopify_fulfillment"
"""Kind of the reference that stands for a tracking number in Shopify's fulfilment events."""

_HOST: Final = ".myshopify.com"
_ID: Final = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Order:
    """Which order a body speaks of."""

    shop: str
    id: str

    def event(self, kind: str, at: datetime, **fields: object) -> dict[str, object]:
        """Return the fields of an order event."""
        return {"type": kind, "shop": self.shop, "order": self.id, "occurred_at": at, **fields}


def shop_of(domain: str | None) -> str:
    """Return the shop's key: what stands before `.myshopify.com`, which Shopify gives to one shop alone.

    Without a domain it is the only shop there is. Another domain is refused: two of them could come to one key.
    """
    if domain is None:
        return DEFAULT_SHOP
    host = domain.strip().lower()
    shop = host.removesuffix(_HOST)
    if shop == host or not re.fullmatch(SHOP_PATTERN, shop):
        raise Poison("bad_shop", "the shop's domain is no name before .myshopify.com")
    return shop


def id_of(body: object, name: str) -> str | None:
    """Return a 64-bit id as text: as a number it would lose digits in other programs."""
    found = text(body, name)
    return found if found is not None and _ID.fullmatch(found) else None


def said_at(body: Mapping[str, object], *names: str) -> datetime:
    """Return the first of these times that is told; ValueError where none can be read."""
    told = next((found for name in names if (found := text(body, name)) is not None), None)
    if told is None:
        message = f"no {names[0]}"
        raise ValueError(message)
    return read_time(told).at


def count(body: object, name: str) -> int:
    """Return a count; 0 for anything that is none."""
    found = text(body, name)
    return int(found) if found is not None and found.isascii() and found.isdecimal() and len(found) <= 7 else 0  # noqa: PLR2004 - a million


def is_shipped(line: object) -> bool:
    """Tell whether a line is sent: gift cards, services and tips are not."""
    return isinstance(line, dict) and line.get("requires_shipping") is not False
