"""EasyPost: one tracker with its full history in every body, signed over the raw bytes (v1) or with a time (v2).

Reads `tracker.created` and `tracker.updated` events, and the bare Tracker object as the API returns it. Pure. The
vocabulary stands in `easypost_codes.py`.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from services.ingest.carriers import signatures
from services.ingest.carriers.base import DEFAULT_MAX_BODY_BYTES, Reading, Request, Webhook
from services.ingest.carriers.documents import child, read_object, text
from services.ingest.carriers.easypost_tracker import read_tracker
from services.runtime.errors import Poison

PROVIDER: Final = "easypost"
MAP_VERSION: Final = 1

_V1: Final = "x-hmac-signature"
_V2: Final = "x-hmac-signature-v2"
_PREFIX: Final = b"hmac-sha256-hex="
_TRACKER_EVENTS: Final = frozenset({"tracker.created", "tracker.updated"})
_TEST_NUMBER: Final = re.compile(r"EZ([1-7])00000000\1")

_NUMBER: Final = re.compile(rb'"tracking_code"\s{0,9}:\s{0,9}"([A-Za-z0-9 ._/+-]{1,64})"')
_EVENT_ID: Final = re.compile(rb'"id"\s{0,9}:\s{0,9}"(evt_[A-Za-z0-9]{1,64})"')
#: A list of receivers' addresses, which hold their passwords; JSON may write any letter of its name as an escape. What
#: is no list of plain strings is cut to its end: a body that shows a secret is worse than one that cannot be read.
_ADDRESSES: Final = re.compile(
    rb'("(?:\w|\\u[0-9a-f]{4}){0,32}(?:_|\\u005f)(?:u|\\u00[57]5)(?:r|\\u00[57]2)(?:l|\\u00[46]c)(?:s|\\u00[57]3)"\s*+:\s*+)'
    rb'(?:(\[(?:\s*+(?:"(?:[^"\\]|\\.)*+"|null)\s*+,?+)*+\s*+\])|(?=null|\[\s*+\])|.*+\Z)',
    re.DOTALL | re.IGNORECASE,
)


class EasyPost:
    """The provider `easypost`."""

    provider = PROVIDER
    map_version = MAP_VERSION
    max_body_bytes = DEFAULT_MAX_BODY_BYTES
    kept_headers: tuple[str, ...] = ()

    def secret_key(self, secret: str) -> bytes:
        """Return the key: the secret, NFKD-normalised as EasyPost's own clients do, in UTF-8."""
        key = unicodedata.normalize("NFKD", secret).encode()
        if not key:
            message = "the secret is empty"
            raise ValueError(message)
        return key

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether v1 or v2 fits. Either is enough: both cover the whole body, and a replay changes nothing.

        v2 (timestamp, method, path and body, five minutes) is known from receivers only, so a v2 that does not fit
        never spoils a v1 that does.
        """
        stamp = signatures.single(request.headers, "x-timestamp")
        path = signatures.single(request.headers, "x-path") or request.path.encode()
        head = (stamp or b"") + request.method.upper().encode() + path
        usable = signatures.keys_or_dummy(keys)
        plain = [_hex(key, request.body) for key in usable]
        timed = [_hex(key, head, request.body) for key in usable]
        fits = signatures.any_equal((_sent(request, _V1),), plain)
        fits_timed = signatures.any_equal((_sent(request, _V2),), timed)
        fresh = signatures.within_window(signatures.mail_time(stamp), now)
        return bool(keys) and (fits or (fits_timed and fresh))

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - the id stands in the body
        """Return both signatures, as EasyPost sends them."""
        stamp = format_datetime(at)
        head = f"{stamp}POST{path}".encode()
        return {
            "X-Hmac-Signature": (_PREFIX + _hex(key, body)).decode(),
            "X-Hmac-Signature-V2": (_PREFIX + _hex(key, head, body)).decode(),
            "X-Timestamp": stamp,
            "X-Path": path,
            "Content-Type": "application/json",
        }

    def delivery(self, request: Request) -> str | None:
        """Return the event id."""
        found = _EVENT_ID.search(request.body)
        return None if found is None else found[1].decode()

    def number(self, body: bytes) -> str | None:
        """Return the first `tracking_code`."""
        found = _NUMBER.search(body)
        return None if found is None else found[1].decode()

    def mask(self, body: bytes) -> bytes:
        """Empty `pending_urls` and `completed_urls`."""
        return _ADDRESSES.sub(_emptied, body)

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of the tracker; events that concern no tracker, and test trackers, are ignored."""
        document = read_object(webhook.body)
        if text(document, "object") == "Tracker":
            return _of_tracker(document, document, webhook)
        description = text(document, "description")
        if description is None:
            raise Poison("bad_shape", "neither an event nor a tracker")
        if description not in _TRACKER_EVENTS:
            return Reading(ignored="not_a_tracker")
        tracker = child(document, "result")
        if text(tracker, "object") not in (None, "Tracker") or not tracker:
            raise Poison("bad_shape", "the event holds no tracker")
        return _of_tracker(tracker, document, webhook)


def _of_tracker(tracker: dict[str, object], event: dict[str, object], webhook: Webhook) -> Reading:
    if not webhook.allow_test and _is_test(tracker, event):
        return Reading(ignored="test_mode")
    if text(tracker, "status") == "error":
        # The tracker failed, not the parcel; such a tracker often stands beside a real one for the same number.
        return Reading(ignored="tracker_error")
    return read_tracker(tracker, event, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at)


def _is_test(tracker: dict[str, object], event: dict[str, object]) -> bool:
    modes = {text(tracker, "mode"), text(event, "mode")}
    return "test" in modes or _TEST_NUMBER.fullmatch(text(tracker, "tracking_code") or "") is not None


def _hex(key: bytes, *parts: bytes) -> bytes:
    return signatures.mac(key, *parts).hex().encode()


def _sent(request: Request, name: str) -> bytes:
    sent = signatures.single(request.headers, name) or b""
    return sent.strip().lower().removeprefix(_PREFIX)


def _emptied(found: re.Match[bytes]) -> bytes:
    prefix = found[1]
    return prefix + b"[]" if found[2] is not None else prefix


EASYPOST: Final = EasyPost()
