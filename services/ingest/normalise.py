"""One record of `carrier.webhooks.v1` to what leaves ingest: scans, a shop's order events, or a dead letter.

A pure function of the record and the map: no clock, ids derived from content, so that a replay gives the same bytes.
Called by `consumer.py`.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.dead_letters import quarantine
from schemas.envelope import ce_headers, trace_parent
from schemas.scans import Scan
from schemas.webhooks import PUSH, VIA, WebhookMeta, kept_headers, webhook_meta
from services.ingest.carriers.base import OrderTold, Problem, Reading, Webhook, read
from services.ingest.carriers.registry import CARRIERS
from services.runtime.kafka import Record

SCANS: Final = "carrier.scans.v1"
ORDER_EVENTS: Final = "order.events.v1"
DEAD_LETTERS: Final = "dead-letters.v1"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record to send."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    scan: Scan | None = None
    """What it says, for the memory and the counters; None for an order event or a dead letter."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """What one webhook comes to."""

    provider: str
    outgoing: tuple[Outgoing, ...]
    reading: Reading


def normalise(record: Record, *, allow_test: bool) -> Normalised:
    """Return what leaves ingest for one record. Never raises for what the record holds."""
    meta = _meta(record)
    carrier = None if meta is None else CARRIERS.get(meta.provider)
    if meta is None or carrier is None or record.value is None:
        reason = "bad_headers" if meta is None else "unknown_provider" if carrier is None else "no_value"
        reading = Reading(problems=(Problem(reason),))
        return Normalised("unknown", (_dead_letter(record, reading, meta),), reading)
    webhook = Webhook(
        body=record.value, told_at=meta.told_at, headers=kept_headers(record.headers), allow_test=allow_test
    )
    reading = read(carrier, webhook)
    traceparent = trace_parent(record.headers)
    outgoing = [order_record(told, traceparent) for told in reading.orders]
    outgoing += [scan_record(scan, traceparent, via=meta.via) for scan in reading.scans]
    if reading.problems:
        outgoing.append(_dead_letter(record, reading, meta))
    return Normalised(carrier.provider, tuple(outgoing), reading)


def _meta(record: Record) -> WebhookMeta | None:
    try:
        return webhook_meta(record.headers)
    except ValueError:
        return None


def scan_record(scan: Scan, traceparent: str | None = None, *, via: str = PUSH) -> Outgoing:
    """Return the record of a scan; the same scan makes the same bytes."""
    key, value = scan.key, scan.model_dump_json(exclude_none=True).encode()
    headers = ce_headers(
        SCANS,
        scan.kind,
        event_id=hashlib.sha256(key.encode() + b"\x00" + value).hexdigest()[:32],
        source=f"trackfold/ingest/{scan.provider}",
        subject=key,
        time=scan.occurred_at,
        traceparent=traceparent,
        extra={} if via == PUSH else {VIA: via},
    )
    return Outgoing(SCANS, key.encode(), value, tuple(headers), scan)


def order_record(told: OrderTold, traceparent: str | None = None) -> Outgoing:
    """Return the record of an order event; the same event makes the same bytes."""
    event = told.event
    headers = ce_headers(
        ORDER_EVENTS,
        event.type,
        event_id=told.id,
        source=told.source,
        subject=event.key,
        time=event.occurred_at,
        traceparent=traceparent,
    )
    return Outgoing(ORDER_EVENTS, event.key.encode(), event.model_dump_json(exclude_none=True).encode(), tuple(headers))


def _dead_letter(record: Record, reading: Reading, meta: WebhookMeta | None) -> Outgoing:
    """Return the record as it lies in Kafka, with the first reason and what is known of all."""
    letter = quarantine(
        "ingest",
        record,
        reason=reading.problems[0].reason,
        detail="; ".join(problem.detail for problem in reading.problems if problem.detail) or None,
        at=_written_at(record) if meta is None else meta.told_at,
    )
    headers = ce_headers(
        DEAD_LETTERS,
        letter.action,
        event_id=f"{letter.key}/{letter.action}",
        source="trackfold/ingest",
        subject=letter.key,
        time=letter.at,
    )
    return Outgoing(
        DEAD_LETTERS, letter.key.encode(), letter.model_dump_json(exclude_none=True).encode(), tuple(headers)
    )


def _written_at(record: Record) -> datetime:
    """Return the record's own time, brought into the contract's range: a stranger may have written it."""
    try:
        return min(max(_EPOCH + timedelta(milliseconds=record.timestamp_ms), _EARLIEST), _LATEST)
    except OverflowError:
        return _EARLIEST
