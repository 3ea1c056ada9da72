"""USPS, asked by the poller: JSON with up to 99 events of a parcel, newest first, each with its instant and wall clock.

Reads an answer of Tracking 3.0 (one object), of Tracking 3.2 (a list, each entry a parcel or an error of its own), and
their error documents. The codes stand in `usps_codes.py`, the times in `usps_times.py`. Pure.

Identity: carrier, number, instant, `eventCode` and place of an event. `uniqueMailPieceID` stays out: the two versions
of the API name it differently, and one scan must be one scan in both.
"""

import html
import re
from dataclasses import replace
from typing import Final

from schemas.scans import Scan
from schemas.vocabulary import Stage
from services.ingest.carriers.base import Pulled, Reading, Webhook
from services.ingest.carriers.documents import child, history, read_json, rows, text
from services.ingest.carriers.meanings import NOT_FOUND
from services.ingest.carriers.shipment import Shipment, number_of, read_each, signer_of, told_reading, told_scans
from services.ingest.carriers.usps_codes import meaning_of, meaning_of_category
from services.ingest.carriers.usps_times import event_time, expected_delivery
from services.runtime.errors import Poison

PROVIDER: Final = "usps"
MAP_VERSION: Final = 1

#: How USPS says that it knows nothing of a number: it answers 400 as well as 404. 150001: no update yet.
_NOT_FOUND_CODES: Final = frozenset({"404", "150001"})
_ENDS: Final = frozenset({Stage.DELIVERED, Stage.RETURNED})
_TAG: Final = re.compile(r"</?[A-Za-z][^<>]{0,40}>")


class Usps(Pulled):
    """The provider `usps`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def parse(self, webhook: Webhook) -> Reading:
        """Return what the answer says of its parcels; one that cannot be read costs only itself."""
        document = read_json(webhook.body)
        if isinstance(document, list):
            return read_each(document, lambda one: _read_answer(one, webhook))
        if not isinstance(document, dict):
            raise Poison("bad_shape", "the answer is no object")
        return _read_answer(document, webhook)


def _read_answer(answer: dict[str, object], webhook: Webhook) -> Reading:
    if "error" in answer or "errors" in answer:
        return _read_error(answer, webhook)
    shipment = _shipment(answer, webhook)
    scans, problems = told_scans(history(answer, "trackingEvents"), lambda event: _scan(shipment, event))
    reading = told_reading(scans, problems, (_summary(shipment, answer), _estimate(shipment, answer)))
    # The short form (`expand=SUMMARY`) has sentences and no events: nothing that could be a scan.
    return reading if reading.scans or reading.problems else Reading(ignored="no_events")


def _read_error(answer: dict[str, object], webhook: Webhook) -> Reading:
    """Return `not_found` where a number that is named is not known; an error of the API itself concerns no parcel."""
    error = child(answer, "error")
    details = [*rows(error, "errors"), *rows(answer, "errors")]
    codes = {text(answer, "statusCode"), text(error, "code"), *(text(one, "code") for one in details)}
    if not codes & _NOT_FOUND_CODES:
        return Reading(ignored="api_error")
    if text(answer, "trackingNumber") is None:
        return Reading(ignored="not_found")
    shipment = _shipment(answer, webhook)
    return told_reading([], [], [shipment.summary(None, "error", NOT_FOUND)])


def _scan(shipment: Shipment, event: object) -> Scan:
    code, kind = text(event, "eventCode"), _plain(text(event, "eventType"))
    place = shipment.place(
        city=_plain(text(event, "eventCity")),
        region=text(event, "eventState"),
        postcode=text(event, "eventZIP") or text(event, "eventZIPCode"),
        country=text(event, "eventCountry"),
    )
    told = event_time(event, place.time_zone if place else None)
    # Who signed stands on the event; a firm that took it is as much a name as a person's.
    name, firm = signer_of(text(event, "name") or text(event, "recipientName")), text(event, "firm")
    wording = replace(shipment, signed_by=firm).unnamed(kind)
    return replace(shipment, signed_by=name).scan(told, code, meaning_of(code, kind), place=place, wording=wording)


def _summary(shipment: Shipment, answer: dict[str, object]) -> Scan | None:
    """Return the answer's own status (R23). It has no time of its own: it is true when we are told."""
    category = text(answer, "statusCategory")
    meaning = meaning_of_category(category, _plain(text(answer, "status")))
    return shipment.summary(None, category, meaning)


def _estimate(shipment: Shipment, answer: dict[str, object]) -> Scan | None:
    meaning = meaning_of_category(text(answer, "statusCategory"), _plain(text(answer, "status")))
    window = None if meaning.stage in _ENDS else expected_delivery(answer)
    return None if window is None else shipment.estimate(None, window)


def _shipment(answer: dict[str, object], webhook: Webhook) -> Shipment:
    return Shipment(
        provider=PROVIDER,
        map_version=MAP_VERSION,
        told_at=webhook.told_at,
        carrier="usps",
        number=number_of(text(answer, "trackingNumber")),
    )


def _plain(written: str | None) -> str | None:
    """Return a text without the HTML that USPS writes into it."""
    return None if written is None else _TAG.sub("", html.unescape(written)).strip() or None


USPS: Final = Usps()
