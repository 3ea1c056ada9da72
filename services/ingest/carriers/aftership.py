"""AfterShip: one tracking with its full history in every body, signed over the raw body.

Reads the webhook events `tracking_update` and `edd_revise`, and what the tracking API answers: one tracking under
`data` or `data.tracking`, a list under `data.trackings`, or the bare object. Pure. Reading one tracking stands in
`aftership_tracking.py`, the vocabulary in `aftership_codes.py`.

Identity: carrier, number, instant, `tag/subtag/raw_tag` and place of a checkpoint. `event_id`, `msg.id` and
`checkpoints[].hash` (new in 2026-07, absent before, and so in older answers of the API) stay out. AfterShip tells the
same checkpoint with an offset (`10:33:00-04:00`) and, in other answers, naive in UTC (`14:33:00`), so a naive time
stands in the key as if it were UTC: these two are one scan, and so are two naive tellings of one time. Not united are
an offset and a naive time that is local (some couriers' are): the same text may be either, and a key that guessed by
the place would change when a country is added. Two real scans would be taken for one only where one body tells one
with an offset and the other naive, with the same codes, at the same place and with the same digits in UTC.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.ingest.carriers import signatures
from services.ingest.carriers.aftership_tracking import read_tracking
from services.ingest.carriers.base import Carrier, Reading, Request, Webhook
from services.ingest.carriers.documents import child, number_in, read_object, rows, text
from services.ingest.carriers.shipment import read_each
from services.ingest.carriers.times import Told, epoch_time
from services.runtime.errors import Poison

PROVIDER: Final = "aftership"
MAP_VERSION: Final = 1

#: The tracking product's, then two of the returns product (its present one and the one of organisations before
#: October 2022): the same MAC under another name.
_HEADERS: Final = ("aftership-hmac-sha256", "as-signature-hmac-sha256", "am-webhook-signature")
_OLD_PREFIX: Final = b"hmac-sha256="
_TRACKING_EVENTS: Final = frozenset({"tracking_update", "edd_revise"})
#: AfterShip's sandbox courier and its relatives.
_TEST_COURIER: Final = "testing-courier"
_EVENT_ID: Final = re.compile(rb'"event_id"\s{0,9}:\s{0,9}"([A-Za-z0-9-]{1,64})"')


class AfterShip(Carrier):
    """The provider `aftership`."""

    provider = PROVIDER
    map_version = MAP_VERSION

    def secret_key(self, secret: str) -> bytes:
        """Return the key: the secret's own text, although it looks like hex."""
        return signatures.text_key(secret)

    def verify(self, request: Request, keys: Sequence[bytes], *, now: datetime) -> bool:  # noqa: ARG002 - AfterShip signs no time
        """Tell whether any key signed these bytes, under any of the headers' names."""
        sent = [(signatures.single(request.headers, name) or b"").strip() for name in _HEADERS]
        expected = [signatures.base64_mac(key, request.body) for key in signatures.keys_or_dummy(keys)]
        fits = signatures.any_equal((one.removeprefix(_OLD_PREFIX) for one in sent), expected)
        return bool(keys) and fits

    def sign(self, body: bytes, key: bytes, *, at: datetime, path: str, delivery: str) -> dict[str, str]:  # noqa: ARG002 - only the body is signed
        """Return the headers of the tracking product."""
        return {
            "aftership-hmac-sha256": signatures.base64_mac(key, body).decode(),
            "as-webhook-version": "2026-07",
            "Content-Type": "application/json",
        }

    def delivery(self, request: Request) -> str | None:
        """Return `event_id`."""
        found = _EVENT_ID.search(request.body)
        return None if found is None else found[1].decode()

    def number(self, body: bytes) -> str | None:
        """Return the first `tracking_number`."""
        return number_in(body, "tracking_number")

    def parse(self, webhook: Webhook) -> Reading:
        """Return the scans of the tracking; events that tell no history, and the sandbox courier, are ignored."""
        document = read_object(webhook.body)
        event = text(document, "event")
        if event is None:
            return _answer(document, webhook)
        if event not in _TRACKING_EVENTS:
            return Reading(ignored="not_a_tracking")
        tracking = child(document, "msg")
        if not tracking:
            raise Poison("bad_shape", "the event holds no tracking")
        return _of_tracking(tracking, webhook, sent=_envelope_time(document))


def _answer(document: dict[str, object], webhook: Webhook) -> Reading:
    """Return what an answer of the tracking API, or a bare tracking, says. A bad tracking costs only itself."""
    data = child(document, "data")
    for one in (child(data, "tracking"), data, document):
        if "tracking_number" in one:
            return _of_tracking(one, webhook, sent=None)
    if "trackings" in data:
        return read_each(rows(data, "trackings"), lambda one: _of_tracking(one, webhook, sent=None))
    if "meta" in document:
        return Reading(ignored="no_tracking")  # the API knows no such tracking, or refused the question
    raise Poison("bad_shape", "neither an event nor a tracking")


def _of_tracking(tracking: dict[str, object], webhook: Webhook, *, sent: Told | None) -> Reading:
    if not webhook.allow_test and (text(tracking, "slug") or "").startswith(_TEST_COURIER):
        return Reading(ignored="test_mode")
    return read_tracking(tracking, provider=PROVIDER, map_version=MAP_VERSION, told_at=webhook.told_at, sent=sent)


def _envelope_time(document: dict[str, object]) -> Told | None:
    try:
        return epoch_time(text(document, "ts") or "")
    except ValueError:
        return None


AFTERSHIP: Final = AfterShip()
