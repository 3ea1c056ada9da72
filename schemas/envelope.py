"""The envelope: CloudEvents 1.0 binary-mode headers on Kafka, and how to read any header without ever failing.

Header values come from strangers: a reader that decodes them eagerly can be stopped by one bad
byte, so `header()` answers None where the bytes are not UTF-8.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from schemas.base import clean_text

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
MAX_ATTRIBUTE: Final = 256
_TRACE_PARENT: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

RawHeaders = Iterable[tuple[str, bytes | None]]


@lru_cache(maxsize=1024)
def event_type(topic: str, event: str) -> str:
    """Return `trackfold.<topic without .v1>.<event>.v1`, as in `trackfold.order.events.placed.v1`."""
    stem, _, version = topic.rpartition(".")
    return f"trackfold.{stem}.{event}.{version}"


def ce_headers(  # noqa: PLR0913 - these are CloudEvents' own attributes, all keyword-only
    topic: str,
    event: str,
    *,
    event_id: str,
    source: str,
    subject: str,
    time: datetime,
    traceparent: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> list[tuple[str, bytes]]:
    """Return the headers of one message, in a fixed order, so that repeats are byte-identical.

    `time` is written as RFC 3339 UTC; `subject` is the message key.
    """
    attributes = ce_attributes(
        topic, event, event_id=event_id, source=source, subject=subject, time=time, traceparent=traceparent
    )
    return [(name, value.encode()) for name, value in {**attributes, **(extra or {})}.items()]


def ce_attributes(
    topic: str,
    event: str,
    *,
    event_id: str,
    source: str,
    subject: str,
    time: datetime,
    traceparent: str | None = None,
) -> dict[str, str]:
    """Return the same headers as text."""
    attributes = {
        "ce_specversion": SPEC_VERSION,
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": event_type(topic, event),
        "ce_subject": subject,
        "ce_time": utc_text(time),
        "content-type": CONTENT_TYPE,
    }
    if traceparent is not None:
        attributes["traceparent"] = traceparent
    return attributes


@lru_cache(maxsize=64)
def utc_text(time: datetime) -> str:
    """Return a time as RFC 3339 in UTC with milliseconds, the form of every time outside scans."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def trace_parent(headers: RawHeaders) -> str | None:
    """Return the W3C trace context of a message; None when it is absent or anything else than that."""
    text = header(headers, "traceparent")
    return text if text is not None and _TRACE_PARENT.fullmatch(text) else None


def header(headers: RawHeaders, name: str) -> str | None:
    """Return the first header of that name as text, or None when it is absent, null, too long or not clean UTF-8."""
    for key, value in headers:
        if key == name:
            return _text(value)
    return None


def _text(value: bytes | None) -> str | None:
    if value is None or not 0 < len(value) <= MAX_ATTRIBUTE:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return None
    return text if clean_text(text) == text else None
