"""What a version changed: previous state, cause, reason, whether it corrects what was said, who must act. Pure.

Called by `replay.py` for each new version with the document before and after; these are facts of the path and stand
outside the state.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from schemas.envelope import utc_text
from schemas.keys import order_key
from schemas.order_events import ShipmentCorrected
from schemas.vocabulary import Leg, Milestone, OrderState, ScanKind, Stage
from schemas.words import (
    ASKING_UNITS,
    CONDITION_WORDS,
    ORDER_CONDITION_WORDS,
    ORDER_WORDS,
    Words,
    order_words,
    parcel_words,
)
from services.status.inputs import ORDER_EVENTS, SCANS, OrderIn, ScanIn
from services.status.messages import SOURCE
from services.status.transitions import PHYSICAL

Document = dict[str, Any]
#: Parcels of a document that are not the very ones of the document before, each with what it was there.
Redrawn = list[tuple[Document, Document | None]]

#: Records that correct by what they are.
_CORRECTING: Final = frozenset(
    {
        "shipment_corrected",
        "shipment_voided",
        "override_set",
        "override_ended",
        ScanKind.VOID.value,
        ScanKind.OVERRIDE.value,
    }
)

#: What is told once and for all: where it is gone from the document, it was said too early or wrongly.
_FOR_GOOD: Final = frozenset({Milestone.DELIVERED.value, Milestone.RETURNED.value, Milestone.LOST.value})

_HELD: Final = frozenset(stage.value for stage in PHYSICAL)
_UNDER_WAY: Final = _HELD - {Stage.DELIVERED.value, Stage.RETURNED.value}


class _TakenBack(NamedTuple):
    """Which stages prove that an end was told wrongly, on which leg, and the word for it."""

    word: str
    by: frozenset[str]
    legs: frozenset[str] = frozenset({Leg.OUTBOUND.value})


_BOTH: Final = frozenset({Leg.OUTBOUND.value, Leg.RETURN.value})
#: A return after the delivery takes nothing back; what was lost or void and is seen again does, on either leg.
_TAKEN_BACK: Final = {
    Stage.DELIVERED.value: _TakenBack("reopened", _UNDER_WAY),
    Stage.LOST.value: _TakenBack("found", _HELD, _BOTH),
    Stage.CANCELLED.value: _TakenBack("shipped_although_cancelled", _HELD, _BOTH),
}
#: The reason of a version that moved units, and said nothing else.
UNITS_MOVED: Final = "units_moved"

#: Who is asked first where several problems are open at once.
_ACTORS: Final = ("customer", "shop")


def change_of(item: ScanIn | OrderIn, document: Document, *, version: int, previous: Document | None) -> Document:
    """Return the `change` of a version; `previous` is the document before it."""
    cause = _cause(item)
    redrawn = _redrawn(document, previous)
    correction = _correction(item, cause["type"], document, previous=previous, redrawn=redrawn)
    made = _change(cause, document, version=version, previous=previous, redrawn=redrawn)
    made["reason"] = correction or reason_of(cause, document, previous, redrawn)
    made["correction"] = correction is not None
    return made


def change_of_reading_again(
    document: Document, *, version: int, previous: Document | None, kind: str, at: datetime
) -> Document:
    """Return the `change` of a version that no record led to: the history was read again, as its kind says."""
    cause = {"topic": "", "type": kind, "event": SOURCE, "at": utc_text(at)}
    return _change(cause, document, version=version, previous=previous, redrawn=_redrawn(document, previous))


def _change(
    cause: Document, document: Document, *, version: int, previous: Document | None, redrawn: Redrawn
) -> Document:
    required, acts = action(document)
    return {
        "version": version,
        "previous": None if previous is None else previous["state"],
        "cause": cause,
        "reason": cause["type"],
        "correction": False,
        "marked": None,
        "action_required": required,
        "action_by": acts,
        "state": document["state"],
        "parcels": _moves(redrawn),
    }


def moves(document: Document, previous: Document | None) -> list[Document]:
    """Return the parcels whose stage changed, each with the stage before; None: the parcel is new."""
    return _moves(_redrawn(document, previous))


def _moves(redrawn: Redrawn) -> list[Document]:
    return [
        {"shipment": one["shipment"], "previous": None if old is None else old["stage"], "stage": one["stage"]}
        for one, old in redrawn
        if old is None or old["stage"] != one["stage"]
    ]


def _redrawn(document: Document, previous: Document | None) -> Redrawn:
    """Return the parcels with what they were before; those that are the very same object are left out (`order.py`)."""
    before = {} if previous is None else {one["shipment"]: one for one in previous["parcels"]}
    pairs = ((one, before.get(one["shipment"])) for one in document["parcels"])
    return [(one, old) for one, old in pairs if one is not old]


def action(document: Document) -> tuple[bool, str]:
    """Return whether somebody must act before anything goes on, and who acts next: as the table of words says."""
    order = document["state"], document["substatus"]
    parcels = frozenset([(one["stage"], one["leg"], one["substatus"]) for one in document["parcels"]])
    waiting = frozenset([bucket for line in document["lines"] for bucket in line["buckets"]])
    return _asked_of(order, tuple(document["conditions"]), _problems(document), parcels, waiting)


@lru_cache(maxsize=4096)
def _asked_of(
    order: tuple[str, str | None],
    conditions: Sequence[str],
    problems: Iterable[str],
    parcels: Iterable[tuple[str, str, str | None]],
    buckets: Collection[str],
) -> tuple[bool, str]:
    shown = order_words(OrderState(order[0]), order[1])
    of_order = [ORDER_CONDITION_WORDS[name] for name in conditions]
    asking = [shown, *of_order, *(CONDITION_WORDS[name] for name in problems)]
    if not shown.required:  # what holds the order as a whole comes before each part of it
        asking += [parcel_words(Stage(stage), leg, more) for stage, leg, more in parcels]
        asking += [ORDER_WORDS[state] for bucket, state in ASKING_UNITS.items() if bucket in buckets]
    asked = {words.acts for words in asking if words.required}
    actor = next((one for one in _ACTORS if one in asked), None) if asked else None
    return actor is not None, actor or _next_to_act(shown, *of_order)


def _problems(document: Document) -> frozenset[str]:
    """Return the conditions of all parcels, the ended ones too; a label that was withdrawn is no parcel."""
    return frozenset(
        [
            condition["name"]
            for parcel in document["parcels"]
            if parcel["conditions"] and parcel["stage"] != Stage.CANCELLED
            for condition in parcel["conditions"]
            if condition["name"] in CONDITION_WORDS
        ]
    )


def _next_to_act(*shown: Words) -> str:
    """Return who acts next where nothing waits for it: the customer before the others, else the first that is named."""
    named = [words.acts for words in shown if words.acts != "nobody"]
    return _ACTORS[0] if _ACTORS[0] in named else next(iter(named), "nobody")


def reason_of(cause: Document, document: Document, previous: Document | None, redrawn: Redrawn) -> str:
    """Return what was made of the cause of a version that corrects nothing, in one word (`reasons.CHANGES`)."""
    if document["state"] == OrderState.ERASED:
        return str(cause["type"])
    found = _why(cause["event"], document) or _condition_changed(document, previous, redrawn)
    return str(found or _reached_by(cause["event"], document) or _units_moved(document, previous) or cause["type"])


def _why(event: str, document: Document) -> str | None:
    """Return why an event set a stage, or moved nothing."""
    for parcel in document["parcels"]:
        reason = parcel["set_by"]
        if reason is not None and reason["event"] == event:
            return str(reason["why"])
    aside = (reason for part in (*document["parcels"], document) for reason in part["set_aside"])
    return next((reason["why"] for reason in aside if reason["event"] == event), None)


def _reached_by(event: str, document: Document) -> str | None:
    reached = (one for part in (*document["parcels"], document) for one in part["milestones"])
    return next((one["name"] for one in reached if one["event_key"] == event), None)


def _condition_changed(document: Document, previous: Document | None, redrawn: Redrawn) -> str | None:
    """Return the first condition that began or ended: those of parcels that were known, then the order's own."""
    if previous is None:
        return None
    for parcel, before in redrawn:
        if before is not None and parcel["conditions"] != before["conditions"]:
            names = _differing(_names(parcel), _names(before))
            if names:
                return names[0]
    return next(iter(_differing(set(document["conditions"]), set(previous["conditions"]))), None)


