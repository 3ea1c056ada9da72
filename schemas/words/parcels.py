"""The words of every stage of a parcel, and of the places of units. Pure data."""

from typing import Final

from schemas.vocabulary import Bucket, Leg, Stage
from schemas.words.row import Words

PARCEL_WORDS: Final[dict[Stage, Words]] = {
    Stage.NOT_FOUND: Words(
        "Number Not Known Yet", "The carrier does not know the number.",
        "The carrier does not know the number yet.", "It will as soon as the parcel is scanned.", "carrier",
    ),
    Stage.ANNOUNCED: Words(
        "Announced to the carrier", "The carrier has the data and not the parcel.",
        "The carrier knows that your parcel is coming.", "The shop hands it over.", "shop",
    ),
    Stage.ACCEPTED: Words(
        "Handed to the carrier", "The first physical scan.",
        "The carrier has your parcel.", "It travels to the depot.", "carrier",
    ),
    Stage.IN_TRANSIT: Words(
        "In Transit", "It moves between the carrier's places.",
        "Your parcel is on its way.", "It travels to the depot nearest to you.", "carrier",
    ),
    Stage.OUT_FOR_DELIVERY: Words(
        "Out for Delivery", "It is on the delivery vehicle.",
        "Your parcel is on the delivery vehicle.", "It should arrive today.", "carrier",
    ),
    Stage.ATTEMPTED: Words(
        "Delivery Attempted", "A delivery failed, and it is not out again.",
        "The carrier could not deliver your parcel.", "The carrier tries again.", "carrier",
    ),
    Stage.AVAILABLE_FOR_PICKUP: Words(
        "Ready to Collect", "It waits at the carrier's point.",
        "Your parcel is waiting for you.", "Please collect it.", "customer", required=True,
    ),
    Stage.DELIVERED: Words(
        "Delivered", "It was handed over, or left where it was to go.",
        "Your parcel has been delivered.", "Nothing more to do.",
    ),
    Stage.RETURNED: Words(
        "Returned", "It is back where it came from.",
        "Your parcel went back to the shop.", "The shop gets in touch.", "shop",
    ),
    Stage.CANCELLED: Words(
        "Cancelled", "The label was withdrawn, and nobody scanned it.",
        "This parcel was withdrawn before it left.", "It will not be sent.",
    ),
    Stage.DISPOSED: Words(
        "Disposed of", "The carrier destroyed it.",
        "The carrier disposed of your parcel.", "The shop gets in touch.", "shop", required=True,
    ),
    Stage.LOST: Words(
        "Lost", "The carrier declared it lost.",
        "The carrier lost your parcel.", "The shop gets in touch.", "shop", required=True,
    ),
}  # fmt: skip

#: R9: the courier says himself that he did not try.
NOT_REALLY_ATTEMPTED: Final = "not_really_attempted"

#: Where the sub-status says more than the stage alone.
PARCEL_SUBSTATUS_WORDS: Final[dict[tuple[str, str], Words]] = {
    (Stage.ATTEMPTED, NOT_REALLY_ATTEMPTED): Words(
        "No Attempt Made", "The courier reported that he did not try: no failure of the customer's (R9).",
        "The courier reported that no attempt was made to deliver your parcel.", "The carrier tries again.", "carrier",
    ),
}  # fmt: skip

#: Where the stage alone does not say enough.
SHIPPED: Final = Words(
    "Shipped", "The warehouse dispatched it, or somebody who held it scanned it.",
    "Your parcel has left the shop.", "The carrier brings it to you.", "carrier",
)  # fmt: skip
SHIPPED_WITHOUT_SCAN: Final = Words(
    "Shipped, not scanned yet", "The warehouse has dispatched it, and no carrier has scanned it.",
    "Your parcel has left our warehouse.", "The carrier will scan it soon.", "carrier",
)  # fmt: skip
RETURNING: Final = Words(
    "Returning", "It is on the return leg, and not at its end.",
    "Your parcel is on its way back to the shop.", "The shop checks it when it arrives.", "carrier",
)  # fmt: skip
RETURN_ANNOUNCED: Final = Words(
    "Return announced", "A label for the way back, and no physical scan of it.",
    "The carrier knows that a parcel comes back.", "Please hand it to the carrier.", "customer",
)  # fmt: skip
OVERRULED: Final = Words(
    "Checked by the shop", "An agent's override stands over the scans (R17).",
    "The shop has looked into it and says where your parcel is.", "The carrier's scans go on below.", "carrier",
)  # fmt: skip

#: What stands where a parcel, its number or its history is still missing.
NO_PARCEL_YET: Final = (
    "There is no parcel yet. It shows here with its tracking number as soon as the shop has packed it."
)
NO_NUMBER_YET: Final = "The tracking number follows as soon as the shop has it."
NO_SCAN_YET: Final = "Its way shows here from the first scan on."

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

_LABELLED: Final = frozenset({Stage.NOT_FOUND, Stage.ANNOUNCED})
_WAY_BACK_ENDED: Final = frozenset({Stage.RETURNED, Stage.LOST, Stage.DISPOSED, Stage.CANCELLED})


def parcel_words(stage: Stage, leg: str | None, substatus: str | None = None, *, dispatched: bool = False) -> Words:
    """Return the row of a parcel: by stage and leg, what its sub-status adds, and whether the shop sent it off."""
    if leg == Leg.RETURN and stage not in _WAY_BACK_ENDED:
        return RETURN_ANNOUNCED if stage in _LABELLED else RETURNING
    if dispatched and stage is Stage.ANNOUNCED:
        return SHIPPED_WITHOUT_SCAN
    return PARCEL_SUBSTATUS_WORDS.get((stage, substatus or ""), PARCEL_WORDS[stage])
