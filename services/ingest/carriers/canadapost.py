"""Canada Post, asked by the poller: XML with every event of one parcel, times on a wall clock with a zone's letters.

Reads Get Tracking Details (`tracking-detail`), Get Tracking Summary (`tracking-summary`) and the error document
(`messages`), with any namespace, and wrapped in another element. The codes stand in `canadapost_codes.py`. Pure.

Identity: carrier, number, instant, `event-identifier` as sent, and place of an occurrence. The wording stays out: the
same event is told in English or French.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final
from xml.etree.ElementTree import Element  # the type only: parsed by `xml_documents`

from schemas.order_events import Window
from schemas.scans import Place, Scan
from schemas.vocabulary import Stage
from services.ingest.carriers.base import Pulled, Reading, Webhook
from services.ingest.carriers.canadapost_codes import (
    EVENT_TYPES,
    PROOFS,
    meaning_of,
    on_the_way_back,
    plain_code,
)
from services.ingest.carriers.documents import day, text
from services.ingest.carriers.meanings import DELIVERED, NOT_MAPPED
from services.ingest.carriers.shipment import Shipment, joined, number_of, told_reading, told_scans
from services.ingest.carriers.times import Told, offset_of, read_time
from services.ingest.carriers.xml_documents import elements, fields, read_xml
from services.runtime.errors import Poison

PROVIDER: Final = "canadapost"
CARRIER: Final = "canada-post"
MAP_VERSION: Final = 1

#: "No Pin History": Canada Post does not know the number (yet). The answer does not repeat which.
_UNKNOWN_NUMBER: Final = "004"
_ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.DISPOSED, Stage.CANCELLED})


class CanadaPost(Pulled):
    """The provider `canadapost`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def parse(self, webhook: Webhook) -> Reading:
        """Return what the answer says of its parcels; an error document concerns none."""
        root = read_xml(webhook.body)
        details = [_read_detail(one, webhook) for one in elements(root, "tracking-detail")]
        summaries = [_read_summary(one, webhook) for one in elements(root, "pin-summary")]
        if details or summaries:
            return joined([*details, *summaries])
        codes = [text(fields(one), "code") for one in elements(root, "message")]
        if not codes:
            raise Poison("bad_shape", "neither tracking details, nor a summary, nor messages")
        return Reading(ignored="not_found" if set(codes) == {_UNKNOWN_NUMBER} else "api_error")


def _read_detail(element: Element, webhook: Webhook) -> Reading:
    detail = fields(element)
    shipment = _shipment(detail, webhook)
    has_image = text(detail, "signature-image-exists") == "true"
    occurrences = [fields(one) for one in elements(element, "occurrence")]
    scans, problems = told_scans(occurrences, lambda one: _scan(shipment, one, has_image=has_image))
    expected = day(detail, "changed-expected-date") or day(detail, "expected-delivery-date")
    reading = told_reading(scans, problems, [_estimate(shipment, expected, scans)])
    return reading if reading.scans or problems else Reading(ignored="no_events")


def _scan(shipment: Shipment, event: object, *, has_image: bool) -> Scan:
    code, wording = text(event, "event-identifier"), text(event, "event-description")
    place = shipment.place(city=text(event, "event-site"), region=text(event, "event-province"))
    meaning = meaning_of(code, wording)
    # Who signed stands on the event, not on the parcel: two deliveries of one parcel had two names.
    named = replace(shipment, signed_by=text(event, "signatory-name"))
    proof = PROOFS.get(plain_code(code))
    if proof is None and meaning.stage is Stage.DELIVERED and (has_image or named.signed_by):
        proof = "signature"
    pod = () if proof is None else (proof,)
    return named.scan(_told(event, place), code, meaning, place=place, wording=wording, pod=pod)


def _told(event: object, place: Place | None) -> Told:
    """Return the time of an occurrence: date, time and zone as one text. An unknown zone is the province's."""
    on, at, zone = (text(event, name) for name in ("event-date", "event-time", "event-time-zone"))
    local = " ".join(part for part in (on, at) if part)
    offset = offset_of(zone or "") or ""
    told = read_time(local + offset, zone=place.time_zone if place else None)
    return replace(told, text=" ".join(part for part in (local, zone) if part))


def _read_summary(element: Element, webhook: Webhook) -> Reading:
    """Return what Get Tracking Summary says: one newest event without a code, so no scan, only where it stands."""
    summary = fields(element)
    shipment = _shipment(summary, webhook)
    kind = text(summary, "event-type")
    base = DELIVERED if text(summary, "actual-delivery-date") else EVENT_TYPES.get(kind or "", NOT_MAPPED)
    meaning = on_the_way_back(base, text(summary, "event-description"))
    whole = shipment.summary(_summary_told(shipment, summary), kind, meaning)
    expected = None if meaning.stage in _ENDS else day(summary, "expected-delivery-date")
    return told_reading([], [], [whole, _estimate(shipment, expected, [])])


def _summary_told(shipment: Shipment, summary: dict[str, object]) -> Told | None:
    """Return `20110404:133457` at `OTTAWA, ON`; None where it cannot be read, since the rest still counts."""
    written = text(summary, "event-date-time") or ""
    _, _, region = (text(summary, "event-location") or "").rpartition(", ")
    place = shipment.place(region=region or None)
    digits = written.replace(":", "")
    local = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}T{digits[8:10]}:{digits[10:12]}:{digits[12:]}"
    try:
        return replace(read_time(local, zone=place.time_zone if place else None), text=written)
    except ValueError:
        return None


def _estimate(shipment: Shipment, expected: date | None, scans: Sequence[Scan]) -> Scan | None:
    """Return the expected day, unless the parcel has arrived: the last word of its scans, for one can be taken back."""
    moved = [scan for scan in scans if scan.stage is not None]
    if expected is None or (moved and moved[-1].stage in _ENDS):
        return None
    return shipment.estimate(None, Window(day=expected))


def _shipment(told: dict[str, object], webhook: Webhook) -> Shipment:
    return Shipment(
        provider=PROVIDER,
        map_version=MAP_VERSION,
        told_at=webhook.told_at,
        carrier=CARRIER,
        number=number_of(text(told, "pin")),
    )


CANADAPOST: Final = CanadaPost()
