"""The state of one shipment, folded from the set of its scans. Pure.

The law of this file: everything that moves a shipment's state lives here. No clock, no I/O, no arrival order: the scans
are sorted by what they say, and a scan or a word this version does not know is kept and moves nothing. Rule numbers
are those of the state model (docs/state-model.md); the main line is here, corrections come with their own rules.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.scans import Scan
from schemas.vocabulary import Condition, Leg, Milestone, ScanKind, Stage, TimeKind, TimePrecision

#: R3: at one instant the lower rank stands first. Only these stages move a shipment in this version of the machine.
RANK: Final = {
    Stage.ANNOUNCED: 1,
    Stage.ACCEPTED: 2,
    Stage.IN_TRANSIT: 3,
    Stage.OUT_FOR_DELIVERY: 4,
    Stage.AVAILABLE_FOR_PICKUP: 5,
    Stage.DELIVERED: 6,
    Stage.CANCELLED: 7,
}

#: Stages that need somebody to hold the parcel: the first of them is the dispatch, if no warehouse told it.
PHYSICAL: Final = frozenset(
    {Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY, Stage.AVAILABLE_FOR_PICKUP, Stage.DELIVERED}
)

#: Where a first physical scan of this stage stands, "shipped" was skipped: shown, never told.
_BEYOND_SHIPPED: Final = PHYSICAL - {Stage.ACCEPTED, Stage.IN_TRANSIT}

_END: Final = frozenset({Stage.DELIVERED, Stage.CANCELLED})

#: The transition table: from each stage, the stages a later scan may lead to. The same stage again is always legal.
#: `delivered` holds against whatever comes later until proof of a premature scan has its rule (R4); a void label that
#: moves is followed (R21), because the parcel is really there.
LEGAL: Final[dict[Stage, frozenset[Stage]]] = {
    Stage.ANNOUNCED: frozenset(PHYSICAL | {Stage.CANCELLED}),
    Stage.ACCEPTED: frozenset(PHYSICAL),
    Stage.IN_TRANSIT: frozenset(PHYSICAL),
    Stage.OUT_FOR_DELIVERY: frozenset(PHYSICAL),
    Stage.AVAILABLE_FOR_PICKUP: frozenset(PHYSICAL),
    Stage.DELIVERED: frozenset(),
    Stage.CANCELLED: frozenset(PHYSICAL),
}

#: Conditions that the next physical scan ends (docs/state-model.md).
_ENDED_BY_MOVING: Final = frozenset(
    {
        Condition.HELD, Condition.CUSTOMS_HOLD, Condition.WEATHER, Condition.MISSORTED, Condition.ADDRESS_PROBLEM,
        Condition.DOCUMENTS_MISSING, Condition.PAYMENT_DUE, Condition.APPOINTMENT_BOOKED, Condition.SILENT,
    }
)  # fmt: skip

_TOLD_BY_STAGE: Final = {
    Stage.OUT_FOR_DELIVERY: Milestone.OUT_FOR_DELIVERY,
    Stage.AVAILABLE_FOR_PICKUP: Milestone.AVAILABLE_FOR_PICKUP,
    Stage.DELIVERED: Milestone.DELIVERED,
}
#: Milestones that can be reached again on another local day; the others are reached once.
_DAILY: Final = frozenset({Milestone.OUT_FOR_DELIVERY})
MAX_OCCASIONS: Final = 20


@dataclass(frozen=True, slots=True)
class Reached:
    """A milestone of a parcel. `occasion` is a local date, or None where the claim itself is the occasion."""

    name: Milestone
    occasion: str | None
    event_key: str
    at: datetime
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the fold made of one scan, for those who ask why."""

    scan: Scan
    moved: bool
    reason: str
    """`moved`, `same_stage`, `informational`, `unmapped`, `unknown_stage`, `illegal`, `superseded`, `estimate`,
    `return_leg` or `set_aside`."""


@dataclass(slots=True)
class ShipmentState:
    """The state of one shipment. Built by `fold`, then only read."""

    tellers: frozenset[str] = frozenset()
    """The providers that told scans, whenever: their summaries count for less (R23)."""
    stage: Stage = Stage.ANNOUNCED
    leg: Leg = Leg.OUTBOUND
    substatus: str | None = None
    conditions: dict[str, Scan] = field(default_factory=dict)
    """Open conditions and the scan that set each."""
    window: Scan | None = None
    """The estimate that holds."""
    pod: tuple[str, ...] = ()
    last: Scan | None = None
    first_physical: Scan | None = None
    milestones: list[Reached] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)


def fold(scans: Iterable[Scan], *, zone: str | None = None) -> ShipmentState:
    """Return the state of a shipment from the set of its merged scans, in any order.

    `zone` is the IANA zone of the destination: the local date of a scan whose own zone is not known (R8).
    """
    ordered = sort_scans(scans)
    state = ShipmentState(tellers=frozenset(scan.provider for scan in ordered if scan.kind == ScanKind.SCAN))
    for scan in ordered:
        moved, reason = _apply(state, scan, zone)
        state.verdicts.append(Verdict(scan, moved, reason))
    return state


def sort_scans(scans: Iterable[Scan]) -> list[Scan]:
    """Return scans in the order of the fold: by instant, stage rank, event key (R3), summaries at their place (R23)."""
    everything = list(scans)
    told = sorted((scan for scan in everything if scan.kind != ScanKind.SUMMARY), key=_position)
    for summary in sorted((scan for scan in everything if scan.kind == ScanKind.SUMMARY), key=_position):
        told.insert(_place_of_summary(summary, told), summary)
    return told


