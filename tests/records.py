"""Records as Kafka would hand them over: order events and scans, valid by default, with their key and headers."""

import itertools
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import event_type
from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN
from services.runtime.kafka import Record

ORDER_EVENTS = "order.events.v1"
SCANS = "carrier.scans.v1"
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)

_offsets = itertools.count()


def at(minutes: float) -> str:
    """Return a time so many minutes after the start of every story."""
    return (START + timedelta(minutes=minutes)).isoformat()


def event(type_: str, *, order: str = "1001", shop: str = "main", minutes: float = 0, **fields: Any) -> dict[str, Any]:
    """Return the body of an order event."""
    return {"type": type_, "shop": shop, "order": order, "occurred_at": at(minutes), **fields}


def placed(*, order: str = "1001", shop: str = "main", **fields: Any) -> dict[str, Any]:
    """Return a *placed* of one line with one unit."""
    fields.setdefault("lines", [{"line": "1", "name": "Lamp", "quantity": 1}])
    return event("placed", order=order, shop=shop, **fields)


def shipment(
    number: str | None = "AB1", *, parcel: str = "S1", order: str = "1001", shop: str = "main", **fields: Any
) -> dict[str, Any]:
    """Return a *shipment created* with Royal Mail."""
    fields.setdefault("minutes", 10)
    return event(
        "shipment_created", order=order, shop=shop, shipment=parcel, carrier="Royal Mail", number=number, **fields
    )


def scan(stage: str | None, *, minutes: float, number: str | None = "AB1", **fields: Any) -> dict[str, Any]:
    """Return the body of a scan by Royal Mail; its event key follows from what it says."""
    key = f"{number}-{stage}-{minutes}"
    told = fields.pop("told_at", at(minutes + 1))
    return {
        "kind": "scan",
        "event_key": key,
        "provider": "easypost",
        "carrier": "royal-mail",
        "number": number,
        "occurred_at": at(minutes),
        "stage": stage,
        "raw_code": str(stage),
        "told_at": told,
        "map_version": 1,
        **fields,
    }


def key_and_headers(body: Mapping[str, Any], *, event_id: str | None = None) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the Kafka key and the headers of a body."""
    raw = json.dumps(body).encode()
    if "event_key" in body:
        key, topic, kind = SCAN.validate_json(raw).key, SCANS, body["kind"]
    else:
        key, topic, kind = ORDER_EVENT.validate_json(raw).key, ORDER_EVENTS, body["type"]
    identity = event_id or f"{kind}-{body['occurred_at']}-{body.get('shipment', '')}"
    headers = {"ce_id": identity, "ce_source": "oms", "ce_type": event_type(topic, kind)}
    return key, [(name, value.encode()) for name, value in headers.items()]


def topic_of(body: Mapping[str, Any]) -> str:
    """Return where a body belongs."""
    return SCANS if "event_key" in body else ORDER_EVENTS


def record(body: Mapping[str, Any], *, event_id: str | None = None, **overrides: Any) -> Record:
    """Return a record with that body, each at the next offset of partition 0."""
    key, headers = key_and_headers(body, event_id=event_id)
    fields: dict[str, Any] = {
        "topic": topic_of(body),
        "partition": 0,
        "offset": next(_offsets),
        "timestamp_ms": 1_700_000_000_000,
        "key": key.encode(),
        "value": json.dumps(body).encode(),
        "headers": tuple(headers),
    }
    return Record(**(fields | overrides))
