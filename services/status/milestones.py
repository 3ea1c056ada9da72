"""What a customer can be told of a shipment: its milestones, once per occasion, and the number of attempts. Pure.

Only the outbound leg has milestones of its stages; of the way back only the end is told (R6).
"""

from types import MappingProxyType
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import Leg, Milestone, Stage
from services.status.sequence import instant, local_date
from services.status.shipment import MAX_OCCASIONS, Override, Reached, ShipmentState
from services.status.transitions import PHYSICAL

BY_STAGE: Final = MappingProxyType(
    {
        Stage.OUT_FOR_DELIVERY: Milestone.OUT_FOR_DELIVERY,
        Stage.ATTEMPTED: Milestone.ATTEMPTED,
        Stage.AVAILABLE_FOR_PICKUP: Milestone.AVAILABLE_FOR_PICKUP,
        Stage.DELIVERED: Milestone.DELIVERED,
        Stage.RETURNED: Milestone.RETURNED,
        Stage.LOST: Milestone.LOST,
    }
)

#: Told once a local date (R8); the others once a claim.
DAILY: Final = frozenset({Milestone.OUT_FOR_DELIVERY, Milestone.ATTEMPTED})

#: Told of the way back too.
EITHER_LEG: Final = frozenset({Milestone.RETURNED, Milestone.LOST})

#: Where a first physical scan of this stage stands, "shipped" was skipped: shown, never told.
_BEYOND_SHIPPED: Final = PHYSICAL - {Stage.ACCEPTED, Stage.IN_TRANSIT}

#: R9: the courier says himself that he did not try; nobody was not at home.
NO_ATTEMPT: Final = "not_really_attempted"


def ship(state: ShipmentState, scan: Scan, stage: Stage) -> None:
    """Note the first physical scan: the parcel is shipped."""
    if stage not in PHYSICAL or state.first_physical is not None:
        return
    state.first_physical = scan
    inferred = stage in _BEYOND_SHIPPED or state.leg is Leg.RETURN
    state.milestones.append(Reached(Milestone.SHIPPED, None, scan.event_key, instant(scan), inferred=inferred))


def reach(state: ShipmentState, scan: Scan, stage: Stage, *, zone: str | None) -> None:
    """Note the milestone of a stage, once per occasion."""
    name = BY_STAGE.get(stage)
    if name is None or (state.leg is Leg.RETURN and name not in EITHER_LEG):
        return
    if name is Milestone.ATTEMPTED and scan.substatus == NO_ATTEMPT:
        return
    _add(state, Reached(name, _occasion(state, name, scan, zone=zone), scan.event_key, instant(scan)))


def reach_by_override(state: ShipmentState, override: Override) -> None:
    """Note the milestone of the stage an agent set, unless its occasion was reached by scans."""
    name = BY_STAGE.get(state.stage)
    if name is None or (state.leg is Leg.RETURN and name not in EITHER_LEG):
        return
    occasion = override.at.date().isoformat() if name in DAILY else _corrected(state, name)
    _add(state, Reached(name, occasion, override.key, override.at))


def count_attempt(state: ShipmentState, scan: Scan, stage: Stage, *, zone: str | None) -> None:
    """Count attempts to deliver (fine point 5): the first is 1, and each after a failed one is one more (R7, R9)."""
    attempts = state.attempts
    failed = stage is Stage.ATTEMPTED and scan.substatus != NO_ATTEMPT
    if state.leg is Leg.RETURN or not (failed or stage is Stage.OUT_FOR_DELIVERY):
        return
    day = local_date(scan, zone) if failed else None
    again = attempts.failed and day != attempts.day
    if attempts.number is None or again:
        attempts.number, attempts.failed = (attempts.number or 0) + 1, False
    if failed:
        attempts.failed, attempts.day = True, day


def _occasion(state: ShipmentState, name: Milestone, scan: Scan, *, zone: str | None) -> str | None:
    return local_date(scan, zone) if name in DAILY else _corrected(state, name)


def _corrected(state: ShipmentState, name: Milestone) -> str | None:
    """Return the number of the last correction: what was told too early is told again, under another occasion (R4).

    Not the key of the scan that took the delivery back: an earlier one can come late and take its part, and the
    customer would be told of the same delivery again.
    """
    count = len(state.corrections)
    return f"correction:{count}" if name is Milestone.DELIVERED and count else None


def _add(state: ShipmentState, reached: Reached) -> None:
    same = [one for one in state.milestones if one.name is reached.name]
    if len(same) < MAX_OCCASIONS and all(one.occasion != reached.occasion for one in same):
        state.milestones.append(reached)
