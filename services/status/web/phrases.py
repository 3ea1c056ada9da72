"""The page's own phrases beside the table of statuses: conditions, details, events of the shop, buckets. Pure.

What is not in these tables is either shown in the carrier's own words or not at all, never as a code.
"""

from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import Bucket, Condition, OrderState


@dataclass(frozen=True, slots=True)
class Notice:
    """A condition in words: what it is, and what follows from it."""

    title: str
    sentence: str


NOTICES: Final[dict[str, Notice]] = {
    Condition.DELAYED: Notice("Delayed", "It arrives later than planned. You need not do anything."),
    Condition.SILENT: Notice("No news", "The carrier has not scanned it for a while. It is usually still moving."),
    Condition.HELD: Notice("Held by the carrier", "The carrier keeps it for now and then sends it on."),
    Condition.CUSTOMS_HOLD: Notice("At customs", "Customs are checking it. This can take some days."),
    Condition.ADDRESS_PROBLEM: Notice("Problem with the address", "Please ask the shop to check the address."),
    Condition.PAYMENT_DUE: Notice("Payment due", "The carrier asks for a payment before it delivers."),
    Condition.DOCUMENTS_MISSING: Notice("Documents missing", "The carrier needs documents before it goes on."),
    Condition.DAMAGED: Notice("Damaged", "The carrier reported damage. Please get in touch with the shop."),
    Condition.REFUSED: Notice("Refused", "It was not accepted at the door. The shop gets in touch with you."),
    Condition.MISSORTED: Notice("Sent the wrong way", "It was sorted wrongly and is being brought back on its way."),
    Condition.WEATHER: Notice("Held up by the weather", "It goes on as soon as the weather allows."),
    Condition.REDIRECT_PENDING: Notice("Being redirected", "The carrier is changing where it goes."),
    Condition.REDIRECTED: Notice("Redirected", "It goes to another address or place than first planned."),
    Condition.APPOINTMENT_BOOKED: Notice("Appointment booked", "The carrier comes at the agreed time."),
    Condition.ACTION_REQUIRED: Notice("Somebody must act", "The shop or the carrier needs something to go on."),
    Condition.CONTRADICTION: Notice("Being checked", "The carrier's news contradict each other. The shop is checking."),
    Condition.INVESTIGATION_OPEN: Notice("Being searched for", "The carrier is looking into where it is."),
    Condition.PICKUP_EXPIRING: Notice("Collect it soon", "It goes back to the shop if nobody collects it."),
    Condition.EXPIRED_TRACKING: Notice("No news any more", "The carrier has stopped reporting on it."),
}

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
}
PARTLY: Final[dict[str, str]] = {
    "picking_started": "Picking of a part started",
    "packed": "Part of the order packed",
    "ready_to_collect": "Part of the order ready to collect",
    "collected": "Part of the order collected",
    "cancelled": "Part of the order cancelled",
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

#: Where units of a line are: "2 delivered, 1 on its way".
BUCKETS: Final[dict[str, str]] = {
    Bucket.OPEN: "being prepared",
    Bucket.PICKING: "being packed",
    Bucket.READY: "ready to collect",
    Bucket.SHIPPED: "on the way",
    Bucket.DELIVERED: "delivered",
    Bucket.COLLECTED: "collected",
    Bucket.RETURNING: "on the way back",
    Bucket.RETURNED: "returned",
    Bucket.LOST: "lost",
    Bucket.CANCELLED: "cancelled",
}

WHO_ACTS: Final[dict[str, str]] = {"shop": "the shop", "carrier": "the carrier", "customer": "you"}

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
