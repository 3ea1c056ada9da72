"""`standard`: our own scan format under the Standard Webhooks signature, for integrators and tests.

Documented in docs/standard-webhook.md. The body is one scan (`schemas.scans.StandardScan`) or a list of them. Pure.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pydantic

from schemas.carriers import canonical_carrier
from schemas.keys import clean_number, reference_key, shipment_key
from schemas.scans import Scan, StandardScan
from schemas.vocabulary import Leg, ScanKind
from services.ingest.carriers import signatures
from services.ingest.carriers.base import DEFAULT_MAX_BODY_BYTES, MAX_SCANS, Problem, Reading, Request, Webhook
from services.ingest.carriers.documents import read_json
from services.ingest.carriers.identity import event_key
from services.ingest.carriers.times import read_time, zone_info
from services.ingest.carriers.zones import zone_of
from services.runtime.errors import Poison

PROVIDER: Final = "standard"
MAP_VERSION: Final = 1
MAX_SIGNATURES: Final = 16

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix
#: Printable, and without the dot that separates what is signed.
_ID: Final = re.compile(rb"[!-\-/-~]{1,128}")
_NUMBER: Final = re.compile(rb'"number"\s{0,9}:\s{0,9}"([A-Za-z0-9 ._/+-]{1,64})"')


class Standard:
    """The provider `standard`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    max_body_bytes = DEFAULT_MAX_BODY_BYTES
    kept_headers: tuple[str, ...] = ()

    def secret_key(self, secret: str) -> bytes:
        """Return the key: what stands in base64 behind `whsec_`."""
        try:
            key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError) as error:
            message = "the secret is no base64"
            raise ValueError(message) from error
        if not key:
            message = "the secret is empty"
            raise ValueError(message)
        return key

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether any `v1` signature over `id.timestamp.body` fits, five minutes both ways."""
        family = _family(request)
        message_id = signatures.single(request.headers, f"{family}-id") or b""
        stamp = signatures.single(request.headers, f"{family}-timestamp") or b""
        sent = signatures.single(request.headers, f"{family}-signature") or b""
        usable = signatures.keys_or_dummy(keys)
        expected = [_signature(key, message_id, stamp, request.body) for key in usable]
        # Its length is bounded by the header's, so cutting the list is only about the number of comparisons.
        fits = signatures.any_equal(sent.split(b" ")[:MAX_SIGNATURES], expected)
        fresh = signatures.within_window(signatures.unix_time(stamp), now)
        return bool(keys) and fits and fresh and _ID.fullmatch(message_id) is not None

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - the path is not signed
        """Return the three headers."""
        stamp = str(int(at.timestamp()))
        signature = _signature(key, delivery.encode(), stamp.encode(), body)
        return {
            "webhook-id": delivery,
            "webhook-timestamp": stamp,
            "webhook-signature": signature.decode(),
            "Content-Type": "application/json",
        }

    def delivery(self, request: Request) -> str | None:
        """Return the message id: it stays the same when the sender repeats."""
        message_id = signatures.single(request.headers, f"{_family(request)}-id")
        return None if message_id is None or not _ID.fullmatch(message_id) else message_id.decode()

    def number(self, body: bytes) -> str | None:
        """Return the first `number`."""
        found = _NUMBER.search(body)
        return None if found is None else found[1].decode()

    def mask(self, body: bytes) -> bytes:
        """Return the body as it is: our format has no secrets."""
        return body

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of one body; a bad one in a list costs only itself."""
        document = read_json(webhook.body)
        items = document if isinstance(document, list) else [document]
        if not items:
            raise Poison("bad_shape", "the list is empty")
        if len(items) > MAX_SCANS:
            raise Poison("too_many_scans", f"a list has at most {MAX_SCANS} scans")
        scans: list[Scan] = []
        problems: list[Problem] = []
        for position, item in enumerate(items):
            try:
                scans.append(_scan(item, webhook))
            except pydantic.ValidationError as error:
                fields = sorted({str(one["loc"][0]) if one["loc"] else "scan" for one in error.errors()})
                problems.append(Problem("bad_scan", f"scan {position}: {', '.join(fields)}"))
            except ValueError as error:
                problems.append(Problem("bad_scan", f"scan {position}: {error}"))
        return Reading(tuple(sorted(scans, key=lambda scan: scan.occurred_at)), tuple(problems))


def _scan(item: object, webhook: Webhook) -> Scan:
    """Return one scan. The texts of its ValueErrors are ours and name no input."""
    given = StandardScan.model_validate(item)
    carrier = canonical_carrier(given.carrier)
    number = None if given.number is None else clean_number(given.number)
    place = given.place
    known = place is not None and place.time_zone is not None and zone_info(place.time_zone) is not None
    zone = place.time_zone if place is not None and known else None
    if place is not None and zone is None:
        zone = zone_of(carrier, country=place.country, region=place.region)
        place = place.model_copy(update={"time_zone": zone})
    told = read_time(given.occurred_at, zone=zone)
    subject = _subject(carrier, number, given.references) + (f"#{given.piece}" if given.piece is not None else "")
    return Scan(
        kind=ScanKind.SCAN,
        event_key=event_key(ScanKind.SCAN, subject, told=told, code=given.code or _said(given), place=place),
        provider=PROVIDER,
        carrier=carrier,
        number=number,
        references=given.references,
        occurred_at=told.at,
        occurred_at_text=told.text,
        time_precision=told.precision,
        time_kind=told.kind,
        raw_code=given.code,
        stage=given.stage,
        leg=given.leg,
        substatus=given.substatus or ("informational" if given.stage is None and not given.conditions_set else None),
        conditions_set=given.conditions_set,
        conditions_cleared=given.conditions_cleared,
        place=place,
        description=given.description,
        pod=given.pod,
        window=given.window,
        unique_id=given.unique_id,
        piece=given.piece,
        told_at=webhook.told_at,
        map_version=MAP_VERSION,
    )


def _said(given: StandardScan) -> str:
    """Return what stands in the identity for a missing code: two readings at one instant are two scans."""
    leg = None if given.leg == Leg.OUTBOUND else given.leg
    cleared = (f"-{condition}" for condition in sorted(given.conditions_cleared))
    return " ".join(filter(None, (given.stage, leg, given.substatus, *sorted(given.conditions_set), *cleared)))


def _subject(carrier: str, number: str | None, references: dict[str, str]) -> str:
    if number is not None:
        return shipment_key(carrier, number)
    if not references:
        message = "neither a number nor a reference"
        raise ValueError(message)
    kind, value = min(references.items())
    return reference_key(kind, value)


def _family(request: Request) -> str:
    """Return which names the sender uses; the ones of the standard where it uses both."""
    return "webhook" if any(name.lower().startswith(b"webhook-") for name, _ in request.headers) else "svix"


def _signature(key: bytes, message_id: bytes, stamp: bytes, body: bytes) -> bytes:
    signed = signatures.mac(key, message_id, b".", stamp, b".", body)
    return b"v1," + base64.b64encode(signed)


STANDARD: Final = Standard()
