"""Shopify's orders as order events: placed, paid, edited, cancelled, and what stands inside an order's body.

The order's key is Shopify's order id, because refunds and erasures name nothing else; what customers read ("#1001")
is its printed number. Each body is a snapshot, so events say how things are, not what changed: late, repeated and
reordered bodies come to the same. Names of the shop's staff, addresses and notes stay behind. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from services.ingest.carriers.base import Problem
from services.ingest.carriers.documents import child, rows, text
from services.ingest.shops.shopify_fulfillments import tell_fulfillment
from services.ingest.shops.shopify_refunds import CANCEL, restocked, tell_refund
from services.ingest.shops.shopify_values import Order, count, is_shipped, said_at
from services.ingest.shops.telling import Telling

CREATED: Final = "orders/create"
PAID: Final = "orders/paid"
UPDATED: Final = "orders/updated"
AS_THE_API_GIVES_IT: Final = ""
"""No topic: the order as the API returns it, from which everything is told."""

_AWAITED: Final = frozenset({"pending", "partially_paid"})
#: `authorized` is no payment yet and no wait for the customer either: shops send it off.
_MONEY_IS_THERE: Final = frozenset({"paid", "partially_refunded", "refunded"})


def tell_order(telling: Telling, order: Order, body: Mapping[str, object], topic: str) -> None:
    """Note what the body of an `orders/*` topic says. Raises ValueError where it says no time."""
    subject = f"order/{order.id}"
    if topic in (CREATED, AS_THE_API_GIVES_IT):
        telling.add(subject, order.event("placed", said_at(body, "created_at"), **_plan(body)))
    if _is_paid(body, topic):
        telling.add(subject, order.event("payment_confirmed", said_at(body, "updated_at", "created_at")))
    if topic in (UPDATED, AS_THE_API_GIVES_IT):
        _tell_edits(telling, order, body)
    if text(body, "cancelled_at") is not None:
        why = text(body, "cancel_reason")
        telling.add(subject, order.event("cancelled", said_at(body, "cancelled_at"), reason=why), once=True)
    for name, tell in (("fulfillments", tell_fulfillment), ("refunds", tell_refund)):
        for one in rows(body, name):
            try:
                tell(telling, order, one)
            except ValueError as error:
                telling.problems.append(Problem("bad_event", f"{name}: {error}"))


def has_goods(body: Mapping[str, object]) -> bool:
    """Tell whether anything of an order is sent: gift cards, services and tips are not."""
    return any(is_shipped(line) for line in rows(body, "line_items"))


def _tell_edits(telling: Telling, order: Order, body: Mapping[str, object]) -> None:
    """Note how lines, destination and contacts are now; the same as before has no effect."""
    at, subject = said_at(body, "updated_at", "created_at"), f"order/{order.id}"
    telling.add(subject, order.event("lines_edited", at, lines=list(_lines_now(body))))
    if (destination := _destination(body)) is not None:
        telling.add(subject, order.event("address_changed", at, destination=destination))
    if contacts := _contacts(body):
        telling.add(subject, order.event("contact_changed", at, contacts=contacts))


def _plan(body: Mapping[str, object]) -> dict[str, object]:
    return {
        "lines": [_line(line, count(line, "quantity")) for line in rows(body, "line_items") if is_shipped(line)],
        "destination": _destination(body),
        "contacts": _contacts(body),
        "locale": text(body, "customer_locale"),
        "payment_awaited": text(body, "financial_status") in _AWAITED,
        "printed": text(body, "name"),
    }


def _line(line: object, quantity: int) -> dict[str, object]:
    name = text(line, "name") or text(line, "title")
    return {"line": text(line, "id"), "name": name, "sku": text(line, "sku"), "quantity": quantity}


def _lines_now(body: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Give the lines with the units that are ordered, cancelled ones included.

    `current_quantity` lacks every refunded unit. Those that were refunded before they were sent are told as cancelled
    and therefore counted here; those that were sent count as sent; what an edit took away is gone.
    """
    refunds = [one for refund in rows(body, "refunds") for one in restocked(refund, CANCEL)]
    cancelled, sent = Counter[str](), Counter[str]()
    for known, units in refunds:
        cancelled[known] += units
    for fulfillment in rows(body, "fulfillments"):
        if text(fulfillment, "status") == "success":
            for one in rows(fulfillment, "line_items"):
                sent[text(one, "id") or ""] += count(one, "quantity")
    for line in rows(body, "line_items"):
        if is_shipped(line):
            own = text(line, "id") or ""
            here = count(line, "current_quantity") if text(line, "current_quantity") else count(line, "quantity")
            kept = here + (cancelled[own] if text(line, "current_quantity") else 0)
            yield _line(line, max(kept, sent[own]))


def _is_paid(body: Mapping[str, object], topic: str) -> bool:
    return topic == PAID or (topic == AS_THE_API_GIVES_IT and text(body, "financial_status") in _MONEY_IS_THERE)


def _destination(body: Mapping[str, object]) -> dict[str, object] | None:
    address = child(body, "shipping_address")
    country = text(address, "country_code")
    if country is None or len(country) != 2 or not country.isascii() or not country.isalpha():  # noqa: PLR2004 - ISO 3166
        return None
    return {"country": country, "region": text(address, "province_code"), "city": text(address, "city")}


def _contacts(body: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the buyer, with the postcode of the parcel: it opens the tracking page beside the order number."""
    customer, shipping, billing = (
        child(body, "customer"),
        child(body, "shipping_address"),
        child(body, "billing_address"),
    )
    names = (text(customer, "first_name"), text(customer, "last_name"))
    buyer = {
        "name": " ".join(part for part in names if part) or text(billing, "name") or text(shipping, "name"),
        "email": text(body, "contact_email") or text(body, "email") or text(customer, "email"),
        "phone": text(body, "phone") or text(customer, "phone") or text(shipping, "phone") or text(billing, "phone"),
        "postcode": text(shipping, "zip") or text(billing, "zip"),
    }
    told = {name: value for name, value in buyer.items() if value is not None}
    return [{"role": "buyer", **told}] if told else []
