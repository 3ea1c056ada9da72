"""The state of one shipment, folded from the set of its scans. Pure.

The law of this file: everything that moves a shipment's state lives here and in the tables beside it: `transitions`
(where a stage may lead), `sequence` (what stands where), `direction`, `corrections`, `conditions`, `milestones`. No
clock, no I/O, no arrival order; a scan or a word that nobody knows is kept and moves nothing. Rule numbers are those of
the state model (docs/state-model.md).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from schemas.scans import Scan
from schemas.vocabulary import Leg, ScanKind, Stage
from services.status import conditions, corrections, milestones
from services.status.direction import note_holder, reading_of, superseded_by_holder, why_no_position
from services.status.expectations import SETS, Rule, expects
from services.status.outlook import outlook_of
from services.status.sequence import instant, local_date, outranked, place_at, sort_scans
from services.status.shipment import MAX_OCCASIONS, Override, Reached, Route, ShipmentState, Verdict
from services.status.transitions import ENDS, PHYSICAL, POSITIONS, RANK, Answer, Position, answer

__all__ = [
    "MAX_OCCASIONS", "PHYSICAL", "RANK", "Override", "Reached", "Route", "ShipmentState", "Verdict", "fold", "instant",
    "local_date", "sort_scans",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """What a scan is judged by beside the state before it: facts of the whole set."""

    zone: str | None = None
    route: Route = field(default_factory=Route)
    outranked: frozenset[str] = frozenset()
    voided: frozenset[str] = frozenset()
    scans: Mapping[str, Scan] = field(default_factory=dict)


#: Asked for at every scan: a plain name is found ten times as fast as a member of its class.
_SCANNED: Final = ScanKind.SCAN
_SUMMED_UP: Final = ScanKind.SUMMARY
_DELIVERED: Final = Stage.DELIVERED


class _Aside(NamedTuple):
    """A scan that moved nothing, and why; or one that did."""

    reason: str
    rule: str
    moved: bool = False


@dataclass(slots=True)
class Run:
    """A fold and what it was judged by, for whoever goes on with it (`folding.py`)."""

    state: ShipmentState
    """Beneath an agent's word (R17)."""
    told: Told
    ordered: Sequence[Scan]
    words: Sequence[Override]


def fold(
    scans: Iterable[Scan],
    *,
    zone: str | None = None,
    route: Route | None = None,
    overrides: Iterable[Override] = (),
) -> ShipmentState:
    """Return the state of a shipment from the set of its merged scans, in any order.

    `zone` is the IANA zone of the destination: the local date of a scan whose own zone is not known (R8). `route` is
    what the shop told of origin and destination (R6). `overrides` are the order's words on this shipment (R17).
    """
    return corrections.overlaid(run(scans, zone=zone, route=route, overrides=overrides).state)


def run(scans: Iterable[Scan], *, zone: str | None, route: Route | None, overrides: Iterable[Override]) -> Run:
    """Fold a whole history."""
    everything = list(scans)
    voided = corrections.voided_keys(everything)
    counted = [scan for scan in everything if scan.event_key not in voided or scan.kind == ScanKind.VOID]
    told = Told(
        zone=zone,
        route=route or Route(),
        outranked=outranked(counted),
        voided=voided,
        scans={scan.event_key: scan for scan in everything},
    )
    ordered = sort_scans(everything, zone, withdrawn=voided)
    words = sorted(overrides, key=lambda one: (one.at, one.stage is None, one.key))
    state = ShipmentState(tellers=frozenset(scan.provider for scan in counted if scan.kind == ScanKind.SCAN))
    for event in _with_overrides(ordered, words):
        if isinstance(event, Override):
            corrections.note_override(state, event)
        else:
            take(state, event, told)
    return Run(state, told, ordered, words)


def take(state: ShipmentState, scan: Scan, told: Told) -> None:
    """Apply the event that stands next, and note its verdict."""
    made = _apply(state, scan, told)
    state.verdicts.append(Verdict(scan, made.moved, made.reason, made.rule, state.stage, state.leg))


