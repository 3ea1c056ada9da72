"""What the signature schemes share: reading headers without trust, windows, comparisons in constant time.

Every failure must look the same and cost the same, so a provider's file computes all its MACs before it looks at
what was sent. Pure. Called by the provider files.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from services.ingest.carriers.base import RawHeaders

WINDOW: Final = timedelta(minutes=5)
MAX_HEADERS: Final = 100
MAX_HEADER_BYTES: Final = 4096
NO_KEY: Final = b"no secret is configured"
"""Stands in where a provider has no secret, so that a refusal costs what every refusal costs."""

_UNIX_SECONDS: Final = re.compile(rb"[0-9]{1,11}")


def keys_or_dummy(keys: Sequence[bytes]) -> Sequence[bytes]:
    """Return the keys to compute with; a dummy where there are none (whose result must not be believed)."""
    return keys or (NO_KEY,)


def single(headers: RawHeaders, name: str) -> bytes | None:
    """Return the one header of that name; None when it is absent, repeated, too long or among too many."""
    if len(headers) > MAX_HEADERS:
        return None
    wanted = name.encode()
    found = [value for key, value in headers if key.lower() == wanted]
    return found[0] if len(found) == 1 and 0 < len(found[0]) <= MAX_HEADER_BYTES else None


def mac(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA256 over the parts joined."""
    code = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        code.update(part)
    return code.digest()


def hex_mac(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA256 over the parts joined, in lower-case hex."""
    return mac(key, *parts).hex().encode()


def base64_mac(key: bytes, *parts: bytes) -> bytes:
    """Return HMAC-SHA256 over the parts joined, in base64."""
    return base64.b64encode(mac(key, *parts))


def text_key(secret: str) -> bytes:
    """Return a secret's own text as the key; ValueError when it is empty."""
    key = secret.encode()
    if not key:
        message = "the secret is empty"
        raise ValueError(message)
    return key


def any_equal(candidates: Iterable[bytes], expected: Iterable[bytes]) -> bool:
    """Tell whether any candidate equals any expected value, comparing all of them in constant time."""
    wanted = tuple(expected)
    results = [hmac.compare_digest(one, other) for one in candidates for other in wanted]
    return any(results)


def within_window(at: datetime | None, now: datetime) -> bool:
    """Tell whether a signed time is at most five minutes old or ahead."""
    return at is not None and abs(now - at) <= WINDOW


def unix_time(value: bytes | None) -> datetime | None:
    """Return a time given as whole seconds since 1970; None for anything else."""
    if value is None or not _UNIX_SECONDS.fullmatch(value):
        return None
    return datetime.fromtimestamp(int(value), UTC)


def mail_time(value: bytes | None) -> datetime | None:
    """Return a time given as RFC 2822 (`Fri, 21 Nov 2026 10:00:00 +0000`) or RFC 3339; None for anything else."""
    if value is None:
        return None
    try:
        text = value.decode("ascii")
        at = parsedate_to_datetime(text) if "," in text else datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # parsedate raises each of them for some input
        return None
