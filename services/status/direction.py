"""Which stage on which leg a scan tells, and whether its teller still holds the parcel (R6, R12, R16). Pure.

Called by the fold for every scan. Direction is part of the state: a parcel on its way back stays on it, whatever
later scans forget to say.
"""

from typing import Final

from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, Stage
from services.status.corrections import apart
from services.status.shipment import Custody, Route
from services.status.transitions import PHYSICAL, POSITIONS, RANK, Position

#: R6: delivered, says the code, and to the sender.
_TO_THE_SENDER: Final = frozenset({"received_by_sender", "returned_to_sender"})

#: R16: the scan after which another carrier holds the parcel.
_HANDOVER: Final = "handed_to_partner"

_LEGS: Final = frozenset(Leg)
#: By the word of a stage: making a member of it costs as much as all the rest of a reading.
_POSITIONS: Final = {stage.value: position for stage, position in POSITIONS[Leg.OUTBOUND].items()}


def reading_of(scan: Scan, leg: Leg, route: Route) -> Position | None:
    """Return what a scan tells of a parcel that is on `leg`; None where it tells no position we know."""
    told = None if scan.stage is None else _POSITIONS.get(scan.stage)
    if told is None or scan.leg not in _LEGS:
        return None
    stage = told.stage
    back = leg is Leg.RETURN or scan.leg == Leg.RETURN or stage is Stage.RETURNED
    if stage is Stage.DELIVERED and (back or scan.substatus in _TO_THE_SENDER or _at_the_sender(scan.place, route)):
        return POSITIONS[Leg.RETURN][Stage.RETURNED]
    return POSITIONS[Leg.RETURN][stage] if back else told


def why_no_position(scan: Scan) -> tuple[str, str]:
    """Return the reason and the rule for a scan that tells no position."""
    if scan.stage is None:
        return ("unmapped", "R12") if scan.substatus == "unmapped" else ("informational", "R10")
    return ("unknown_stage", "R12") if scan.stage not in RANK else ("unknown_leg", "R12")


def superseded_by_holder(custody: Custody, scan: Scan) -> bool:
    """Tell whether a former holder speaks: after a handover, from the new holder's first scan on (R16)."""
    if not custody.former:
        return False
    taking_over = custody.handing_over and scan.carrier not in custody.handing_over
    return scan.carrier in custody.former and not (taking_over and scan.stage in PHYSICAL)


def note_holder(custody: Custody, scan: Scan) -> None:
    """Note a handover, and the new holder's first physical scan after it."""
    if custody.handing_over and scan.stage in PHYSICAL and scan.carrier not in custody.handing_over:
        custody.former = (custody.former | custody.handing_over) - {scan.carrier}
        custody.handing_over = frozenset()
    if scan.substatus == _HANDOVER:
        custody.handing_over |= {scan.carrier}


def _at_the_sender(place: Place | None, route: Route) -> bool:
    """Tell whether a place proves that the sender has it: the origin, no store to collect at, no neighbour's town."""
    at_origin = apart(place, route.origin) is False
    elsewhere = route.destination is not None and apart(place, route.destination) is True
    return at_origin and elsewhere and apart(place, route.store) is not False
