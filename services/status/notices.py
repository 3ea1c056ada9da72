"""The words of every condition: what it is, what follows from it, and who must act. Pure.

Part of the one table of words (`words.py`).
"""

from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import Condition


@dataclass(frozen=True, slots=True)
class Notice:
    """A condition in words: what it is, and what follows from it."""

    title: str
    sentence: str
    acts: str = "nobody"
    """Who must act: `nobody`, `shop`, `carrier` or `customer`."""


NOTICES: Final[dict[str, Notice]] = {
    Condition.DELAYED: Notice("Delayed", "It arrives later than planned. You need not do anything."),
    Condition.SILENT: Notice("No news", "The carrier has not scanned it for a while. It is usually still moving."),
    Condition.HELD: Notice("Held by the carrier", "The carrier keeps it for now and then sends it on."),
    Condition.CUSTOMS_HOLD: Notice("At customs", "Customs are checking it. This can take some days."),
    Condition.ADDRESS_PROBLEM: Notice("Problem with the address", "Please ask the shop to check the address.", "shop"),
    Condition.PAYMENT_DUE: Notice("Payment due", "The carrier asks for a payment before it delivers.", "customer"),
    Condition.DOCUMENTS_MISSING: Notice("Documents missing", "The carrier needs documents before it goes on.", "shop"),
    Condition.DAMAGED: Notice("Damaged", "The carrier reported damage. Please get in touch with the shop.", "shop"),
    Condition.REFUSED: Notice("Refused", "It was not accepted at the door. The shop gets in touch with you.", "shop"),
    Condition.MISSORTED: Notice("Sent the wrong way", "It was sorted wrongly and is being brought back on its way."),
    Condition.WEATHER: Notice("Held up by the weather", "It goes on as soon as the weather allows."),
    Condition.REDIRECT_PENDING: Notice("Being redirected", "The carrier is changing where it goes."),
    Condition.REDIRECTED: Notice("Redirected", "It goes to another address or place than first planned."),
    Condition.APPOINTMENT_BOOKED: Notice("Appointment booked", "The carrier comes at the agreed time."),
    Condition.ACTION_REQUIRED: Notice("Somebody must act", "The shop or the carrier needs something to go on.", "shop"),
    Condition.CONTRADICTION: Notice(
        "Being checked", "The carrier's news contradict each other. The shop is checking.", "shop"
    ),
    Condition.INVESTIGATION_OPEN: Notice("Being searched for", "The carrier is looking into where it is.", "carrier"),
    Condition.PICKUP_EXPIRING: Notice("Collect it soon", "It goes back to the shop if nobody collects it.", "customer"),
    Condition.EXPIRED_TRACKING: Notice("No news any more", "The carrier has stopped reporting on it."),
}

#: Conditions of the order that are not those of its parcels, and the badges of those that are.
ORDER_NOTICES: Final = {
    "delayed": "Delayed",
    "exception": "Needs attention",
    "backordered": "Partly out of stock",
    "return_requested": "Return requested",
}
