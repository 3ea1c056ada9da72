"""Which scans of a number are whose: claims, their groups, and the scans each may read (rule E3). Pure.

Carriers reuse numbers, and two orders can claim one. A claim is an order's *shipment created*; claims that start close
together are one box and read one state, a later one is the number used again. Nothing of one order shows in another.
"""

from collections.abc import Iterable, Mapping, Sequence
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

    Where the carrier tells boxes apart by ids of its own, by those. Else a scan belongs to the last group with
    `group start - 7 days <= occurred_at`, else to the first. A future time is clamped first (R14), or a carrier's wrong
    year would give an old parcel's scan to the number's next user.
    """
    boxes = {scan.event_key: scan.unique_id for scan in scans if scan.unique_id is not None}
    if len(set(boxes.values())) > 1:
        return _scans_of_box(start, claims, scans, boxes)
    return _scans_of_group(start, claims, scans)


def _scans_of_box(
    start: datetime, claims: Iterable[Claim], scans: Sequence[Scan], boxes: Mapping[str, str]
) -> list[Scan]:
    """Return the scans of the box whose first scan is nearest to the claim, and those of no box in the claim's group.

    The carrier's own ids tell the boxes apart, however close together they travel (FedEx).
    """
    first: dict[str, datetime] = {}
    for scan in scans:
        if scan.unique_id is not None:
            first[scan.unique_id] = min(instant(scan), first.get(scan.unique_id, instant(scan)))
    nearest = min(first, key=lambda box: (abs(first[box] - start), box))
    in_group = {scan.event_key for scan in _scans_of_group(start, claims, scans)}
    found = []
    for scan in scans:
        box = boxes.get(scan.voids or scan.basis or "", scan.unique_id)
        if box == nearest or (box is None and scan.event_key in in_group):
            found.append(scan)
    return found


def _scans_of_group(start: datetime, claims: Iterable[Claim], scans: Sequence[Scan]) -> list[Scan]:
    starts = group_starts(claims)
    if len(starts) <= 1:
        return list(scans)
    own = _last_not_after(starts, start)
    groups = {scan.event_key: _last_not_after(starts, instant(scan) + HEAD_START) for scan in scans}
    # What withdraws a scan, or says what its silence means, is about the box of that scan, whenever it is told.
    return [scan for scan in scans if groups.get(scan.voids or scan.basis or "", groups[scan.event_key]) == own]


def _last_not_after(starts: Sequence[datetime], moment: datetime) -> int:
    """Return the index of the last start that is not after `moment`, or 0."""
    return max((index for index, start in enumerate(starts) if start <= moment), default=0)
