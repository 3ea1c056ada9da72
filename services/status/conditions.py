"""Conditions of a shipment: what raises them, since when they stand, whose problem they are, what ends them. Pure.

Fine point 3 of the state model, as tables. Conditions overlay the stage and never move it (R10); a word nobody knows is
kept like any other and ends by a code that says so.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import Condition
from services.status.dates import window_end
from services.status.sequence import instant, known_zone
from services.status.shipment import Episode, Override, ShipmentState

#: The next physical scan ends them: whatever held the parcel, it moves.
ENDED_BY_MOVING: Final = frozenset(
    {
        Condition.HELD, Condition.CUSTOMS_HOLD, Condition.WEATHER, Condition.MISSORTED, Condition.ADDRESS_PROBLEM,
        Condition.DOCUMENTS_MISSING, Condition.PAYMENT_DUE, Condition.APPOINTMENT_BOOKED, Condition.SILENT,
    }
)  # fmt: skip

#: Any newer scan ends them: the carrier speaks of it again.
ENDED_BY_ANY_SCAN: Final = frozenset({Condition.PICKUP_EXPIRING, Condition.EXPIRED_TRACKING})

#: The delivery ends them.
ENDED_BY_DELIVERY: Final = frozenset({Condition.DELAYED})

#: Raised by a scan after the delivery (R4): a later delivery says which was true.
AFTER_DELIVERY: Final = "after_delivery"

#: An agent who says where the parcel is has looked at it.
ENDED_BY_AN_AGENT: Final = frozenset({Condition.CONTRADICTION, Condition.ACTION_REQUIRED})

#: Sub-statuses that tell no reason.
_SAYS_NOTHING: Final = frozenset({"informational", "unmapped"})

#: Sub-statuses of the scan that a redirect leads to.
REDIRECT_SCANS: Final = frozenset({"forwarded", "redirected"})

#: Whose problem it is; the carrier's where the table does not say.
CAUSES: Final = MappingProxyType(
    {
        Condition.ADDRESS_PROBLEM: "consignee",
        Condition.APPOINTMENT_BOOKED: "consignee",
        Condition.CUSTOMS_HOLD: "customs",
        Condition.DOCUMENTS_MISSING: "customs",
        Condition.PAYMENT_DUE: "consignee",
        Condition.PICKUP_EXPIRING: "consignee",
        Condition.REDIRECTED: "consignee",
        Condition.REDIRECT_PENDING: "consignee",
        Condition.REFUSED: "consignee",
        Condition.WEATHER: "weather",
    }
)


def raise_condition(state: ShipmentState, name: str, scan: Scan, *, reason: str) -> None:
    """Open a condition; one that is open already keeps its beginning."""
    if name in state.conditions:
        return
    state.conditions[name] = scan
    cause = CAUSES[Condition(name)] if name in CAUSES else "carrier"
    state.episodes.append(Episode(name, instant(scan), reason, scan.event_key, cause))


def clear(state: ShipmentState, names: Iterable[str], *, at: datetime, by: str) -> None:
    """Close those of the conditions that are open."""
    ended = {name for name in names if name in state.conditions}
    for name in ended:
        del state.conditions[name]
    state.episodes = [
        replace(one, cleared_at=at, cleared_by=by) if one.name in ended and one.cleared_at is None else one
        for one in state.episodes
    ] if ended else state.episodes  # fmt: skip


def note_scan(state: ShipmentState, scan: Scan, *, physical: bool) -> None:
    """Apply what a scan clears, then what it sets: a scan can move a parcel and raise a new problem at once."""
    if state.conditions:
        ended = {*ENDED_BY_ANY_SCAN, *scan.conditions_cleared}
        if physical:
            ended |= ENDED_BY_MOVING
        if scan.substatus in REDIRECT_SCANS or Condition.REDIRECTED in scan.conditions_set:
            ended.add(Condition.REDIRECT_PENDING)
        clear(state, ended, at=instant(scan), by=scan.event_key)
    for name in scan.conditions_set:
        raise_condition(state, name, scan, reason=_reason(scan))


def _reason(scan: Scan) -> str:
    """Return the sub-status that says why, else the carrier's own code."""
    said = None if scan.substatus in _SAYS_NOTHING else scan.substatus
    return said or scan.raw_code or scan.kind


def note_delivery(state: ShipmentState, scan: Scan) -> None:
    """Close what the delivery ends."""
    if state.conditions:
        settled = {Condition.CONTRADICTION} if state.corrections or _doubted(state) else set()
        clear(state, ENDED_BY_DELIVERY | settled, at=instant(scan), by=scan.event_key)


def _doubted(state: ShipmentState) -> bool:
    return any(one.reason == AFTER_DELIVERY and one.cleared_at is None for one in state.episodes)


def note_override(state: ShipmentState, override: Override) -> None:
    """Close what an agent's word ends."""
    clear(state, ENDED_BY_AN_AGENT, at=override.at, by=override.key)


def note_estimate(state: ShipmentState, scan: Scan, zone: str | None) -> None:
    """Take an estimate (R11): a new latest date that has not passed when it is told ends the delay."""
    before = state.window.window if state.window is not None else None
    state.window = scan
    if scan.window is None or scan.window == before:
        return
    ends = window_end(scan.window, known_zone(zone) or UTC)
    if ends is not None and ends > instant(scan):
        clear(state, (Condition.DELAYED,), at=instant(scan), by=scan.event_key)
