"""ShipEngine (ShipStation API V2): full history in every body, signed with RSA under a key that they publish.

Reads tracking webhooks (`API_TRACK`, `TRACK_EVENT_V2`), and the bare tracking object as the API returns it. Pure: the
published keys are fetched by `key_sets.py`. The vocabulary stands in `shipengine_codes.py`.

Identity: carrier, number, instant (`occurred_at`), place, and the event's own codes as `status/carrier code/carrier
detail`. ShipEngine gives no event id; codes that stand only in the object around the newest event are shown as its raw
code and stay out, because the next body has another newest event.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from services.ingest.carriers import public_keys, signatures
from services.ingest.carriers.base import ASKED_CARRIER, Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_object, text
from services.ingest.carriers.shipengine_tracking import read_tracking
from services.ingest.carriers.shipment import Shipment, carrier_told, number_of
from services.runtime.errors import Poison

PROVIDER: Final = "shipengine"
MAP_VERSION: Final = 1

_SIGNATURE: Final = "x-shipengine-rsa-sha256-signature"
_KEY_ID: Final = "x-shipengine-rsa-sha256-key-id"
_TIMESTAMP: Final = "x-shipengine-timestamp"
_KID: Final = re.compile(rb"[!-~]{1,128}")
#: As in `/v1/tracking/usps/9361269903502070406152`.
_IN_PATH: Final = re.compile(r"/tracking/([A-Za-z0-9_-]{1,64})/[^/]+/?\Z")


class ShipEngine(Carrier):
    """The provider `shipengine`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    kept_headers = (ASKED_CARRIER,)

    def secret_key(self, secret: str) -> bytes:
        """Return a published key, pinned by hand or fetched: a JWK, a PEM, or the base64 inside a PEM.

        A private key is for whoever signs (tests, `webhooks sign`); what is signed with it is then accepted.
        """
        return public_keys.rsa_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether one of the keys signed `timestamp.body`, and is the one that is named; five minutes.

        Every key is tried, whichever is named, so that each refusal costs the same.
        """
        stamp = signatures.single(request.headers, _TIMESTAMP) or b""
        signature = _decoded(signatures.single(request.headers, _SIGNATURE) or b"")
        kid = self.key_id(request)
        usable = signatures.keys_or_dummy(keys)
        fits = [public_keys.rsa_fits(key, signature, stamp, b".", request.body, kid=kid) for key in usable]
        fresh = signatures.within_window(_time(stamp), now)
        return bool(keys) and any(fits) and fresh and kid is not None

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - only time and body are signed
        """Return the three headers. `key` is a private key; any other makes a signature that nothing accepts."""
        stamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        signature, kid = public_keys.rsa_signature(key, stamp.encode(), b".", body)
        return {
            "X-ShipEngine-RSA-SHA256-Signature": base64.b64encode(signature).decode(),
            "X-ShipEngine-RSA-SHA256-Key-ID": kid,
            "X-ShipEngine-Timestamp": stamp,
            "Content-Type": "application/json",
        }

    def key_id(self, request: Request) -> str | None:
        """Return the key id that the request names."""
        named = signatures.single(request.headers, _KEY_ID)
        return None if named is None or not _KID.fullmatch(named) else named.decode()

    def number(self, body: bytes) -> str | None:
        """Return the first `tracking_number`."""
        return number_in(body, "tracking_number")

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of the tracking object; bodies that concern none are ignored."""
        document = read_object(webhook.body)
        topic = text(document, "resource_type")
        if topic is not None and "TRACK" not in topic.upper():
            return Reading(ignored="not_a_tracker")
        data = child(document, "data") if topic is not None or "data" in document else document
        if not data or (topic is None and "tracking_number" not in data):
            raise Poison("bad_shape", "neither an event nor a tracking object")
        number = number_of(text(data, "tracking_number"))
        shipment = Shipment(
            provider=PROVIDER,
            map_version=MAP_VERSION,
            told_at=webhook.told_at,
            carrier=carrier_told(
                _carrier(data, document) or webhook.headers.get(ASKED_CARRIER), number, provider=PROVIDER
            ),
            number=number,
        )
        return read_tracking(data, shipment)


def _carrier(data: dict[str, object], document: dict[str, object]) -> str | None:
    """Return the carrier's code, as the object says, else the URL of its envelope."""
    return text(data, "carrier_code") or _carrier_in(text(document, "resource_url") or "")


def _carrier_in(url: str) -> str | None:
    """Return the carrier code of a resource URL: in its query, or in the path of older ones."""
    try:
        parts = urlsplit(url)
        told = parse_qs(parts.query, max_num_fields=20).get("carrier_code", [])
    except ValueError:
        return None
    in_path = _IN_PATH.search(parts.path)
    return told[0] if told else in_path[1] if in_path else None


def _decoded(text_of_it: bytes) -> bytes:
    try:
        return base64.b64decode(text_of_it, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _time(stamp: bytes) -> datetime | None:
    """Return the signed time: RFC 3339, in UTC where it names no zone."""
    return signatures.mail_time(stamp) if b"," not in stamp else None


SHIPENGINE: Final = ShipEngine()
