"""Shopify's statuses of fulfilment events. Source: shopify.dev, FulfillmentEvent (2026-10), in capitals in its API."""

from typing import Final

from schemas.vocabulary import Stage
from services.ingest.carriers.meanings import (
    COLLECTED,
    DELAYED,
    DELIVERED,
    EXCEPTION,
    FOR_PICKUP,
    LABEL_CREATED,
    NOT_MAPPED,
    ON_VEHICLE,
    PICKED_UP,
    PROCESSED,
    Meaning,
)

STATUSES: Final[dict[str, Meaning]] = {
    "label_purchased": LABEL_CREATED,
    "label_printed": LABEL_CREATED,
    # The carrier knows of it and has nothing in hand.
    "confirmed": LABEL_CREATED,
    "carrier_picked_up": PICKED_UP,
    "in_transit": PROCESSED,
    # No place and no new position: only the condition is said (rule R10).
    "delayed": DELAYED,
    "out_for_delivery": ON_VEHICLE,
    "attempted_delivery": Meaning(Stage.ATTEMPTED),
    "ready_for_pickup": FOR_PICKUP,
    # By the customer, at the shop's own counter: some versions have it. The carrier's is `carrier_picked_up`.
    "picked_up": COLLECTED,
    "delivered": DELIVERED,
    # "The delivery failed": never lost, never returned by that alone (rule R10).
    "failure": EXCEPTION,
}


def meaning_of(status: str) -> Meaning:
    """Return what a status says in our words."""
    return STATUSES.get(status, NOT_MAPPED)
