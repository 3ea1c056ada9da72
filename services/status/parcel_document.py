"""One parcel as the state document of its order shows it, with its reasons. Pure.

Called by `order.py`, which folds the parcel first; nothing is decided here but which milestones are a customer's, and
which scans count as set aside: they moved no stage, and said nothing else that counts.
"""

import itertools
from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import Any, Final

from pydantic import BaseModel

from schemas.carriers import carrier_name, carrier_page, is_known
from schemas.envelope import utc_text
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, Milestone, ScanKind, Stage
from services.status.drawn import Drawn, Said, Weight
from services.status.order_facts import ParcelFacts
from services.status.positions import ParcelPosition
from services.status.sequence import instant
from services.status.shipment import Episode, Reached, ShipmentState, Verdict

#: So many of the newest stand in a document: a message has its limits.
MOST_SET_ASIDE: Final = 20

#: Reasons of scans that moved no stage and counted all the same.
_COUNTED: Final = frozenset(
    {"same_stage", "void", "estimate", "time", "override", "override_ended", "override_expired"}
)

#: Scans that tell no stage; one that brings a problem, an end of one or a proof has said something.
_BESIDE_THE_STAGE: Final = frozenset({"informational", "unmapped"})

#: Why a parcel is where it is, where no scan decided it.
LABEL_VOIDED: Final = "label_voided"
OVERRIDE: Final = "override"
_MOVED: Final = "moved"
#: Of a return parcel only the end is news: it was never "shipped" to the customer.
_OF_A_RETURN: Final = frozenset({Milestone.RETURNED, Milestone.LOST})

#: Words as plain text: a member's `value` is looked up through two classes each time.
_STAGES: Final = {stage: stage.value for stage in Stage}
_LEGS: Final = {leg: leg.value for leg in Leg}
_MILESTONES: Final = {name: name.value for name in Milestone}

_OF_A_PLACE: Final = tuple(Place.model_fields)
_told_of: Final = attrgetter(*_OF_A_PLACE)


def draw(
    position: ParcelPosition, units: Sequence[ParcelPosition], state: ShipmentState, before: Drawn | None
) -> Drawn:
    """Return a parcel as it shows, going on `before`: the same parcel with fewer of these scans, each in its place."""
    reached = list(state.milestones)
    stands = {
        "pieces": pieces(position, state),
        "stage": _STAGES[position.stage],
        "leg": _LEGS[position.leg],
        "substatus": state.substatus,
        "conditions": _conditions(state),
        "window": _window(state, before),
        "pod": list(state.pod),
        "last_scan": _last_scan(state.newest or state.last),
        "milestones": _milestones(position, reached, before),
        "attempt_no": state.attempt_no,
        "set_by": set_by(position, state),
        "set_aside": _newest_aside(state, before),
        "override": override_document(state),
        "piece_states": _piece_states(state),
        "pieces_delivered": pieces_delivered(position, state),
    }
    kept = _of_the_shop(position.facts) if before is None else before.document
    said = Said(frozenset(state.conditions), state.substatus if position.stage is Stage.ATTEMPTED else None)
    weight = Weight(position, units, said)
    if before is not None and before.weight == weight:
        weight = before.weight  # the very same: whoever compares it with the one before sees so at once
    return Drawn(weight, {**kept, **stands}, len(state.verdicts), reached, state.window)


def _of_the_shop(parcel: ParcelFacts) -> dict[str, Any]:
    """Return what no scan changes; the other fields stand here in their places only."""
    return {
        "shipment": parcel.shipment,
        "key": parcel.key,
        "carrier": parcel.carrier,
        "carrier_name": carrier_title(parcel),
        "service": parcel.service,
        "number": parcel.number,
        "tracking_page": None if parcel.number is None else carrier_page(parcel.carrier, parcel.number),
        **dict.fromkeys(("pieces", "stage", "leg", "substatus", "conditions")),
        "lines": [{"line": entry.line, "quantity": entry.quantity} for entry in parcel.lines],
        **dict.fromkeys(("window", "pod")),
        "dispatched": parcel.dispatched is not None,
    }


def set_by(position: ParcelPosition, state: ShipmentState) -> dict[str, Any] | None:
    """Return what brought a parcel where it is; None while nobody told anything of it."""
    voided = position.facts.voided
    if voided is not None and position.stage is Stage.CANCELLED and state.first_physical is None:
        return _reason(voided.key, "R21", LABEL_VOIDED)
    if state.override is not None:
        return _reason(state.override.key, "R17", OVERRIDE)
    return brought_by(state)


def brought_by(state: ShipmentState) -> dict[str, Any] | None:
    """Return the scan that brought a parcel where its scans say it is, and the rule."""
    if state.entered is None:
        return None
    key = state.entered.event_key
    verdict = next(one for one in reversed(state.verdicts) if one.scan.event_key == key)
    # The first word of a parcel tells the stage that every parcel begins with: it "moved" nothing, and set it.
    why = _MOVED if verdict.reason == "same_stage" else verdict.reason
    return _reason(key, verdict.rule, why)


def set_aside(state: ShipmentState) -> list[Verdict]:
    """Return the scans that moved nothing, in the order of the fold: for reasons that depend on the set of scans only.

    What is late or repeated is a fact of the path and stands beside the state.
    """
    return _not_counted(state.verdicts, state.episodes)


def _newest_aside(state: ShipmentState, before: Drawn | None) -> list[dict[str, Any]]:
    """Return the newest of them as the document names them: what a scan said is known once it is taken."""
    known, told = ([], 0) if before is None else (before.document["set_aside"], before.verdicts)
    aside = [
        _reason(verdict.scan.event_key, verdict.rule, verdict.reason)
        for verdict in _not_counted(itertools.islice(state.verdicts, told, None), state.episodes)
    ]
    return (known + aside)[-MOST_SET_ASIDE:] if aside else known


