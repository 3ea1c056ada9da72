"""An EasyPost Tracker object to scans: its history oldest first, then its own status and its expected delivery.

Pure. Called by `easypost.py`.
"""

from datetime import datetime
from typing import Final

from schemas.order_events import Window
from schemas.scans import Scan
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import child, day, history, text
from services.ingest.carriers.easypost_codes import meaning_of
from services.ingest.carriers.meanings import INFORMATIONAL, UNMAPPED
from services.ingest.carriers.shipment import (
    Shipment,
    carrier_told,
    number_of,
    signer_of,
    told_reading,
    told_scans,
)
from services.ingest.carriers.times import Told, read_time

_ARRIVED: Final = frozenset({"delivered", "return_to_sender", "cancelled"})


def read_tracker(
    tracker: dict[str, object], event: dict[str, object], *, provider: str, map_version: int, told_at: datetime
) -> Reading:
    """Return what one tracker says. Raises Poison where it names no parcel; a bad scan costs only itself."""
    number = number_of(text(tracker, "tracking_code"))
    shipment = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=carrier_told(text(tracker, "carrier"), number, provider=provider),
        number=number,
        is_return=tracker.get("is_return") is True,
        signed_by=signer_of(text(tracker, "signed_by")),
    )
    scans, problems = told_scans(history(tracker, "tracking_details"), lambda detail: _scan(shipment, detail))
    whole = (_summary(shipment, tracker, event), _estimate(shipment, tracker, event))
    return told_reading(scans, problems, whole)


def _scan(shipment: Shipment, detail: object) -> Scan:
    status, refined = text(detail, "status"), text(detail, "status_detail")
    code, wording = text(detail, "carrier_code"), text(detail, "message") or text(detail, "description")
    location = child(detail, "tracking_location")
    place = shipment.place(
        city=text(location, "city"),
        region=text(location, "state"),
        postcode=text(location, "zip"),
        country=text(location, "country"),
    )
    # EasyPost fills a time of day the carrier did not give with zeros.
    told = read_time(text(detail, "datetime") or "", zone=place.time_zone if place else None, midnight_is_day=True)
    meaning = meaning_of(_word(status), _word(refined) or None, carrier=shipment.carrier, code=code, wording=wording)
    return shipment.scan(told, _raw_code(status, refined, code), meaning, place=place, wording=wording)


def _summary(shipment: Shipment, tracker: dict[str, object], event: dict[str, object]) -> Scan | None:
    """Return the tracker's own status at its own time (R23); None where it says nothing of the parcel."""
    status, refined = text(tracker, "status"), text(tracker, "status_detail")
    meaning = meaning_of(_word(status), _word(refined) or None, carrier=shipment.carrier, code=None, wording=None)
    if meaning.stage is None and meaning.substatus in (UNMAPPED, INFORMATIONAL):
        return None
    return shipment.summary(_updated(tracker, event), _raw_code(status, refined, None), meaning)


def _estimate(shipment: Shipment, tracker: dict[str, object], event: dict[str, object]) -> Scan | None:
    """Return the expected delivery as a local day: the plain field is a local date dressed as midnight UTC."""
    local = day(child(tracker, "carrier_detail"), "est_delivery_date_local") or day(tracker, "est_delivery_date")
    if local is None or shipment.is_return or _word(text(tracker, "status")) in _ARRIVED:
        return None
    return shipment.estimate(_updated(tracker, event), Window(day=local))


def _updated(tracker: dict[str, object], event: dict[str, object]) -> Told | None:
    for written in (text(tracker, "updated_at"), text(event, "created_at")):
        try:
            return read_time(written or "")
        except ValueError:
            continue
    return None


def _word(raw: str | None) -> str:
    return (raw or "").strip().lower()


def _raw_code(status: str | None, detail: str | None, code: str | None) -> str:
    """Return `status/status_detail/carrier_code`, as far as they were given."""
    return "/".join(filter(None, (status, detail, code)))
