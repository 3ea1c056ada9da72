"""`standard`: our own scan format under the Standard Webhooks signature, for integrators and tests.

Documented in docs/carriers/standard.md. The body is one scan (`schemas.scans.StandardScan`) or a list of them. Pure.

Identity: carrier and number (or the first reference by kind), piece, instant, code and place; a scan without a code has
what it says in its place. `webhook-id` is the delivery's and stays out.
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
from services.ingest.carriers import public_keys, signatures
from services.ingest.carriers.base import MAX_SCANS, Carrier, Problem, Reading, Request, Webhook
from services.ingest.carriers.documents import number_in, read_json
from services.ingest.carriers.identity import event_key
from services.ingest.carriers.times import read_time, zone_info
from services.ingest.carriers.zones import zone_of
from services.runtime.errors import Poison

PROVIDER: Final = "standard"
MAP_VERSION: Final = 1
MAX_SIGNATURES: Final = 16
MAX_PUBLIC_SIGNATURES: Final = 4
"""Of these `v1a`: each costs a verification, so there are always as many as this."""

_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - a prefix
#: A public and a private Ed25519 key keep their prefix, so that they are never taken for a shared secret: whoever knows
#: the public key could sign with it as one.
_PUBLIC: Final = "whpk_"
_PRIVATE: Final = "whsk_"
_KEY_BYTES: Final = 32
_SEED_AND_PUBLIC: Final = 64
#: Printable, and without the dot that separates what is signed.
_ID: Final = re.compile(rb"[!-\-/-~]{1,128}")


class Standard(Carrier):
    """The provider `standard`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def secret_key(self, secret: str) -> bytes:
        """Return the key: what stands in base64 behind `whsec_`, or a public key behind `whpk_` (`v1a`).

        A private key (`whsk_`) is for whoever signs: tests and `webhooks sign`.
        """
        prefix = next((one for one in (_PUBLIC, _PRIVATE) if secret.startswith(one)), "")
        try:
            key = base64.b64decode(secret.removeprefix(prefix or _SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError) as error:
            message = "the secret is no base64"
            raise ValueError(message) from error
        if not key:
            message = "the secret is empty"
            raise ValueError(message)
        return prefix.encode() + _of_32_bytes(key, prefix) if prefix else key

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether any signature over `id.timestamp.body` fits, five minutes both ways.

        A shared secret fits a `v1`, a public key a `v1a`; other versions are passed over, as the standard wants.
        """
        family = _family(request)
        message_id = signatures.single(request.headers, f"{family}-id") or b""
        stamp = signatures.single(request.headers, f"{family}-timestamp") or b""
        sent = signatures.single(request.headers, f"{family}-signature") or b""
        # Its length is bounded by the header's, so cutting the list is only about the number of comparisons.
        offered = sent.split(b" ")[:MAX_SIGNATURES]
        usable = signatures.keys_or_dummy(keys)
        fits = [_fits(key, offered, (message_id, b".", stamp, b".", request.body)) for key in usable]
        fresh = signatures.within_window(signatures.unix_time(stamp), now)
        return bool(keys) and any(fits) and fresh and _ID.fullmatch(message_id) is not None

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - the path is not signed
        """Return the three headers."""
        stamp = str(int(at.timestamp()))
        signature = _signature(key, (delivery.encode(), b".", stamp.encode(), b".", body))
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
        return number_in(body, "number")

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


def _of_32_bytes(key: bytes, prefix: str) -> bytes:
    """Return an Ed25519 key without the public half that may stand behind a private one."""
    if len(key) != _KEY_BYTES and not (prefix == _PRIVATE and len(key) == _SEED_AND_PUBLIC):
        message = f"the secret is no Ed25519 key: {_KEY_BYTES} bytes in base64 behind {prefix}"
        raise ValueError(message)
    return key[:_KEY_BYTES]


def _fits(key: bytes, offered: Sequence[bytes], parts: Sequence[bytes]) -> bool:
    """Tell whether one key fits any offered signature, with the same work whatever is offered."""
    public = _public(key)
    if public is None:
        return signatures.any_equal(offered, (_signature(key, parts),))
    sent = [_decoded(one.removeprefix(b"v1a,")) for one in offered if one.startswith(b"v1a,")]
    tried = (*sent, *[b""] * MAX_PUBLIC_SIGNATURES)[:MAX_PUBLIC_SIGNATURES]
    message = b"".join(parts)
    results = [public_keys.ed25519_fits(public, one, message) for one in tried]
    return any(results)


def _public(key: bytes) -> bytes | None:
    """Return the public half of an Ed25519 key; None for a shared secret."""
    if key.startswith(_PRIVATE.encode()):
        return public_keys.ed25519_public(key.removeprefix(_PRIVATE.encode()))
    return key.removeprefix(_PUBLIC.encode()) if key.startswith(_PUBLIC.encode()) else None


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _signature(key: bytes, parts: Sequence[bytes]) -> bytes:
    """Return what is sent of a shared secret or a private key; of a public key nothing that fits."""
    if key.startswith(_PRIVATE.encode()):
        seed = key.removeprefix(_PRIVATE.encode())
        return b"v1a," + base64.b64encode(public_keys.ed25519_signature(seed, b"".join(parts)))
    if key.startswith(_PUBLIC.encode()):
        return b"v1a,"
    return b"v1," + base64.b64encode(signatures.mac(key, *parts))


STANDARD: Final = Standard()
