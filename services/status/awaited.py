"""What an order and its parcels wait for, and the records that say it did not come (rule E15). Pure.

The state of all parcels and the order is folded here once more, after a batch, to learn its expectations. A time that
was told already needs no timer: whether it counts is the fold's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from schemas.envelope import ce_headers
from schemas.keys import split_order_key
from schemas.order_events import ORDER_EVENT, TimeReached
from schemas.scans import SCAN, Scan
from schemas.vocabulary import Bucket, ScanKind, TimeKind
from services.status.expectations import (
    Estimate,
    Expectation,
    Mark,
    OrderOutlook,
    Rule,
    expectations,
    order_expectations,
)
from services.status.inputs import ORDER_EVENTS, SCANS
from services.status.messages import SOURCE
from services.status.order import History, fold_parcel, position_of
from services.status.order_facts import OrderFacts, ParcelFacts, StoredEvent, gather
from services.status.outlook import outlook_of
from services.status.positions import ParcelPosition
from services.status.replay import World
from services.status.sequence import known_zone
from services.status.units import buckets_of

PROVIDER: Final = "trackfold"
TIME_REACHED: Final = "time_reached"

_WAITING: Final = frozenset({Bucket.OPEN, Bucket.PICKING})
_TO_COME: Final = _WAITING | {Bucket.READY, Bucket.SHIPPED, Bucket.RETURNING}


@dataclass(frozen=True, slots=True)
class Awaited:
    """An expectation and where its time event belongs: the subject's own topic and key."""

    expectation: Expectation
    topic: str
    key: str
    value: bytes

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The envelope; nothing in it is of the moment of firing, so that a repeat is the same bytes."""
        return ce_headers(
            self.topic,
            ScanKind.TIME if self.topic == SCANS else TIME_REACHED,
            event_id=self.expectation.identity,
            source=SOURCE,
            subject=self.key,
            time=self.expectation.due_at,
        )


def look(order: str, events: Iterable[StoredEvent], histories: Mapping[str, History]) -> list[Awaited]:
    """Return what an order awaits, from its events and the histories of all its parcels' keys."""
    held = list(events)
    facts = gather(held)
    if facts.erased is not None:
        return []
    found: list[Awaited] = []
    positions = []
    for _, parcel in sorted(facts.parcels.items()):
        _, state = fold_parcel(order, facts, parcel, histories)
        positions.append(position := position_of(parcel, state))
        found += _of_position(order, position, expectations(outlook_of(state, facts.zone)))
    found += [of_order(order, one) for one in order_expectations(outlook_of_order(facts, positions))]
    return untold(found, held, histories)


def outlook_of_order(facts: OrderFacts, positions: Sequence[ParcelPosition]) -> OrderOutlook:
    """Return what an order's silence is measured by; overrides are those of its parcels."""
    counts: dict[Bucket, int] = {}
    for buckets in buckets_of(facts, positions).values():
        for bucket, units in buckets.items():
            counts[bucket] = counts.get(bucket, 0) + units
    promise = facts.promise
    window = None if promise is None else promise.window
    return OrderOutlook(
        open=any(counts.get(bucket) for bucket in _TO_COME),
        started=any(units for bucket, units in counts.items() if bucket not in _WAITING | {Bucket.CANCELLED}),
        free=None if facts.free is None else Mark(facts.free.key, _instant(facts.free)),
        promise=None
        if promise is None or window is None
        else Estimate(promise.made_by.key, _instant(promise.made_by), window),
        zone=known_zone(facts.zone) or UTC,
    )


def _instant(stored: StoredEvent) -> datetime:
    return stored.event.occurred_at.astimezone(UTC)


def _of_position(order: str, position: ParcelPosition, expected: Sequence[Expectation]) -> list[Awaited]:
    """Return the time events of a parcel; an override is the order's event, so its end is one too."""
    own = [one for one in expected if one.rule is not Rule.OVERRIDE_EXPIRED]
    carried = position.active and position.facts.keys
    ends = [of_order(order, one) for one in expected if one.rule is Rule.OVERRIDE_EXPIRED]
    return [*ends, *(of_parcel(position.facts, one) for one in own if carried)]


def of_order(order: str, expectation: Expectation) -> Awaited:
    """Return the time event of an order."""
    shop, number = split_order_key(order)
    event = TimeReached(
        type="time_reached",
        shop=shop,
        order=number,
        occurred_at=expectation.due_at,
        rule=expectation.rule,
        basis=expectation.basis,
        due_at=expectation.due_at,
        limit=expectation.limit,
    )
    return Awaited(expectation, ORDER_EVENTS, order, ORDER_EVENT.dump_json(event, exclude_defaults=True))


def of_parcel(parcel: ParcelFacts, expectation: Expectation) -> Awaited:
    """Return the time event of a parcel that has a number or a reference."""
    scan = Scan(
        kind=ScanKind.TIME,
        event_key=expectation.identity,
        provider=PROVIDER,
        carrier=parcel.carrier,
        number=parcel.number,
        references={} if parcel.number is not None else parcel.references,
        occurred_at=expectation.due_at,
        time_kind=TimeKind.UTC,
        rule=expectation.rule,
        basis=expectation.basis,
        due_at=expectation.due_at,
        limit=expectation.limit,
        told_at=expectation.due_at,
    )
    return Awaited(expectation, SCANS, scan.key, SCAN.dump_json(scan, exclude_defaults=True))


def untold(found: Iterable[Awaited], events: Iterable[StoredEvent], histories: Mapping[str, History]) -> list[Awaited]:
    """Return those whose time event is not in any history yet."""
    told = {stored.id for stored in events if stored.source == SOURCE}
    told |= {event_key for history in histories.values() for event_key, _ in history.readings}
    return [one for one in found if one.expectation.identity not in told]


def first_dates(world: World) -> dict[str, datetime]:
    """Return, for each order that a batch changed, when it must be looked at first; no entry: it awaits nothing."""
    # A claim on what nobody scanned changes nothing for the others that claim it (`World._sharing`).
    changed = {row.shipment for row in world.rows if world.histories[row.shipment].readings}
    changed |= {shipment for shipment, _, _ in world.told_earlier}
    orders = {order for order, _ in world.new_events}
    orders |= {order for shipment in changed for order, _ in world.histories[shipment].claims}
    found = {order: look(order, world.events[order].values(), world.histories) for order in sorted(orders)}
    return {order: min(one.expectation.due_at for one in waiting) for order, waiting in found.items() if waiting}
