"""The state document of an order, folded from its own events and the scans it may see. Pure.

`fold_order` is the one place that knows both; it returns plain JSON types in the shape of `schemas.OrderStatus` without
`change`. The same sets of events and scans give the same document, letter for letter, whatever the path.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas.envelope import utc_text
from schemas.keys import split_order_key
from schemas.vocabulary import Milestone, OrderState
from schemas.words import SHIPPED_WITHOUT_NUMBER, order_words
from services.status.kept import Kept
from services.status.order_facts import OrderFacts, StoredEvent
from services.status.order_parts import (
    Document,
    collection,
    condition_counts,
    conditions,
    line_states,
    sellers,
    substatus,
)
from services.status.order_times import unexpected
from services.status.order_verdicts import reasons_of
from services.status.parcel_document import milestone, parcel_document, plain
from services.status.parcel_fold import History, facts_of, fold_parcels, position_of, units_of
from services.status.shipment import Reached
from services.status.units import buckets_of, order_state

__all__ = ["Document", "fold_order"]

#: What stands in the document of an order whose data were erased: that it existed, and nothing of it (rule E9).
_NOTHING: Final[Document] = {
    "placed_at": None, "delivery_method": None, "time_zone": None, "promised": None, "collection": None,
    "conditions": [], "lines": [], "parcels": [], "milestones": [], "condition_counts": {}, "promised_before": None,
    "sellers": [], "replaces": None, "replacement": None, "set_aside": [],
    "substatus": None, "printed": None,
}  # fmt: skip


def fold_order(
    key: str, events: Iterable[StoredEvent], histories: Mapping[str, History], *, kept: Kept | None = None
) -> Document:
    """Return the state document of an order.

    `histories` holds every key the order claims; scans of other orders' boxes in them are left out (rule E3). What is
    `kept` from the fold before is gone on with.
    """
    kept = kept if kept is not None else Kept()
    facts = facts_of(key, events, kept)
    if key not in kept.judged:
        kept.judged[key] = unexpected(key, facts, histories)
    facts.unexpected = kept.judged[key]
    shop, order = split_order_key(key)
    if facts.erased is not None:
        return {"shop": shop, "order": order, **_shown(OrderState.ERASED, facts), **_NOTHING}
    parcels = fold_parcels(key, facts, histories, kept=kept)
    positions = units_of(parcels)
    lines = buckets_of(facts, positions)
    status = order_state(facts, lines, positions)
    folded = [(position_of(parcel, state), state) for parcel, state in parcels]
    more = substatus(status, facts, lines, positions=positions, folded=folded)
    return {
        "shop": shop,
        "order": order,
        **_shown(status, facts, more),
        **_plan(facts),
        "collection": collection(facts, lines),
        "conditions": conditions(facts, lines, folded),
        "condition_counts": condition_counts(folded),
        "lines": line_states(facts, lines),
        "parcels": [parcel_document(position, state) for position, state in folded],
        "milestones": _milestones(facts, status),
        "sellers": sellers(facts, lines, positions),
        "set_aside": reasons_of(facts),
        "substatus": more,
    }


def _shown(status: OrderState, facts: OrderFacts, more: str | None = None) -> Document:
    words = order_words(status, more)
    numbers = any(parcel.number is not None for parcel in facts.parcels.values())
    following = SHIPPED_WITHOUT_NUMBER if status is OrderState.SHIPPED and not numbers else words.next
    display = {"status": words.status, "sentence": words.sentence, "next": following, "acts": words.acts}
    return {"state": status.value, "display": display}


def _plan(facts: OrderFacts) -> Document:
    """Return what was ordered how, what is promised, and which orders belong to this one."""
    placed, promise = facts.placed, facts.promise
    before = facts.promises[-2].window if len(facts.promises) > 1 else None
    return {
        "placed_at": None if placed is None else utc_text(placed.occurred_at),
        "delivery_method": None if placed is None else placed.delivery_method,
        "time_zone": facts.zone,
        "printed": facts.printed,
        "promised": None if promise is None or promise.window is None else plain(promise.window),
        "promised_before": None if before is None else plain(before),
        "replaces": None if placed is None else placed.replaces,
        "replacement": facts.replacement,
    }


def _milestones(facts: OrderFacts, status: OrderState) -> list[Document]:
    reached: Sequence[tuple[Milestone, StoredEvent | None]] = (
        (Milestone.CONFIRMED, _confirming(facts)),
        (Milestone.READY_TO_COLLECT, facts.ready.first),
        (Milestone.COLLECTED, facts.collected.first),
        (Milestone.CANCELLED, facts.cancelled.last if status is OrderState.CANCELLED else None),
    )
    return [
        milestone(Reached(name, None, stored.key, stored.at), occasion="order")
        for name, stored in reached
        if stored is not None
    ]


def _confirming(facts: OrderFacts) -> StoredEvent | None:
    """Return the event that made the order received and paid."""
    if facts.placed is None or facts.payment_open:
        return None
    return facts.payment if facts.placed.payment_awaited and facts.payment is not None else facts.placed_event
