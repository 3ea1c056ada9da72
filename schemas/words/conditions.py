"""The words of every condition of a parcel and of an order. Pure data."""

from typing import Final

from schemas.vocabulary import Condition
from schemas.words.row import Words

CONDITION_WORDS: Final[dict[str, Words]] = {
    Condition.DELAYED: Words(
        "Delayed", "Its latest date has passed, its day ended without a result, or the carrier said so.",
        "It arrives later than planned.", "You need not do anything.", "carrier",
    ),
    Condition.SILENT: Words(
        "No news", "Nothing was scanned within the limit (E15).",
        "The carrier has not scanned it for a while.", "It is usually still moving.", "carrier",
    ),
    Condition.HELD: Words(
        "Held by the carrier", "The carrier keeps it.",
        "The carrier keeps it for now.", "Then it goes on.", "carrier",
    ),
    Condition.CUSTOMS_HOLD: Words(
        "At customs", "Customs keep it.",
        "Customs are checking it.", "This can take some days.", "carrier",
    ),
    Condition.ADDRESS_PROBLEM: Words(
        "Problem with the address", "The carrier cannot find the address, or it is incomplete.",
        "The carrier has a problem with the address.", "Please ask the shop to check it.", "shop", required=True,
    ),
    Condition.PAYMENT_DUE: Words(
        "Payment due", "Duty, postage or cash on delivery is to be paid first.",
        "The carrier asks for a payment before it delivers.", "Please pay the carrier.", "customer", required=True,
    ),
    Condition.DOCUMENTS_MISSING: Words(
        "Documents missing", "Customs or the carrier wait for papers.",
        "The carrier needs documents before it goes on.", "The shop sends them.", "shop", required=True,
    ),
    Condition.DAMAGED: Words(
        "Damaged", "Reported by the carrier; stays until a code clears it.",
        "The carrier reported damage.", "Please get in touch with the shop.", "shop", required=True,
    ),
    Condition.REFUSED: Words(
        "Refused", "Whoever was there did not accept it.",
        "It was not accepted at the door.", "The shop gets in touch with you.", "shop", required=True,
    ),
    Condition.MISSORTED: Words(
        "Sent the wrong way", "The carrier sorted it wrongly.",
        "It was sorted wrongly.", "It is being brought back on its way.", "carrier",
    ),
    Condition.WEATHER: Words(
        "Held up by the weather", "The carrier names the weather.",
        "The weather holds it up.", "It goes on as soon as the weather allows.", "carrier",
    ),
    Condition.REDIRECT_PENDING: Words(
        "Being redirected", "A redirect is asked for and not scanned yet.",
        "The carrier is changing where it goes.", "Its new way shows with the next scan.", "carrier",
    ),
    Condition.REDIRECTED: Words(
        "Redirected", "It goes elsewhere than first planned.",
        "It goes to another address or place than first planned.", "You need not do anything.", "carrier",
    ),
    Condition.APPOINTMENT_BOOKED: Words(
        "Appointment booked", "The carrier and the recipient agreed on a time.",
        "A time for the delivery is agreed.", "The carrier comes at that time.", "carrier",
    ),
    Condition.ACTION_REQUIRED: Words(
        "Somebody must act", "It does not go on until the shop or the carrier does something.",
        "The shop or the carrier needs something to go on.", "The shop looks into it.", "shop", required=True,
    ),
    Condition.CONTRADICTION: Words(
        "Being checked", "A scan that cannot follow what was known (R4, R21).",
        "The carrier's news contradict each other.", "The shop is checking.", "shop", required=True,
    ),
    Condition.INVESTIGATION_OPEN: Words(
        "Being searched for", "The carrier searches for it.",
        "The carrier is looking into where it is.", "The carrier tells the shop what it finds.", "carrier",
    ),
    Condition.PICKUP_EXPIRING: Words(
        "Collect it soon", "Its time at the carrier's point is nearly over.",
        "The carrier keeps it only a little longer.", "It goes back to the shop if nobody collects it.",
        "customer", required=True,
    ),
    Condition.EXPIRED_TRACKING: Words(
        "No news any more", "Nothing was scanned within the longest limit (E15).",
        "The carrier has stopped reporting on it.", "Ask the shop if it has not come.",
    ),
}  # fmt: skip

#: Conditions that the order has of its own, or as the sum of its parcels'.
ORDER_CONDITION_WORDS: Final[dict[str, Words]] = {
    "delayed": Words(
        "Delayed", "An open parcel is delayed, the promise has passed, or nothing has left for too long.",
        "It takes longer than planned.", "You need not do anything.", "shop",
    ),
    "exception": Words(
        "Needs attention", "An open parcel has a condition that somebody must look at.",
        "Something is wrong with a parcel.", "The parcel says what and who acts.", "shop",
    ),
    "backordered": Words(
        "Partly out of stock", "Open units are out of stock.",
        "Some articles are out of stock.", "They follow as soon as the shop has them.", "shop",
    ),
    "return_requested": Words(
        "Return requested", "Units are to come back, and none of them has moved.",
        "You asked to send something back.", "Please hand the parcel in.", "customer",
    ),
}  # fmt: skip
