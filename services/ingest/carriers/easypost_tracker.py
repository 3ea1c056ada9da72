"""An EasyPost Tracker object to scans: its history oldest first, then its own status and its expected delivery.

Names of people stay behind: `signed_by` becomes "there is a signature". Pure. Called by `easypost.py`.
"""

import re
from datetime import datetime
from typing import Final

import pydantic

from schemas.carriers import canonical_carrier
from schemas.keys import clean_number, shipment_key
from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, ScanKind, Stage, TimeKind, TimePrecision
from services.ingest.carriers.base import MAX_SCANS, Problem, Reading
from services.ingest.carriers.documents import child, day, rows, text
from services.ingest.carriers.easypost_codes import INFORMATIONAL, UNMAPPED, Meaning, meaning_of
from services.ingest.carriers.identity import event_key
from services.ingest.carriers.times import Told, read_time
from services.ingest.carriers.zones import zone_of
from services.runtime.errors import Poison

_SHORTEST_NAME: Final = 3
_ARRIVED: Final = frozenset({"delivered", "return_to_sender", "cancelled"})


class _Tracker:
    """What all scans of one tracker share."""

    def __init__(self, tracker: dict[str, object], *, provider: str, map_version: int, told_at: datetime) -> None:
        name, number = text(tracker, "carrier"), text(tracker, "tracking_code")
        if name is None or number is None:
            raise Poison("no_number", "the tracker lacks its carrier or its number")
        try:
            self.carrier = canonical_carrier(name, provider=provider)
            self.number = clean_number(number)
        except ValueError as error:
            raise Poison("bad_number", "the tracker's carrier or number cannot be one") from error
        self.provider, self.map_version, self.told_at = provider, map_version, told_at
        self.subject = shipment_key(self.carrier, self.number)
        self.is_return = tracker.get("is_return") is True
        self.signed_by = text(tracker, "signed_by")

    def scan(self, kind: ScanKind, told: Told | None, code: str | None, **rest: object) -> Scan:
        """Return one scan; `code` is part of its identity."""
        place = rest.get("place")
        return Scan.model_validate(
            {
                "kind": kind,
                "event_key": event_key(
                    kind, self.subject, told=told, code=code, place=place if isinstance(place, Place) else None
                ),
                "provider": self.provider,
                "carrier": self.carrier,
                "number": self.number,
                "occurred_at": self.told_at if told is None else told.at,
                "occurred_at_text": None if told is None else told.text,
                "time_precision": TimePrecision.SECOND if told is None else told.precision,
                "time_kind": TimeKind.UTC if told is None else told.kind,
                "raw_code": None if kind == ScanKind.ESTIMATE else code,
                "told_at": self.told_at,
                "map_version": self.map_version,
                **rest,
            }
        )

    def reading(self, meaning: Meaning) -> dict[str, object]:
        """Return a meaning as fields. What a return label delivers has come back: it is `returned`, never delivered."""
        back = self.is_return and meaning.stage is not None
        stage = Stage.RETURNED if back and meaning.stage == Stage.DELIVERED else meaning.stage
        return {
            "stage": stage,
            "leg": Leg.RETURN if back else meaning.leg,
            "substatus": "received_by_sender" if stage != meaning.stage else meaning.substatus,
            "conditions_set": meaning.sets,
            "conditions_cleared": meaning.clears,
            "pod": ("signature",) if meaning.stage == Stage.DELIVERED and self.signed_by else (),
        }

    def unnamed(self, wording: str | None) -> str | None:
        """Return a text without the name of who signed."""
        if wording is None or self.signed_by is None or len(self.signed_by) < _SHORTEST_NAME:
            return wording
        return re.sub(re.escape(self.signed_by), "***", wording, flags=re.IGNORECASE)


