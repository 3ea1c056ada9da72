"""One order or shipment of a file to an order event with its identity. Pure.

Identity: the `id` that the file gives, else the event's type and a hash of what it says without contacts, so that the
same file, or the same rows in another file, can be imported any number of times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.carriers import carrier_name
from schemas.keys import DEFAULT_SHOP, clean_number
from schemas.vocabulary import TimeKind
from services.ingest.carriers.base import OrderTold
from services.ingest.carriers.detection import detect, sole_carrier
from services.ingest.carriers.times import read_time
from services.ingest.import_columns import REFERENCE, Kind
from services.ingest.shops.telling import given_id, identity, read_event

Cells = Mapping[str, str]
"""The filled cells of one row, by our names of the columns."""

_TYPES: Final[Mapping[Kind, str]] = {"orders": "placed", "shipments": "shipment_created"}
_YES: Final = {"1": True, "true": True, "yes": True, "y": True, "0": False, "false": False, "no": False, "n": False}
_OF_A_SHIPMENT: Final = frozenset({"shipment_created", "return_shipment_created"})


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where the file does not say it."""

    kind: Kind
    shop: str = DEFAULT_SHOP
    time_zone: str | None = None
    """IANA name for times without an offset."""


def told_by_rows(rows: Sequence[Cells], defaults: Defaults) -> OrderTold:
    """Return the event of the rows of one order, or one shipment; ValueError says what to mend, without contacts."""
    first = rows[0]
    fields: dict[str, object] = {
        "type": _TYPES[defaults.kind],
        "shop": first.get("shop", defaults.shop),
        "order": first.get("order"),
        "occurred_at": _time(first.get("occurred_at"), defaults.time_zone),
    }
    fields |= _order(rows) if defaults.kind == "orders" else _shipment(rows)
    return _told(fields, first.get("id"))


def told_by_object(row: object, defaults: Defaults) -> OrderTold:
    """Return the event of one line of JSON: an order event, where `type` and `shop` may be missing."""
    if not isinstance(row, dict):
        message = "a line is one JSON object"
        raise ValueError(message)  # noqa: TRY004 - a wrong type in a file is a wrong value
    fields = {"type": _TYPES[defaults.kind], "shop": defaults.shop, **row}
    number = fields.get("number")
    if fields["type"] in _OF_A_SHIPMENT and isinstance(number, str):
        fields["carrier"] = fields.get("carrier") or carrier_of(number)
        fields["shipment"] = fields.get("shipment") or number
    return _told(fields, row.get("id", row.get("ce_id")))


def carrier_of(number: str) -> str:
    """Return whose a number is; ValueError with the candidates where it does not say so for sure."""
    sole = sole_carrier(number)
    if sole is not None:
        return sole
    candidates = ", ".join(carrier_name(one.carrier) for one in detect(number).candidates[:5])
    whose = (
        f"the number can be of {candidates}: say whose it is" if candidates else "no carrier we know has such numbers"
    )
    message = f"carrier: {whose}"
    raise ValueError(message)


def _told(fields: Mapping[str, object], own: object) -> OrderTold:
    event = read_event(fields)
    return OrderTold(event=event, source=f"trackfold/import/{event.shop}", id=given_id(own) or identity("row", event))


def _order(rows: Sequence[Cells]) -> dict[str, object]:
    first = rows[0]
    destination = {name: first[name] for name in ("country", "region", "city", "time_zone") if name in first}
    named = {"name": "customer", "email": "email", "phone": "phone", "postcode": "postcode"}
    contact = {field: first[column] for field, column in named.items() if column in first}
    told: dict[str, object] = {
        "lines": [_line(row, position) for position, row in enumerate(rows, start=1)],
        "destination": destination if "country" in destination else None,
        "promised": {"day": first["promised"]} if "promised" in first else None,
        "contacts": [{"role": "buyer", **contact}] if contact else [],
        "payment_awaited": _yes(first.get("payment_awaited", "no")),
        "locale": first.get("locale"),
        "time_zone": first.get("time_zone"),
        "printed": first.get("printed"),
    }
    return told | ({"delivery_method": first["delivery_method"]} if "delivery_method" in first else {})


def _line(row: Cells, position: int) -> dict[str, object]:
    told: dict[str, object] = {
        field: row[column]
        for field, column in (("name", "product"), ("sku", "sku"), ("seller", "seller"))
        if column in row
    }
    told["fulfilled_from"] = row.get("fulfilled_from")
    return told | {"line": row.get("line", str(position)), "quantity": _count(row, "quantity")}


def _shipment(rows: Sequence[Cells]) -> dict[str, object]:
    first = rows[0]
    number = first.get("number")
    carrier = first.get("carrier")
    if number is not None:
        number = _number(number)
        carrier = carrier or carrier_of(number)
    if carrier is None or (shipment := first.get("shipment", number)) is None:
        message = "number: a shipment without one needs `shipment` and `carrier`"
        raise ValueError(message)
    return {
        "shipment": shipment,
        "carrier": carrier,
        "number": number,
        "service": first.get("service"),
        "pieces": _count(first, "pieces"),
        "lines": [{"line": row["line"], "quantity": _count(row, "quantity")} for row in rows if "line" in row],
        "references": {
            name.removeprefix(REFERENCE): value for name, value in first.items() if name.startswith(REFERENCE)
        },
    }


def _number(number: str) -> str:
    try:
        return clean_number(number)
    except ValueError as error:
        message = f"number: {error}"
        raise ValueError(message) from None


def _count(row: Cells, name: str) -> int:
    written = row.get(name, "1")
    if not (written.isascii() and written.isdecimal() and len(written) <= 7):  # noqa: PLR2004 - a million
        message = f"{name}: a whole number"
        raise ValueError(message)
    return int(written)


def _yes(written: str) -> bool:
    said = _YES.get(written.casefold())
    if said is None:
        message = "payment_awaited: yes or no"
        raise ValueError(message)
    return said


def _time(written: str | None, zone: str | None) -> datetime:
    if written is None:
        message = "occurred_at: it is empty"
        raise ValueError(message)
    try:
        told = read_time(written, zone=zone)
    except ValueError:
        message = "occurred_at: no time that can be read; write it as 2026-11-20T09:00:00+01:00"
        raise ValueError(message) from None
    if told.kind == TimeKind.UNKNOWN_ZONE:
        message = "occurred_at: a time without an offset; write +01:00 behind it, or give --time-zone"
        raise ValueError(message)
    return told.at
