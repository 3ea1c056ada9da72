"""Which scans of a number are whose: claims, their groups, and the scans each may read (rule E3). Pure.

Carriers reuse numbers, and two orders can claim one. A claim is an order's *shipment created*; claims that start close
together are one box and read one state, a later one is the number used again. Nothing of one order shows in another.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from schemas.scans import Scan
from services.status.machine import instant

#: Claims whose starts follow each other within this time are one box (R18).
ONE_BOX: Final = timedelta(days=30)
#: A carrier can scan before the shop writes down the shipment; so much earlier a scan still belongs to the claim.
HEAD_START: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """An order's claim on a shipment key, from the `occurred_at` of its *shipment created* on."""

    start: datetime
    order: str
    parcel: str
    """The shop's own id of the shipment."""


def group_starts(claims: Iterable[Claim]) -> list[datetime]:
    """Return the start of each group of claims, oldest first."""
    starts: list[datetime] = []
    last: datetime | None = None
    for claim in sorted(claims):
        if last is None or claim.start - last > ONE_BOX:
            starts.append(claim.start)
        last = claim.start
    return starts


def scans_of(start: datetime, claims: Iterable[Claim], scans: Sequence[Scan]) -> list[Scan]:
    """Return the scans that belong to the group of the claim starting at `start`.

    A scan belongs to the last group with `group start - 7 days <= occurred_at`, else to the first. A future time is
    clamped first (R14), or a carrier's wrong year would give an old parcel's scan to the number's next user.
    """
    starts = group_starts(claims)
    if len(starts) <= 1:
        return list(scans)
    own = _last_not_after(starts, start)
    return [scan for scan in scans if _last_not_after(starts, instant(scan) + HEAD_START) == own]


def _last_not_after(starts: Sequence[datetime], moment: datetime) -> int:
    """Return the index of the last start that is not after `moment`, or 0."""
    return max((index for index, start in enumerate(starts) if start <= moment), default=0)
