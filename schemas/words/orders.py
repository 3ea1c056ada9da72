"""The words of every state of an order, and the steps on its way. Pure data."""

from typing import Final

from schemas.vocabulary import Bucket, OrderState
from schemas.words.parcels import NOT_REALLY_ATTEMPTED
from schemas.words.row import Words

#: The goods waited at the store in vain, and units went back to stock.
NOT_COLLECTED: Final = "not_collected"

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
        "In Transit", "Every unit has left; a carrier has scanned a parcel.",
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

#: Where the order's sub-status says more than its state alone.
ORDER_SUBSTATUS_WORDS: Final[dict[tuple[str, str], Words]] = {
    (OrderState.ATTEMPTED, NOT_REALLY_ATTEMPTED): Words(
        "No Attempt Made", "Every parcel that could not be delivered was not really tried, says its courier (R9).",
        "The courier reported that no attempt was made to deliver your order.", "The carrier tries again.", "carrier",
    ),
    (OrderState.RETURNED, NOT_COLLECTED): Words(
        "Returned", "Every unit is back in stock, and some of them for nobody collected them at the store.",
        "Your order was not collected in time and went back to stock.", "The shop gets in touch about the refund.",
        "shop",
    ),
    (OrderState.PARTIALLY_RETURNED, NOT_COLLECTED): Words(
        "Partially Returned", "Every unit is at its end, and some went back to stock: nobody collected them.",
        "Part of your order was not collected in time and went back to stock.", "The shop settles the rest.", "shop",
    ),
}  # fmt: skip

#: Units that ask for somebody whatever the order shows: as an order does that has none but such units.
ASKING_UNITS: Final = {Bucket.READY: OrderState.READY_TO_COLLECT}

#: What happens next where everything has left and no number is known.
SHIPPED_WITHOUT_NUMBER: Final = "The tracking number follows, or the service has none."

#: The steps of a delivery to the door, to a carrier's point, and of click & collect, by the states that name them.
DELIVERY_STEPS: Final = (
    OrderState.PROCESSING, OrderState.PICKING, OrderState.SHIPPED, OrderState.OUT_FOR_DELIVERY, OrderState.DELIVERED,
)  # fmt: skip
POINT_STEPS: Final = (
    OrderState.PROCESSING, OrderState.PICKING, OrderState.SHIPPED, OrderState.READY_TO_COLLECT, OrderState.DELIVERED,
)  # fmt: skip
COLLECTION_STEPS: Final = (
    OrderState.PROCESSING, OrderState.PICKING, OrderState.READY_TO_COLLECT, OrderState.COLLECTED,
)  # fmt: skip


def order_words(state: OrderState, substatus: str | None = None) -> Words:
    """Return the row of an order; a sub-status without a row of its own says nothing more."""
    return ORDER_SUBSTATUS_WORDS.get((state, substatus or ""), ORDER_WORDS[state])