def _not_counted(verdicts: Iterable[Verdict], episodes: Iterable[Episode]) -> list[Verdict]:
    doubtful = [verdict for verdict in verdicts if not (verdict.moved or verdict.reason in _COUNTED)]
    if not doubtful:
        return []
    heard = {key for episode in episodes for key in (episode.source, episode.cleared_by)}
    return [verdict for verdict in doubtful if not (verdict.reason in _BESIDE_THE_STAGE and _said(verdict.scan, heard))]


def _said(scan: Scan, heard: Collection[str | None]) -> bool:
    return scan.event_key in heard or bool(scan.pod)


def pieces(position: ParcelPosition, state: ShipmentState) -> int:
    """Return how many pieces there are: as the shop declared, or more where the carrier named more."""
    return max(position.facts.pieces, len(state.pieces))


def pieces_delivered(position: ParcelPosition, state: ShipmentState) -> int:
    """Return how many of the pieces have arrived: all of them with the parcel, else those that the carrier named."""
    if position.stage is Stage.DELIVERED:
        return pieces(position, state)
    return sum(piece.stage is Stage.DELIVERED for piece in state.pieces.values())


def _conditions(state: ShipmentState) -> list[dict[str, Any]]:
    if not state.conditions:
        return []
    episodes = {(one.name, one.source): one for one in state.episodes}
    return [
        {
            "name": name,
            "since": instant(scan).isoformat(),
            "event_key": scan.event_key,
            "reason": episodes[name, scan.event_key].reason,
            "cause": episodes[name, scan.event_key].cause,
        }
        for name, scan in sorted(state.conditions.items())
    ]


def override_document(state: ShipmentState) -> dict[str, Any] | None:
    """Return the agent's word that holds: who gave it and why is the shop's own."""
    override, beneath = state.override, state.beneath
    if override is None or beneath is None:
        return None
    return {
        "event": override.key,
        "since": utc_text(override.at),
        "until": None if override.until is None else utc_text(override.until),
        "pinned": override.pinned,
        "beneath": _STAGES[beneath],
    }


def _piece_states(state: ShipmentState) -> list[dict[str, Any]]:
    return [
        {"piece": name, "stage": _STAGES[piece.stage], "leg": _LEGS[piece.leg], "substatus": piece.substatus}
        for name, piece in sorted(state.pieces.items())
    ]


def _window(state: ShipmentState, before: Drawn | None) -> dict[str, Any] | None:
    """Return the carrier's estimate."""
    told = state.window
    if told is None or told.window is None:
        return None
    if before is not None and before.window is told:
        held: dict[str, Any] = before.document["window"]
        return held
    return plain(told.window)


def _reason(event: str, rule: str, why: str) -> dict[str, Any]:
    return {"event": event, "rule": rule, "why": why}


def milestone(entry: Reached, *, occasion: str) -> dict[str, Any]:
    """Return a milestone as the document shows it."""
    return {
        "name": _MILESTONES[entry.name],
        "occasion": occasion,
        "event_key": entry.event_key,
        "at": entry.at.isoformat(),
        "inferred": entry.inferred,
    }


def plain(model: BaseModel) -> dict[str, Any]:
    """Return a part of the contract as plain JSON types."""
    return model.model_dump(mode="json")


def carrier_title(parcel: ParcelFacts) -> str:
    """Return the name people read: ours for a carrier we know, else the name as the shop wrote it."""
    named = None if is_known(parcel.carrier) else parcel.carrier_as_given
    return named or carrier_name(parcel.carrier)


def _last_scan(scan: Scan | None) -> dict[str, Any] | None:
    if scan is None:
        return None
    at = instant(scan)
    return {
        "at": at.isoformat(),
        "time_precision": scan.time_precision,
        "time_kind": scan.time_kind,
        "stage": scan.stage,
        "substatus": scan.substatus,
        "description": scan.description,
        "place": None if scan.place is None else _place(scan.place),
        "clamped": at is not scan.occurred_at and scan.kind != ScanKind.TIME,
    }


def _place(place: Place) -> dict[str, Any]:
    """Return a place as plain JSON types: all of it is text."""
    return dict(zip(_OF_A_PLACE, _told_of(place), strict=True))


def is_clamped(scan: Scan) -> bool:
    """Tell whether a scan tells a time that lay in the future: it stands where we were told of it (R14)."""
    return scan.kind != ScanKind.TIME and scan.occurred_at > scan.told_at


def _milestones(position: ParcelPosition, reached: Sequence[Reached], before: Drawn | None) -> list[dict[str, Any]]:
    """Return the milestones of a parcel; "shipped" is the dispatch or the first physical scan, whichever came first."""
    parcel = position.facts
    if before is not None and before.reached == reached:
        held: list[dict[str, Any]] = before.document["milestones"]
        return held
    if parcel.is_return:
        reached = [entry for entry in reached if entry.name in _OF_A_RETURN]
    elif parcel.dispatched is not None:
        scanned = [entry for entry in reached if entry.name is Milestone.SHIPPED]
        stored = parcel.dispatched
        dispatch = Reached(Milestone.SHIPPED, None, stored.key, stored.at)
        told = [entry for entry in (dispatch, *scanned) if not entry.inferred]
        first = min(told, key=lambda entry: (entry.at, entry.event_key))
        reached = [first, *(entry for entry in reached if entry.name is not Milestone.SHIPPED)]
    return [milestone(entry, occasion=entry.occasion or parcel.shipment) for entry in reached]
