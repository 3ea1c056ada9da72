"""Shippo: one Track with its full history in every body, signed where they switched that on, else with a token.

Reads `track_updated` webhooks, and the bare Track object as the API returns it. Pure. The vocabulary stands in
`shippo_codes.py`.

Identity: carrier, number, instant, `STATUS/substatus` and place of an entry of the history. Shippo gives no event id,
and the `object_id`s and `object_created`s of the same scans are new at every read, so they stay out.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from schemas.order_events import Window
from schemas.scans import Scan
from schemas.vocabulary import Stage
from services.ingest.carriers import signatures
from services.ingest.carriers.base import Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, day, history, number_in, read_object, text
from services.ingest.carriers.shipment import Shipment, carrier_told, number_of, told_reading, told_scans
from services.ingest.carriers.shippo_codes import has_ended, meaning_of
from services.ingest.carriers.times import Told, read_time
from services.runtime.errors import Poison

PROVIDER: Final = "shippo"
MAP_VERSION: Final = 1

_HEADER: Final = "shippo-auth-signature"
_TOKEN: Final = "token:"  # noqa: S105 - a prefix
_SHORTEST_TOKEN: Final = 16
_MAX_SIGNATURES: Final = 4
_TRACKED: Final = "track_updated"
_TEST_CARRIER: Final = "shippo"
_TEST_NUMBER: Final = re.compile(r"SHIPPO_[A-Z_]{1,40}")
_ZONE: Final = re.compile(r"([Zz]|[+-]\d\d:?\d\d)\Z")


class Shippo(Carrier):
    """The provider `shippo`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def secret_key(self, secret: str) -> bytes:
        """Return the key: a signing secret, or `token:` and the token that stands in the URL we gave them."""
        if secret.startswith(_TOKEN) and len(secret) < len(_TOKEN) + _SHORTEST_TOKEN:
            message = f"the secret is a token of fewer than {_SHORTEST_TOKEN} characters: it could be guessed"
            raise ValueError(message)
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether the signature fits (`time.body`, five minutes), or the URL holds one of our tokens.

        Either is enough: Shippo signs only where it was asked to by mail, and says so by nothing in the request.
        """
        stamp, sent = _sent(request)
        usable = signatures.keys_or_dummy(keys)
        signed = [signatures.hex_mac(key, stamp, b".", request.body) for key in usable]
        tokens = [key.removeprefix(_TOKEN.encode()) for key in usable if key.startswith(_TOKEN.encode())]
        fits = signatures.any_equal(sent, signed)
        knows = signatures.any_equal((_token_in(request.query),), tokens)
        fresh = signatures.within_window(signatures.unix_time(stamp), now)
        return bool(keys) and ((fits and fresh) or knows)

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - only time and body are signed
        """Return the signature; under a token too, which has its real place in a URL that only its owner can write."""
        stamp = str(int(at.timestamp()))
        signature = signatures.hex_mac(key, stamp.encode(), b".", body).decode()
        return {"Shippo-Auth-Signature": f"t={stamp},v1={signature}", "Content-Type": "application/json"}

    def number(self, body: bytes) -> str | None:
        """Return the first `tracking_number`."""
        return number_in(body, "tracking_number")

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of the track; events that concern no track, and test tracks, are ignored."""
        document = read_object(webhook.body)
        event = text(document, "event")
        if event is not None and event.strip().lower() != _TRACKED:
            return Reading(ignored="not_a_tracker")
        track = document if "tracking_number" in document else child(document, "data")
        if not track:
            raise Poison("bad_shape", "neither an event nor a track")
        # Shippo's own test webhook names the carrier beside the track, and none in it.
        carrier = text(track, "carrier") or text(document, "carrier")
        if not webhook.allow_test and _is_test(document, track, carrier):
            return Reading(ignored="test_mode")
        return _read_track(track, carrier, told_at=webhook.told_at)


def _sent(request: Request) -> tuple[bytes, list[bytes]]:
    """Return the time and the signatures of `t=...,v1=...`; nothing that fits where it is not of that shape."""
    header = signatures.single(request.headers, _HEADER) or b""
    pairs = [part.strip().partition(b"=") for part in header.split(b",")]
    times = [value for name, _, value in pairs if name == b"t"]
    sent = [value.lower() for name, _, value in pairs if name == b"v1"]
    return times[0] if len(times) == 1 else b"", sent[:_MAX_SIGNATURES] or [b""]