def _with_overrides(ordered: Sequence[Scan], words: Sequence[Override]) -> list[Scan | Override]:
    """Return everything in the order of the fold: an agent's word stands after the scans of its instant."""
    events: list[Scan | Override] = list(ordered)
    for word in reversed(words):
        events.insert(place_at(word.at, ordered), word)
    return events


def _apply(state: ShipmentState, scan: Scan, told: Told) -> _Aside:
    """Apply one event and return what was made of it."""
    if told.voided and scan.event_key in told.voided and scan.kind != ScanKind.VOID:
        return _Aside("voided", "R15")
    rule = _BY_KIND.get(scan.kind)
    return _Aside("set_aside", "R12") if rule is None else rule(state, scan, told)


def _override(state: ShipmentState, scan: Scan, _: Told) -> _Aside:
    """Take an agent's word, as any other event (R17); without a stage it ends the one before."""
    if scan.stage is not None and scan.stage not in RANK:
        return _Aside("unknown_stage", "R12")
    if scan.leg not in set(Leg):
        return _Aside("unknown_leg", "R12")
    corrections.note_override(state, corrections.word_of(scan))
    return _Aside("override" if scan.stage is not None else "override_ended", "R17")


def _estimate(state: ShipmentState, scan: Scan, told: Told) -> _Aside:
    conditions.note_estimate(state, scan, told.zone)
    return _Aside("estimate", "R11")


def _void(state: ShipmentState, scan: Scan, told: Told) -> _Aside:
    target = told.scans.get(scan.voids or "")
    withdrawn = target if target is not None and target.kind != ScanKind.VOID else None
    return _Aside(corrections.note_void(state, scan, withdrawn), "R15")


def _time(state: ShipmentState, scan: Scan, told: Told) -> _Aside:
    """Take a time event: it counts only if the state at its place still expects it (E15, R20)."""
    if not expects(outlook_of(state, told.zone, told.route), scan.rule, scan.basis):
        return _Aside("not_expected", "E15")
    rule = Rule(scan.rule or "")
    if rule is Rule.OVERRIDE_EXPIRED:
        corrections.end_override(state, scan, pinned=True)
        return _Aside("override_expired", "R17")
    conditions.raise_condition(state, SETS[rule], scan, reason=rule)
    return _Aside("time", "R20" if rule is Rule.DAY_ENDED else "E15")


def _scan(state: ShipmentState, scan: Scan, told: Told) -> _Aside:
    if superseded_by_holder(state.custody, scan):
        return _Aside("superseded", "R16")
    if told.outranked and scan.event_key in told.outranked:
        return _Aside("superseded", "R3")
    note_holder(state.custody, scan)
    position = reading_of(scan, state.leg, told.route)
    if position is None:
        _take_in(state, scan, physical=False)
        return _Aside(*why_no_position(scan))
    physical = position.stage in PHYSICAL
    if physical and state.override is not None:
        corrections.end_override(state, scan, pinned=False)
    if _follows_a_delivery(state, position):
        return _after_delivery(state, scan, position, told=told)
    made = _answer(state, scan, position)
    _take_in(state, scan, physical=physical and made.follows)
    return _follow(state, scan, position, made=made, told=told)


def _follows_a_delivery(state: ShipmentState, position: Position) -> bool:
    """Tell whether somebody outbound holds a delivered parcel: no better proof (R5), and not the way back."""
    if state.stage is not _DELIVERED or position.leg is not Leg.OUTBOUND:
        return False
    return position.stage in PHYSICAL and position.stage is not Stage.DELIVERED


def _after_delivery(state: ShipmentState, scan: Scan, position: Position, *, told: Told) -> _Aside:
    """Judge an outbound physical scan after the delivery (R4)."""
    assert state.delivery is not None  # noqa: S101 - whatever led to this stage is noted
    ruling = corrections.after_delivery(state, state.delivery, scan, zone=told.zone)
    if ruling == corrections.BATCH_NOISE:
        return _Aside(ruling, "R4")
    if ruling == corrections.REOPENED:
        corrections.reopen(state, scan)
    _take_in(state, scan, physical=True)
    if ruling == corrections.CONTRADICTION:
        conditions.raise_condition(state, corrections.CONTRADICTION, scan, reason=conditions.AFTER_DELIVERY)
        return _Aside(ruling, "R4")
    made = Answer(follows=True, reason=ruling, rule="R4")
    return _follow(state, scan, position, made=made, told=told)