def read_tracker(
    tracker: dict[str, object], event: dict[str, object], *, provider: str, map_version: int, told_at: datetime
) -> Reading:
    """Return what one tracker says. Raises Poison where it names no parcel; a bad scan costs only itself."""
    shared = _Tracker(tracker, provider=provider, map_version=map_version, told_at=told_at)
    details = rows(tracker, "tracking_details")
    if len(details) > MAX_SCANS:
        raise Poison("too_many_scans", f"the history has more than {MAX_SCANS} scans")
    scans: list[Scan] = []
    problems: list[Problem] = []
    for position, detail in enumerate(details):
        try:
            scans.append(_scan(shared, detail))
        except pydantic.ValidationError as error:
            fields = sorted({str(one["loc"][0]) for one in error.errors() if one["loc"]})
            problems.append(Problem("bad_scan", f"scan {position}: {', '.join(fields)}"))
        except ValueError:
            problems.append(Problem("bad_scan", f"scan {position}: its time cannot be read"))
    whole = (_summary(shared, tracker, event), _estimate(shared, tracker, event))
    return Reading((*_oldest_first(scans), *(one for one in whole if one is not None)), tuple(problems))


def _scan(shared: _Tracker, detail: object) -> Scan:
    status, refined = text(detail, "status"), text(detail, "status_detail")
    code, wording = text(detail, "carrier_code"), text(detail, "message") or text(detail, "description")
    place = _place(shared, child(detail, "tracking_location"))
    # EasyPost fills a time of day the carrier did not give with zeros.
    told = read_time(text(detail, "datetime") or "", zone=place.time_zone if place else None, midnight_is_day=True)
    meaning = meaning_of(_word(status), _word(refined) or None, carrier=shared.carrier, code=code, wording=wording)
    return shared.scan(
        ScanKind.SCAN,
        told,
        _raw_code(status, refined, code),
        place=place,
        description=shared.unnamed(wording),
        **shared.reading(meaning),
    )


def _summary(shared: _Tracker, tracker: dict[str, object], event: dict[str, object]) -> Scan | None:
    """Return the tracker's own status at its own time (R23); None where it says nothing of the parcel."""
    status, refined = text(tracker, "status"), text(tracker, "status_detail")
    meaning = meaning_of(_word(status), _word(refined) or None, carrier=shared.carrier, code=None, wording=None)
    if meaning.stage is None and (not meaning.sets or meaning.substatus in (UNMAPPED, INFORMATIONAL)):
        return None
    told = _updated(tracker, event)
    return shared.scan(ScanKind.SUMMARY, told, _raw_code(status, refined, None), **shared.reading(meaning))


def _estimate(shared: _Tracker, tracker: dict[str, object], event: dict[str, object]) -> Scan | None:
    """Return the expected delivery as a local day: the plain field is a local date dressed as midnight UTC."""
    local = day(child(tracker, "carrier_detail"), "est_delivery_date_local") or day(tracker, "est_delivery_date")
    if local is None or shared.is_return or _word(text(tracker, "status")) in _ARRIVED:
        return None
    told = _updated(tracker, event)
    return shared.scan(ScanKind.ESTIMATE, told, local.isoformat(), window=Window(day=local))


def _updated(tracker: dict[str, object], event: dict[str, object]) -> Told | None:
    for written in (text(tracker, "updated_at"), text(event, "created_at")):
        try:
            return read_time(written or "")
        except ValueError:
            continue
    return None


def _place(shared: _Tracker, location: dict[str, object]) -> Place | None:
    city, region = text(location, "city"), text(location, "state")
    postcode, country = text(location, "zip"), text(location, "country")
    if not (city or region or postcode or country):
        return None
    zone = zone_of(shared.carrier, country=country, region=region)
    return Place(city=city, region=region, postcode=postcode, country=country, time_zone=zone)


def _oldest_first(scans: list[Scan]) -> list[Scan]:
    """Return the scans by time; a history that came newest first is turned before, so that equal times stay right."""
    newest_first = len(scans) > 1 and scans[0].occurred_at > scans[-1].occurred_at
    return sorted(reversed(scans) if newest_first else scans, key=lambda scan: scan.occurred_at)


def _word(raw: str | None) -> str:
    return (raw or "").strip().lower()


def _raw_code(status: str | None, detail: str | None, code: str | None) -> str:
    """Return `status/status_detail/carrier_code` as far as they were given, an empty middle kept."""
    return "/".join((status or "", detail or "", code or "")).rstrip("/")
