"""Several readings of one scan become one (rule E5). Pure.

The same scan can be told several times with more or other details: grown bodies, poll and push, a newer map. All
readings are kept; which field counts depends on the set of readings alone, never on the order in which they came.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import ScanKind

#: Facts of the telling, not of the scan: two tellings that differ only here are one reading.
_OF_THE_TELLING: Final = frozenset({"told_at", "map_version"})

#: What we make of a raw code, where that can be nothing; the rest of a scan is what the carrier said.
_OUR_READING: Final = frozenset({"stage", "substatus", "conditions_set", "conditions_cleared"})


def content_hash(scan: Scan) -> str:
    """Return the hash of what a reading says, without when it was told and (unless approved) by which map."""
    told = _OF_THE_TELLING - {"map_version"} if scan.kind == ScanKind.REMAP else _OF_THE_TELLING
    body = scan.model_dump(mode="json", exclude=set(told), exclude_defaults=True)
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


def merge(readings: Iterable[Scan]) -> Scan:
    """Return one scan of all readings of one event key: field by field the first reading that has the field.

    Order: approved remaps (highest map first), then the earliest told, then the content hash.
    """
    told = list(readings)
    if len(told) == 1:
        return told[0]
    ranked = sorted(told, key=_precedence)
    first = ranked[0]
    fields = {name: value for reading in reversed(ranked) for name, value in _given(reading).items()}
    fields["told_at"] = min(reading.told_at for reading in ranked)
    # Remaps of a scan that was never told stay remaps: however many there are, they move nothing.
    fields["kind"] = next((r.kind for r in ranked if r.kind != ScanKind.REMAP), ScanKind.REMAP)
    if first.kind == ScanKind.REMAP:
        # A remap corrects our reading: what it leaves empty is meant to be empty.
        fields |= {name: getattr(first, name) for name in _OUR_READING}
    return first.model_copy(update=fields)


def _precedence(scan: Scan) -> tuple[int, float, str]:
    approved = scan.map_version if scan.kind == ScanKind.REMAP else -1
    return -approved, scan.told_at.timestamp(), content_hash(scan)


def _given(scan: Scan) -> dict[str, object]:
    """Return the fields a reading has a value for."""
    return {name: value for name in Scan.model_fields if (value := getattr(scan, name)) not in (None, (), {})}
