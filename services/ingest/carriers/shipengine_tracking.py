"""A ShipEngine tracking object to scans: its events oldest first, then its own status and its expected delivery.

Pure. Called by `shipengine.py`. Coordinates are not read: ShipEngine writes -90 and -180 for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Leg, Stage, TimePrecision
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import day, history, text
from services.ingest.carriers.meanings import NOT_MAPPED, Meaning
from services.ingest.carriers.shipengine_codes import STATUSES, meaning_of, told_by_wording
from services.ingest.carriers.shipment import Shipment, signer_of, told_reading, told_scans
from services.ingest.carriers.times import Told, read_time, with_wall_clock

_NOTHING_TO_EXPECT: Final = frozenset({
    Stage.DELIVERED, Stage.AVAILABLE_FOR_PICKUP, Stage.CANCELLED, Stage.LOST, Stage.DISPOSED,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Codes:
    """The codes of an event or of the whole object, as far as it has them."""

    status: str | None = None
    """ShipEngine's own, one of eight."""
    detail: str | None = None
    """ShipEngine's own, finer."""
    carrier: str | None = None
    carrier_detail: str | None = None

    def __str__(self) -> str:
        """Return them as a raw code; ShipEngine's detail stays out, because most bodies have none."""
        return "/".join(part for part in (self.status, self.carrier, self.carrier_detail) if part)


def read_tracking(data: dict[str, object], shipment: Shipment) -> Reading:
    """Return what one tracking object says; a bad event costs only itself."""
    events, whole = history(data, "events"), _codes_of_all(data)
    newest = _newest(events)
    scans, problems = told_scans(events, lambda event: _scan(shipment, event, whole if event is newest else Codes()))
    # The object's own status (R23) stands at the time of its newest event, which it is the sum of.
    told, meaning = _time_or_none(newest), _meaning_of_all(data, whole)
    summary = shipment.summary(told, str(whole) or None, meaning)
    return told_reading(scans, problems, (summary, _estimate(shipment, data, meaning, told)))


def _scan(shipment: Shipment, event: object, whole: Codes) -> Scan:
    """Return one event; `whole` are the codes of the object where they are the newest event's.

    They are shown, and say what an event without codes means, but are no part of the identity: the next body has
    another newest event.
    """
    own, wording, signer = _codes(event), text(event, "description"), signer_of(text(event, "signer"))
    place = shipment.place(
        city=text(event, "city_locality"),
        region=text(event, "state_province"),
        postcode=text(event, "postal_code"),
        country=text(event, "country_code"),
    )
    shown, meaning = _understood(own, whole, wording)
    told = _time(event, place.time_zone if place else None)
    signed = replace(shipment, signed_by=signer)
    return signed.scan(told, str(own) or None, meaning, place=place, wording=wording, raw_code=str(shown) or None)


def _understood(own: Codes, whole: Codes, wording: str | None) -> tuple[Codes, Meaning]:
    """Return the codes to show of an event and what it means: its own status, else its text, else the object's."""
    if own.status is not None:
        of_it = own.status == whole.status and own.carrier is None
        shown = replace(own, carrier=whole.carrier, carrier_detail=whole.carrier_detail) if of_it else own
        return shown, meaning_of(own.status, own.detail, wording=wording)
    by_text = told_by_wording(wording)
    by_whole = NOT_MAPPED if whole.status is None else meaning_of(whole.status, whole.detail, wording=wording)
    if by_text is not None and by_text.stage != by_whole.stage:
        return own, by_text  # an odd scan after the one that the object's status is of
    shown = Codes(whole.status, whole.detail, own.carrier or whole.carrier, own.carrier_detail)
    return shown, by_text or by_whole


def _codes(event: object) -> Codes:
    """Return an event's own codes. `event_code` holds the status in some bodies, and the carrier's code in others."""
    status, code = _word(event, "status_code"), text(event, "event_code")
    says_status = code is not None and code.strip().upper() in STATUSES
    own = status or (code.strip().upper() if code is not None and says_status else None)
    carrier = text(event, "carrier_status_code") or (None if says_status else code)
    return Codes(own, _word(event, "status_detail_code"), carrier, text(event, "carrier_detail_code"))


def _codes_of_all(data: dict[str, object]) -> Codes:
    status, detail = _word(data, "status_code"), _word(data, "status_detail_code")
    return Codes(status, detail, text(data, "carrier_status_code"), text(data, "carrier_detail_code"))


def _word(value: object, name: str) -> str | None:
    written = text(value, name)
    return None if written is None else written.strip().upper()


def _meaning_of_all(data: dict[str, object], codes: Codes) -> Meaning:
    wording = text(data, "exception_description") or text(data, "carrier_status_description")
    return meaning_of(codes.status or "", codes.detail, wording=wording)


def _estimate(shipment: Shipment, data: dict[str, object], meaning: Meaning, told: Told | None) -> Scan | None:
    """Return the expected delivery: a local day, whose midnight without a zone is no time of day."""
    expected = day(data, "estimated_delivery_date")
    if expected is None or meaning.stage in _NOTHING_TO_EXPECT or meaning.leg == Leg.RETURN:
        return None
    return shipment.estimate(told, Window(day=expected))


def _newest(events: Sequence[object]) -> object:
    """Return the newest event, the first of several: ShipEngine lists the newest first."""
    timed = [(told.at, event) for event in events if (told := _time_or_none(event)) is not None]
    latest = max((at for at, _ in timed), default=None)
    return next((event for at, event in timed if at == latest), None)


def _time_or_none(event: object) -> Told | None:
    try:
        return None if event is None else _time(event, None)
    except ValueError:
        return None


def _time(event: object, zone: str | None) -> Told:
    """Return when an event was: the instant in UTC, shown on the carrier's wall clock where that was told too.

    The conversion to UTC is ShipEngine's and not reliable, so no zone is derived from the pair. Without an instant the
    wall clock gets the zone of its place.
    """
    instant, local = text(event, "occurred_at") or text(event, "event_date"), text(event, "carrier_occurred_at")
    if instant is None:
        return read_time(local or "", zone=zone)
    told = _in_utc(instant)
    if local is None:
        return told
    shown = with_wall_clock(told, local)
    return replace(shown, text=f"{instant} {local}", precision=_precision(local, shown.precision))


def _in_utc(written: str) -> Told:
    """Return an instant, which is in UTC whether or not it says so."""
    try:
        return replace(read_time(f"{written.strip()}Z"), text=written)
    except ValueError:
        return read_time(written)


def _precision(local: str, otherwise: TimePrecision) -> TimePrecision:
    """Return `day` for a carrier's exact midnight: that stands for a time of day it did not give."""
    try:
        return TimePrecision.DAY if read_time(local).precision == TimePrecision.DAY else otherwise
    except ValueError:
        return otherwise
