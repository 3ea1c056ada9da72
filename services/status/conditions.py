"""Conditions of a shipment: what raises them, since when they stand, whose problem they are, what ends them. Pure.

Fine point 3 of the state model, as tables. Conditions overlay the stage and never move it (R10); a word nobody knows is
kept like any other and ends by a code that says so.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Condition
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

#: The delivery ends them (R4: the later delivery is the truth).
ENDED_BY_DELIVERY: Final = frozenset({Condition.DELAYED, Condition.CONTRADICTION})

#: An agent who says where the parcel is has looked at it.
ENDED_BY_AN_AGENT: Final = frozenset({Condition.CONTRADICTION, Condition.ACTION_REQUIRED})

#: Sub-statuses of the scan that a redirect leads to.
_REDIRECTED: Final = frozenset({"forwarded", "redirected"})

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
    ended = {*ENDED_BY_ANY_SCAN, *scan.conditions_cleared}
    if physical:
        ended |= ENDED_BY_MOVING
    if scan.substatus in _REDIRECTED or Condition.REDIRECTED in scan.conditions_set:
        ended.add(Condition.REDIRECT_PENDING)
    clear(state, ended, at=instant(scan), by=scan.event_key)
    for name in scan.conditions_set:
        raise_condition(state, name, scan, reason=scan.substatus or scan.raw_code or scan.kind)


def note_delivery(state: ShipmentState, scan: Scan) -> None:
    """Close what the delivery ends."""
    clear(state, ENDED_BY_DELIVERY, at=instant(scan), by=scan.event_key)


def note_override(state: ShipmentState, override: Override) -> None:
    """Close what an agent's word ends."""
    clear(state, ENDED_BY_AN_AGENT, at=override.at, by=override.key)


def note_estimate(state: ShipmentState, scan: Scan, zone: str | None) -> None:
    """Take an estimate (R11): a new latest date that has not passed when it is told ends the delay."""
    before = state.window.window if state.window is not None else None
    state.window = scan
    if scan.window is None or scan.window == before:
        return
    if latest(scan.window, zone) > instant(scan):
        clear(state, (Condition.DELAYED,), at=instant(scan), by=scan.event_key)


def latest(window: Window, zone: str | None) -> datetime:
    """Return the end of a window: a day ends at midnight where the parcel goes."""
    if window.ends is not None:
        return window.ends
    assert window.day is not None  # noqa: S101 - a window has a day or an end
    midnight = datetime.combine(window.day, time(0), known_zone(zone) or UTC)
    return midnight + timedelta(days=1)
