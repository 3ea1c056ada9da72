"""17TRACK: one number in every body, with the history of each carrier that had it; signed with a plain hash.

Reads v2.x: the webhook event `TRACKING_UPDATED`, the answer of `gettrackinfo`, and one accepted number of it; the shape
of v1 is recognised too. Pure. Reading one number stands in `track17_tracking.py`, v1 in `track17_old.py`, the
vocabulary in `track17_codes.py`.

Identity: carrier, number, `time_utc` (else `time_iso`, else `time_raw`), `sub_status` (else `stage`) and `location` as
text of an event: the parsed `address` beside it is filled in later, and `time_iso` has the carrier's offset. Which
provider tells it (first or last mile) stays out, so what both tell alike is one scan. `providers_hash` and
`events_hash` stay out. Two events at the same second and place under one sub-status are one: only wording differs.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.ingest.carriers import signatures
from services.ingest.carriers.base import Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_object, rows, text
from services.ingest.carriers.shipment import read_each
from services.ingest.carriers.track17_old import read_old
from services.ingest.carriers.track17_tracking import read_number
from services.runtime.errors import Poison

PROVIDER: Final = "track17"
MAP_VERSION: Final = 1

_HEADER: Final = "sign"
_UPDATED: Final = "TRACKING_UPDATED"
_STOPPED: Final = "TRACKING_STOPPED"


class Track17(Carrier):
    """The provider `track17`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def secret_key(self, secret: str) -> bytes:
        """Return the key: the API key's own text."""
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - 17TRACK signs no time
        """Tell whether any key made the hash over these very bytes."""
        sent = (signatures.single(request.headers, _HEADER) or b"").strip().lower()
        expected = [hash_of(request.body, key) for key in signatures.keys_or_dummy(keys)]
        fits = signatures.any_equal((sent,), expected)
        return bool(keys) and fits

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - only the body is signed
        """Return the header `sign`."""
        return {"sign": hash_of(body, key).decode(), "Content-Type": "application/json"}

    def number(self, body: bytes) -> str | None:
        """Return the first `number`."""
        return number_in(body, "number")

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of the number; that tracking has stopped says nothing of the parcel and is ignored."""
        document = read_object(webhook.body)
        event, data = text(document, "event"), child(document, "data")
        if event == _STOPPED:
            return Reading(ignored="tracking_stopped")
        if event is not None and event != _UPDATED:
            return Reading(ignored="not_a_tracking")
        if "accepted" in data or "rejected" in data:
            # A rejected number says nothing.
            return read_each(rows(data, "accepted"), lambda one: _of_number(one, webhook))
        told = document if "number" in document else data
        if event is None and "number" not in told:
            if "code" in document:
                return Reading(ignored="no_tracking")  # the API refused the question
            raise Poison("bad_shape", "neither an event nor a tracked number")
        return _of_number(told, webhook)


def _of_number(told: dict[str, object], webhook: Webhook) -> Reading:
    reader = read_old if "track_info" not in told and child(told, "track") else read_number
    return reader(told, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at)


def hash_of(body: bytes, key: bytes) -> bytes:
    """Return SHA-256 over body, slash and key in hex. A plain hash, no HMAC: that is their scheme."""
    return hashlib.sha256(b"/".join((body, key))).hexdigest().encode()


TRACK17: Final = Track17()
