"""Units: in which bucket each ordered unit is, and the order's state from that (docs/state-model.md). Pure.

A unit is in exactly one bucket and the buckets of a line always add up to what was ordered. What the world has done
(shipped, delivered, collected) outranks what was said (cancelled), which outranks what is prepared (ready, picking).
One exception: a cancellation that names a line is believed before a parcel that names none, for nobody knows what is
in that parcel.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import Bucket, OrderState, Stage
from services.status.order_facts import OrderFacts, ParcelFacts

#: The line that stands for an order whose *placed* has not come yet: one unit a parcel.
UNPLACED: Final = "*"

#: Slowest first (docs/state-model.md): units without a named parcel stand where the slowest of their parcels stands.
_SLOWEST_FIRST: Final = {
    stage: rank
    for rank, stage in enumerate(
        (
            Stage.ANNOUNCED, Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY, Stage.AVAILABLE_FOR_PICKUP,
            Stage.DELIVERED,
        )
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ParcelPosition:
    """Where a parcel of the order is: the facts of the shop and the fold of its scans together."""

    facts: ParcelFacts
    stage: Stage
    shipped: bool
    """Dispatched by the warehouse, or scanned by somebody who held it."""
    scanned: bool
    """A physical scan exists."""

    @property
    def active(self) -> bool:
        """Whether the parcel carries units: a cancelled label does not."""
        return self.stage is not Stage.CANCELLED

    @property
    def open(self) -> bool:
        """Whether something is still to come of it: the problems of the others are no order's any more."""
        return self.active and self.stage is not Stage.DELIVERED

    @property
    def bucket(self) -> Bucket | None:
        """Where its units are; None while it has not left: a label alone moves nothing."""
        if not self.shipped:
            return None
        return Bucket.DELIVERED if self.stage is Stage.DELIVERED else Bucket.SHIPPED


Buckets = dict[Bucket, int]


def buckets_of(facts: OrderFacts, positions: Sequence[ParcelPosition]) -> dict[str, Buckets]:
    """Return, per line id, how many units are in each bucket; empty buckets are left out."""
    active = [position for position in positions if position.active]
    if facts.placed is None:
        return {UNPLACED: _one_unit_a_parcel(facts, active)}
    # Parcels that left come first: a label that was never used must not hold the units of the parcel that replaced it.
    # Counted once: 500 lines look into 200 parcels of 500 lines each.
    carried = [(one, _named(one.facts)) for one in sorted(active, key=lambda position: position.bucket is None)]
    return {line.line: _line_buckets(facts, carried, line.line, ordered=line.quantity) for line in facts.placed.lines}


def order_state(facts: OrderFacts, lines: Mapping[str, Buckets], positions: Sequence[ParcelPosition]) -> OrderState:
    """Return the order's state, first match wins, over the active units (ordered less cancelled)."""
    total: Buckets = {}
    for buckets in lines.values():
        for bucket, count in buckets.items():
            total[bucket] = total.get(bucket, 0) + count
    units = sum(total.values()) - total.get(Bucket.CANCELLED, 0)
    arrived = total.get(Bucket.DELIVERED, 0) + total.get(Bucket.COLLECTED, 0)
    waiting = sum(total.get(bucket, 0) for bucket in (Bucket.OPEN, Bucket.PICKING, Bucket.READY))
    if units == 0:
        return OrderState.CANCELLED
    if facts.payment_open and waiting == units:
        return OrderState.AWAITING_PAYMENT
    if arrived:
        return _arrived(total, units, arrived)
    return _under_way(total, units, [position for position in positions if position.active and position.shipped])


def _arrived(total: Buckets, units: int, arrived: int) -> OrderState:
    if total.get(Bucket.COLLECTED, 0) == units:
        return OrderState.COLLECTED
    return OrderState.DELIVERED if arrived == units else OrderState.PARTIALLY_DELIVERED


