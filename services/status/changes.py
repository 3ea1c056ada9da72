"""What a version changed: previous state, cause, reason, whether it corrects what was said, who must act. Pure.

Called by `replay.py` for each new version with the document before and after; these are facts of the path and stand
outside the state.
"""

from collections.abc import Iterator
from datetime import datetime
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
    correction = _correction(item, cause["type"], document, previous=previous)
    told = {"reason": correction or reason_of(cause, document, previous), "correction": correction is not None}
    return _change(cause, document, version=version, previous=previous) | told


def change_of_reading_again(
    document: Document, *, version: int, previous: Document | None, kind: str, at: datetime
) -> Document:
    """Return the `change` of a version that no record led to: the history was read again, as its kind says."""
    cause = {"topic": "", "type": kind, "event": SOURCE, "at": utc_text(at)}
    return _change(cause, document, version=version, previous=previous)


def _change(cause: Document, document: Document, *, version: int, previous: Document | None) -> Document:
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
        "parcels": moves(document, previous),
    }


def moves(document: Document, previous: Document | None) -> list[Document]:
    """Return the parcels whose stage changed, each with the stage before; None: the parcel is new."""
    before = {} if previous is None else {one["shipment"]: one["stage"] for one in previous["parcels"]}
    return [
        {"shipment": one["shipment"], "previous": before.get(one["shipment"]), "stage": one["stage"]}
        for one in document["parcels"]
        if before.get(one["shipment"]) != one["stage"]
    ]


def action(document: Document) -> tuple[bool, str]:
    """Return whether somebody must act before anything goes on, and who acts next: as the table of words says."""
    shown = order_words(OrderState(document["state"]), document["substatus"])
    of_order = [ORDER_CONDITION_WORDS[name] for name in document["conditions"]]
    asking = [shown, *of_order, *_problems(document)]
    if not shown.required:  # what holds the order as a whole comes before each part of it
        asking += _parts(document)
    asked = {words.acts for words in asking if words.required}
    actor = next((one for one in _ACTORS if one in asked), None)
    return actor is not None, actor or _next_to_act(shown, *of_order)


def _problems(document: Document) -> Iterator[Words]:
    """Give the conditions of all parcels, the ended ones too; a label that was withdrawn is no parcel."""
    for parcel in document["parcels"]:
        if parcel["stage"] != Stage.CANCELLED:
            names = (condition["name"] for condition in parcel["conditions"])
            yield from (CONDITION_WORDS[name] for name in names if name in CONDITION_WORDS)


def _parts(document: Document) -> Iterator[Words]:
    """Give what each parcel, and the units that wait at the store, ask for by themselves."""
    for parcel in document["parcels"]:
        yield parcel_words(Stage(parcel["stage"]), parcel["leg"], parcel["substatus"])
    waiting = {bucket for line in document["lines"] for bucket in line["buckets"]}
    yield from (ORDER_WORDS[state] for bucket, state in ASKING_UNITS.items() if bucket in waiting)


def _next_to_act(*shown: Words) -> str:
    """Return who acts next where nothing waits for it: the customer before the others, else the first that is named."""
    named = [words.acts for words in shown if words.acts != "nobody"]
    return _ACTORS[0] if _ACTORS[0] in named else next(iter(named), "nobody")


def reason_of(cause: Document, document: Document, previous: Document | None) -> str:
    """Return what was made of the cause of a version that corrects nothing, in one word (`reasons.CHANGES`)."""
    if document["state"] == OrderState.ERASED:
        return str(cause["type"])
    event, parcels = cause["event"], document["parcels"]
    set_by = (one["set_by"] for one in parcels)
    aside = (reason for part in (*parcels, document) for reason in part["set_aside"])
    said = (reason["why"] for reason in (*set_by, *aside) if reason is not None and reason["event"] == event)
    reached = (one["name"] for part in (*parcels, document) for one in part["milestones"] if one["event_key"] == event)
    found = (*said, *_conditions_changed(document, previous), *reached, *_units_moved(document, previous))
    return str(next(iter(found), cause["type"]))


def _conditions_changed(document: Document, previous: Document | None) -> Iterator[str]:
    """Give the conditions that began or ended: those of parcels that were known, then the order's own."""
    if previous is None:
        return
    before = {one["shipment"]: _names(one) for one in previous["parcels"]}
    for parcel in document["parcels"]:
        yield from _differing(_names(parcel), before.get(parcel["shipment"], _names(parcel)))
    yield from _differing(set(document["conditions"]), set(previous["conditions"]))


def _differing(now: set[str], before: set[str]) -> list[str]:
    return [*sorted(now - before), *sorted(before - now)]


def _names(parcel: Document) -> set[str]:
    """Return a parcel's conditions; one of a later version has no sentence, and so is no reason."""
    return {condition["name"] for condition in parcel["conditions"]} & CONDITION_WORDS.keys()


def _units_moved(document: Document, previous: Document | None) -> Iterator[str]:
    before = {} if previous is None else {one["line"]: one["buckets"] for one in previous["lines"]}
    if any(one["buckets"] != before.get(one["line"], one["buckets"]) for one in document["lines"]):
        yield UNITS_MOVED


def _correction(item: ScanIn | OrderIn, kind: str, document: Document, *, previous: Document | None) -> str | None:
    """Return why this version corrects what was said before, in one word; None where it only goes on."""
    if isinstance(item, OrderIn) and item.order != order_key(document["shop"], document["order"]):
        return "regrouped"  # another order's claim gave or took scans (fine point 7)
    if previous is None:
        return None
    if kind in _CORRECTING and not _same_but_for_reasons(document, previous) and not _first_number(item, previous):
        return kind
    if document["state"] != OrderState.ERASED and _told(previous) - _told(document):
        return "withdrawn"
    return _taken_back(document, previous)


def _told(document: Document) -> set[tuple[str, str, str]]:
    return {
        (parcel["shipment"], reached["name"], reached["occasion"])
        for parcel in document["parcels"]
        for reached in parcel["milestones"]
        if reached["name"] in _FOR_GOOD
    }


def _taken_back(document: Document, previous: Document) -> str | None:
    """Return why a parcel that was told at an end is on its way after all; None where none is."""
    before = {one["shipment"]: one["stage"] for one in previous["parcels"]}
    for parcel in document["parcels"]:
        reason = _TAKEN_BACK.get(before.get(parcel["shipment"], ""))
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
