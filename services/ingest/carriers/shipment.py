"""From what a provider tells of one shipment to scans: what every provider's file does alike.

A file reads its fields, looks its codes up and asks `Shipment` for scans; identity (R1), keys, proof of delivery and
the return leg (R6) come out the same for all of them. Names of people stay behind. Pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pydantic

from schemas.carriers import canonical_carrier
from schemas.keys import clean_number, reference_key, shipment_key
from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, ScanKind, Stage, TimeKind, TimePrecision
from services.ingest.carriers.base import MAX_SCANS, Problem, Reading
from services.ingest.carriers.detection import sole_carrier
from services.ingest.carriers.identity import event_key
from services.ingest.carriers.meanings import RETURNED, Meaning
from services.ingest.carriers.times import Told
from services.ingest.carriers.zones import zone_of
from services.runtime.errors import Poison

MAX_SHIPMENTS: Final = 200
"""Shipments read from one answer of an API; the largest pages have 100 to 200."""

UNKNOWN_CARRIER: Final = "unknown"
"""The slug of a parcel whose carrier nobody says. It is listed nowhere, so its scans are counted as of an unlisted
carrier, and wait under it until the shop corrects the shipment: an event is never lost for it."""

_SHORTEST_NAME: Final = 3
#: What stands where a name would where nobody signed: that, or the spot where the parcel was left.
_NOBODY_SIGNED: Final = re.compile(
    r"signature|not required|waived|driver release"
    r"|\b(front|back|side|rear) ?door\b|\bporch\b|\bpatio\b|\bgarage\b|\bmail ?(box|room)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """What all scans of one shipment in a body share."""

    provider: str
    map_version: int
    told_at: datetime
    carrier: str
    """Canonical slug."""
    number: str | None
    references: Mapping[str, str] = field(default_factory=dict)
    unique_id: str | None = None
    """The carrier's own id of the shipment, where it uses numbers again (FedEx)."""
    is_return: bool = False
    """The label itself is a return label: what it delivers has come back."""
    signed_by: str | None = None
    """Who signed: never passed on, only taken out of the wording."""

    @property
    def subject(self) -> str:
        """What the identity of a scan begins with: the key of the shipment, and its unique id where there is one."""
        if self.number is None:
            key = reference_key(*min(self.references.items()))
        else:
            key = shipment_key(self.carrier, self.number)
        return key if self.unique_id is None else f"{key}~{self.unique_id}"

    def scan(
        self,
        told: Told | None,
        code: str | None,
        meaning: Meaning,
        *,
        place: Place | None = None,
        wording: str | None = None,
        **rest: object,
    ) -> Scan:
        """Return one scan of the history; `code` is the carrier's own and part of the identity.

        `rest` are further fields of `Scan` (`piece`, `pod`, `window`, `proofs`, or an `event_key` made by the file).
        Raises ValueError (pydantic's).
        """
        return self._tell(
            ScanKind.SCAN, told, code, place=place, description=self.unnamed(wording), **(self._says(meaning) | rest)
        )

    def summary(self, told: Told | None, code: str | None, meaning: Meaning, **rest: object) -> Scan | None:
        """Return what the provider says of the shipment as a whole (R23); None where that is nothing."""
        if meaning.is_silent:
            return None
        return self._tell(ScanKind.SUMMARY, told, code, **(self._says(meaning) | rest))

    def estimate(self, told: Told | None, window: Window) -> Scan:
        """Return the expected delivery, told at `told` (R11)."""
        day = window.day.isoformat() if window.day is not None else ""
        span = "/".join(one.isoformat() for one in (window.starts, window.ends) if one is not None)
        return self._tell(ScanKind.ESTIMATE, told, day or span, raw_code=None, window=window)

    def place(
        self,
        *,
        city: str | None = None,
        region: str | None = None,
        postcode: str | None = None,
        country: str | None = None,
    ) -> Place | None:
        """Return a place with its zone where that is sure; None where nothing is told. Never a zone by postcode."""
        if not (city or region or postcode or country):
            return None
        zone = zone_of(self.carrier, country=country, region=region)
        return Place(city=city, region=region, postcode=postcode, country=country, time_zone=zone)

    def unnamed(self, wording: str | None) -> str | None:
        """Return a text without the name of who signed."""
        if wording is None or self.signed_by is None or len(self.signed_by) < _SHORTEST_NAME:
            return wording
        return re.sub(rf"(?<!\w){re.escape(self.signed_by)}(?!\w)", "***", wording, flags=re.IGNORECASE)

    def event_key(
        self, kind: ScanKind, told: Told | None, code: str | None, *, place: object = None, piece: object = None
    ) -> str:
        """Return the identity of a scan (R1): for files whose scans are told apart by more or less than they show."""
        subject = self.subject if piece is None else f"{self.subject}#{piece}"
        return event_key(kind, subject, told=told, code=code, place=place if isinstance(place, Place) else None)

    def _tell(self, kind: ScanKind, told: Told | None, code: str | None, **rest: object) -> Scan:
        fields = {
            "kind": kind,
            "event_key": self.event_key(kind, told, code, place=rest.get("place"), piece=rest.get("piece")),
            "provider": self.provider,
            "carrier": self.carrier,
            "number": self.number,
            "references": dict(self.references),
            "unique_id": self.unique_id,
            "occurred_at": self.told_at if told is None else told.at,
            "occurred_at_text": None if told is None else told.text,
            "time_precision": TimePrecision.SECOND if told is None else told.precision,
            "time_kind": TimeKind.UTC if told is None else told.kind,
            "raw_code": code,
            "told_at": self.told_at,
            "map_version": self.map_version,
        }
        return Scan.model_validate(fields | rest)

    def _says(self, meaning: Meaning) -> dict[str, object]:
        """Return a meaning as fields. What a return label delivers has come back: it is `returned`, never delivered."""
        back = self.is_return and meaning.stage is not None
        arrived = meaning.stage == Stage.DELIVERED
        said = RETURNED if back and arrived else meaning
        return {
            "stage": said.stage,
            "leg": Leg.RETURN if back else said.leg,
            "substatus": said.substatus,
            "conditions_set": meaning.sets,
            "conditions_cleared": meaning.clears,
            "pod": ("signature",) if arrived and self.signed_by else (),
        }