def _under_way(total: Buckets, units: int, moving: Sequence[ParcelPosition]) -> OrderState:
    stages = {position.stage for position in moving}
    shipped = total.get(Bucket.SHIPPED, 0)
    if Stage.OUT_FOR_DELIVERY in stages:
        return OrderState.OUT_FOR_DELIVERY
    if Stage.AVAILABLE_FOR_PICKUP in stages or total.get(Bucket.READY, 0):
        return OrderState.READY_TO_COLLECT
    if shipped == units:
        return OrderState.IN_TRANSIT if any(position.scanned for position in moving) else OrderState.SHIPPED
    if shipped:
        return OrderState.PARTIALLY_SHIPPED
    return OrderState.PICKING if total.get(Bucket.PICKING, 0) else OrderState.PROCESSING


def _one_unit_a_parcel(facts: OrderFacts, active: Sequence[ParcelPosition]) -> Buckets:
    counts: Buckets = {}
    for position in active:
        if position.bucket is not None:
            _put(counts, position.bucket, 1)
    units = max(len(active), 1)
    return _with_the_rest(facts, active, counts, line=UNPLACED, ordered=units)


def _named(parcel: ParcelFacts) -> dict[str, int]:
    units: dict[str, int] = {}
    for entry in parcel.lines:
        units[entry.line] = units.get(entry.line, 0) + entry.quantity
    return units


def _line_buckets(
    facts: OrderFacts, carried: Sequence[tuple[ParcelPosition, Mapping[str, int]]], line: str, *, ordered: int
) -> Buckets:
    active = [position for position, _ in carried]
    counts: Buckets = {}
    left = ordered
    labelled = 0
    for position, named in carried:
        units = min(named.get(line, 0), left - labelled)
        if position.bucket is None:
            labelled += units
            continue
        _put(counts, position.bucket, units)
        left -= units
    cancelled = min(left, facts.cancelled.per_line.get(line, 0))
    _put(counts, Bucket.CANCELLED, cancelled)
    shared = _shared_bucket(active)
    if shared is not None:
        _put(counts, shared, left - cancelled - labelled)
    return _with_the_rest(facts, active, counts, line=line, ordered=ordered)


def _shared_bucket(active: Sequence[ParcelPosition]) -> Bucket | None:
    """Return where the units that no parcel names stand: with the slowest parcel that names no lines."""
    without_lines = [position for position in active if not position.facts.lines]
    if not without_lines:
        return None
    slowest = min(without_lines, key=lambda position: (position.shipped, _SLOWEST_FIRST[position.stage]))
    return slowest.bucket


def _with_the_rest(
    facts: OrderFacts, active: Sequence[ParcelPosition], counts: Buckets, *, line: str, ordered: int
) -> Buckets:
    """Put what no parcel carries where the shop's word puts it: the done before the cancelled before the prepared."""
    left = ordered - sum(counts.values())
    collected = facts.collected.of(line, left)
    _put(counts, Bucket.COLLECTED, collected)
    left -= collected
    ready = min(left, max(facts.ready.of(line, ordered) - collected, 0))
    if facts.dispatched_all is not None and (active or not facts.parcels):
        _put(counts, Bucket.SHIPPED, left - ready)  # tracking follows
        left = ready
    if facts.cancelled.everything is not None:
        _put(counts, Bucket.CANCELLED, left)
        return counts
    _put(counts, Bucket.READY, ready)
    picking = min(left - ready, _picked(facts, counts, line=line, ordered=ordered))
    _put(counts, Bucket.PICKING, picking)
    _put(counts, Bucket.OPEN, left - ready - picking)
    return counts


def _picked(facts: OrderFacts, counts: Buckets, *, line: str, ordered: int) -> int:
    """Return how many picked or packed units wait: those that went on to the store or the carrier were picked first."""
    picked = max(facts.picking.of(line, ordered), facts.packed.of(line, ordered))
    went_on = sum(count for bucket, count in counts.items() if bucket is not Bucket.CANCELLED)
    return max(picked - went_on, 0)


def _put(counts: Buckets, bucket: Bucket, units: int) -> None:
    if units > 0:
        counts[bucket] = counts.get(bucket, 0) + units
