"""What an order's silence is measured by, and which of its time events it did not expect at their place (E15). Pure.

A time event stands at its `due_at`, behind everything else of that instant. What was told later, but had happened
before, can take its ground away: then it counts no more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from schemas.order_events import TimeReached
from schemas.vocabulary import Bucket, ScanKind
from services.status.expectations import Estimate, Mark, OrderOutlook, Rule, basis_of, expects
from services.status.order_facts import OrderFacts, StoredEvent, gather
from services.status.parcel_fold import History, fold_parcels, units_of
from services.status.positions import ParcelPosition
from services.status.sequence import instant, known_zone
from services.status.shipment import ShipmentState
from services.status.units import NOT_STARTED, TO_COME, buckets_of

#: The rules of the order itself; the end of an override is its parcel's.
_OF_THE_ORDER: Final = frozenset({Rule.PROMISE_MISSED, Rule.NEVER_DISPATCHED})

#: So many are asked for: each asks for a fold of what was before it.
MOST_TIMES: Final = 20


def judged(key: str, events: Iterable[StoredEvent], histories: Mapping[str, History]) -> OrderFacts:
    """Return the facts of an order from its events, its time events judged at their place."""
    facts = gather(events)
    facts.unexpected = unexpected(key, facts, histories)
    return facts


def unexpected(key: str, facts: OrderFacts, histories: Mapping[str, History]) -> frozenset[str]:
    """Return the keys of the order's time events that it did not expect at their place."""
    times = [one for one in facts.times if isinstance(one.event, TimeReached) and one.event.rule in _OF_THE_ORDER]
    if not times:
        return frozenset()
    current = {basis_of(one.key) for one in (facts.free, _promising(facts)) if one is not None}
    # What the state rests on first, then the newest: of very many the others are not asked for, and count for nothing.
    times.sort(key=lambda one: isinstance(one.event, TimeReached) and one.event.basis in current)
    asked, others = times[-MOST_TIMES:], times[:-MOST_TIMES]
    judged = {one.key for one in asked if not _expected(key, facts, histories, time=one)}
    return frozenset(judged | {one.key for one in others})


def _promising(facts: OrderFacts) -> StoredEvent | None:
    return None if facts.promise is None else facts.promise.made_by


def _expected(key: str, facts: OrderFacts, histories: Mapping[str, History], *, time: StoredEvent) -> bool:
    assert isinstance(time.event, TimeReached)  # noqa: S101 - chosen so
    due_at = time.event.due_at
    told = [one for one in facts.ordered if one is not time and one.event.occurred_at <= due_at]
    then = gather(told)
    if then.erased is not None:
        return False
    keys = {shipment for parcel in then.parcels.values() for shipment in parcel.keys if shipment in histories}
    known = {shipment: _until(histories[shipment], due_at) for shipment in keys}
    positions = units_of(fold_parcels(key, then, known))
    return expects(outlook_of_order(then, positions), time.event.rule, time.event.basis)


def open_since(states: Iterable[ShipmentState]) -> datetime | None:
    """Return since when an order is open again: as its last parcel that is."""
    return max((state.open_since for state in states if state.open_since is not None), default=None)


def _until(history: History, due_at: datetime) -> History:
    """Return what had happened by then; a withdrawal takes its scan away whenever it is told (R15)."""
    told = {slot: one for slot, one in history.readings.items() if instant(one) <= due_at or one.kind == ScanKind.VOID}
    return replace(history, readings=told)


def outlook_of_order(
    facts: OrderFacts, positions: Sequence[ParcelPosition], *, since: datetime | None = None
) -> OrderOutlook:
    """Return what an order's silence is measured by; overrides are those of its parcels."""
    counts: dict[Bucket, int] = {}
    for buckets in buckets_of(facts, positions).values():
        for bucket, units in buckets.items():
            counts[bucket] = counts.get(bucket, 0) + units
    promise = facts.promise
    window = None if promise is None else promise.window
    return OrderOutlook(
        open=any(counts.get(bucket) for bucket in TO_COME),
        started=any(units for bucket, units in counts.items() if bucket not in NOT_STARTED | {Bucket.CANCELLED}),
        free=None if facts.free is None else Mark(facts.free.key, facts.free.at),
        promise=None
        if promise is None or window is None
        else Estimate(promise.made_by.key, promise.made_by.at, window),
        zone=known_zone(facts.zone) or UTC,
        since=since,
    )
