"""Shopify's bodies to change, what is read from them, and what status makes of that."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import strategies as st

from services.ingest.carriers.base import OrderTold, Reading, Webhook, read
from services.ingest.carriers.shopify import SHOPIFY
from services.status.inputs import stored_event
from services.status.order_facts import gather
from tests.unit.ingest.samples import FIXTURES, TOLD_AT, document, webhook_of

LAMP, BULB = "7100000000000000101", "7100000000000000102"
FULFILLMENT = "5900000000000000201"
DOMAIN = "lamps-and-more.myshopify.com"


def told(body: Mapping[str, Any], topic: str = "", domain: str = DOMAIN, **headers: str) -> Reading:
    kept = {"x-shopify-topic": topic, "x-shopify-shop-domain": domain, **headers}
    return read(SHOPIFY, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT, headers=kept))


def case(name: str) -> Reading:
    return read(SHOPIFY, webhook_of(FIXTURES / "shopify" / f"{name}.json"))


def kinds(reading: Reading) -> list[str]:
    return [one.event.type for one in reading.orders]


def facts(orders: Iterable[OrderTold]) -> Any:
    """Return what status makes of the events."""
    return gather(stored_event(one.source, one.id, one.event) for one in orders)


def order(**fields: Any) -> dict[str, Any]:
    return {**document("shopify/order_created_not_paid_yet"), **fields}


def fulfillment(**fields: Any) -> dict[str, Any]:
    return {**document("shopify/fulfillment_with_one_number"), **fields}


def event(**fields: Any) -> dict[str, Any]:
    return {**document("shopify/event_in_transit"), **fields}


#: What a field may hold that a stranger writes.
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
