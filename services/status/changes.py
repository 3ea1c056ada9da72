"""What a version changed: previous state, cause, whether it corrects what was said before, who must act. Pure.

Called by `replay.py` for each new version with the document before and after; these are facts of the path and stand
outside the state.
"""

from typing import Any, Final

from schemas.keys import order_key
from schemas.vocabulary import Milestone, OrderState, ScanKind, Stage
from services.status.inputs import ORDER_EVENTS, SCANS, OrderIn, ScanIn
from services.status.notices import NOTICES
from services.status.words import ORDER_WORDS

Document = dict[str, Any]

#: Records that correct by what they are.
_CORRECTING: Final = frozenset(
    {"shipment_corrected", "shipment_voided", "override_set", "override_ended", ScanKind.VOID.value}
)

#: What is told once and for all: where it is gone from the document, it was said too early or wrongly.
_FOR_GOOD: Final = frozenset({Milestone.DELIVERED.value, Milestone.RETURNED.value, Milestone.LOST.value})

_ENDS: Final = frozenset(
    {
        Stage.DELIVERED.value, Stage.RETURNED.value, Stage.LOST.value, Stage.DISPOSED.value, Stage.CANCELLED.value,
    }
)  # fmt: skip
#: Who is asked first where several problems are open at once.
_ACTORS: Final = ("customer", "shop")


def change_of(item: ScanIn | OrderIn, document: Document, *, version: int, previous: Document | None) -> Document:
    """Return the `change` of a version; `previous` is the document before it."""
    cause = _cause(item)
    correction = _correction(item, cause["type"], document, previous=previous)
    required, acts = action(document)
    return {
        "version": version,
        "previous": None if previous is None else previous["state"],
        "cause": cause,
        "reason": correction,
        "correction": correction is not None,
        "marked": None,
        "action_required": required,
        "action_by": acts,
    }


def action(document: Document) -> tuple[bool, str]:
    """Return whether somebody must act before anything goes on, and who acts next."""
    asked = {
        NOTICES[condition["name"]].acts
        for parcel in document["parcels"]
        if parcel["stage"] not in _ENDS
        for condition in parcel["conditions"]
        if condition["name"] in NOTICES
    }
    words = ORDER_WORDS[OrderState(document["state"])]
    if words.required:
        asked.add(words.acts)
    actor = next((one for one in _ACTORS if one in asked), None)
    return actor is not None, actor or words.acts


def _correction(item: ScanIn | OrderIn, kind: str, document: Document, *, previous: Document | None) -> str | None:
    """Return why this version corrects what was said before, in one word; None where it only goes on."""
    if isinstance(item, OrderIn) and item.order != order_key(document["shop"], document["order"]):
        return "regrouped"  # another order's claim gave or took scans (fine point 7)
    if previous is None:
        return None
    if kind in _CORRECTING:
        return kind
    if document["state"] != OrderState.ERASED and _told(previous) - _told(document):
        return "withdrawn"
    return "reopened" if _reopened(document, previous) else None


def _told(document: Document) -> set[tuple[str, str, str]]:
    return {
        (parcel["shipment"], reached["name"], reached["occasion"])
        for parcel in document["parcels"]
        for reached in parcel["milestones"]
        if reached["name"] in _FOR_GOOD
    }


def _reopened(document: Document, previous: Document) -> bool:
    """Tell whether a parcel that was delivered is outbound again (R4)."""
    delivered = {one["shipment"] for one in previous["parcels"] if one["stage"] == Stage.DELIVERED}
    return any(
        parcel["shipment"] in delivered and parcel["leg"] == "outbound" and parcel["stage"] not in _ENDS
        for parcel in document["parcels"]
    )


def _cause(item: ScanIn | OrderIn) -> Document:
    if isinstance(item, ScanIn):
        scan = item.scan
        return {"topic": SCANS, "type": scan.kind, "event": scan.event_key, "at": scan.occurred_at.isoformat()}
    stored = item.stored
    at = stored.event.occurred_at.isoformat()
    return {"topic": ORDER_EVENTS, "type": stored.event.type, "event": stored.key, "at": at}
