"""One DHL shipment to scans: its events oldest first, then its own status and its expected delivery.

Who signed is proof that a signature exists, and stays behind. Pure. Called by `dhl.py`.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import ScanKind, Stage, TimeKind, TimePrecision
from services.ingest.carriers.base import Reading
from services.ingest.carriers.dhl_codes import (
    STATUSES,
    carrier_name,
    codes_of,
    meaning_of,
    status_code,
    type_code,
    without_signer,
)
from services.ingest.carriers.documents import child, day, history, rows, text
from services.ingest.carriers.meanings import Meaning
from services.ingest.carriers.shipment import Shipment, carrier_of, number_of, signer_of, told_reading, told_scans
from services.ingest.carriers.times import Told, read_time

_OVER: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED})


def read_shipment(shipment: object, *, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return what one shipment says. Raises Poison where it names no parcel; a bad event costs only itself."""
    told = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=carrier_of(carrier_name(text(shipment, "service")), provider=provider),
        number=number_of(text(shipment, "id") or text(shipment, "trackingNumber")),
        signed_by=signer_of(_signer(child(shipment, "details"))),
    )
    pieces = _pieces(child(shipment, "details"))
    parts = [part for event in history(shipment, "events") for part in _by_piece(event, pieces)]
    scans, problems = told_scans(parts, lambda part: _scan(told, part))
    status = child(shipment, "status")
    extra, more = told_scans([(status, None)] if status else [], lambda part: _scan(told, part))
    if not _is_newer(extra, scans):
        extra = []
    at = _status_time(told, status, scans)
    summary = _summary(told, status, at)
    whole = (summary, _estimate(told, shipment, at, summary))
    return told_reading([*scans, *extra], [*problems, *([] if scans else more)], whole)


def _scan(shipment: Shipment, part: object) -> Scan:
    """Return one event, or the part of it that concerns one piece."""
    event, piece = part if isinstance(part, tuple) else (part, None)
    place = _place(shipment, event)
    told = _time(event, place)
    code, meaning = _code(event), _meaning(shipment, event)
    key = shipment.event_key(ScanKind.SCAN, _by_wall_clock(told), code, place=place, piece=piece)
    return shipment.scan(told, code, meaning, place=place, wording=_wording(event), event_key=key, piece=piece)


def _status_time(shipment: Shipment, status: dict[str, object], history: list[Scan]) -> Told | None:
    """Return when the status was told: as its event tells it, where one shows the same wall clock without the `Z`."""
    try:
        told = _time(status, _place(shipment, status))
    except ValueError:
        return None
    wall = told.at.replace(tzinfo=None)
    same = (scan for scan in history if scan.occurred_at.replace(tzinfo=None) == wall)
    event = next((scan for scan in same if scan.time_kind != TimeKind.UTC), None)
    if event is None:
        return told
    return replace(told, at=event.occurred_at, kind=TimeKind(event.time_kind))


def _summary(shipment: Shipment, status: dict[str, object], told: Told | None) -> Scan | None:
    """Return the shipment's own status at its own time (R23)."""
    if not status:
        return None
    code = _code(status)
    key = shipment.event_key(ScanKind.SUMMARY, None if told is None else _by_wall_clock(told), code)
    return shipment.summary(told, code, _meaning(shipment, status), event_key=key)


def _estimate(shipment: Shipment, body: object, told: Told | None, summary: Scan | None) -> Scan | None:
    if summary is not None and summary.stage in _OVER:
        return None
    window = _window(body)
    return None if window is None else shipment.estimate(told, window)


def _window(body: object) -> Window | None:
    """Return the expected delivery: hours only where both ends have a real offset, else the local day."""
    frame = child(body, "estimatedDeliveryTimeFrame")
    starts, ends = _exact(text(frame, "estimatedFrom")), _exact(text(frame, "estimatedThrough"))
    if starts is not None and ends is not None and starts < ends and starts.date() == ends.date():
        return Window(starts=starts, ends=ends)
    local = day(body, "estimatedTimeOfDelivery") or day(frame, "estimatedThrough") or day(frame, "estimatedFrom")
    return None if local is None else Window(day=local)


def _exact(written: str | None) -> datetime | None:
    try:
        told = read_time(written or "")
    except ValueError:
        return None
    return told.at if told.kind == TimeKind.OFFSET and told.precision != TimePrecision.DAY else None


def _time(event: object, place: Place | None) -> Told:
    return read_time(text(event, "timestamp") or "", zone=place.time_zone if place else None)


def _by_wall_clock(told: Told) -> Told:
    """Return a time as the identity sees it: DHL writes `Z` behind times that are local, and not always."""
    claimed = told.kind == TimeKind.UTC or told.at.utcoffset() == timedelta(0)
    return replace(told, kind=TimeKind.UNKNOWN_ZONE) if claimed else told


def _is_newer(status: list[Scan], history: list[Scan]) -> bool:
    """Tell whether the status is an event that the history lacks: later than all of it, by instant and wall clock."""
    if not status or not history:
        return bool(status)
    one, newest = status[0], history[-1]
    wall = max(scan.occurred_at.replace(tzinfo=None) for scan in history)
    return one.occurred_at > newest.occurred_at and one.occurred_at.replace(tzinfo=None) > wall


def _meaning(shipment: Shipment, event: object) -> Meaning:
    own = type_code(text(event, "status"))
    words = (text(event, "status") if own is None else None, text(event, "description"), text(event, "remark"))
    code, codes = status_code(text(event, "statusCode")), codes_of(shipment.carrier)
    return meaning_of(code, own, " ".join(filter(None, words)), codes=codes)


def _code(event: object) -> str | None:
    """Return the status code, with the division's own code behind it where there is one."""
    written = text(event, "statusCode")
    known = status_code(written) if status_code(written) in STATUSES else written
    return "/".join(filter(None, (known, type_code(text(event, "status"))))) or None


def _wording(event: object) -> str | None:
    """Return the words of an event. `description` comes last: it has held the name of who signed."""
    status = text(event, "status")
    words = status if status is not None and type_code(status) is None else text(event, "description")
    return without_signer(words)


def _place(shipment: Shipment, event: object) -> Place | None:
    address = child(child(event, "location"), "address")
    return shipment.place(
        city=text(address, "addressLocality"),
        region=text(address, "addressRegion"),
        postcode=text(address, "postalCode"),
        country=text(address, "countryCode"),
    )


def _pieces(details: dict[str, object]) -> frozenset[str]:
    """Return the ids of the pieces; how many DHL says there are is no help, it has said 8 of 11."""
    ids = rows(details, "pieceIds")
    return frozenset(found for one in ids if (found := text({"id": one}, "id")) is not None)


def _by_piece(event: object, pieces: frozenset[str]) -> Iterator[tuple[object, str | None]]:
    """Yield an event once for each piece that it names (R22); once for all where it names none, or all of them."""
    named = _pieces(event if isinstance(event, dict) else {})
    single = text(event, "pieceId")
    named |= frozenset({single}) if single is not None else frozenset()
    if not named or len(pieces) < 2 or named >= pieces:  # noqa: PLR2004 - one piece is the shipment itself
        yield event, None
        return
    for piece in sorted(named):
        yield event, piece[:128]


def _signer(details: dict[str, object]) -> str | None:
    """Return who signed: a text, or a person with a name in one part or two."""
    proof = child(details, "proofOfDelivery")
    person = child(proof, "signed") or child(proof, "signatory")
    parts = (text(person, "givenName"), text(person, "familyName"))
    return text(proof, "signed") or text(person, "name") or " ".join(filter(None, parts)) or None
