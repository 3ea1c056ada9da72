"""UPS: Track Alert webhooks (v1 and v2), one event each, and the Track API's answer with the whole history.

UPS signs nothing: v1 shows a static `credential`, v2 a bearer token that our token endpoint issued (`tokens.py`). So
what a webhook tells is a hint that the Track API confirms. Pure. The vocabulary stands in `ups_codes.py` and the tables
beside it.

Identity: carrier, number, instant in GMT to the second, `type/code/descriptionCode` and place of an event. UPS sends no
ids; a webhook and the Track API write the same event alike, and two equal codes seconds apart are two scans.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from services.ingest.carriers import signatures, ups_tokens
from services.ingest.carriers.base import LARGEST_BODY_BYTES, Attachment, Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_object, rows, text
from services.ingest.carriers.shipment import Shipment, number_of
from services.ingest.carriers.ups_alert import read_alert, signed_by
from services.ingest.carriers.ups_track import read_answer
from services.runtime.errors import Poison

PROVIDER: Final = "ups"
MAP_VERSION: Final = 1

_USER_AGENT: Final = "UPSPubSubTrackingService"
#: UPS's own: their events come from its test host, spaced a second apart.
_TEST_NUMBERS: Final = frozenset({"1ZCIETST0111111114", "1ZCIETST0422222228"})

#: Base64 under the names UPS gives it: Track Alert's photo, and the Track API's photo, signature and proof of delivery.
#: A short text is none (a reference, or empty).
_BASE64: Final = re.compile(
    rb'"(deliveryPhoto|photo|image|content)"\s{0,9}+:\s{0,9}+"((?:[A-Za-z0-9+/=_-]|\\[/rn]){64,}+)"'
)
_KINDS: Final[dict[bytes, Literal["photo", "signature", "letter"]]] = {
    b"deliveryPhoto": "photo",
    b"photo": "photo",
    b"image": "signature",
    b"content": "letter",
}


class Ups(Carrier):
    """The provider `ups`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    max_body_bytes = LARGEST_BODY_BYTES
    """A photo of the delivery comes along."""
    signs_the_body = False

    def secret_key(self, secret: str) -> bytes:
        """Return the secret as text: the credential of v1, or `CLIENT-ID:CLIENT-SECRET` of v2."""
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether the credential (v1) or the token with its client id (v2) fits any secret.

        `User-Agent` is no check: anybody can send it.
        """
        credential = signatures.single(request.headers, "credential") or b""
        authorization = signatures.single(request.headers, "authorization")
        client = signatures.single(request.headers, "x-api-key")
        usable = signatures.keys_or_dummy(keys)
        known = [ups_tokens.equal(credential, key) for key in usable]
        issued = ups_tokens.fits(authorization, client, usable, now=now)
        return bool(keys) and (any(known) or issued)

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - nothing of it is signed
        """Return the headers UPS sends: of v2 where the secret is a client's, of v1 otherwise."""
        headers = {"User-Agent": _USER_AGENT, "Content-Type": "application/json"}
        client = ups_tokens.client_of(key)
        if client is None:
            return headers | {"credential": key.decode()}
        return headers | {"Authorization": f"Bearer {ups_tokens.issue(key, at=at)}", "x-api-key": client.decode()}

    def number(self, body: bytes) -> str | None:
        """Return the number that was asked for, or the event's."""
        return number_in(body, "inquiryNumber") or number_in(body, "trackingNumber")

    def attachments(self, body: bytes) -> tuple[Attachment, ...]:
        """Return where photos, signatures and proofs of delivery stand."""
        return tuple(Attachment(_KINDS[found[1]], found.start(2), found.end(2)) for found in _BASE64.finditer(body))

    def parse(self, webhook: Webhook) -> Reading:
        """Return what an event or an answer says; UPS's test numbers and answers without a parcel are ignored."""
        document = read_object(webhook.body)
        if "trackResponse" in document:
            return _of_answer(document, webhook)
        if rows(child(document, "response"), "errors"):
            return Reading(ignored="api_error")
        if not child(document, "activityStatus"):
            raise Poison("bad_shape", "neither an event nor an answer of the Track API")
        number = number_of(text(document, "trackingNumber"))
        if number in _TEST_NUMBERS and not webhook.allow_test:
            return Reading(ignored="test_mode")
        return read_alert(_shipment(webhook, number, signed_by(document)), document)


def _of_answer(answer: dict[str, object], webhook: Webhook) -> Reading:
    asked = {text(one, "inquiryNumber") for one in rows(child(answer, "trackResponse"), "shipment")}
    if asked & _TEST_NUMBERS and not webhook.allow_test:
        return Reading(ignored="test_mode")
    return read_answer(answer, _shipment(webhook, None, None))


def _shipment(webhook: Webhook, number: str | None, signer: str | None) -> Shipment:
    return Shipment(
        provider=PROVIDER,
        map_version=MAP_VERSION,
        told_at=webhook.told_at,
        carrier=PROVIDER,
        number=number,
        signed_by=signer,
    )


UPS: Final = Ups()
