"""One shipment as MyDHL API (DHL Express) tells it to scans: checkpoints at local times, oldest first.

Only the checkpoints of the shipment are read, not those of its pieces: those tell the same journey once more. Who
signed stays behind. Pure. Called by `dhl.py`.
"""

import re
from dataclasses import replace
from datetime import datetime
from typing import Final

from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import Stage
from services.ingest.carriers.base import Reading
from services.ingest.carriers.countries import alpha_2, is_country
from services.ingest.carriers.dhl_codes import carrier_name, checkpoint, without_signer
from services.ingest.carriers.documents import day, history, rows, text
from services.ingest.carriers.shipment import Shipment, carrier_of, number_of, signer_of, told_reading, told_scans
from services.ingest.carriers.times import Told, read_time

_NUMBER: Final = "shipmentTrackingNumber"
_SERVICE: Final = "express"
_OVER: Final = frozenset({Stage.DELIVERED, Stage.RETURNED})
#: `KINGSTON-JAM`, `Brisbane-AU`: a service area's name ends in its country.
_AREA: Final = re.compile(r"(.+?)\s*-\s*([A-Z]{2,3})")


def is_express(shipment: object) -> bool:
    """Tell whether a shipment has the shape of MyDHL API."""
    return text(shipment, _NUMBER) is not None


def read_express(shipment: object, *, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return what one shipment says. Raises Poison where its number cannot be one; a bad event costs only itself."""
    told = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=carrier_of(carrier_name(_SERVICE), provider=provider),
        number=number_of(text(shipment, _NUMBER)),
    )
    scans, problems = told_scans(history(shipment, "events"), lambda event: _scan(told, event))
    if not scans and not problems:
        return Reading(ignored="no_events")
    # `status` says whether the question was answered ("Success"), so there is no summary.
    return told_reading(scans, problems, [_estimate(told, shipment, scans)])


def _scan(shipment: Shipment, event: object) -> Scan:
    code, words = text(event, "typeCode"), text(event, "description")
    place = _place(shipment, event)
    named = replace(shipment, signed_by=signer_of(text(event, "signedBy")))
    meaning = checkpoint(code, words or "")
    return named.scan(_told(event, place), code, meaning, place=place, wording=without_signer(words))


def _told(event: object, place: Place | None) -> Told:
    """Return the local date and time of a checkpoint, with the offset that newer answers tell beside it."""
    parts = [part for name in ("date", "time", "GMTOffset") if (part := text(event, name)) is not None]
    told = read_time("T".join(parts[:2]) + "".join(parts[2:]), zone=place.time_zone if place else None)
    return replace(told, text=" ".join(parts))


def _place(shipment: Shipment, event: object) -> Place | None:
    """Return the service area of a checkpoint, which is a town or an airport and often names its country."""
    area = next(iter(rows(event, "serviceArea")), None)
    name = text(area, "description") or text(area, "code")
    found = _AREA.fullmatch(name or "")
    country = None if found is None else alpha_2(found[2])
    if found is None or country is None or not is_country(country):
        return shipment.place(city=name)
    return shipment.place(city=found[1], country=country)


def _estimate(shipment: Shipment, body: object, scans: list[Scan]) -> Scan | None:
    """Return the expected day, unless the last checkpoint that moved the parcel delivered it."""
    moved = [scan.stage for scan in scans if scan.stage is not None]
    expected = day(body, "estimatedDeliveryDate") or day(body, "estimatedTimeOfDelivery")
    if expected is None or (moved and moved[-1] in _OVER):
        return None
    return shipment.estimate(None, Window(day=expected))
