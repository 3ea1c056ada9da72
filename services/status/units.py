"""Units: in which bucket each ordered unit is, and the order's state from that (docs/state-model.md). Pure.

A unit is in exactly one bucket and the buckets of a line always add up to what was ordered. What the world has done
(shipped, delivered, collected, returned) outranks what was said (cancelled), which outranks what is prepared (ready,
picking). One exception: a cancellation that names a line is believed before a parcel that names none, for nobody knows
what is in that parcel.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.vocabulary import Bucket, OrderState, Stage
from services.status.order_facts import OrderFacts, ParcelFacts
from services.status.positions import ParcelPosition, shared_of
from services.status.returns import Back, back_of, bring_back

#: The line that stands for an order whose *placed* has not come yet: one unit a parcel.
UNPLACED: Final = "*"

#: Nothing of them has left, and none is ready at the store.
NOT_STARTED: Final = frozenset({Bucket.OPEN, Bucket.PICKING})
#: They have not come to their end.
TO_COME: Final = frozenset({*NOT_STARTED, Bucket.READY, Bucket.SHIPPED, Bucket.RETURNING})

_WAITING: Final = frozenset({Bucket.OPEN, Bucket.PICKING, Bucket.READY})
_ENDS: Final = frozenset({Bucket.DELIVERED, Bucket.COLLECTED, Bucket.RETURNED, Bucket.LOST})


class Row(NamedTuple):
    """A row of the order's fold: the state, and the row's own word (its sentence stands in `reasons.py`)."""

    state: OrderState
    row: str


#: What is one for all units together, first match wins: every unit in one of these buckets.
_ALL_IN: Final[tuple[tuple[Collection[Bucket], Row], ...]] = (
    ((Bucket.COLLECTED,), Row(OrderState.COLLECTED, "all_collected")),
    ((Bucket.DELIVERED, Bucket.COLLECTED), Row(OrderState.DELIVERED, "all_delivered")),
    ((Bucket.RETURNED,), Row(OrderState.RETURNED, "all_returned")),
    ((Bucket.LOST,), Row(OrderState.LOST, "all_lost")),
    (_ENDS - {Bucket.LOST}, Row(OrderState.PARTIALLY_RETURNED, "all_ended_none_lost")),
    (_ENDS, Row(OrderState.CLOSED_SHORT, "all_ended_some_lost")),
    (_ENDS | {Bucket.RETURNING}, Row(OrderState.RETURNING, "all_ended_or_returning")),
)
_PURE: Final = frozenset({"all_returned", "all_lost"})

_ENDING: Final = _ENDS | {Bucket.RETURNING}

#: What is nearest to the customer, first match wins.
_SOME: Final = (
    Row(OrderState.PARTIALLY_DELIVERED, "some_arrived"),
    Row(OrderState.OUT_FOR_DELIVERY, "some_out_for_delivery"),
    Row(OrderState.READY_TO_COLLECT, "some_waiting"),
    Row(OrderState.ATTEMPTED, "some_attempted"),
    Row(OrderState.RETURNING, "some_returning"),
    Row(OrderState.IN_TRANSIT, "all_gone_and_scanned"),
    Row(OrderState.SHIPPED, "all_gone"),
    Row(OrderState.PARTIALLY_SHIPPED, "some_gone"),
    Row(OrderState.PICKING, "some_picked"),
)
_NOTHING_PICKED: Final = Row(OrderState.PROCESSING, "nothing_picked")

Buckets = dict[Bucket, int]


@dataclass(frozen=True, slots=True)
class _Load:
    """The parcels that carry units, read once: 500 lines look into 200 parcels of 500 lines each."""

    parcels: Sequence[tuple[Bucket | None, Mapping[str, int]]]
    """Where each is, and what it names; those that left come first: a label that was never used must not hold the
    units of the parcel that replaced it."""
    shared: Bucket | None
    back: Back
    only_carried: bool
    """Nobody said anything of units but what parcels carry: the others are open."""

    def of(self, line: str) -> Iterator[tuple[Bucket | None, int]]:
        """Give the units of a line that each parcel names."""
        return ((bucket, named[line]) for bucket, named in self.parcels if line in named)


def buckets_of(facts: OrderFacts, positions: Sequence[ParcelPosition]) -> dict[str, Buckets]:
    """Return, per line id, how many units are in each bucket; empty buckets are left out."""
    active = [position for position in positions if position.active and not position.facts.is_return]
    back = back_of(positions, by_line=facts.lines is not None)
    parcels = sorted(((one.bucket, _named(one.facts)) for one in active), key=lambda parcel: parcel[0] is None)
    load = _Load(parcels, shared_of(active).bucket, back, only_carried=not _spoken_of(facts, back))
    if facts.lines is None:
        return {UNPLACED: _one_unit_a_parcel(facts, load)}
    return {line.line: _line_buckets(facts, load, line.line, ordered=line.quantity) for line in facts.lines}


def order_state(
    facts: OrderFacts, lines: Mapping[str, Mapping[Bucket, int]], positions: Sequence[ParcelPosition]
) -> OrderState:
    """Return the order's state, first match wins, over the active units (ordered less cancelled)."""
    return order_row(facts, lines, positions).state


