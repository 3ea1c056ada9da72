"""Sendcloud: the current status of one parcel in every body, signed over the raw bytes.

Reads the webhook `parcel_status_changed`, the parcel object as the API returns it (`GET /parcels/ID`), and the history
of the tracking API (`GET /tracking/NUMBER`). Pure. The vocabulary stands in `sendcloud_codes.py`, reading a parcel in
`sendcloud_parcel.py`.

Identity: Sendcloud's parcel id, instant and status id. Not the tracking number, which a parcel gets later than its
first status. The instant is the carrier's where Sendcloud tells it, else that of the webhook, which is the same in a
repeated delivery. A parcel object tells no time of its status, so it is a summary and never a scan.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pydantic_core

from services.ingest.carriers import signatures
from services.ingest.carriers.base import ASKED_CARRIER, ASKED_NUMBER, Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_json, read_object, rows, text
from services.ingest.carriers.sendcloud_parcel import read_history, read_object_of_api, read_webhook
from services.ingest.carriers.shipment import read_each
from services.runtime.errors import Poison

PROVIDER: Final = "sendcloud"
MAP_VERSION: Final = 1

_HEADER: Final = "sendcloud-signature"
_CHANGED: Final = "parcel_status_changed"
#: What a body with a key in it holds; JSON may write any of its letters as an escape.
_HINT: Final = re.compile(rb"secret|private_key|password|\\u00[4-7]", re.IGNORECASE)
_SECRETS: Final = ("secret", "private_key", "password")


class Sendcloud(Carrier):
    """The provider `sendcloud`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    kept_headers = (ASKED_CARRIER, ASKED_NUMBER)

    def secret_key(self, secret: str) -> bytes:
        """Return the key: the integration's secret key or its webhook signature key, as text."""
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - Sendcloud signs no time
        """Tell whether any key signed these bytes. Each integration has its own, so several are active for good."""
        sent = (signatures.single(request.headers, _HEADER) or b"").strip().lower()
        expected = [signatures.hex_mac(key, request.body) for key in signatures.keys_or_dummy(keys)]
        fits = signatures.any_equal((sent,), expected)
        return bool(keys) and fits

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - only the body is signed
        """Return the header Sendcloud sends."""
        return {"Sendcloud-Signature": signatures.hex_mac(key, body).decode(), "Content-Type": "application/json"}

    def number(self, body: bytes) -> str | None:
        """Return the first `tracking_number`."""
        return number_in(body, "tracking_number")

    def mask(self, body: bytes) -> bytes:
        """Take keys out: `integration_credentials` brings the integration's own secret key."""
        hint = _HINT.search(body)
        if hint is None:
            return body
        try:
            document = read_json(body)
        except Poison:
            return body[: hint.start()]  # worse than a body that cannot be read is one that shows a secret
        masked = _without_secrets(document)
        return body if masked == document else pydantic_core.to_json(masked, inf_nan_mode="null")

    def parse(self, webhook: Webhook) -> Reading:
        """Return what is said of a parcel; messages about integrations, refunds and tests are ignored."""
        document = read_object(webhook.body)
        action, parcel = text(document, "action"), child(document, "parcel")
        if action is not None and action != _CHANGED:
            return Reading(ignored="not_a_parcel_status")
        if action is not None:
            if not parcel:
                raise Poison("bad_shape", "the message holds no parcel")
            return read_webhook(document, parcel, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at)
        return _answer(_named(document, webhook), parcel, webhook.told_at)


def _named(document: dict[str, object], webhook: Webhook) -> dict[str, object]:
    """Return a history with the number and the carrier that were asked about: it does not name them itself."""
    asked = {"tracking_number": webhook.headers.get(ASKED_NUMBER), "carrier": webhook.headers.get(ASKED_CARRIER)}
    return {**document, **{name: value for name, value in asked.items() if value and text(document, name) is None}}


def _answer(document: dict[str, object], parcel: dict[str, object], told_at: datetime) -> Reading:
    """Return what an answer of the API says: a history, one parcel, or a page of parcels."""
    if isinstance(document.get("statuses"), list):
        return read_history(document, provider=PROVIDER, map_version=MAP_VERSION, told_at=told_at)
    parcels = [parcel] if parcel else rows(document, "parcels")
    if parcels:
        return read_each(parcels, lambda one: _read_parcel(one, told_at))
    if child(document, "error") or isinstance(document.get("parcels"), list):
        return Reading(ignored="api_error" if child(document, "error") else "no_parcels")
    raise Poison("bad_shape", "neither a message nor a parcel")


def _read_parcel(parcel: dict[str, object], told_at: datetime) -> Reading:
    return read_object_of_api(parcel, provider=PROVIDER, map_version=MAP_VERSION, told_at=told_at)


def _without_secrets(value: object) -> object:
    """Return a document without what stands under the name of a secret. JSON is nested at most 200 levels deep."""
    if isinstance(value, dict):
        return {
            name: "" if any(word in name.lower() for word in _SECRETS) else _without_secrets(inner)
            for name, inner in value.items()
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


SENDCLOUD: Final = Sendcloud()