def instant(scan: Scan) -> datetime:
    """Return when a scan stands, in its own offset: a future time is clamped to when we were told of it (R14)."""
    if scan.occurred_at <= scan.told_at:
        return scan.occurred_at
    return scan.told_at.astimezone(scan.occurred_at.tzinfo)


def local_date(scan: Scan, zone: str | None) -> str:
    """Return the local date of a scan: by its place's zone, its own offset, else the destination's zone."""
    moment = instant(scan)
    placed = _zone(scan.place.time_zone if scan.place is not None else None)
    if placed is None and scan.time_kind != TimeKind.UTC:
        return moment.date().isoformat()
    return moment.astimezone(placed or _zone(zone) or UTC).date().isoformat()


def _zone(name: str | None) -> ZoneInfo | None:
    """Return the zone of that name, or None: names come from strangers (OSError: "Europe" is a folder)."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _position(scan: Scan) -> tuple[datetime, int, str]:
    moment = instant(scan)
    if scan.time_precision == TimePrecision.MINUTE:
        moment -= timedelta(seconds=moment.second, microseconds=moment.microsecond)
    return moment, _rank(scan), scan.event_key


def _rank(scan: Scan) -> int:
    stage = _known_stage(scan)
    return RANK[stage] if stage is not None else 0


def _known_stage(scan: Scan) -> Stage | None:
    """Return the stage of a scan if this version of the machine moves by it."""
    return Stage(scan.stage) if scan.stage in RANK else None


def _place_of_summary(summary: Scan, told: Sequence[Scan]) -> int:
    """Return where a summary stands: an end stage directly after its provider's last scan of no later time (R23)."""
    earlier = [index for index, scan in enumerate(told) if _position(scan) <= _position(summary)]
    own = [index for index in earlier if told[index].provider == summary.provider and told[index].kind == ScanKind.SCAN]
    if own and summary.stage in _END:
        return own[-1] + 1
    return earlier[-1] + 1 if earlier else 0


def _apply(state: ShipmentState, scan: Scan, zone: str | None) -> tuple[bool, str]:
    """Apply one scan and return whether it moved the stage, and why (not)."""
    if scan.kind == ScanKind.ESTIMATE:
        state.window = scan
        return False, "estimate"
    if scan.kind not in {ScanKind.SCAN, ScanKind.SUMMARY}:
        return False, "set_aside"
    if scan.kind == ScanKind.SUMMARY:
        return _apply_summary(state, scan, zone)
    state.last = scan
    state.pod = tuple(sorted({*state.pod, *scan.pod}))
    _apply_conditions(state, scan)
    return _move(state, scan, zone)


def _apply_summary(state: ShipmentState, scan: Scan, zone: str | None) -> tuple[bool, str]:
    """Apply a summary: an end stage counts; another only where its provider has told no scan (R23)."""
    if scan.provider in state.tellers and scan.stage not in _END:
        return False, "superseded"
    if scan.stage == Stage.DELIVERED and any(verdict.reason == "return_leg" for verdict in state.verdicts):
        return False, "superseded"  # it came back: "delivered" does not outrank scans of the return leg
    if state.last is None or state.last.kind == ScanKind.SUMMARY:
        state.last = scan
    return _move(state, scan, zone)


def _apply_conditions(state: ShipmentState, scan: Scan) -> None:
    moving = _ENDED_BY_MOVING if _known_stage(scan) in PHYSICAL else frozenset()
    ended = {*moving, *scan.conditions_cleared}
    state.conditions = {name: setter for name, setter in state.conditions.items() if name not in ended}
    for name in scan.conditions_set:
        state.conditions.setdefault(name, scan)


def _move(state: ShipmentState, scan: Scan, zone: str | None) -> tuple[bool, str]:
    stage = _known_stage(scan)
    if scan.leg != Leg.OUTBOUND:
        return False, "return_leg"  # never "delivered" for a parcel that came back (R6)
    if stage is None:
        return False, _why_no_stage(scan)
    if stage in PHYSICAL and state.first_physical is None and state.stage is not Stage.DELIVERED:
        state.first_physical = scan
        inferred = stage in _BEYOND_SHIPPED
        state.milestones.append(Reached(Milestone.SHIPPED, None, scan.event_key, instant(scan), inferred=inferred))
    if stage is not state.stage and stage not in LEGAL[state.stage]:
        return False, "illegal"
    moved = stage is not state.stage
    if moved or scan.substatus is not None or not _only_confirms(scan, stage):
        state.substatus = scan.substatus
    state.stage = stage
    if stage is Stage.DELIVERED:
        state.conditions.pop(Condition.DELAYED, None)
    _reach(state, scan, stage, zone)
    return moved, "moved" if moved else "same_stage"


def _only_confirms(scan: Scan, stage: Stage) -> bool:
    """Tell whether the same stage again takes nothing back: how it was delivered stays as it was told (R5, R23)."""
    return scan.kind == ScanKind.SUMMARY or stage is Stage.DELIVERED


def _why_no_stage(scan: Scan) -> str:
    if scan.stage is not None:
        return "unknown_stage"
    return "unmapped" if scan.substatus == "unmapped" else "informational"


def _reach(state: ShipmentState, scan: Scan, stage: Stage, zone: str | None) -> None:
    """Note the milestone of a stage, once per occasion (R8: out for delivery once a local date)."""
    name = _TOLD_BY_STAGE.get(stage)
    if name is None:
        return
    occasion = local_date(scan, zone) if name in _DAILY else None
    same = [reached for reached in state.milestones if reached.name is name]
    if len(same) < MAX_OCCASIONS and all(reached.occasion != occasion for reached in same):
        state.milestones.append(Reached(name, occasion, scan.event_key, instant(scan)))
