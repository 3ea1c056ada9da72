"""The tables of a shipment's stages: their ranks, which are physical, and where each may lead. Pure.

Every row says its rule and its reason; `answer` has one for every pair of positions. Delivered parcels that move on
(R4) are judged by `corrections` before this table is asked.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from schemas.vocabulary import Condition, Leg, Stage

#: R3: at one instant the lower rank stands first; the return leg stands after all of them, `returned` last.
RANK: Final = MappingProxyType(
    {
        stage: rank
        for rank, stage in enumerate(
            (
                Stage.NOT_FOUND, Stage.ANNOUNCED, Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY,
                Stage.ATTEMPTED, Stage.AVAILABLE_FOR_PICKUP, Stage.DELIVERED, Stage.LOST, Stage.CANCELLED,
                Stage.DISPOSED, Stage.RETURNED,
            ),
            start=1,
        )
    }
)  # fmt: skip

#: Stages that need somebody to hold the parcel: the first of them is the dispatch, if no warehouse told it.
PHYSICAL: Final = frozenset(
    {
        Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY, Stage.ATTEMPTED, Stage.AVAILABLE_FOR_PICKUP,
        Stage.DELIVERED, Stage.RETURNED,
    }
)  # fmt: skip

#: End stages: a provider's summary that tells one outranks that provider's scans (R23).
ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.LOST, Stage.CANCELLED, Stage.DISPOSED})


class Position(NamedTuple):
    """A stage on a leg."""

    stage: Stage
    leg: Leg = Leg.OUTBOUND


#: Every position there is, made once: the fold asks for them at every scan.
POSITIONS: Final = MappingProxyType({leg: {stage: Position(stage, leg) for stage in RANK} for leg in Leg})


class Row(NamedTuple):
    """From one stage to others on the outbound leg, by which rule and why."""

    source: Stage
    targets: frozenset[Stage]
    rule: str
    why: str


def _to(*stages: Stage) -> frozenset[Stage]:
    return frozenset(stages)


_OUT: Final = PHYSICAL - {Stage.RETURNED}
_ON_THE_ROAD: Final = _OUT | {Stage.LOST, Stage.DISPOSED}

#: The transition table (docs/state-model.md). The same stage again is always legal; the way back has its own rules.
ROWS: Final = (
    Row(Stage.NOT_FOUND, _OUT | {Stage.ANNOUNCED}, "R21", "the carrier knows the number now"),
    Row(Stage.ANNOUNCED, _OUT, "R21", "skipped stages are entered as inferred"),
    Row(Stage.ANNOUNCED, _to(Stage.LOST), "R21", "declared lost before anybody scanned it"),
    Row(Stage.ANNOUNCED, _to(Stage.CANCELLED), "R21", "a label that was never used is void"),
    Row(Stage.ACCEPTED, _ON_THE_ROAD, "R21", "on the road"),
    Row(Stage.IN_TRANSIT, _ON_THE_ROAD, "R21", "on the road"),
    Row(Stage.OUT_FOR_DELIVERY, _ON_THE_ROAD, "R21", "delivered, not delivered, or back to the depot"),
    Row(Stage.ATTEMPTED, _ON_THE_ROAD, "R7", "the next attempt, or another end"),
    Row(
        Stage.AVAILABLE_FOR_PICKUP,
        _to(Stage.DELIVERED, Stage.ATTEMPTED, Stage.OUT_FOR_DELIVERY, Stage.IN_TRANSIT),
        "R21",
        "collected, redirected, or taken along again",
    ),
    Row(Stage.AVAILABLE_FOR_PICKUP, _to(Stage.LOST), "R21", "declared lost at the point"),
    Row(Stage.DELIVERED, _to(Stage.LOST), "R23", "declared lost after a delivered scan"),
    Row(Stage.LOST, _OUT, "R21", "found: not flagged"),
)

#: Conditions that a move raises: a void label that moves is really there, and somebody must look at it.
SHIPPED_ALTHOUGH_CANCELLED: Final = (Condition.CONTRADICTION, Condition.ACTION_REQUIRED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a position makes of another one."""

    follows: bool
    reason: str
    rule: str
    raises: tuple[Condition, ...] = ()


def _table() -> dict[tuple[Stage, Stage], Answer]:
    return {(row.source, target): Answer(follows=True, reason="moved", rule=row.rule) for row in ROWS
            for target in row.targets}  # fmt: skip


_LEGAL: Final = _table()
_SAME: Final = Answer(follows=True, reason="same_stage", rule="R21")
_ILLEGAL: Final = Answer(follows=False, reason="illegal", rule="R21")
_FOLLOWED_AND_FLAGGED: Final = Answer(True, "contradiction", "R21", (Condition.CONTRADICTION,))  # noqa: FBT003 - a row
_KEPT_AND_FLAGGED: Final = Answer(False, "contradiction", "R21", (Condition.CONTRADICTION,))  # noqa: FBT003 - a row
_CANCELLED_BUT_MOVING: Final = Answer(True, "shipped_although_cancelled", "R21", SHIPPED_ALTHOUGH_CANCELLED)  # noqa: FBT003 - a row
_MOVING_AFTER: Final = MappingProxyType(
    {
        Stage.RETURNED: _KEPT_AND_FLAGGED,
        Stage.DISPOSED: _KEPT_AND_FLAGGED,
        Stage.CANCELLED: _CANCELLED_BUT_MOVING,
    }
)
_BEGINNINGS: Final = frozenset({Stage.NOT_FOUND, Stage.ANNOUNCED})
_BEGINS: Final = Answer(follows=True, reason="moved", rule="R21")
_RETURN_LEG: Final = Answer(follows=True, reason="moved", rule="R6")
_RETURN_ANNOUNCED: Final = Answer(follows=False, reason="return_announced", rule="R6")
_TOLD_BY_SUMMARY: Final = Answer(follows=True, reason="moved", rule="R23")


def answer(now: Position, then: Position, *, first: bool = False, summary: bool = False) -> Answer:
    """Return what a parcel in `now` makes of `then`, told later.

    `first` where nothing told its stage yet; `summary` where a provider's summary tells `then`.
    """
    physical = then.stage in PHYSICAL
    if now == then:
        return _SAME
    if now.stage in _MOVING_AFTER:
        return _MOVING_AFTER[now.stage] if physical else _ILLEGAL
    if first and then.stage in _BEGINNINGS:
        return _BEGINS
    if now.stage is Stage.NOT_FOUND and summary and then.stage in ENDS:
        return _TOLD_BY_SUMMARY
    if then.leg is Leg.RETURN:
        return _on_the_way_back(now, then)
    outside = _FOLLOWED_AND_FLAGGED if physical else _ILLEGAL
    if summary and then.stage in ENDS and not physical:
        outside = _TOLD_BY_SUMMARY  # its provider knows the end, whatever its scans told on the way
    return _LEGAL.get((now.stage, then.stage), outside)


def _on_the_way_back(now: Position, then: Position) -> Answer:
    """Return what leads onto the return leg and along it: a return that is only labelled moves nothing."""
    if then.stage in PHYSICAL:
        return _RETURN_LEG
    if now.leg is Leg.RETURN or then.stage in {Stage.LOST, Stage.DISPOSED}:
        return _LEGAL.get((now.stage, then.stage), _ILLEGAL)
    return _RETURN_ANNOUNCED
