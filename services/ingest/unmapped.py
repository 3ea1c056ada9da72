"""`trackfold carriers unmapped`: the codes that no table lists, with how often and one sample each.

They are kept and move nothing (rule R12). The list is read from `carrier.scans.v1`, so it shows what was read with the
map of its day: a code that the map knows by now is marked, and `trackfold carriers remap` reads it anew.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from schemas.scans import SCAN, Scan
from schemas.vocabulary import ScanKind
from services.ingest.carriers.meanings import UNMAPPED
from services.ingest.carriers.registry import CARRIERS
from services.ingest.normalise import SCANS
from services.ingest.printing import console, print_json, table
from services.runtime.kafka import Record
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reading import Tell, read_topic

MAX_SEEN: Final = 2_000_000
"""Scans that are known again; after so many a repeat may count twice."""
MAX_CODES: Final = 10_000
"""More codes than this are no codes: some text of a carrier's has slipped in."""


@dataclass(slots=True)
class Code:
    """One code that is not mapped."""

    provider: str
    carrier: str
    code: str
    map_version: int
    """The newest map that did not know it."""
    sample: Scan
    scans: int = 0


class Codes:
    """The unmapped codes among some scans, counted by scan: a repeat of one counts once."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str, str], Code] = {}
        self._seen: set[str] = set()
        self.left_out = 0
        """Scans of codes beyond the bound."""

    def take(self, records: Iterable[Record]) -> None:
        """Count the scans of a batch of records; what cannot be read is not ours to report."""
        for record in records:
            try:
                scan = SCAN.validate_json(record.value or b"")
            except ValidationError:
                continue
            if scan.substatus == UNMAPPED and scan.kind in (ScanKind.SCAN, ScanKind.SUMMARY):
                self._count(scan)

    def _count(self, scan: Scan) -> None:
        if scan.event_key in self._seen:
            return
        name = scan.provider, scan.carrier, scan.raw_code or ""
        if name not in self._codes and len(self._codes) >= MAX_CODES:
            self.left_out += 1
            return
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        self._seen.add(scan.event_key)
        held = self._codes.setdefault(name, Code(*name, map_version=0, sample=scan))
        held.scans += 1
        held.map_version = max(held.map_version, scan.map_version)

    def most_first(self, provider: str | None = None) -> list[Code]:
        """Return the codes, the most frequent first."""
        found = [one for one in self._codes.values() if provider in (None, one.provider)]
        return sorted(found, key=lambda one: (-one.scans, one.provider, one.carrier, one.code))


async def find(settings: KafkaSettings, *, since: datetime, tell: Tell) -> Codes:
    """Return the unmapped codes told since then; raises Transient when Kafka does not answer."""
    codes = Codes()
    async for batch in read_topic(settings, SCANS, since=since, name="unmapped", tell=tell):
        codes.take(batch)
    return codes


def show(codes: Codes, *, provider: str | None, as_json: bool) -> None:
    """Print the listing."""
    found = codes.most_first(provider)
    if as_json:
        print_json([_document(one) for one in found])
        return
    if not found:
        console().print("every code that was told is a known one")
        return
    shown = table("provider", "carrier", "code", "scans", "map", "sample")
    for one in found:
        known_by = "" if one.map_version >= _newest(one.provider) else f" (now {_newest(one.provider)})"
        sample = f"{one.sample.key} {one.sample.occurred_at.isoformat()} {one.sample.description or ''}".rstrip()
        shown.add_row(one.provider, one.carrier, one.code, str(one.scans), f"{one.map_version}{known_by}", sample)
    console().print(shown)
    if codes.left_out:
        console().print(f"and {codes.left_out} scans of further codes")


def _newest(provider: str) -> int:
    return CARRIERS[provider].map_version if provider in CARRIERS else 0


def _document(one: Code) -> dict[str, Any]:
    sample = one.sample
    return {
        "provider": one.provider,
        "carrier": one.carrier,
        "code": one.code,
        "scans": one.scans,
        "map_version": one.map_version,
        "map_version_now": _newest(one.provider),
        "sample": {
            "key": sample.key,
            "occurred_at": sample.occurred_at.isoformat(),
            "description": sample.description,
            "event_key": sample.event_key,
        },
    }
