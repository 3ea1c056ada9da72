"""The state document of an order, folded from its own events and the scans it may see. Pure.

`fold_order` is the one place that knows both; it returns plain JSON types in the shape of `schemas.OrderStatus` without
`change`. The same sets of events and scans give the same document, letter for letter, whatever the path.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from schemas.envelope import utc_text
from schemas.keys import split_order_key
from schemas.vocabulary import Milestone, OrderState
from schemas.words import SHIPPED_WITHOUT_NUMBER, order_words
from services.status.drawn import Document, Drawn, Shown
from services.status.kept import Kept, KeptOrder, Steps
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent
from services.status.order_parts import (
    collection,
    condition_counts,
    conditions,
    line_states,
    sellers,
    substatus,
)
from services.status.order_times import unexpected
from services.status.order_verdicts import reasons_of
from services.status.parcel_document import draw, milestone, plain
from services.status.parcel_fold import History, facts_of, fold_parcel, position_of, unit_positions
from services.status.shipment import Reached, ShipmentState
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
    """Return the state document of an order; nobody changes it, for parts of it stand in the next one too.

    `histories` holds every key the order claims; scans of other orders' boxes in them are left out (rule E3). What is
    `kept` from the fold before is gone on with.
    """
    kept = kept if kept is not None else Kept()
    facts = facts_of(key, events, kept)
    held = kept.orders[key]
    if held.unexpected is None:
        held.unexpected = facts.unexpected = unexpected(key, facts, histories)
    if facts.erased is not None:
        shop, order = split_order_key(key)
        return {"shop": shop, "order": order, **_shown(OrderState.ERASED, facts), **_NOTHING}
    parcels = [_drawn(key, parcel, histories, held=held) for parcel in facts.parcels.values()]
    held.shown = _showing(key, facts, parcels, _still_true(held.shown, facts))
    return held.shown.document


def _drawn(key: str, parcel: ParcelFacts, histories: Mapping[str, History], *, held: KeptOrder) -> Drawn:
    """Return a parcel as it shows, as it was drawn before where it has taken no scan since."""
    if (steps := held.rewound(parcel.shipment)) is not None:
        return _drawn_again(key, parcel, histories, held=held, steps=steps)
    known = held.parcels.get(parcel.shipment)
    if known is not None and (drawn := known.shows) is not None:
        return drawn
    before = None if known is None else known.drawn
    state = fold_parcel(key, held.facts, parcel, histories, held=held)
    drawn = _draw(parcel, state, before)
    if (known := held.parcels.get(parcel.shipment)) is not None:
        known.drawn = drawn
    if (steps := held.steps.get(parcel.shipment)) is not None:
        steps.drawn[steps.at] = drawn
    return drawn


def _drawn_again(
    key: str, parcel: ParcelFacts, histories: Mapping[str, History], *, held: KeptOrder, steps: Steps
) -> Drawn:
    """Return a parcel as it was when these scans came first: what is kept of it has taken later ones already."""
    drawn = steps.drawn.get(steps.at)
    if drawn is None:
        drawn = _draw(parcel, fold_parcel(key, held.facts, parcel, histories), None)
        steps.drawn[steps.at] = drawn
    return drawn


def _draw(parcel: ParcelFacts, state: ShipmentState, before: Drawn | None) -> Drawn:
    position = position_of(parcel, state)
    return draw(position, unit_positions(parcel, state) if state.pieces else [position], state, before)


def _still_true(shown: Shown | None, facts: OrderFacts) -> Shown | None:
    return shown if shown is not None and shown.unexpected == facts.unexpected else None


def _showing(key: str, facts: OrderFacts, parcels: Sequence[Drawn], before: Shown | None) -> Shown:
    """Return the document; where no parcel weighs otherwise than `before`, only the parcels' own parts are new."""
    documents = [one.document for one in parcels]
    weights = [one.weight for one in parcels]
    if before is not None and before.weights == weights:
        document = {**before.document, "parcels": documents}
        return Shown(document, before.unexpected, before.weights, before.loads, before.lines)
    positions = [unit for weight in weights for unit in weight.units]
    loads = [position.load for position in positions]
    same = before if before is not None and before.loads == loads else None
    lines = buckets_of(facts, positions) if same is None else same.lines
    status = order_state(facts, lines, positions)
    # Of its own milestones only "cancelled" hangs on the state.
    steady = None if OrderState.CANCELLED in {status, before and before.document["state"]} else before
    folded = [(weight.position, weight.said) for weight in weights]
    more = substatus(status, facts, lines, positions=positions, folded=folded)
    document = {
        **(_of_the_shop(key, facts) if before is None else before.document),
        **_shown(status, facts, more),
        "collection": collection(facts, lines),
        "conditions": conditions(facts, lines, folded),
        "condition_counts": condition_counts(folded),
        "lines": line_states(facts, lines) if same is None else same.document["lines"],
        "parcels": documents,
        "milestones": _milestones(facts, status) if steady is None else steady.document["milestones"],
        "sellers": sellers(facts, lines, positions),
        "substatus": more,
    }
    return Shown(document, facts.unexpected, weights, loads, lines)


def _of_the_shop(key: str, facts: OrderFacts) -> Document:
    """Return what no scan changes; the other fields stand here in their places only."""
    shop, order = split_order_key(key)
    return {
        "shop": shop,
        "order": order,
        **dict.fromkeys(("state", "display")),
        **_plan(facts),
        **dict.fromkeys(("collection", "conditions", "condition_counts", "lines", "parcels", "milestones", "sellers")),
        "set_aside": reasons_of(facts),
    }


def _shown(status: OrderState, facts: OrderFacts, more: str | None = None) -> Document:
    numbers = any(parcel.number is not None for parcel in facts.parcels.values())
    return {"state": status.value, "display": _display(status, more, numbers=numbers)}


@lru_cache(maxsize=256)
def _display(status: OrderState, more: str | None, *, numbers: bool) -> Document:
    words = order_words(status, more)
    following = SHIPPED_WITHOUT_NUMBER if status is OrderState.SHIPPED and not numbers else words.next
    return {"status": words.status, "sentence": words.sentence, "next": following, "acts": words.acts}


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
