"""What a code says in our words, and the meanings that many providers share.

A provider's table maps its carriers' codes to these. A code that no table lists is `UNMAPPED`: kept, counted, listed by
`trackfold carriers unmapped`, and it moves nothing (rule R12). Pure. Called by the providers' files.
"""

from dataclasses import dataclass, replace
from typing import Final

from schemas.vocabulary import Condition, Leg, Stage

UNMAPPED: Final = "unmapped"
INFORMATIONAL: Final = "informational"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says in our words."""

    stage: Stage | None
    """None: it moves nothing; the sub-status or the conditions say what it is."""
    substatus: str | None = None
    sets: tuple[Condition, ...] = ()
    leg: Leg = Leg.OUTBOUND
    clears: tuple[Condition, ...] = ()

    @property
    def is_silent(self) -> bool:
        """Tell whether it says nothing of the parcel: informational or not understood, and without a condition."""
        return self.stage is None and not self.sets and not self.clears


def moving(substatus: str, *sets: Condition) -> Meaning:
    """Return `in_transit`, with what is in its way."""
    return Meaning(Stage.IN_TRANSIT, substatus, sets)


def problem(substatus: str, *sets: Condition) -> Meaning:
    """Return a problem that moves nothing (rule R10)."""
    return Meaning(None, substatus, sets)


def unmapped(base: Meaning) -> Meaning:
    """Return what a listed status says, marked for the mapping queue because its refinement is not listed."""
    return base if base.substatus == INFORMATIONAL else replace(base, substatus=UNMAPPED)


NOT_MAPPED: Final = Meaning(None, UNMAPPED)
INFORMATION: Final = Meaning(None, INFORMATIONAL)

LABEL_CREATED: Final = Meaning(Stage.ANNOUNCED, "label_created")
LABEL_VOIDED: Final = Meaning(Stage.CANCELLED, "label_voided")
PICKED_UP: Final = Meaning(Stage.ACCEPTED, "picked_up")
DROPPED_OFF: Final = Meaning(Stage.ACCEPTED, "dropped_off")
DEPARTED: Final = moving("departed")
ARRIVED: Final = moving("arrived")
PROCESSED: Final = moving("processed")
AT_DELIVERY_OFFICE: Final = moving("at_delivery_office")
HANDED_TO_PARTNER: Final = moving("handed_to_partner")
FORWARDED: Final = moving("forwarded")
CUSTOMS_PRESENTED: Final = moving("customs_presented")
CUSTOMS_HELD: Final = moving("customs_held", Condition.CUSTOMS_HOLD)
CUSTOMS_RELEASED: Final = Meaning(Stage.IN_TRANSIT, "customs_released", clears=(Condition.CUSTOMS_HOLD,))
ON_VEHICLE: Final = Meaning(Stage.OUT_FOR_DELIVERY, "on_vehicle")
FOR_PICKUP: Final = Meaning(Stage.AVAILABLE_FOR_PICKUP)
AT_POST_OFFICE: Final = Meaning(Stage.AVAILABLE_FOR_PICKUP, "post_office")
AT_LOCKER: Final = Meaning(Stage.AVAILABLE_FOR_PICKUP, "locker")
DELIVERED: Final = Meaning(Stage.DELIVERED, "to_recipient")
SIGNED: Final = Meaning(Stage.DELIVERED, "signed")
COLLECTED: Final = Meaning(Stage.DELIVERED, "collected")
NEIGHBOUR: Final = Meaning(Stage.DELIVERED, "neighbour")
SAFE_PLACE: Final = Meaning(Stage.DELIVERED, "safe_place")
NOBODY_HOME: Final = Meaning(Stage.ATTEMPTED, "nobody_home")
CLOSED: Final = Meaning(Stage.ATTEMPTED, "closed")
NO_ACCESS: Final = Meaning(Stage.ATTEMPTED, "no_access")
#: "No attempt" told by the courier is no failure of the customer's (rule R9).
NOT_ATTEMPTED: Final = Meaning(Stage.ATTEMPTED, "not_really_attempted")
REFUSED: Final = Meaning(Stage.ATTEMPTED, "refused", (Condition.REFUSED,))
#: An address that stopped a parcel on its way; at the door it is an attempt.
BAD_ADDRESS: Final = problem("bad_address", Condition.ADDRESS_PROBLEM)
#: A problem without a name. Held, because the next physical scan clears it; "delayed" is said only when they say so.
EXCEPTION: Final = problem("exception", Condition.HELD)
DELAYED: Final = problem("exception", Condition.DELAYED)
DAMAGED: Final = problem("damaged", Condition.DAMAGED)
EXPIRED: Final = problem("expired", Condition.EXPIRED_TRACKING)
RETURNING: Final = Meaning(Stage.IN_TRANSIT, "started", leg=Leg.RETURN)
RETURNED: Final = Meaning(Stage.RETURNED, "received_by_sender", leg=Leg.RETURN)
NOT_COLLECTED: Final = Meaning(Stage.IN_TRANSIT, "not_collected", leg=Leg.RETURN)
LOST: Final = Meaning(Stage.LOST, "lost")
DISPOSED: Final = Meaning(Stage.DISPOSED, "disposed")
NOT_FOUND: Final = Meaning(Stage.NOT_FOUND)
