"""One tracked number of 17TRACK v2.x to scans: the events of all its carriers, its own status, its expected delivery.

Pure. Called by `track17.py`.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from schemas.carriers import canonical_carrier, is_known
from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import Leg, Stage, TimeKind, TimePrecision
from services.ingest.carriers.base import Reading
from services.ingest.carriers.countries import is_country
from services.ingest.carriers.documents import child, day, history, rows, text
from services.ingest.carriers.meanings import NOT_FOUND, Meaning
from services.ingest.carriers.shipment import Shipment, carrier_told, joined, number_of, told_reading, told_scans
from services.ingest.carriers.times import Told, read_time
from services.ingest.carriers.track17_codes import meaning_of
from services.runtime.errors import Poison

_ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.LOST, Stage.CANCELLED, Stage.DISPOSED})
#: At least one of these says something of the parcel.
_TELLING: Final = ("latest_status", "latest_event", "tracking")
_COUNTRY_FIRST: Final = re.compile(r"(?P<country>[A-Z]{2})(?: (?P<rest>.*))?")
_NO_PLACE: Final = re.compile(r"shipment|parcel|arrived|departed", re.IGNORECASE)
_UNFOUND: Final = "NotFound"
_INVALID: Final = "NotFound_InvalidCode"


def read_number(told: dict[str, object], *, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return what is told of one number. Raises Poison where it names no parcel; a bad event costs only itself.

    `tag` is what the shop registered the number with, in any form, so it is no reference of the shipment.
    """
    info = told | child(told, "track_info")  # some bodies have its fields beside it
    if not any(child(info, name) for name in _TELLING):
        raise Poison("bad_shape", "nothing is told of the number")
    carriers = rows(child(info, "tracking"), "providers")
    number = number_of(text(told, "number"))
    shipment = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=_carrier(told, carriers, number, provider=provider),
        number=number,
    )
    histories = [history(one, "events") for one in carriers]
    if not any(histories):
        histories = [[one] for one in (child(info, "latest_event"),) if one]
    # The first mile and the last mile each have their own list, newest first.
    both = joined(told_reading(*told_scans(events, lambda one: _scan(shipment, one))) for events in histories)
    whole = (_summary(shipment, info, carriers, found=any(histories)), _estimate(shipment, info, carriers))
    return told_reading(both.scans, both.problems, whole)


def _carrier(told: dict[str, object], carriers: list[object], number: str, *, provider: str) -> str:
    """Return the slug of the carrier: by its key, else by the name that is told with an unlisted key."""
    key = text(told, "carrier")
    named = [child(one, "provider") for one in carriers]
    if key in (None, "0"):  # not detected: who told something is as good
        key = next((found for one in named if (found := text(one, "key")) is not None), None)
    slug = carrier_told(key, number, provider=provider)
    if is_known(slug):
        return slug
    name = next((text(one, "name") for one in named if text(one, "key") == key), None)
    try:
        return slug if name is None else canonical_carrier(name)
    except ValueError:
        return slug


def _scan(shipment: Shipment, event: object) -> Scan:
    location = text(event, "location")
    place = _place(shipment, child(event, "address"), location)
    sub_status, stage, wording = (text(event, name) for name in ("sub_status", "stage", "description"))
    meaning = meaning_of(sub_status, stage, wording=wording)
    told = _time(event, zone=place.time_zone if place else None)
    # In the identity the location stands as it was written: see the paragraph in track17.py.
    written = place if location is None else Place(city=location)
    scan = shipment.scan(told, sub_status or stage, meaning, place=written, wording=wording)
    return scan.model_copy(update={"place": place})


def _place(shipment: Shipment, address: dict[str, object], location: str | None) -> Place | None:
    """Return where an event was: its parsed address, else what the location says behind a country's two letters.

    Some carriers write the country first ("ES Albacete"), and wording behind it ("CN ShipmentArrived at"): no city.
    """
    country, city = None, location
    if location is not None and (led := _COUNTRY_FIRST.fullmatch(location)) and is_country(led["country"]):
        country, city = led["country"], None if _NO_PLACE.search(led["rest"] or "") else led["rest"]
    return shipment.place(
        city=text(address, "city") or city,
        region=text(address, "state"),
        postcode=text(address, "postal_code"),
        country=text(address, "country") or country,
    )


def _time(event: object, *, zone: str | None) -> Told:
    """Return when an event was: `time_utc`, for the offset in `time_iso` is the carrier's and not the place's."""
    raw = child(event, "time_raw")
    day_only = text(raw, "date") is not None and text(raw, "time") is None
    for name in ("time_utc", "time_iso"):
        try:
            told = read_time(text(event, name) or "", zone=zone if name == "time_iso" else None)
        except ValueError:
            continue
        told = _in_utc(told) if name == "time_utc" else told
        return replace(told, precision=TimePrecision.DAY) if day_only else told
    pieces = (text(raw, "date"), text(raw, "time"), text(raw, "timezone"))
    return read_time(text(event, "time_raw") or " ".join(filter(None, pieces)), zone=zone)


def _in_utc(told: Told) -> Told:
    """Return what stands in a field for UTC as UTC, should its letter be missing or an offset be written."""
    if told.kind in (TimeKind.UTC, TimeKind.OFFSET):
        return replace(told, at=told.at.astimezone(UTC), kind=TimeKind.UTC)
    return replace(told, at=told.at.replace(tzinfo=UTC), kind=TimeKind.UTC)


def _summary(shipment: Shipment, info: dict[str, object], carriers: list[object], *, found: bool) -> Scan | None:
    """Return 17TRACK's own status at the time of its last look (R23). A number without any event is not found."""
    latest = child(info, "latest_status")
    status, sub_status = text(latest, "status"), text(latest, "sub_status")
    meaning = _of_status(status, sub_status)
    if status == _UNFOUND and not found:
        meaning = replace(NOT_FOUND, substatus="invalid_number") if sub_status == _INVALID else NOT_FOUND
    return shipment.summary(_looked_at(carriers), sub_status or status, meaning)


def _of_status(status: str | None, sub_status: str | None) -> Meaning:
    return meaning_of(sub_status, status)


def _looked_at(carriers: list[object]) -> Told | None:
    """Return the newest time at which 17TRACK asked a carrier."""
    looks: list[Told] = []
    for one in carriers:
        try:
            looks.append(read_time(text(one, "latest_sync_time") or ""))
        except ValueError:
            continue
    return max(looks, key=lambda told: told.at, default=None)


def _estimate(shipment: Shipment, info: dict[str, object], carriers: list[object]) -> Scan | None:
    latest = child(info, "latest_status")
    meaning = _of_status(text(latest, "status"), text(latest, "sub_status"))
    if meaning.stage in _ENDS or meaning.leg == Leg.RETURN:
        return None
    window = _window(child(child(info, "time_metrics"), "estimated_delivery_date"))
    return None if window is None else shipment.estimate(_looked_at(carriers), window)


def _window(told: dict[str, object]) -> Window | None:
    """Return a span where both ends are told to the minute on one day, else the last day that is told."""
    starts, ends = _instant(text(told, "from")), _instant(text(told, "to"))
    if starts is not None and ends is not None and starts <= ends and starts.date() == ends.date():
        return Window(starts=starts, ends=ends)
    last = day(told, "to") or day(told, "from")
    return None if last is None else Window(day=last)


def _instant(written: str | None) -> datetime | None:
    try:
        told = read_time(written or "", midnight_is_day=True)
    except ValueError:
        return None
    zoned = told.kind in (TimeKind.UTC, TimeKind.OFFSET)
    return told.at if zoned and told.precision != TimePrecision.DAY else None
