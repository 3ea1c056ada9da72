"""Where each parcel of an order is, and what that says of the units in it. Pure.

Every stage and leg has an answer here; what parcels without lines say together too (docs/state-model.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from schemas.vocabulary import Bucket, Leg, Stage
from services.status.order_facts import ParcelFacts

#: Slowest first: units without a named parcel stand where the slowest of their parcels stands. What is on its way back
#: comes before the ends, whatever its stage there.
SLOWEST_FIRST: Final = (
    Stage.NOT_FOUND, Stage.ANNOUNCED, Stage.ACCEPTED, Stage.IN_TRANSIT, Stage.OUT_FOR_DELIVERY, Stage.ATTEMPTED,
    Stage.AVAILABLE_FOR_PICKUP, Bucket.RETURNING, Stage.LOST, Stage.DISPOSED, Stage.RETURNED, Stage.DELIVERED,
    Stage.CANCELLED,
)  # fmt: skip
SLOWNESS: Final = {place: rank for rank, place in enumerate(SLOWEST_FIRST)}

#: Nobody has touched it on this leg: a label moves no unit.
LABEL_ONLY: Final = frozenset({Stage.NOT_FOUND, Stage.ANNOUNCED, Stage.CANCELLED})

_END_OF: Final = {
    Stage.DELIVERED: Bucket.DELIVERED,
    Stage.RETURNED: Bucket.RETURNED,
    Stage.LOST: Bucket.LOST,
    Stage.DISPOSED: Bucket.LOST,
}
ENDS: Final = frozenset(_END_OF.values())


class Load(NamedTuple):
    """What the buckets of an order's lines need of a place where units are."""

    facts: ParcelFacts
    bucket: Bucket | None
    active: bool
    stage: Stage | None
    """Only of units that no line names: those stand with the slowest."""


@dataclass(frozen=True, slots=True)
class ParcelPosition:
    """Where a parcel of the order is: the facts of the shop and the fold of its scans together."""

    facts: ParcelFacts
    stage: Stage
    shipped: bool
    """Dispatched by the warehouse, or scanned by somebody who held it."""
    scanned: bool
    """A physical scan exists."""
    leg: Leg = Leg.OUTBOUND
    arrived: bool = False
    """It was delivered, whatever came after."""

    @property
    def active(self) -> bool:
        """Whether the parcel carries units: a cancelled label does not."""
        return self.stage is not Stage.CANCELLED

    @property
    def open(self) -> bool:
        """Whether something is still to come of it: the problems of the others are no order's any more."""
        return self.active and self.bucket not in ENDS

    @property
    def bucket(self) -> Bucket | None:
        """Where its units are; None while it has not left: a label alone moves nothing."""
        if self.facts.is_return or self.leg is Leg.RETURN:
            back = _on_the_way_back(self.stage)
            return self._before_the_return if back is None and not self.facts.is_return else back
        # An end counts without any scan on the way: a carrier can lose what it never scanned.
        return _END_OF.get(self.stage) or (Bucket.SHIPPED if self.shipped else None)

    @property
    def load(self) -> Load:
        """What the buckets of the lines follow from."""
        return Load(self.facts, self.bucket, self.active, None if self.facts.lines else self.stage)

    @property
    def _before_the_return(self) -> Bucket | None:
        if self.arrived:
            return Bucket.DELIVERED
        return Bucket.SHIPPED if self.shipped else None


def _on_the_way_back(stage: Stage) -> Bucket | None:
    """Return where units on the return leg are: its end is never "delivered" (R6), its label moves nothing."""
    if stage in LABEL_ONLY:
        return None
    if stage is Stage.DELIVERED:
        return Bucket.RETURNED
    return _END_OF.get(stage, Bucket.RETURNING)


@dataclass(frozen=True, slots=True)
class Shared:
    """What the outbound parcels without lines say of the units that no parcel names."""

    bucket: Bucket | None = None
    ends_differ: bool = False


def shared_of(active: Sequence[ParcelPosition]) -> Shared:
    """Return where the units that no parcel names stand: with the slowest parcel that names no lines."""
    buckets = [(slowness(position), position.bucket) for position in active if not position.facts.lines]
    if not buckets:
        return Shared()
    slowest = min(buckets, key=lambda one: one[0])[1]
    found = {bucket for _, bucket in buckets}
    return Shared(slowest, ends_differ=len(found) > 1 and all(bucket in ENDS for bucket in found))


def slowness(position: ParcelPosition) -> tuple[bool, int]:
    """Return a key that sorts the slowest first: what has not left, then by stage."""
    bucket = position.bucket
    place = bucket if bucket is Bucket.RETURNING else position.stage
    return bucket is not None, SLOWNESS[Stage.RETURNED if bucket is Bucket.RETURNED else place]
