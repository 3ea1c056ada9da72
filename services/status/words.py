"""The words of every status: what people read, what happens next, who acts. Pure.

The one table of such texts: state documents, pages and agents' texts take theirs from here. A status without a row
fails a test.
"""

from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import OrderState, Stage


@dataclass(frozen=True, slots=True)
class Words:
    """How a status reads."""

    status: str
    """The short name."""
    sentence: str
    next: str
    acts: str = "nobody"
    """Who acts next: `nobody`, `shop`, `carrier` or `customer`."""


ORDER_WORDS: Final[dict[OrderState, Words]] = {
    OrderState.AWAITING_PAYMENT: Words(
        "Awaiting Payment", "We have your order and wait for the payment.",
        "As soon as the payment arrives we start to prepare your order.", "customer",
    ),
    OrderState.ON_HOLD: Words(
        "On Hold", "Your order is on hold.", "The shop will get in touch or release it.", "shop",
    ),
    OrderState.PROCESSING: Words(
        "Processing", "We have your order and your payment.", "We will pick the articles from our shelves.", "shop",
    ),
    OrderState.PICKING: Words(
        "Picking", "Your order is being picked and packed.", "It is handed to the carrier when it is packed.", "shop",
    ),
    OrderState.READY_TO_COLLECT: Words(
        "Ready to Collect", "Your order is waiting for you.", "Please collect it.", "customer",
    ),
    OrderState.PARTIALLY_SHIPPED: Words(
        "Partially Shipped", "Part of your order has been shipped.", "The rest follows in another parcel.", "shop",
    ),
    OrderState.SHIPPED: Words(
        "Shipped", "Your order has left our warehouse.", "The carrier will scan it soon.", "carrier",
    ),
    OrderState.IN_TRANSIT: Words(
        "In Transit", "Your order is on its way.", "It travels to the depot nearest to you.", "carrier",
    ),
    OrderState.OUT_FOR_DELIVERY: Words(
        "Out for Delivery", "Your parcel is on the delivery vehicle.", "It should arrive today.", "carrier",
    ),
    OrderState.PARTIALLY_DELIVERED: Words(
        "Partially Delivered", "Part of your order has been delivered.", "The rest is still to come.", "carrier",
    ),
    OrderState.DELIVERED: Words("Delivered", "Your order has been delivered.", "Nothing more to do. Enjoy it!"),
    OrderState.COLLECTED: Words("Collected", "You have collected your order.", "Nothing more to do. Enjoy it!"),
    OrderState.ATTEMPTED: Words(
        "Delivery Attempted", "The carrier tried to deliver and could not.", "The carrier tries again.", "carrier",
    ),
    OrderState.RETURNING: Words(
        "Returning", "Your order is on its way back to the shop.", "The shop checks it when it arrives.", "carrier",
    ),
    OrderState.PARTIALLY_RETURNED: Words(
        "Partially Returned", "Part of your order went back to the shop.", "The shop settles the rest.", "shop",
    ),
    OrderState.RETURNED: Words(
        "Returned", "Your order went back to the shop.", "The shop gets in touch about the refund.", "shop",
    ),
    OrderState.LOST: Words("Lost", "The carrier lost your order.", "The shop gets in touch with you.", "shop"),
    OrderState.CANCELLED: Words("Cancelled", "Your order was cancelled.", "Nothing will be sent."),
    OrderState.CLOSED_SHORT: Words(
        "Closed", "The rest of your order cannot arrive.", "The shop gets in touch with you.", "shop",
    ),
    OrderState.ERASED: Words("Erased", "The data of this order were erased.", "Nothing more is kept."),
}  # fmt: skip

PARCEL_WORDS: Final[dict[Stage, str]] = {
    Stage.NOT_FOUND: "The carrier does not know the number yet",
    Stage.ANNOUNCED: "Announced to the carrier",
    Stage.ACCEPTED: "Handed to the carrier",
    Stage.IN_TRANSIT: "In transit",
    Stage.OUT_FOR_DELIVERY: "Out for delivery",
    Stage.ATTEMPTED: "Delivery attempted",
    Stage.AVAILABLE_FOR_PICKUP: "Ready to collect",
    Stage.DELIVERED: "Delivered",
    Stage.RETURNED: "Returned to the sender",
    Stage.CANCELLED: "Cancelled",
    Stage.DISPOSED: "Disposed of",
    Stage.LOST: "Lost",
}
