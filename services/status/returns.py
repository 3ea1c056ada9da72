"""Units on their way back: which parcels and which words of the shop bring which units home. Pure.

A return that is only requested or labelled moves nothing; the first physical scan of the return does, or the shop's own
*returned*. Both can speak of the same units: they are counted once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from schemas.vocabulary import Bucket
from services.status.order_facts import Quantities
from services.status.positions import ParcelPosition, slowness

#: From where a return parcel takes its units: what arrived, else what must have arrived unseen.
_TAKEN_FROM: Final = (Bucket.DELIVERED, Bucket.COLLECTED, Bucket.SHIPPED)
#: What the shop can have received: first what was coming back.
_RECEIVED_FROM: Final = (Bucket.RETURNING, Bucket.DELIVERED, Bucket.COLLECTED, Bucket.SHIPPED, Bucket.LOST)
_ARRIVED: Final = (Bucket.RETURNING, Bucket.DELIVERED, Bucket.COLLECTED)


@dataclass(slots=True)
class Back:
    """What the return parcels carry."""

    named: dict[str, dict[Bucket, int]] = field(default_factory=dict)
    """Per line, units by where their return parcels are."""
    rest: Bucket | None = None
    """Where return parcels without lines bring all that arrived and no other return parcel names."""


def back_of(positions: Iterable[ParcelPosition], *, by_line: bool) -> Back:
    """Return what the return parcels carry; without `by_line` nobody has told the lines yet."""
    moving = [one for one in positions if one.facts.is_return and one.active and one.bucket is not None]
    back, without = Back(), []
    for position in moving:
        bucket = position.bucket
        if bucket is None or not (by_line and position.facts.lines):
            without.append(position)
            continue
        for entry in position.facts.lines:
            units = back.named.setdefault(entry.line, {})
            units[bucket] = units.get(bucket, 0) + entry.quantity
    back.rest = min(without, key=slowness).bucket if without else None
    return back


def bring_back(counts: dict[Bucket, int], returned: Quantities, back: Back, *, line: str) -> None:
    """Move the units of a line that came back, or are coming back, in `counts`."""
    for bucket, units in sorted(back.named.get(line, {}).items()):
        _move(counts, _TAKEN_FROM, bucket, units=units)
    if back.rest is not None:
        _move(counts, (Bucket.DELIVERED, Bucket.COLLECTED), back.rest, units=_all(counts))
    if returned.everything is not None:
        arrived = any(counts.get(bucket) for bucket in (*_ARRIVED, Bucket.RETURNED))
        _move(counts, _ARRIVED if arrived else (Bucket.SHIPPED,), Bucket.RETURNED, units=_all(counts))
        return
    said = returned.per_line.get(line, 0) - counts.get(Bucket.RETURNED, 0)
    _move(counts, _RECEIVED_FROM, Bucket.RETURNED, units=said)


def _all(counts: dict[Bucket, int]) -> int:
    return sum(counts.values())


def _move(counts: dict[Bucket, int], sources: Sequence[Bucket], target: Bucket, *, units: int) -> None:
    for source in sources:
        moved = min(units, counts.get(source, 0))
        if moved <= 0 or source is target:
            continue
        units -= moved
        counts[target] = counts.get(target, 0) + moved
        if moved == counts[source]:
            del counts[source]
        else:
            counts[source] -= moved
