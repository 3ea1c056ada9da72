"""The words of messages: one row per milestone, whether customers are told of it today or not. Pure data.

Who is told of what, and when, is notify's policy.
"""

from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import Milestone, OrderState, Stage
from schemas.words.orders import COLLECTION_STEPS, DELIVERY_STEPS, ORDER_WORDS, POINT_STEPS
from schemas.words.parcels import PARCEL_WORDS, SHIPPED
from schemas.words.row import Words


@dataclass(frozen=True, slots=True)
class MessageWords:
    """How a milestone is told."""

    news: str
    """Ends the subject line: "Your order 1001 ..."."""
    words: Words
    steps: tuple[OrderState, ...] = DELIVERY_STEPS
    at: OrderState | None = None
    """The step it stands on; None where the way has been left."""

    @property
    def step(self) -> int:
        """Return which step it is, from 1; 0 where it is none."""
        return 0 if self.at is None else self.steps.index(self.at) + 1


MILESTONE_WORDS: Final[dict[Milestone, MessageWords]] = {
    Milestone.CONFIRMED: MessageWords(
        "is confirmed", ORDER_WORDS[OrderState.PROCESSING], DELIVERY_STEPS, OrderState.PROCESSING
    ),
    Milestone.SHIPPED: MessageWords("has been shipped", SHIPPED, DELIVERY_STEPS, OrderState.SHIPPED),
    Milestone.OUT_FOR_DELIVERY: MessageWords(
        "is out for delivery", PARCEL_WORDS[Stage.OUT_FOR_DELIVERY], DELIVERY_STEPS, OrderState.OUT_FOR_DELIVERY
    ),
    Milestone.ATTEMPTED: MessageWords(
        "could not be delivered", PARCEL_WORDS[Stage.ATTEMPTED], DELIVERY_STEPS, OrderState.OUT_FOR_DELIVERY
    ),
    Milestone.AVAILABLE_FOR_PICKUP: MessageWords(
        "is ready to collect", PARCEL_WORDS[Stage.AVAILABLE_FOR_PICKUP], POINT_STEPS, OrderState.READY_TO_COLLECT
    ),
    Milestone.DELIVERED: MessageWords(
        "has been delivered", PARCEL_WORDS[Stage.DELIVERED], DELIVERY_STEPS, OrderState.DELIVERED
    ),
    Milestone.RETURNED: MessageWords("went back to the shop", PARCEL_WORDS[Stage.RETURNED]),
    Milestone.LOST: MessageWords("was lost by the carrier", PARCEL_WORDS[Stage.LOST]),
    Milestone.READY_TO_COLLECT: MessageWords(
        "is ready to collect", ORDER_WORDS[OrderState.READY_TO_COLLECT], COLLECTION_STEPS, OrderState.READY_TO_COLLECT
    ),
    Milestone.COLLECTED: MessageWords(
        "was collected", ORDER_WORDS[OrderState.COLLECTED], COLLECTION_STEPS, OrderState.COLLECTED
    ),
    Milestone.CANCELLED: MessageWords("was cancelled", ORDER_WORDS[OrderState.CANCELLED]),
}
