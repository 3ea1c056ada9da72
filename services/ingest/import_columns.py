"""Which columns a CSV of orders or shipments may have, and the other names that shops' exports give them. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

Kind = Literal["orders", "shipments"]

#: Begins the name of a column with providers' references: `ref:shopify_fulfillment`.
REFERENCE: Final = "ref:"

_COMMON: Final = {
    "id": ("event id",),
    "shop": (),
    "order": ("order number", "order no", "order id", "order name"),
    "line": ("line id", "line item id", "order line"),
    "quantity": ("qty", "units", "line item quantity"),
}
COLUMNS: Final[Mapping[Kind, Mapping[str, tuple[str, ...]]]] = {
    "orders": {
        **_COMMON,
        "occurred_at": ("ordered at", "placed at", "created at", "order date", "date"),
        "sku": ("article number", "line item sku"),
        "product": ("item", "title", "article", "product name", "line item name"),
        "seller": (),
        "fulfilled_from": ("warehouse", "store"),
        "delivery_method": ("method",),
        "promised": ("promised day", "promised date", "deliver by"),
        "payment_awaited": ("unpaid",),
        "country": ("country code", "shipping country", "destination country"),
        "region": ("state", "province", "shipping province"),
        "city": ("town", "shipping city"),
        "postcode": ("zip", "postal code", "shipping zip"),
        "time_zone": (),
        "customer": ("customer name", "buyer", "name of buyer"),
        "email": ("e-mail", "mail", "customer email"),
        "phone": ("telephone", "mobile", "customer phone"),
        "locale": ("language",),
        "printed": ("printed number", "printed order number"),
    },
    "shipments": {
        **_COMMON,
        "occurred_at": ("created at", "shipped at", "shipment date", "date"),
        "shipment": ("shipment id", "parcel", "parcel id", "fulfillment id", "fulfilment id"),
        "carrier": ("carrier name", "courier", "tracking company"),
        "number": ("tracking number", "tracking no", "tracking code", "tracking"),
        "service": (),
        "pieces": (),
    },
}
REQUIRED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "orders": ("order", "occurred_at"),
    "shipments": ("order", "occurred_at"),
}


def name_columns(header: Sequence[str], kind: Kind) -> list[str | None]:
    """Return our name of each column, None for one that is not read.

    Raises ValueError for a file that lacks a column, or has one twice.
    """
    known = {_folded(alias): name for name, aliases in COLUMNS[kind].items() for alias in (name, *aliases)}
    named = [_reference(cell) or known.get(_folded(cell)) for cell in header]
    told = [name for name in named if name is not None]
    if missing := [name for name in REQUIRED[kind] if name not in told]:
        message = f"there is no column {missing[0]!r}; the first line names the columns"
        raise ValueError(message)
    if twice := [name for name in told if told.count(name) > 1]:
        message = f"two columns are {twice[0]!r}"
        raise ValueError(message)
    return named


def _reference(cell: str) -> str | None:
    name = cell.strip().lower()
    return name if name.startswith(REFERENCE) and len(name) > len(REFERENCE) else None


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
