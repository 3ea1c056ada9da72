"""Shopify's refunds as order events: money went back, and units that were never sent are cancelled. Pure.

`restock_type` says what became of the goods. `cancel`: they were not sent yet and will not be. `return`: they were sent
and come back, which the return's own parcel or the shop says when it happens. `no_restock` says nothing of them.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Final

from services.ingest.carriers.documents import child, rows, text
from services.ingest.shops.shopify_values import Order, count, id_of, is_shipped, said_at
from services.ingest.shops.telling import Telling

CANCEL: Final = "cancel"


def tell_refund(telling: Telling, order: Order, body: object) -> None:
    """Note a refund. Raises ValueError where it has no id or no time."""
    refund = id_of(body, "id")
    if refund is None or not isinstance(body, dict):
        message = "a refund without an id"
        raise ValueError(message)
    at, subject = said_at(body, "created_at", "processed_at"), f"refund/{refund}"
    fields = {"lines": _quantities(restocked(body)), "amount": _amount(body)}
    telling.add(subject, order.event("refunded", at, **fields), once=True)
    # Without lines it would cancel the whole order.
    if lines := _quantities(restocked(body, CANCEL)):
        telling.add(subject, order.event("cancelled", at, lines=lines, reason="refunded"), once=True)


def restocked(refund: object, kind: str | None = None) -> Iterator[tuple[str, int]]:
    """Give the refunded units by line, of one `restock_type` or of all."""
    for one in rows(refund, "refund_line_items"):
        line, units = text(one, "line_item_id"), count(one, "quantity")
        wanted = kind is None or text(one, "restock_type") == kind
        if line is not None and units and wanted and is_shipped(child(one, "line_item")):
            yield line, units


def _quantities(units: Iterator[tuple[str, int]]) -> list[dict[str, object]]:
    return [{"line": line, "quantity": quantity} for line, quantity in units]


def _amount(body: dict[str, object]) -> str | None:
    """Return what went back, as in `12.50 GBP`; None where it is not told, or in several currencies."""
    paid = [
        one for one in rows(body, "transactions") if (text(one, "kind"), text(one, "status")) == ("refund", "success")
    ]
    currencies = {text(one, "currency") for one in paid}
    try:
        total = sum((Decimal(text(one, "amount") or "0") for one in paid), Decimal())
    except InvalidOperation:
        return None
    currency = next(iter(currencies), None)
    if len(currencies) != 1 or currency is None or not total.is_finite():
        return None
    return f"{total:.2f} {currency}"
