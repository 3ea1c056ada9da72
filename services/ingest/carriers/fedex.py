"""FedEx: Advanced Integrated Visibility webhooks and the Track API, which share one shape.

A body holds complete results, each for one number that was asked for or subscribed to, and each of these one or more
shipments: FedEx uses numbers again, and two live shipments can share one. Signed over the raw body with the project's
security token. Pure. Reading one shipment stands in `fedex_shipment.py`, the vocabulary in `fedex_codes.py`.

Identity: the requested number, FedEx's unique id of the shipment (`trackingNumberUniqueId`), instant,
`eventType/derivedStatusCode/exceptionCode` and city of a scan event. FedEx sends no delivery id.
"""

import base64
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from services.ingest.carriers import signatures
from services.ingest.carriers.base import LARGEST_BODY_BYTES, Attachment, Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_json, rows, text
from services.ingest.carriers.fedex_shipment import read_shipment
from services.ingest.carriers.shipment import read_each
from services.runtime.errors import Poison

PROVIDER: Final = "fedex"
MAP_VERSION: Final = 1

_HEADER: Final = "fdx-signature"
#: The flag: a secret that begins so accepts hex beside base64. FedEx's text names both; receivers have seen base64.
_HEX: Final = b"hex:"
_ENVELOPES: Final = ("output", "data", "payload", "body")
#: The answer of FedEx's sandbox says so of itself.
_VIRTUAL: Final = "VIRTUAL.RESPONSE"
#: Numbers FedEx publishes for tests.
_TEST_NUMBERS: Final = frozenset({
    "449044304137821", "149331877648230", "020207021381215", "403934084723025", "920241085725456", "568838414941",
    "039813852990618", "231300687629630", "797806677146", "377101283611590", "852426136339213", "797615467620",
    "957794015041323", "076288115212522", "581190049992", "122816215025810", "843119172384577", "070358180009382",
})  # fmt: skip
#: A picture is the one text of such a length. Where it stands is not published, so it is found by what it is.
_PICTURE: Final = re.compile(rb'"(\w{1,64})"\s{0,9}:\s{0,9}"((?:[A-Za-z0-9+/]|\\/){2048,}+={0,2})"')


class FedEx(Carrier):
    """The provider `fedex`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    max_body_bytes = LARGEST_BODY_BYTES
    """Pictures of the delivery come inside the body."""

    def secret_key(self, secret: str) -> bytes:
        """Return the key: the project's security token as text, with its flag `hex:` where that is given."""
        key = signatures.text_key(secret)
        signatures.text_key(secret.removeprefix(_HEX.decode()))
        return key

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - FedEx signs no time
        """Tell whether any key signed these bytes: base64, or hex where the secret's flag allows it."""
        sent = (signatures.single(request.headers, _HEADER) or b"").strip()
        usable = signatures.keys_or_dummy(keys)
        macs = [(key.startswith(_HEX), signatures.mac(key.removeprefix(_HEX), request.body)) for key in usable]
        fits = signatures.any_equal((sent,), [base64.b64encode(code) for _, code in macs])
        hexes = [code.hex().encode() for flagged, code in macs if flagged]
        fits_hex = signatures.any_equal((sent.lower(),), hexes)
        return bool(keys) and (fits or fits_hex)

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - only the body is signed
        """Return the header FedEx sends."""
        code = signatures.mac(key.removeprefix(_HEX), body)
        signature = code.hex().encode() if key.startswith(_HEX) else base64.b64encode(code)
        return {"fdx-signature": signature.decode(), "Content-Type": "application/json"}

    def number(self, body: bytes) -> str | None:
        """Return the first `trackingNumber`: the requested one stands before its results."""
        return number_in(body, "trackingNumber")

    def attachments(self, body: bytes) -> tuple[Attachment, ...]:
        """Return the pictures of a delivery; what kind each is, its field's name says."""
        found = _PICTURE.finditer(body)
        return tuple(Attachment(_kind(one[1]), one.start(2), one.end(2)) for one in found)

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of every shipment of every number; an unknown number never hides the others."""
        document = read_json(webhook.body)
        results = _results(document)
        if results is None:
            if rows(document, "errors"):
                return Reading(ignored="api_error")
            raise Poison("bad_shape", "the body holds no track results")
        virtual = _is_virtual(document)
        return read_each(results, lambda result: _of_number(result, webhook, virtual=virtual))


def _results(document: object) -> list[object] | None:
    """Return the complete results, in whatever envelope they came; None where there are none."""
    holders = [document, *(child(document, name) for name in _ENVELOPES)]
    holders += [child(holder, "output") for holder in holders[1:]]
    if isinstance(document, list):
        holders = [*document, *(child(one, "output") for one in document)]
    found = [rows(one, "completeTrackResults") for one in holders if _has(one, "completeTrackResults")]
    if found:
        return [result for results in found for result in results]
    return [one for one in holders if _has(one, "trackResults")] or None


def _has(value: object, name: str) -> bool:
    return isinstance(value, dict) and isinstance(value.get(name), list)


def _of_number(result: dict[str, object], webhook: Webhook, *, virtual: bool) -> Reading:
    number = text(result, "trackingNumber")
    tested = virtual or number in _TEST_NUMBERS
    if tested and not webhook.allow_test:
        return Reading(ignored="test_mode")

    def tell(shipment: dict[str, object]) -> Reading:
        return read_shipment(
            shipment, number=number, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at
        )

    return read_each(rows(result, "trackResults"), tell)


def _is_virtual(document: object) -> bool:
    alerts = [*rows(child(document, "output"), "alerts"), *rows(document, "alerts")]
    return any(text(alert, "code") == _VIRTUAL for alert in alerts)


def _kind(name: bytes) -> Literal["photo", "signature", "letter"]:
    words = name.lower()
    if b"letter" in words:
        return "letter"
    return "signature" if b"sign" in words or b"spod" in words else "photo"


FEDEX: Final = FedEx()
