"""Shopify's topics: which are read, and as what; where no topic is told, the shape of the body says it. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from services.runtime.errors import Poison


class Kind(StrEnum):
    """What a body is read as."""

    ORDER = "order"
    FULFILLMENT = "fulfillment"
    REFUND = "refund"
    EVENT = "fulfillment_event"
    EVENT_DELETED = "fulfillment_event_deleted"
    REDACT = "redact"


TOPICS: Final[dict[str, Kind]] = {
    "orders/create": Kind.ORDER,
    "orders/paid": Kind.ORDER,
    "orders/updated": Kind.ORDER,
    "orders/cancelled": Kind.ORDER,
    "orders/fulfilled": Kind.ORDER,
    "orders/partially_fulfilled": Kind.ORDER,
    "fulfillments/create": Kind.FULFILLMENT,
    "fulfillments/update": Kind.FULFILLMENT,
    "refunds/create": Kind.REFUND,
    "fulfillment_events/create": Kind.EVENT,
    "fulfillment_events/update": Kind.EVENT,
    "fulfillment_events/delete": Kind.EVENT_DELETED,
    "customers/redact": Kind.REDACT,
}

#: Topics that concern orders and are not read, with the reason that is counted; docs/carriers/shopify.md says more.
IGNORED: Final[dict[str, str]] = {
    # Only what changed, without the lines' names: `orders/updated` comes with it and has all lines.
    "orders/edited": "told_by_orders_updated",
    # Shopify deletes only what is cancelled or a test, and its body is the id alone.
    "orders/delete": "order_deleted",
    # Mandatory for apps. Both ask a person, not a machine: what is kept stands in the orders themselves.
    "customers/data_request": "data_request",
    "shop/redact": "shop_redact",
}
OTHER: Final = "other_topic"


def ignored(topic: str) -> str | None:
    """Return why a topic is not read; None for one that is, and where no topic is told."""
    return None if not topic or topic in TOPICS else IGNORED.get(topic, OTHER)


def kind_of(topic: str, body: Mapping[str, object]) -> Kind:
    """Return what a body is; Poison where neither topic nor shape says it."""
    if topic:
        return TOPICS[topic]
    for kind, names in _SHAPES:
        if all(name in body for name in names):
            return kind
    raise Poison("bad_shape", "no shape of Shopify's that is read")


#: Names that stand together in one kind of body alone, first match wins.
_SHAPES: Final[tuple[tuple[Kind, tuple[str, ...]], ...]] = (
    (Kind.REDACT, ("orders_to_redact",)),
    (Kind.EVENT, ("fulfillment_id", "status")),
    (Kind.REFUND, ("order_id", "refund_line_items")),
    (Kind.FULFILLMENT, ("order_id", "tracking_number")),
    (Kind.FULFILLMENT, ("order_id", "tracking_company")),
    (Kind.FULFILLMENT, ("order_id", "tracking_numbers")),
    (Kind.ORDER, ("line_items", "financial_status")),
    (Kind.ORDER, ("line_items", "order_number")),
    (Kind.ORDER, ("line_items", "name")),
)
