"""The words of every status: what it means, what people read, what happens next, who acts. Pure.

The one table of such texts: state documents, pages and agents' texts take theirs from here. A status without a row
fails a test.
"""

from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import Bucket, OrderState, Stage
from services.status.notices import NOTICES, Notice

__all__ = [
    "BUCKET_WORDS", "NOTICES", "ON_ITS_WAY_BACK", "ORDER_WORDS", "PARCEL_WORDS", "SHIPPED_WITHOUT_NUMBER",
    "SHIPPED_WITHOUT_SCAN", "Notice", "Words",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """How a status reads."""

    status: str
    """The short name."""
    definition: str
    """When it holds, for agents and developers."""
    sentence: str
    next: str
    acts: str = "nobody"
    """Who acts next: `nobody`, `shop`, `carrier` or `customer`."""
    required: bool = False
    """Nothing goes on unless they do."""


ORDER_WORDS: Final[dict[OrderState, Words]] = {
    OrderState.AWAITING_PAYMENT: Words(
        "Awaiting Payment", "Nothing has left, and the money is awaited or was refused.",
        "We have your order and wait for the payment.",
        "As soon as the payment arrives we start to prepare your order.", "customer", required=True,
    ),
    OrderState.ON_HOLD: Words(
        "On Hold", "The shop holds the order back while units are still with it.",
        "Your order is on hold.", "The shop will get in touch or release it.", "shop", required=True,
    ),
    OrderState.PROCESSING: Words(
        "Processing", "Received and paid; no unit is picked.",
        "We have your order and your payment.", "We will pick the articles from our shelves.", "shop",
    ),
    OrderState.PICKING: Words(
        "Picking", "Units are picked or packed, and none has left.",
        "Your order is being picked and packed.", "It is handed to the carrier when it is packed.", "shop",
    ),
    OrderState.READY_TO_COLLECT: Words(
        "Ready to Collect", "Units wait at the shop's store, or a parcel waits at the carrier's point.",
        "Your order is waiting for you.", "Please collect it.", "customer", required=True,
    ),
    OrderState.PARTIALLY_SHIPPED: Words(
        "Partially Shipped", "Some units have left and some have not.",
        "Part of your order has been shipped.", "The rest follows in another parcel.", "shop",
    ),
    OrderState.SHIPPED: Words(
        "Shipped", "The warehouse has dispatched every unit, and no carrier has scanned one.",
        "Your order has left our warehouse.", "The carrier will scan it soon.", "carrier",
    ),
    OrderState.IN_TRANSIT: Words(
        "In Transit", "Every unit has left, and a carrier has scanned a parcel.",
        "Your order is on its way.", "It travels to the depot nearest to you.", "carrier",
    ),
    OrderState.OUT_FOR_DELIVERY: Words(
        "Out for Delivery", "A parcel is on the delivery vehicle.",
        "Your parcel is on the delivery vehicle.", "It should arrive today.", "carrier",
    ),
    OrderState.PARTIALLY_DELIVERED: Words(
        "Partially Delivered", "Some units were delivered or collected, and others are still to come.",
        "Part of your order has been delivered.", "The rest is still to come.", "carrier",
    ),
    OrderState.DELIVERED: Words(
        "Delivered", "Every unit was delivered, or collected.",
        "Your order has been delivered.", "Nothing more to do. Enjoy it!",
    ),
    OrderState.COLLECTED: Words(
        "Collected", "Every unit was collected at the shop's store.",
        "You have collected your order.", "Nothing more to do. Enjoy it!",
    ),
    OrderState.ATTEMPTED: Words(
        "Delivery Attempted", "A delivery failed, and the parcel is not out again.",
        "The carrier tried to deliver and could not.", "The carrier tries again.", "carrier",
    ),
    OrderState.RETURNING: Words(
        "Returning", "Units are on their way back, and nothing else is under way.",
        "Your order is on its way back to the shop.", "The shop checks it when it arrives.", "carrier",
    ),
    OrderState.PARTIALLY_RETURNED: Words(
        "Partially Returned", "Every unit is at its end: some returned, the others delivered or collected.",
        "Part of your order went back to the shop.", "The shop settles the rest.", "shop",
    ),
    OrderState.RETURNED: Words(
        "Returned", "Every unit is back at the shop.",
        "Your order went back to the shop.", "The shop gets in touch about the refund.", "shop",
    ),
    OrderState.LOST: Words(
        "Lost", "Every unit was declared lost or disposed of.",
        "The carrier lost your order.", "The shop gets in touch with you.", "shop", required=True,
    ),
    OrderState.CANCELLED: Words(
        "Cancelled", "Every unit was cancelled.", "Your order was cancelled.", "Nothing will be sent.",
    ),
    OrderState.CLOSED_SHORT: Words(
        "Closed", "What can arrive has arrived, and something was lost or disposed of.",
        "The rest of your order cannot arrive.", "The shop gets in touch with you.", "shop", required=True,
    ),
    OrderState.ERASED: Words(
        "Erased", "The data of the order were erased; nothing follows.",
        "The data of this order were erased.", "Nothing more is kept.",
    ),
}  # fmt: skip

#: What happens next where everything has left and no number is known.
SHIPPED_WITHOUT_NUMBER: Final = "The tracking number follows, or the service has none."

PARCEL_WORDS: Final[dict[Stage, Words]] = {
    Stage.NOT_FOUND: Words(
        "Number Not Known Yet", "The carrier does not know the number.",
        "The carrier does not know the number yet.", "It will as soon as the parcel is scanned.", "carrier",
    ),
    Stage.ANNOUNCED: Words(
        "Announced to the carrier", "The carrier has the data and not the parcel.",
        "The carrier knows that the parcel is coming.", "The shop hands it over.", "shop",
    ),
    Stage.ACCEPTED: Words(
        "Handed to the carrier", "The first physical scan.",
        "The carrier has the parcel.", "It travels to the depot.", "carrier",
    ),
    Stage.IN_TRANSIT: Words(
        "In transit", "It moves between the carrier's places.",
        "The parcel is on its way.", "It travels to the depot nearest to you.", "carrier",
    ),
    Stage.OUT_FOR_DELIVERY: Words(
        "Out for delivery", "It is on the delivery vehicle.",
        "The parcel is on the delivery vehicle.", "It should arrive today.", "carrier",
    ),
    Stage.ATTEMPTED: Words(
        "Delivery attempted", "A delivery failed.",
        "The carrier could not deliver the parcel.", "The carrier tries again.", "carrier",
    ),
    Stage.AVAILABLE_FOR_PICKUP: Words(
        "Ready to collect", "It waits at the carrier's point.",
        "The parcel is waiting for you.", "Please collect it.", "customer", required=True,
    ),
    Stage.DELIVERED: Words(
        "Delivered", "It was handed over.", "The parcel has been delivered.", "Nothing more to do.",
    ),
    Stage.RETURNED: Words(
        "Returned to the sender", "It is back where it came from.",
        "The parcel went back to the shop.", "The shop gets in touch.", "shop",
    ),
    Stage.CANCELLED: Words(
        "Cancelled", "The label was withdrawn.", "The parcel was withdrawn.", "It will not be sent.",
    ),
    Stage.DISPOSED: Words(
        "Disposed of", "The carrier destroyed it.",
        "The carrier disposed of the parcel.", "The shop gets in touch.", "shop", required=True,
    ),
    Stage.LOST: Words(
        "Lost", "The carrier declared it lost.",
        "The carrier lost the parcel.", "The shop gets in touch.", "shop", required=True,
    ),
}  # fmt: skip

#: Short names of parcels where the stage alone does not say enough.
ON_ITS_WAY_BACK: Final = "On its way back"
SHIPPED_WITHOUT_SCAN: Final = "Shipped, not scanned yet"

#: Where units of a line are: "2 delivered, 1 on its way".
BUCKET_WORDS: Final[dict[str, str]] = {
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
