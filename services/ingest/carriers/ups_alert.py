"""A Track Alert message to scans: one event, and the expected delivery where one is told. v1 and v2 alike.

v1 sends empty text for what is absent and v2 leaves it out; both read as absent. Pure. Called by `ups.py`.
"""

import re
from typing import Final

from schemas.scans import Place, Scan
from schemas.vocabulary import ScanKind, Stage
from services.ingest.carriers.base import Reading
from services.ingest.carriers.documents import child, proof, text
from services.ingest.carriers.shipment import Shipment, signer_of, told_reading, told_scans
from services.ingest.carriers.times import Told
from services.ingest.carriers.ups_reading import Status, meaning_of, network_of
from services.ingest.carriers.ups_times import Clock, day_of, window_of

_DIGITS: Final = re.compile(r"[0-9]{1,3}")
#: UPS's own words for nobody, beside those that all carriers have.
_NOBODY: Final = frozenset({"not available", "n/a"})
#: After these there is nothing to expect.
_ARRIVED: Final = frozenset(
    {Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED, Stage.LOST, Stage.DISPOSED, Stage.AVAILABLE_FOR_PICKUP}
)


def read_alert(shipment: Shipment, event: dict[str, object]) -> Reading:
    """Return what one message says."""
    scans, problems = told_scans([event], lambda one: _scan(shipment, one))
    expected = [_estimate(shipment, event, scan) for scan in scans]
    return told_reading(scans, problems, expected)


def signed_by(holder: object) -> str | None:
    """Return who signed; None where the field says that nobody did."""
    name = text(holder, "receivedBy")
    return None if name is None or name.casefold() in _NOBODY else signer_of(name)


def status_of(holder: object, *, description_code: str) -> Status:
    """Return an event's status; the description code stands under another name in the Track API."""
    written = text(holder, description_code)
    code = text(holder, "code")
    if written is None and code is not None and len(code) == 3 and code.isdigit():  # noqa: PLR2004 - a description code
        code, written = None, code  # as `currentStatus` of the Track API has it
    number = holder.get(description_code) if isinstance(holder, dict) else None
    padded = written.zfill(3) if written is not None and _DIGITS.fullmatch(written) else written
    return Status(
        type=_upper(text(holder, "type")),
        code=_upper(code),
        description_code=padded,
        wording=text(holder, "description"),
        lost_zeros=isinstance(number, int),
    )


def place_of(shipment: Shipment, address: object) -> Place | None:
    """Return where it happened."""
    return shipment.place(
        city=text(address, "city"),
        region=text(address, "stateProvince"),
        postcode=text(address, "postalCode"),
        country=text(address, "country") or text(address, "countryCode"),
    )


def pods(scan_stage: Stage | None, *, signed: bool, photo: bool) -> tuple[str, ...]:
    """Return the kinds of proof there are: a signature belongs to a delivery, a photo may come after it."""
    return (("signature",) if signed and scan_stage == Stage.DELIVERED else ()) + (("photo",) if photo else ())


def _scan(shipment: Shipment, event: object) -> Scan:
    place = place_of(shipment, child(event, "activityLocation"))
    status = status_of(child(event, "activityStatus"), description_code="descriptionCode")
    meaning = meaning_of(status, network_of(shipment.number))
    photo = proof(event, "deliveryPhoto")
    return shipment.scan(
        _told(event, place),
        status.raw_code,
        meaning,
        place=place,
        wording=status.wording,
        pod=pods(meaning.stage, signed=bool(shipment.signed_by), photo=text(event, "deliveryPhoto") is not None),
        proofs=() if photo is None else (photo,),
    )


def _told(event: object, place: Place | None) -> Told:
    clock = Clock(
        local_date=text(event, "localActivityDate"),
        local_time=text(event, "localActivityTime"),
        gmt_date=text(event, "gmtActivityDate"),
        gmt_time=text(event, "gmtActivityTime"),
        offset=text(event, "gmtOffset"),
    )
    return clock.told(None if place is None else place.time_zone)


def _estimate(shipment: Shipment, event: dict[str, object], scan: Scan) -> Scan | None:
    """Return the expected delivery; a day before the scan is none: UPS's own sample has one years before it.

    Hours are told without a zone: they are the receiver's, which is that of the vehicle that carries it out.
    """
    day = day_of(text(event, "scheduledDeliveryDate"))
    if day is None or day < scan.occurred_at.date() or scan.stage in _ARRIVED or scan.kind != ScanKind.SCAN:
        return None
    near = scan.stage == Stage.OUT_FOR_DELIVERY and scan.place is not None
    zone = scan.place.time_zone if near and scan.place is not None else None
    window = window_of(day, text(event, "deliveryStartTime"), text(event, "deliveryEndTime"), zone)
    place = place_of(shipment, child(event, "activityLocation"))
    return shipment.estimate(_told(event, place), window)


def _upper(written: str | None) -> str | None:
    return None if written is None else written.upper()