def _differing(now: set[str], before: set[str]) -> list[str]:
    return [] if now == before else [*sorted(now - before), *sorted(before - now)]


def _names(parcel: Document) -> set[str]:
    """Return a parcel's conditions; one of a later version has no sentence, and so is no reason."""
    return {condition["name"] for condition in parcel["conditions"]} & CONDITION_WORDS.keys()


def _units_moved(document: Document, previous: Document | None) -> str | None:
    if previous is None or document["lines"] is previous["lines"]:
        return None
    before = {one["line"]: one["buckets"] for one in previous["lines"]}
    moved = any(one["buckets"] != before.get(one["line"], one["buckets"]) for one in document["lines"])
    return UNITS_MOVED if moved else None


def _correction(
    item: ScanIn | OrderIn, kind: str, document: Document, *, previous: Document | None, redrawn: Redrawn
) -> str | None:
    """Return why this version corrects what was said before, in one word; None where it only goes on."""
    if isinstance(item, OrderIn) and item.order != order_key(document["shop"], document["order"]):
        return "regrouped"  # another order's claim gave or took scans (fine point 7)
    if previous is None:
        return None
    if kind in _CORRECTING and not _same_but_for_reasons(document, previous) and not _first_number(item, previous):
        return kind
    if document["state"] != OrderState.ERASED and _withdrawn(document, previous):
        return "withdrawn"
    return _taken_back(redrawn)


