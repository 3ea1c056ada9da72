"""The state document of an order, folded from its own events and the scans it may see. Pure.

`fold_order` is the one place that knows both; it returns plain JSON types in the shape of `schemas.OrderStatus` without
`change`. The same sets of events and scans give the same document, letter for letter, whatever the path.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Final

from schemas.carriers import carrier_name, carrier_page, is_known
from schemas.envelope import utc_text
from schemas.keys import split_order_key
from schemas.order_events import ReadyToCollect
from schemas.scans import Scan
from schemas.vocabulary import Bucket, Condition, Milestone, OrderState, Stage
from services.status import machine
from services.status.claims import Claim, scans_of
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent, gather
from services.status.readings import merge
from services.status.units import UNPLACED, ParcelPosition, buckets_of, order_state
from services.status.words import ORDER_WORDS

Document = dict[str, Any]

#: Conditions that show as the order's `exception` badge (docs/state-model.md).
_EXCEPTIONS: Final = frozenset(
    {
        Condition.DAMAGED, Condition.REFUSED, Condition.ADDRESS_PROBLEM, Condition.DOCUMENTS_MISSING,
        Condition.PAYMENT_DUE, Condition.CUSTOMS_HOLD, Condition.HELD, Condition.CONTRADICTION,
        Condition.ACTION_REQUIRED,
    }
)  # fmt: skip


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
    parcels = [fold_parcel(key, facts, parcel, histories) for parcel in _in_order(facts)]
    positions = [_position(parcel, state) for parcel, state in parcels]
    lines = buckets_of(facts, positions)
    status = order_state(facts, lines, positions)
    placed = facts.placed
    return {
        "shop": shop,
        "order": order,
        "state": status.value,
        "display": _display(status),
        "placed_at": None if placed is None else utc_text(placed.occurred_at),
        "delivery_method": None if placed is None else placed.delivery_method,
        "time_zone": facts.zone,
        "promised": None if placed is None or placed.promised is None else _plain(placed.promised),
        "collection": _collection(facts, lines),
        "conditions": _order_conditions(
            [state for (_, state), position in zip(parcels, positions, strict=True) if position.open]
        ),
        "lines": _lines(facts, lines),
        "parcels": [
            _parcel(parcel, state, position)
            for (parcel, state), position in zip(parcels, positions, strict=True)
        ],
        "milestones": _order_milestones(facts, status),
    }  # fmt: skip


def _in_order(facts: OrderFacts) -> list[ParcelFacts]:
    return sorted(facts.parcels.values(), key=lambda parcel: (parcel.start, parcel.shipment))


def fold_parcel(
    key: str, facts: OrderFacts, parcel: ParcelFacts, histories: Mapping[str, History]
) -> tuple[ParcelFacts, machine.ShipmentState]:
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
    return parcel, machine.fold(merged(readings.items()), zone=facts.zone)


def _position(parcel: ParcelFacts, state: machine.ShipmentState) -> ParcelPosition:
    scanned = state.first_physical is not None
    voided = parcel.voided is not None and not scanned
    return ParcelPosition(
        facts=parcel,
        stage=Stage.CANCELLED if voided else state.stage,
        shipped=scanned or parcel.dispatched is not None,
        scanned=scanned,
    )


def _display(status: OrderState) -> Document:
    words = ORDER_WORDS[status]
    return {"status": words.status, "sentence": words.sentence, "next": words.next, "acts": words.acts}


def _collection(facts: OrderFacts, lines: Mapping[str, Mapping[Bucket, int]]) -> Document | None:
    waiting = any(buckets.get(Bucket.READY) for buckets in lines.values())
    last = facts.ready.last
    if not waiting or last is None or not isinstance(last.event, ReadyToCollect):
        return None
    until = last.event.until
    return {
        "store": last.event.store,
        "until": None if until is None else utc_text(until),
        "hours": last.event.hours,
    }


def _order_conditions(states: Sequence[machine.ShipmentState]) -> list[str]:
    names = {name for state in states for name in state.conditions}
    return [badge for badge, shown in (("delayed", "delayed" in names), ("exception", names & _EXCEPTIONS)) if shown]


def _lines(facts: OrderFacts, buckets: Mapping[str, Mapping[Bucket, int]]) -> list[Document]:
    if facts.placed is None:
        assert UNPLACED in buckets  # noqa: S101 - the stand-in line is never shown
        return []
    return [
        {
            "line": line.line,
            "name": line.name,
            "sku": line.sku,
            "seller": line.seller,
            "fulfilled_from": line.fulfilled_from,
            "ordered": line.quantity,
            "buckets": {bucket.value: count for bucket, count in buckets[line.line].items()},
        }
        for line in facts.placed.lines
    ]


def _parcel(parcel: ParcelFacts, state: machine.ShipmentState, position: ParcelPosition) -> Document:
    window = state.window.window if state.window is not None else None
    return {
        "shipment": parcel.shipment,
        "key": parcel.key,
        "carrier": parcel.carrier,
        "carrier_name": _carrier_name(parcel),
        "service": parcel.service,
        "number": parcel.number,
        "tracking_page": None if parcel.number is None else carrier_page(parcel.carrier, parcel.number),
        "pieces": parcel.pieces,
        "stage": position.stage.value,
        "leg": state.leg.value,
        "substatus": state.substatus,
        "conditions": [
            {"name": name, "since": machine.instant(scan).isoformat(), "event_key": scan.event_key}
            for name, scan in sorted(state.conditions.items())
        ],
        "lines": [{"line": entry.line, "quantity": entry.quantity} for entry in parcel.lines],
        "window": None if window is None else _plain(window),
        "pod": list(state.pod),
        "dispatched": parcel.dispatched is not None,
        "last_scan": None if state.last is None else _last_scan(state.last),
        "milestones": _parcel_milestones(parcel, state),
    }


def _carrier_name(parcel: ParcelFacts) -> str:
    """Return the name people read: ours for a carrier we know, else the name as the shop wrote it."""
    named = None if is_known(parcel.carrier) else parcel.carrier_as_given
    return named or carrier_name(parcel.carrier)


def _last_scan(scan: Scan) -> Document:
    return {
        "at": machine.instant(scan).isoformat(),
        "time_precision": scan.time_precision,
        "time_kind": scan.time_kind,
        "stage": scan.stage,
        "substatus": scan.substatus,
        "description": scan.description,
        "place": None if scan.place is None else _plain(scan.place),
    }


def _parcel_milestones(parcel: ParcelFacts, state: machine.ShipmentState) -> list[Document]:
    """Return the milestones of a parcel; "shipped" is the dispatch or the first physical scan, whichever came first."""
    reached = list(state.milestones)
    if parcel.dispatched is not None:
        scanned = [entry for entry in reached if entry.name is Milestone.SHIPPED]
        stored = parcel.dispatched
        dispatch = machine.Reached(Milestone.SHIPPED, None, stored.key, stored.event.occurred_at.astimezone(UTC))
        told = [entry for entry in (dispatch, *scanned) if not entry.inferred]
        first = min(told, key=lambda entry: (entry.at, entry.event_key))
        reached = [first, *(entry for entry in reached if entry.name is not Milestone.SHIPPED)]
    return [_milestone(entry, occasion=entry.occasion or parcel.shipment) for entry in reached]


def _milestone(entry: machine.Reached, *, occasion: str) -> Document:
    return {
        "name": entry.name.value,
        "occasion": occasion,
        "event_key": entry.event_key,
        "at": entry.at.isoformat(),
        "inferred": entry.inferred,
    }


def _order_milestones(facts: OrderFacts, status: OrderState) -> list[Document]:
    reached: list[tuple[Milestone, StoredEvent | None]] = [
        (Milestone.CONFIRMED, _confirming(facts)),
        (Milestone.READY_TO_COLLECT, facts.ready.first),
        (Milestone.COLLECTED, facts.collected.first),
        (Milestone.CANCELLED, facts.cancelled.last if status is OrderState.CANCELLED else None),
    ]
    return [
        _milestone(machine.Reached(name, None, stored.key, stored.event.occurred_at.astimezone(UTC)), occasion="order")
        for name, stored in reached
        if stored is not None
    ]


def _confirming(facts: OrderFacts) -> StoredEvent | None:
    """Return the event that made the order received and paid."""
    if facts.placed is None or facts.payment_open:
        return None
    return facts.payment if facts.placed.payment_awaited and facts.payment is not None else facts.placed_event


def _plain(model: Any) -> Document:
    plain: Document = model.model_dump(mode="json")
    return plain
