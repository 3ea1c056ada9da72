"""DHL: the Unified Push and Tracking APIs, whose answers share one shape for all divisions, and Express's MyDHL API.

DHL signs nothing. At the subscription one names a header and a token that DHL then sends with each push
(`ApiKeyAuthentication`); here they are `X-Webhook-Token` and a configured secret. A subscription without it, or an
older one, carries the token in the URL, `?token=`. What is pushed is a hint that the API confirms. Pure. Reading one
shipment stands in `dhl_shipment.py`, one of MyDHL API (DHL Express) in `dhl_express.py`, the vocabulary in
`dhl_codes.py`.

Identity: carrier (by service), number, wall clock, `statusCode` (with a division's own code) and city of an event, and
its piece where it names one. The wall clock, because DHL tells one event once with a `Z` and once without it, for the
same local time; only an offset that is not zero makes an instant. In MyDHL API: carrier, number, wall clock (an instant
where an offset is told), `typeCode` and service area; a checkpoint that both APIs tell is two scans.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs

from services.ingest.carriers import signatures
from services.ingest.carriers.base import Carrier, Reading, Request, Webhook
from services.ingest.carriers.dhl_express import is_express, read_express
from services.ingest.carriers.dhl_shipment import read_shipment
from services.ingest.carriers.documents import read_object, rows, text
from services.ingest.carriers.shipment import read_each
from services.runtime.errors import Poison

PROVIDER: Final = "dhl"
MAP_VERSION: Final = 1

_HEADER: Final = "x-webhook-token"
_MAX_TOKEN: Final = 1024
_PUSH: Final = "subscription.push"
_NOT_FOUND: Final = "404"
#: A shipment's id is a number in DHL's own example.
_ID: Final = re.compile(rb'"id"\s{0,9}:\s{0,9}"?([A-Za-z0-9]{1,64})')
#: The secret that activates a subscription. Cut to the end where it is no plain text.
_SECRET: Final = re.compile(rb'("secret"\s*+:\s*+)(?:"(?:[^"\\]|\\.)*+"|(?=null)|.*+\Z)', re.DOTALL | re.IGNORECASE)


class Dhl(Carrier):
    """The provider `dhl`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    signs_the_body = False

    def secret_key(self, secret: str) -> bytes:
        """Return the token as text."""
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - no time is sent
        """Tell whether the token that came along, in the header or else in the URL, is one of ours."""
        sent = _token(request)
        usable = signatures.keys_or_dummy(keys)
        # Compared by their MACs: a comparison of the texts would tell how long the token is.
        fits = signatures.any_equal((signatures.mac(signatures.NO_KEY, sent),), map(_fingerprint, usable))
        return bool(keys) and bool(sent) and fits

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - nothing is signed
        """Return the header that the subscription asks DHL to send."""
        return {"X-Webhook-Token": key.decode(), "Content-Type": "application/json"}

    def number(self, body: bytes) -> str | None:
        """Return the first `id`: the first shipment's."""
        found = _ID.search(body)
        return None if found is None else found[1].decode()

    def mask(self, body: bytes) -> bytes:
        """Empty `secret`, which stands in the messages about a subscription."""
        return _SECRET.sub(lambda found: found[1] + (b'""' if found[0].endswith(b'"') else b""), body)

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of every shipment; messages about the subscription and errors of the API are ignored."""
        document = read_object(webhook.body)
        scope = text(document, "scope")
        if scope is not None and scope != _PUSH:
            return Reading(ignored="subscription")
        shipments = rows(document, "shipments")
        if not shipments:
            return _no_shipment(document)
        return read_each(shipments, lambda one: _of_shipment(one, webhook))


def _token(request: Request) -> bytes:
    sent = signatures.single(request.headers, _HEADER)
    if sent is not None or any(name.lower() == _HEADER.encode() for name, _ in request.headers):
        return (sent or b"").strip()
    if len(request.query) > _MAX_TOKEN:
        return b""
    # Latin-1 both ways keeps every byte, so that no query raises.
    found = parse_qs(request.query.decode("latin-1"), encoding="latin-1").get("token", [])
    return found[0].encode("latin-1") if len(found) == 1 else b""


def _fingerprint(key: bytes) -> bytes:
    return signatures.mac(signatures.NO_KEY, key)


def _of_shipment(shipment: dict[str, object], webhook: Webhook) -> Reading:
    reader = read_express if is_express(shipment) else read_shipment
    return reader(shipment, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at)


def _no_shipment(document: dict[str, object]) -> Reading:
    """Return what an answer without shipments is: an unknown number, another error of the API, or nothing at all."""
    status = text(document, "status")
    if status == _NOT_FOUND:
        return Reading(ignored="not_found")
    if status is not None and text(document, "title") is not None:
        return Reading(ignored="api_error")
    if isinstance(document.get("shipments"), list):
        return Reading(ignored="no_shipments")
    raise Poison("bad_shape", "the body holds no shipments")


DHL: Final = Dhl()