def _summary(state: ShipmentState, scan: Scan, told: Told) -> _Aside:
    """Apply a summary: an end stage counts; another only where its provider has told no scan (R23)."""
    alone = scan.provider not in state.tellers
    if not alone and scan.stage not in ENDS:
        return _Aside("superseded", "R23")
    position = reading_of(scan, state.leg, told.route)
    if position is None:
        return _Aside(*why_no_position(scan))
    if scan.stage == Stage.DELIVERED and scan.leg != Leg.RETURN and state.leg is Leg.RETURN:
        return _Aside("superseded", "R23")  # it came back: "delivered" does not outrank scans of the return leg
    if state.last is None or state.last.kind == ScanKind.SUMMARY:
        state.last = scan
    if _follows_a_delivery(state, position):
        # R4 speaks of scans: a tag that lags behind takes back no delivery that somebody scanned.
        if state.delivery is None or state.delivery.kind == ScanKind.SCAN:
            return _Aside("superseded", "R16")
        return _after_delivery(state, scan, position, told=told)
    made = _answer(state, scan, position)
    if alone:
        conditions.note_scan(state, scan, physical=position.stage in PHYSICAL and made.follows)
    return _follow(state, scan, position, made=made, told=told)


_BY_KIND: Final[Mapping[str, Callable[[ShipmentState, Scan, Told], _Aside]]] = MappingProxyType(
    {
        ScanKind.SCAN: _scan,
        ScanKind.SUMMARY: _summary,
        ScanKind.ESTIMATE: _estimate,
        ScanKind.VOID: _void,
        ScanKind.TIME: _time,
        ScanKind.OVERRIDE: _override,
    }
)


def _take_in(state: ShipmentState, scan: Scan, *, physical: bool) -> None:
    """Take in what a scan says beside its stage."""
    if scan.kind == _SCANNED:
        state.last = scan
    if scan.pod:
        state.pod = tuple(sorted({*state.pod, *scan.pod}))
    if state.conditions or scan.conditions_set:
        conditions.note_scan(state, scan, physical=physical)


def _answer(state: ShipmentState, scan: Scan, position: Position) -> Answer:
    summary = scan.kind == _SUMMED_UP
    return answer(POSITIONS[state.leg][state.stage], position, first=state.entered is None, summary=summary)


def _follow(state: ShipmentState, scan: Scan, position: Position, *, made: Answer, told: Told) -> _Aside:
    """Bring the state to a position, if the answer says so."""
    moved = made.follows and not (position.stage is state.stage and position.leg is state.leg)
    if made.follows:
        _enter(state, scan, position, moved=moved, zone=told.zone)
    for name in made.raises:
        conditions.raise_condition(state, name, scan, reason=made.reason)
    return _Aside(made.reason, made.rule, moved)


def _enter(state: ShipmentState, scan: Scan, position: Position, *, moved: bool, zone: str | None) -> None:
    if moved and (state.stage in ENDS or state.stage is Stage.AVAILABLE_FOR_PICKUP):
        state.open_since = instant(scan)
    if moved or scan.substatus is not None or not _only_confirms(scan, position.stage):
        state.substatus = scan.substatus
    state.stage, state.leg = position
    state.entered = scan if moved or state.entered is None else state.entered
    state.confirmed = scan
    if position.stage is _DELIVERED:
        _deliver(state, scan, moved=moved)
    milestones.ship(state, scan, position.stage)
    milestones.count_attempt(state, scan, position.stage, zone=zone)
    milestones.reach(state, scan, position.stage, zone=zone)


def _deliver(state: ShipmentState, scan: Scan, *, moved: bool) -> None:
    """Note the delivery; the provider's word that repeats it is neither newer nor proof (R23)."""
    if moved or scan.kind == ScanKind.SCAN:
        state.delivery, state.elsewhere = scan, None
        conditions.note_delivery(state, scan)


def _only_confirms(scan: Scan, stage: Stage) -> bool:
    """Tell whether the same stage again takes nothing back: how it was delivered stays as it was told (R5, R23)."""
    return scan.kind == _SUMMED_UP or stage is _DELIVERED