def _token_in(query: bytes) -> bytes:
    """Return the one token of a query; nothing where there is none, or several."""
    if len(query) > signatures.MAX_HEADER_BYTES:
        return b""
    found = [part.removeprefix(b"token=") for part in query.split(b"&") if part.startswith(b"token=")]
    return unquote_to_bytes(found[0]) if len(found) == 1 else b""


def _is_test(document: dict[str, object], track: dict[str, object], carrier: str | None) -> bool:
    said = document.get("test") is True or track.get("test") is True
    number = text(track, "tracking_number") or ""
    return said or (carrier or "").lower() == _TEST_CARRIER or _TEST_NUMBER.fullmatch(number.upper()) is not None


def _read_track(track: dict[str, object], carrier: str | None, *, told_at: datetime) -> Reading:
    number = number_of(text(track, "tracking_number"))
    shipment = Shipment(
        provider=PROVIDER,
        map_version=MAP_VERSION,
        told_at=told_at,
        carrier=carrier_told(carrier, number, provider=PROVIDER),
        number=number,
    )
    scans, problems = told_scans(history(track, "tracking_history"), lambda entry: _scan(shipment, entry))
    return told_reading(scans, problems, (_summary(shipment, track, scans), _estimate(shipment, track)))


def _scan(shipment: Shipment, entry: object) -> Scan:
    status, substatus, wording = _words(entry)
    location = child(entry, "location")
    place = shipment.place(
        city=text(location, "city"),
        region=text(location, "state"),
        postcode=text(location, "zip"),
        country=text(location, "country"),
    )
    meaning = meaning_of(status, substatus, wording=wording)
    told = _time(text(entry, "status_date") or "")
    return shipment.scan(told, _raw_code(status, substatus), meaning, place=place, wording=wording)


def _summary(shipment: Shipment, track: dict[str, object], scans: Sequence[Scan]) -> Scan | None:
    """Return the track's own status at its own time (R23).

    Carriers purge old numbers, and Shippo then reports them back at PRE_TRANSIT: beside a history that says nothing,
    alone it is at most that a label exists, and no end stage, so that it moves no parcel that was scanned.
    """
    current = child(track, "tracking_status")
    status, substatus, wording = _words(current)
    meaning = meaning_of(status, substatus, wording=wording)
    if not current or (scans and meaning.stage == Stage.ANNOUNCED):
        return None
    return shipment.summary(_time_or_none(text(current, "status_date")), _raw_code(status, substatus), meaning)


def _estimate(shipment: Shipment, track: dict[str, object]) -> Scan | None:
    """Return the expected day: `eta` is the local day that the carrier gave, whatever time of day follows it."""
    current = child(track, "tracking_status")
    expected = day(track, "eta")
    if expected is None or has_ended(_words(current)[0]):
        return None
    told = _time_or_none(text(current, "object_updated")) or _time_or_none(text(current, "status_date"))
    return shipment.estimate(told, Window(day=expected))


def _words(entry: object) -> tuple[str, str | None, str | None]:
    """Return status, sub-status and wording. Bodies of the old shape have no sub-status."""
    status = (text(entry, "status") or "").strip().upper()
    substatus = text(child(entry, "substatus"), "code") or text(entry, "substatus")
    return status, substatus.strip().lower() if substatus is not None else None, text(entry, "status_details")


def _time(written: str) -> Told:
    """Return a time; UTC where it names no zone, as Shippo documents all of its times.

    An exact midnight is a day: USPS's electronic notices come so.
    """
    if _ZONE.search(written.strip()):
        return read_time(written, midnight_is_day=True)
    try:
        return replace(read_time(f"{written.strip()}Z", midnight_is_day=True), text=written)
    except ValueError:
        return read_time(written)


def _time_or_none(written: str | None) -> Told | None:
    try:
        return None if written is None else _time(written)
    except ValueError:
        return None


def _raw_code(status: str, substatus: str | None) -> str:
    return status if substatus is None else f"{status}/{substatus}"


SHIPPO: Final = Shippo()
