"""What an order's document was made of, part by part: whatever is still the same is used again. Plain values. Pure.

Documents and their parts are shared between versions: nobody changes one that was made.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from schemas.scans import Scan
from schemas.vocabulary import Bucket
from services.status.positions import Load, ParcelPosition
from services.status.shipment import Reached

Document = dict[str, Any]


class Said(NamedTuple):
    """What an order's own conditions and sub-status need of a parcel's state."""

    conditions: frozenset[str]
    substatus: str | None
    """Of a parcel that could not be delivered; None of all others: there it says nothing of the order."""


class Weight(NamedTuple):
    """All that an order's document says because of a parcel, but for the parcel's own part."""

    position: ParcelPosition
    units: Sequence[ParcelPosition]
    """Where its units are: several places where it has pieces."""
    said: Said


class Drawn(NamedTuple):
    """A parcel as its document shows it, and where a next scan goes on."""

    weight: Weight
    document: Document
    verdicts: int
    """So many of its scans are in it."""
    reached: Sequence[Reached]
    """The milestones of its state."""
    window: Scan | None
    """The estimate it shows."""


class Shown(NamedTuple):
    """An order's document, and what it was made of beside the facts of the order."""

    document: Document
    unexpected: frozenset[str]
    weights: Sequence[Weight]
    loads: Sequence[Load]
    lines: Mapping[str, Mapping[Bucket, int]]
    """Units by line and bucket, as they follow from `loads`."""
