"""The state document of an order, folded from its own events and the scans it may see. Pure.

`fold_order` is the one place that knows both; it returns plain JSON types in the shape of `schemas.OrderStatus` without
`change`. The same sets of events and scans give the same document, letter for letter, whatever the path.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from schemas.envelope import utc_text
from schemas.keys import split_order_key
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, Milestone, OrderState, Stage
from services.status import machine
from services.status.claims import Claim, scans_of
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent, gather
from services.status.order_parts import Document, collection, condition_counts, conditions, line_states, sellers
from services.status.parcel_document import milestone, parcel_document, plain
from services.status.positions import ParcelPosition
from services.status.readings import merge
from services.status.shipment import Reached, Route, ShipmentState
from services.status.units import buckets_of, order_state
from services.status.words import ORDER_WORDS, SHIPPED_WITHOUT_NUMBER

__all__ = ["Document", "History", "fold_order", "fold_parcel", "merged"]

#: What stands in the document of an order whose data were erased: that it existed, and nothing of it (rule E9).
_NOTHING: Final[Document] = {
    "placed_at": None, "delivery_method": None, "time_zone": None, "promised": None, "collection": None,
    "conditions": [], "lines": [], "parcels": [], "milestones": [], "condition_counts": {}, "promised_before": None,
    "sellers": [], "replaces": None, "replacement": None,
}  # fmt: skip


@dataclass(slots=True)
class History:
    """What is known of one shipment key: the readings of its scans and the claims on it."""

    readings: dict[tuple[str, str], Scan] = field(default_factory=dict)
    """By event key and content hash."""
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    """By order key and shipment id; only claims that hold."""

    def scans(self) -> list[Scan]:
        """Return the scans, each merged from all its readings."""
        return merged(self.readings.items())


def merged(readings: Iterable[tuple[tuple[str, str], Scan]]) -> list[Scan]:
    """Return one scan per event key."""
    by_event: dict[str, list[Scan]] = {}
    for (event_key, _), scan in readings:
        by_event.setdefault(event_key, []).append(scan)
    return [merge(told) for told in by_event.values()]


def fold_order(key: str, events: Iterable[StoredEvent], histories: Mapping[str, History]) -> Document:
    """Return the state document of an order.

    `histories` holds every key the order claims; scans of other orders' boxes in them are left out (rule E3).
    """
    facts = gather(events)
    shop, order = split_order_key(key)
    if facts.erased is not None:
        return {"shop": shop, "order": order, **_shown(OrderState.ERASED, facts), **_NOTHING}
    parcels = [fold_parcel(key, facts, parcel, histories) for parcel in _in_order(facts)]
    positions = [position_of(parcel, state) for parcel, state in parcels]
    lines = buckets_of(facts, positions)
    status = order_state(facts, lines, positions)
    folded = list(zip(positions, (state for _, state in parcels), strict=True))
    return {
        "shop": shop,
        "order": order,
        **_shown(status, facts),
        **_plan(facts),
        "collection": collection(facts, lines),
        "conditions": conditions(facts, lines, folded),
        "condition_counts": condition_counts(folded),
        "lines": line_states(facts, lines),
        "parcels": [parcel_document(position, state) for position, state in folded],
        "milestones": _milestones(facts, status),
        "sellers": sellers(facts, lines, positions),
    }


def _in_order(facts: OrderFacts) -> list[ParcelFacts]:
    return sorted(facts.parcels.values(), key=lambda parcel: (parcel.start, parcel.shipment))


def fold_parcel(
    key: str, facts: OrderFacts, parcel: ParcelFacts, histories: Mapping[str, History]
) -> tuple[ParcelFacts, ShipmentState]:
    """Fold one parcel from the union of the histories of its keys (rule E4), each cut to this order's box."""
    readings: dict[tuple[str, str], Scan] = {}
    for shipment_key in parcel.keys:
        history = histories.get(shipment_key)
        if history is None:
            continue
        # The order's own claim always stands among the others: without it, all groups would be other orders' boxes.
        claims = {**history.claims, (key, parcel.shipment): Claim(parcel.start, key, parcel.shipment)}
        visible = {scan.event_key for scan in scans_of(parcel.start, claims.values(), history.scans())}
        readings |= {at: scan for at, scan in history.readings.items() if at[0] in visible}
    scans = merged(readings.items())
    if parcel.is_return:
        # The shop knows which way it travels; carriers call such a parcel outbound, and its end "delivered" (R6).
        scans = [scan.model_copy(update={"leg": Leg.RETURN.value}) for scan in scans]
    return parcel, machine.fold(scans, zone=facts.zone, route=_route(facts, parcel), overrides=parcel.overrides)


def _route(facts: OrderFacts, parcel: ParcelFacts) -> Route | None:
    """Return where a parcel goes, as far as the shop told: the way back ends where nobody told us."""
    if facts.destination is None or parcel.is_return:
        return None
    goes_to = facts.destination
    place = Place(city=goes_to.city, region=goes_to.region, country=goes_to.country, time_zone=goes_to.time_zone)
    return Route(destination=place)


def position_of(parcel: ParcelFacts, state: ShipmentState) -> ParcelPosition:
    """Return where a parcel is: a withdrawn label that nobody scanned carries nothing."""
    scanned = state.first_physical is not None
    voided = parcel.voided is not None and not scanned
    return ParcelPosition(
        facts=parcel,
        stage=Stage.CANCELLED if voided else state.stage,
        shipped=scanned or parcel.dispatched is not None,
        scanned=scanned,
        leg=Leg.RETURN if parcel.is_return else state.leg,
        arrived=any(reached.name is Milestone.DELIVERED for reached in state.milestones),
    )


def _shown(status: OrderState, facts: OrderFacts) -> Document:
    words = ORDER_WORDS[status]
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
        milestone(Reached(name, None, stored.key, _utc(stored)), occasion="order")
        for name, stored in reached
        if stored is not None
    ]


def _utc(stored: StoredEvent) -> datetime:
    return stored.event.occurred_at.astimezone(UTC)


def _confirming(facts: OrderFacts) -> StoredEvent | None:
    """Return the event that made the order received and paid."""
    if facts.placed is None or facts.payment_open:
        return None
    return facts.payment if facts.placed.payment_awaited and facts.payment is not None else facts.placed_event