def order_row(facts: OrderFacts, lines: Mapping[str, Mapping[Bucket, int]], positions: Sequence[ParcelPosition]) -> Row:
    """Return the first row that matches: the order's state and why."""
    total: Buckets = {}
    for buckets in lines.values():
        for bucket, count in buckets.items():
            total[bucket] = total.get(bucket, 0) + count
    units = sum(total.values()) - total.get(Bucket.CANCELLED, 0)
    outbound = [position for position in positions if position.active and not position.facts.is_return]
    return _held_back(facts, total, units) or _ended(total, units, outbound) or _under_way(total, units, outbound)


def _held_back(facts: OrderFacts, total: Buckets, units: int) -> Row | None:
    """Return the row of an order that nothing is left of, or that the shop's own word stops, else None."""
    if units == 0:
        return Row(OrderState.CANCELLED, "nothing_left")
    if facts.hold is not None and _count(total, _WAITING):
        return Row(OrderState.ON_HOLD, "on_hold")
    if facts.payment_open and _count(total, _WAITING) == units:
        return Row(OrderState.AWAITING_PAYMENT, "payment_open")
    return None


def _ended(total: Buckets, units: int, outbound: Sequence[ParcelPosition]) -> Row | None:
    """Return the row of an order whose units are all at an end or on their way back, else None."""
    if _count(total, _ENDING) != units:
        return None
    # Parcels without lines came to different ends: nobody knows which units went which way.
    differ = shared_of(outbound).ends_differ
    rows = (row for buckets, row in _ALL_IN if _count(total, buckets) == units)
    return next((row for row in rows if not (differ and row.row in _PURE)), None)


def _under_way(total: Buckets, units: int, outbound: Sequence[ParcelPosition]) -> Row:
    stages = {position.stage for position in outbound if position.bucket is Bucket.SHIPPED}
    gone = units - _count(total, _WAITING)
    holds = {
        "some_arrived": Bucket.DELIVERED in total or Bucket.COLLECTED in total,
        "some_out_for_delivery": Stage.OUT_FOR_DELIVERY in stages,
        "some_waiting": Stage.AVAILABLE_FOR_PICKUP in stages or Bucket.READY in total,
        "some_attempted": Stage.ATTEMPTED in stages,
        "some_returning": Bucket.RETURNING in total,
        "all_gone_and_scanned": gone == units and any(position.scanned for position in outbound),
        "all_gone": gone == units,
        "some_gone": gone > 0,
        "some_picked": Bucket.PICKING in total,
    }
    return next((row for row in _SOME if holds[row.row]), _NOTHING_PICKED)