def _withdrawn(document: Document, previous: Document) -> bool:
    """Tell whether a parcel lost a milestone that was told once and for all."""
    return any(
        _told(old) - _told(one)
        for old, one in _redrawn(previous, document)
        if one is None or one["milestones"] is not old["milestones"]
    )


def _told(parcel: Document | None) -> set[tuple[str, str]]:
    if parcel is None:
        return set()
    return {(one["name"], one["occasion"]) for one in parcel["milestones"] if one["name"] in _FOR_GOOD}


def _taken_back(redrawn: Redrawn) -> str | None:
    """Return why a parcel that was told at an end is on its way after all; None where none is."""
    for parcel, before in redrawn:
        reason = None if before is None else _TAKEN_BACK.get(before["stage"])
        if reason is not None and parcel["stage"] in reason.by and parcel["leg"] in reason.legs:
            return reason.word
    return None


def _first_number(item: ScanIn | OrderIn, previous: Document) -> bool:
    """Tell whether a shipment got the number that followed: nothing had been said of it before."""
    event = item.stored.event if isinstance(item, OrderIn) else None
    if not isinstance(event, ShipmentCorrected):
        return False
    before = next((one for one in previous["parcels"] if one["shipment"] == event.shipment), None)
    return before is not None and before["key"] is None


def _same_but_for_reasons(document: Document, previous: Document) -> bool:
    """Tell whether only the list of what was set aside grew."""
    return _without_reasons(document) == _without_reasons(previous)


def _without_reasons(document: Document) -> Document:
    parcels = [{**parcel, "set_aside": None} for parcel in document["parcels"]]
    return {**document, "parcels": parcels, "set_aside": None}


def _cause(item: ScanIn | OrderIn) -> Document:
    if isinstance(item, ScanIn):
        scan = item.scan
        return {"topic": SCANS, "type": scan.kind, "event": scan.event_key, "at": scan.occurred_at.isoformat()}
    stored = item.stored
    at = stored.event.occurred_at.isoformat()
    return {"topic": ORDER_EVENTS, "type": stored.event.type, "event": stored.key, "at": at}