def carrier_of(name: str | None, *, provider: str) -> str:
    """Return the canonical slug of a carrier's name or code; Poison when it cannot be one."""
    try:
        return canonical_carrier(name or "", provider=provider)
    except ValueError as error:
        raise Poison("bad_number", "the body names no carrier that could be one") from error


def carrier_told(name: str | None, number: str, *, provider: str) -> str:
    """Return who carries a cleaned number: as it is named, else as the number leaves no doubt, else `UNKNOWN_CARRIER`.

    For providers of many carriers. Raises Poison where a name is told that cannot be one.
    """
    if name is not None:
        return carrier_of(name, provider=provider)
    return sole_carrier(number) or UNKNOWN_CARRIER


def signer_of(name: str | None) -> str | None:
    """Return who signed; None where the field says that nobody did, so that its words stay in the wording."""
    return None if name is None or _NOBODY_SIGNED.search(name) else name


def number_of(number: str | None) -> str:
    """Return the cleaned tracking number; Poison when there is none or it cannot be one."""
    if number is None:
        raise Poison("no_number", "the body lacks the tracking number")
    try:
        return clean_number(number)
    except ValueError as error:
        raise Poison("bad_number", "the tracking number cannot be one") from error


def told_scans(details: Sequence[object], tell: Callable[[object], Scan | None]) -> tuple[list[Scan], list[Problem]]:
    """Return the scans of a history, oldest first; a bad one costs only itself. `tell` may skip one with None."""
    if len(details) > MAX_SCANS:
        raise Poison("too_many_scans", f"the history has more than {MAX_SCANS} scans")
    scans: list[Scan] = []
    problems: list[Problem] = []
    for position, detail in enumerate(details):
        try:
            scan = tell(detail)
        except pydantic.ValidationError as error:
            fields = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]})
            problems.append(Problem("bad_scan", f"scan {position}: {', '.join(fields)}"))
        except ValueError:
            problems.append(Problem("bad_scan", f"scan {position}: its time cannot be read"))
        else:
            scans += [] if scan is None else [scan]
    return _oldest_first(scans), problems


def told_reading(scans: Sequence[Scan], problems: Sequence[Problem], whole: Iterable[Scan | None] = ()) -> Reading:
    """Return what a body says: the history, then what is said of the shipment as a whole (summary, then estimate).

    A body of a shipment that says nothing is ignored, and counted as such.
    """
    told = (*scans, *(one for one in whole if one is not None))
    return Reading(told, tuple(problems), None if told or problems else "nothing_told")


def joined(readings: Iterable[Reading]) -> Reading:
    """Return the readings of several shipments in one body as one: scans oldest first, then what is said of each."""
    told = list(readings)
    scans = [scan for reading in told for scan in reading.scans]
    order = {ScanKind.SCAN: 0, ScanKind.SUMMARY: 1, ScanKind.ESTIMATE: 2}
    history = sorted((one for one in scans if one.kind == ScanKind.SCAN), key=lambda one: one.occurred_at)
    whole = sorted((one for one in scans if one.kind != ScanKind.SCAN), key=lambda one: order[ScanKind(one.kind)])
    ignored = next((reading.ignored for reading in told if reading.ignored), None)
    problems = tuple(one for reading in told for one in reading.problems)
    return Reading((*history, *whole), problems, None if scans or problems else ignored)


def read_each(shipments: Sequence[object], tell: Callable[[dict[str, object]], Reading]) -> Reading:
    """Return what an answer of a provider's API says of several shipments; a bad one costs only itself."""
    if len(shipments) > MAX_SHIPMENTS:
        raise Poison("too_many_trackings", f"the answer has more than {MAX_SHIPMENTS} shipments")
    if not shipments:
        return Reading(ignored="no_tracking")
    return joined(_beside_others(one if isinstance(one, dict) else {}, tell) for one in shipments)


def _beside_others(shipment: dict[str, object], tell: Callable[[dict[str, object]], Reading]) -> Reading:
    try:
        return tell(shipment)
    except Poison as poison:
        return Reading(problems=(Problem(poison.reason, poison.message),))


def _oldest_first(scans: list[Scan]) -> list[Scan]:
    """Return the scans by time; a history that came newest first is turned before, so that equal times stay right."""
    newest_first = len(scans) > 1 and scans[0].occurred_at > scans[-1].occurred_at
    return sorted(reversed(scans) if newest_first else scans, key=lambda scan: scan.occurred_at)