def _count(counts: Mapping[Bucket, int], buckets: Collection[Bucket]) -> int:
    return sum(counts.get(bucket, 0) for bucket in buckets)


def _one_unit_a_parcel(facts: OrderFacts, load: _Load) -> Buckets:
    counts: Buckets = {}
    for bucket, _ in load.parcels:
        if bucket is not None:
            _put(counts, bucket, 1)
    units = max(len(load.parcels), 1)
    return _with_the_rest(facts, load, counts, line=UNPLACED, ordered=units)


def _named(parcel: ParcelFacts) -> dict[str, int]:
    units: dict[str, int] = {}
    for entry in parcel.lines:
        units[entry.line] = units.get(entry.line, 0) + entry.quantity
    return units


def _line_buckets(facts: OrderFacts, load: _Load, line: str, *, ordered: int) -> Buckets:
    counts: Buckets = {}
    left = ordered
    labelled = 0
    for bucket, named in load.of(line):
        units = min(named, left - labelled)
        if bucket is None:
            labelled += units
            continue
        _put(counts, bucket, units)
        left -= units
    cancelled = min(left, facts.cancelled.per_line.get(line, 0))
    _put(counts, Bucket.CANCELLED, cancelled)
    if load.shared is not None:
        _put(counts, load.shared, left - cancelled - labelled)
    return _with_the_rest(facts, load, counts, line=line, ordered=ordered)


def _with_the_rest(facts: OrderFacts, load: _Load, counts: Buckets, *, line: str, ordered: int) -> Buckets:
    """Put what no parcel carries where the shop's word puts it: the done before the cancelled before the prepared."""
    left = ordered - sum(counts.values())
    if load.only_carried:
        _put(counts, Bucket.OPEN, left)
        return counts
    collected = facts.collected.of(line, left)
    _put(counts, Bucket.COLLECTED, collected)
    left -= collected
    expired = facts.expired.of(line, left)
    ready = min(left - expired, max(facts.ready.of(line, ordered) - collected - expired, 0))
    if facts.dispatched_all is not None and (load.parcels or not _outbound(facts)):
        _put(counts, Bucket.SHIPPED, left - ready - expired)  # tracking follows
        left = ready + expired
    bring_back(counts, facts.returned, load.back, line=line)
    _put(counts, Bucket.RETURNED, expired)
    left -= expired
    if facts.cancelled.everything is not None:
        _put(counts, Bucket.CANCELLED, left)
        return counts
    _put(counts, Bucket.READY, ready)
    picking = min(left - ready, _picked(facts, counts, line=line, ordered=ordered))
    _put(counts, Bucket.PICKING, picking)
    _put(counts, Bucket.OPEN, left - ready - picking)
    return counts


def _spoken_of(facts: OrderFacts, back: Back) -> bool:
    """Tell whether the shop's own words, or parcels on their way back, put units anywhere."""
    words = (facts.collected, facts.expired, facts.ready, facts.returned, facts.cancelled, facts.picking, facts.packed)
    said = facts.dispatched_all is not None or any(word.last is not None for word in words)
    return said or bool(back.named) or back.rest is not None


def _outbound(facts: OrderFacts) -> bool:
    return any(not parcel.is_return for parcel in facts.parcels.values())


def _picked(facts: OrderFacts, counts: Buckets, *, line: str, ordered: int) -> int:
    """Return how many picked or packed units wait: those that went on to the store or the carrier were picked first."""
    picked = max(facts.picking.of(line, ordered), facts.packed.of(line, ordered))
    went_on = sum(count for bucket, count in counts.items() if bucket is not Bucket.CANCELLED)
    return max(picked - went_on, 0)


def _put(counts: Buckets, bucket: Bucket, units: int) -> None:
    if units > 0:
        counts[bucket] = counts.get(bucket, 0) + units
