"""One FedEx track result to scans: its events oldest first, then its own status and its expected delivery.

Names of who received or signed are proof that a signature exists, and stay behind. Pure. Called by `fedex.py`.
"""

from datetime import datetime
from typing import Final

from schemas.order_events import Window
from schemas.scans import MAX_PROOFS, Place, Proof, Scan
from schemas.vocabulary import ScanKind, Stage, TimeKind, TimePrecision
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import child, history, proofs_in, rows, text
from services.ingest.carriers.fedex_codes import delayed, meaning_of
from services.ingest.carriers.meanings import NOT_FOUND, Meaning
from services.ingest.carriers.shipment import Shipment, number_of, signer_of, told_reading, told_scans
from services.ingest.carriers.times import Told, read_time

_CARRIER: Final = "fedex"
_UNKNOWN: Final = "NOTFOUND"
_OVER: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED})


def read_shipment(result: object, *, number: str | None, provider: str, map_version: int, told_at: datetime) -> Reading:
    """Return what one result says. Raises Poison where its number cannot be one; a bad scan costs only itself.

    `number` is the one that was asked for: the result may name another (a door tag's parcel, a recycled number).
    """
    info, delivery = child(result, "trackingNumberInfo"), child(result, "deliveryDetails")
    shipment = Shipment(
        provider=provider,
        map_version=map_version,
        told_at=told_at,
        carrier=_CARRIER,
        number=number_of(number or text(info, "trackingNumber")),
        unique_id=_unique_id(info),
        signed_by=signer_of(text(delivery, "signedByName") or text(delivery, "receivedByName")),
    )
    details, status = history(result, "scanEvents"), child(result, "latestStatusDetail")
    if not details and not text(status, "code"):
        return _nothing(shipment, result)
    proofs = proofs_in(result)[:MAX_PROOFS]
    scans, problems = told_scans(details, lambda detail: _scan(shipment, detail, proofs))
    # The status has no time of its own: it stands where its newest event stands.
    newest = _told(scans[-1]) if scans else None
    summary = _summary(shipment, status, newest)
    return told_reading(scans, problems, (summary, _estimate(shipment, result, newest, summary)))


def _unique_id(info: dict[str, object]) -> str | None:
    found = text(info, "trackingNumberUniqueId")
    return None if found is None else found[:128]


def _nothing(shipment: Shipment, result: object) -> Reading:
    """Return what a result without events and status says: that FedEx does not know the number, or nothing."""
    code = text(child(result, "error"), "code") or ""
    if code.endswith(_UNKNOWN):
        return told_reading([], [], [shipment.summary(None, _UNKNOWN, NOT_FOUND)])
    return Reading(ignored="api_error" if code else "no_events")


def _scan(shipment: Shipment, detail: object, proofs: tuple[Proof, ...]) -> Scan:
    event, derived = text(detail, "eventType"), text(detail, "derivedStatusCode")
    says, why = text(detail, "eventDescription") or text(detail, "derivedStatus"), text(detail, "exceptionDescription")
    place = _place(shipment, child(detail, "scanLocation"))
    told = read_time(text(detail, "date") or "", zone=place.time_zone if place else None)
    meaning = _late(meaning_of(event or derived, f"{says or ''} {why or ''}"), detail)
    codes = "/".join(part for part in (event, derived, text(detail, "exceptionCode")) if part)
    shown = proofs if meaning.stage is Stage.DELIVERED else ()
    rest: dict[str, object] = {"proofs": shown, "pod": _pod(shipment, shown)} if shown else {}
    # An empty exception code is shown as it was sent, and is the same scan as one without it.
    key = shipment.event_key(ScanKind.SCAN, told, codes or None, place=place)
    code = f"{codes}/" if codes and _is_blank(detail, "exceptionCode") else codes or None
    return shipment.scan(told, code, meaning, place=place, wording=says or why, event_key=key, **rest)


def _is_blank(detail: object, name: str) -> bool:
    return isinstance(detail, dict) and detail.get(name) == ""


def _pod(shipment: Shipment, proofs: tuple[Proof, ...]) -> tuple[str, ...]:
    """Return the kinds of proof of a delivery: what the pictures are, and that somebody signed."""
    kinds = {proof.kind for proof in proofs} & {"photo", "signature"}
    return tuple(sorted(kinds | ({"signature"} if shipment.signed_by else set())))


def _summary(shipment: Shipment, status: dict[str, object], told: Told | None) -> Scan | None:
    """Return the shipment's latest status (R23); the reasons beside it say what an exception is."""
    reasons = (text(one, "reasonDescription") for one in rows(status, "ancillaryDetails"))
    words = (text(status, "description"), text(status, "statusByLocale"), *reasons)
    code = text(status, "code")
    meaning = _late(meaning_of(code, " ".join(filter(None, words))), status)
    return shipment.summary(told, code, meaning)


def _estimate(shipment: Shipment, result: object, told: Told | None, summary: Scan | None) -> Scan | None:
    if summary is not None and summary.stage in _OVER:
        return None
    window = _window(result, _zone_there(shipment, result))
    return None if window is None else shipment.estimate(told, window)


def _window(result: object, zone: str | None) -> Window | None:
    """Return the expected delivery: a window of hours where one is told, else the day."""
    hours = child(child(result, "estimatedDeliveryTimeWindow"), "window")
    starts, ends = _time(text(hours, "begins"), zone), _time(text(hours, "ends"), zone)
    if starts is not None and ends is not None and starts.at < ends.at and _same_day(starts, ends):
        return Window(starts=starts.at, ends=ends.at)
    dates = [one for one in rows(result, "dateAndTimes") if text(one, "type") == "ESTIMATED_DELIVERY"]
    expected = [found for one in dates if (found := _time(text(one, "dateTime"), zone)) is not None]
    latest = expected[0] if expected else ends or starts
    return None if latest is None else Window(day=latest.at.date())


def _same_day(starts: Told, ends: Told) -> bool:
    """Tell whether two times make a window of hours: of known zone, on one day, none of them a mere date."""
    known = TimeKind.UNKNOWN_ZONE not in (starts.kind, ends.kind)
    exact = TimePrecision.DAY not in (starts.precision, ends.precision)
    return known and exact and starts.at.date() == ends.at.date()


def _zone_there(shipment: Shipment, result: object) -> str | None:
    """Return the zone of the destination, for times of delivery without one."""
    for name in ("lastUpdatedDestinationAddress", "recipientInformation"):
        address = child(result, name)
        place = _place(shipment, child(address, "address") or address)
        if place is not None and place.time_zone is not None:
            return place.time_zone
    return None


def _late(meaning: Meaning, detail: object) -> Meaning:
    delay = child(detail, "delayDetail")
    return delayed(meaning, status=text(delay, "status"), reason=text(delay, "type"))


def _place(shipment: Shipment, location: dict[str, object]) -> Place | None:
    return shipment.place(
        city=text(location, "city"),
        region=text(location, "stateOrProvinceCode"),
        postcode=text(location, "postalCode"),
        country=text(location, "countryCode"),
    )


def _time(written: str | None, zone: str | None) -> Told | None:
    try:
        return None if written is None else read_time(written, zone=zone)
    except ValueError:
        return None


def _told(scan: Scan) -> Told:
    zone = scan.place.time_zone if scan.place is not None else None
    return read_time(scan.occurred_at_text or "", zone=zone)
