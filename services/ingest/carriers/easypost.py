"""EasyPost: one tracker with its full history in every body, signed over the raw bytes (v1) or with a time (v2).

Reads `tracker.created` and `tracker.updated` events, and the bare Tracker object, or a list of them, as the API returns
it. Pure. The vocabulary stands in `easypost_codes.py`.

Identity: carrier, number, instant, `status/status_detail/carrier_code` and place of a tracking detail; `evt_` and
`trk_` ids differ between trackers of one number and stay out.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from services.ingest.carriers import signatures
from services.ingest.carriers.base import Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_object, rows, text
from services.ingest.carriers.easypost_tracker import read_tracker
from services.ingest.carriers.shipment import read_each
from services.runtime.errors import Poison

PROVIDER: Final = "easypost"
MAP_VERSION: Final = 2

_V1: Final = "x-hmac-signature"
_V2: Final = "x-hmac-signature-v2"
_PREFIX: Final = b"hmac-sha256-hex="
_TRACKER_EVENTS: Final = frozenset({"tracker.created", "tracker.updated"})
_TEST_NUMBER: Final = re.compile(r"EZ([1-7])00000000\1")

_EVENT_ID: Final = re.compile(rb'"id"\s{0,9}:\s{0,9}"(evt_[A-Za-z0-9]{1,64})"')
#: A list of receivers' addresses, which hold their passwords; JSON may write any letter of its name as an escape. What
#: is no list of plain strings is cut to its end: a body that shows a secret is worse than one that cannot be read.
_ADDRESSES_HOWEVER_WRITTEN: Final = re.compile(
    rb'("(?:\w|\\u[0-9a-f]{4}){0,32}(?:_|\\u005f)(?:u|\\u00[57]5)(?:r|\\u00[57]2)(?:l|\\u00[46]c)(?:s|\\u00[57]3)"\s*+:\s*+)'
    rb'(?:(\[(?:\s*+(?:"(?:[^"\\]|\\.)*+"|null)\s*+,?+)*+\s*+\])|(?=null|\[\s*+\])|.*+\Z)',
    re.DOTALL | re.IGNORECASE,
)
#: The same where the name is written plainly, as EasyPost does: fifty times as fast, because it begins with a literal.
_ADDRESSES: Final = re.compile(
    rb'(_urls"\s*+:\s*+)(?:(\[(?:\s*+(?:"(?:[^"\\]|\\.)*+"|null)\s*+,?+)*+\s*+\])|(?=null|\[\s*+\])|.*+\Z)', re.DOTALL
)
_ESCAPED_LETTER: Final = re.compile(rb"\\u00[4-7]")
_PLAIN: Final = b'_urls"'


class EasyPost(Carrier):
    """The provider `easypost`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def secret_key(self, secret: str) -> bytes:
        """Return the key: the secret, NFKD-normalised as EasyPost's own clients do, in UTF-8."""
        return signatures.text_key(unicodedata.normalize("NFKD", secret))

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:
        """Tell whether v1 or v2 fits. Either is enough: both cover the whole body, and a replay changes nothing.

        v2 (timestamp, method, path and body, five minutes) is known from receivers only, so a v2 that does not fit
        never spoils a v1 that does.
        """
        stamp = signatures.single(request.headers, "x-timestamp")
        path = signatures.single(request.headers, "x-path") or request.path.encode()
        head = (stamp or b"") + request.method.upper().encode() + path
        usable = signatures.keys_or_dummy(keys)
        plain = [signatures.hex_mac(key, request.body) for key in usable]
        timed = [signatures.hex_mac(key, head, request.body) for key in usable]
        fits = signatures.any_equal((_sent(request, _V1),), plain)
        fits_timed = signatures.any_equal((_sent(request, _V2),), timed)
        fresh = signatures.within_window(signatures.mail_time(stamp), now)
        return bool(keys) and (fits or (fits_timed and fresh))

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - the id stands in the body
        """Return both signatures, as EasyPost sends them."""
        stamp = format_datetime(at)
        head = f"{stamp}POST{path}".encode()
        return {
            "X-Hmac-Signature": (_PREFIX + signatures.hex_mac(key, body)).decode(),
            "X-Hmac-Signature-V2": (_PREFIX + signatures.hex_mac(key, head, body)).decode(),
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
        return number_in(body, "tracking_code")

    def mask(self, body: bytes) -> bytes:
        """Empty `pending_urls` and `completed_urls`."""
        is_plain = body.count(_PLAIN) == body.lower().count(_PLAIN) and not _ESCAPED_LETTER.search(body)
        return (_ADDRESSES if is_plain else _ADDRESSES_HOWEVER_WRITTEN).sub(_emptied, body)

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of the tracker; events that concern no tracker, and test trackers, are ignored."""
        document = read_object(webhook.body)
        kind = text(document, "object")
        if kind == "Tracker" or (kind is None and "tracking_code" in document):
            return _of_tracker(document, document, webhook)
        if "trackers" in document:
            return read_each(rows(document, "trackers"), lambda tracker: _of_tracker(tracker, tracker, webhook))
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
    if text(tracker, "status") == "error" and not rows(tracker, "tracking_details"):
        # The tracker failed, not the parcel; such a tracker often stands beside a real one for the same number.
        return Reading(ignored="tracker_error")
    return read_tracker(tracker, event, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at)


def _is_test(tracker: dict[str, object], event: dict[str, object]) -> bool:
    modes = {text(tracker, "mode"), text(event, "mode")}
    return "test" in modes or _TEST_NUMBER.fullmatch(text(tracker, "tracking_code") or "") is not None


def _sent(request: Request, name: str) -> bytes:
    sent = signatures.single(request.headers, name) or b""
    return sent.strip().lower().removeprefix(_PREFIX)


def _emptied(found: re.Match[bytes]) -> bytes:
    prefix = found[1]
    return prefix + b"[]" if found[2] is not None else prefix


EASYPOST: Final = EasyPost()
