"""The page's own phrases beside the table of words: details and events of the shop. Pure.

What is not in these tables is either shown in the carrier's own words or not at all, never as a code.
"""

from typing import Final

from schemas.vocabulary import OrderState

#: What the shop did, as entries of the order's own history. Events without a phrase are not for customers.
SHOP_EVENTS: Final[dict[str, str]] = {
    "placed": "Order placed",
    "payment_confirmed": "Payment received",
    "payment_failed": "Payment did not go through",
    "picking_started": "Picking started",
    "packed": "Packed",
    "ready_to_collect": "Ready to collect",
    "collected": "Collected",
    "shipment_created": "Parcel announced to the carrier",
    "shipment_corrected": "Tracking details corrected",
    "shipment_voided": "Parcel withdrawn",
    "dispatched": "Left the warehouse",
    "cancelled": "Order cancelled",
    "on_hold": "Put on hold",
    "released": "Preparation goes on",
    "backordered": "Out of stock for now",
    "promise_changed": "Promised time changed",
    "lines_edited": "Articles changed",
    "collection_extended": "Kept longer for collection",
    "collection_expired": "Not collected in time",
    "address_changed": "Destination changed",
    "return_requested": "Return requested",
    "return_shipment_created": "Return parcel announced",
    "returned": "Return received",
    "refunded": "Refunded",
    "replaced": "Replaced by another order",
    "override_set": "Parcel checked by the shop",
    "override_ended": "The carrier's news count again",
}
PARTLY: Final[dict[str, str]] = {
    "picking_started": "Picking of a part started",
    "packed": "Part of the order packed",
    "ready_to_collect": "Part of the order ready to collect",
    "collected": "Part of the order collected",
    "cancelled": "Part of the order cancelled",
    "backordered": "Part of the order out of stock for now",
    "collection_expired": "Part of the order not collected in time",
    "return_requested": "Return of a part requested",
    "returned": "Part of the order returned",
    "refunded": "Part of the order refunded",
    "replaced": "Part of the order replaced by another order",
}

#: Where it was handed over, for a delivered parcel, by the last part of the sub-status.
HANDED_OVER: Final[dict[str, str]] = {
    "signed": "Signed for",
    "neighbour": "Left with a neighbour",
    "safe_place": "Left in a safe place",
    "mail_room": "Left in the mail room",
    "collected": "Collected",
    "cod_paid": "Paid on delivery",
}
PROOFS: Final[dict[str, str]] = {"signature": "a signature", "photo": "a photo", "pin": "a PIN"}

#: States in which nothing more is expected: the page stops to reload itself.
FINISHED: Final = frozenset(
    {
        OrderState.DELIVERED, OrderState.COLLECTED, OrderState.CANCELLED, OrderState.RETURNED, OrderState.LOST,
        OrderState.PARTIALLY_RETURNED, OrderState.CLOSED_SHORT, OrderState.ERASED,
    }
)  # fmt: skip


def readable(word: str) -> str:
    """Return a word of an open vocabulary that has no phrase yet, as people write it."""
    return word.rsplit(".", 1)[-1].replace("_", " ").replace("-", " ").capitalize()


def place_name(text: str) -> str:
    """Return a town as people write it: carriers shout (`MILTON KEYNES`)."""
    return text.title() if text.isupper() and len(text) > len("USA") else text
