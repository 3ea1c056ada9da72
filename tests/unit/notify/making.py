"""Status messages, order events and books as the notifier's tests need them: valid by default, one change per test."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.envelope import event_type
from schemas.order_events import ORDER_EVENT, OrderEvent
from schemas.order_status import ORDER_STATUS, OrderStatus
from services.notify.contacts import EMPTY, Book, fold, stamp
from services.runtime.kafka import Record

NOW = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
EVENTS = "order.events.v1"
STATUSES = "order.status.v1"


def at(minutes: float = 0, now: datetime = NOW) -> str:
    """Return a time so many minutes after NOW."""
    return (now + timedelta(minutes=minutes)).isoformat()


def milestone(name: str, *, minutes: float = 0, now: datetime = NOW, **fields: Any) -> dict[str, Any]:
    """Return a milestone that was reached."""
    when = at(minutes, now)
    occasion = when[:10] if name in {"out_for_delivery", "attempted"} else "S1"
    return {"name": name, "occasion": occasion, "event_key": f"key-{name}", "at": when, **fields}


def parcel(*milestones: dict[str, Any], shipment: str = "S1", **fields: Any) -> dict[str, Any]:
    """Return a parcel with Royal Mail."""
    return {
        "shipment": shipment,
        "key": "royal-mail:AB1",
        "carrier": "royal-mail",
        "carrier_name": "Royal Mail",
        "service": None,
        "number": "AB1",
        "tracking_page": None,
        "pieces": 1,
        "stage": "in_transit",
        "leg": "outbound",
        "substatus": None,
        "conditions": [],
        "lines": [{"line": "1", "quantity": 1}],
        "window": None,
        "pod": [],
        "dispatched": True,
        "last_scan": None,
        "milestones": list(milestones),
        **fields,
    }


def status_body(
    *parcels: dict[str, Any], version: int = 1, order: str = "1001", shop: str = "main", **fields: Any
) -> dict[str, Any]:
    """Return a status message; `change` is added to the made-up one."""
    cause = {"topic": "carrier.scans.v1", "type": "scan", "event": "key", "at": at()}
    change = {"version": version, "previous": None, "cause": cause, **fields.pop("change", {})}
    line = {"line": "1", "name": "Lamp", "sku": None, "seller": None, "ordered": 1, "buckets": {"shipped": 1}}
    return {
        "shop": shop,
        "order": order,
        "state": "in_transit",
        "display": {"status": "In Transit", "sentence": "On its way.", "next": "Delivery.", "acts": "carrier"},
        "placed_at": at(-600),
        "delivery_method": "standard",
        "time_zone": "Europe/London",
        "promised": None,
        "collection": None,
        "conditions": [],
        "lines": [line],
        "parcels": list(parcels),
        "milestones": [],
        "change": change,
        **fields,
    }


def status(*parcels: dict[str, Any], **fields: Any) -> OrderStatus:
    """Return a status message as a model."""
    return ORDER_STATUS.validate_python(status_body(*parcels, **fields))


def contact(role: str = "buyer", **fields: Any) -> dict[str, Any]:
    """Return a contact with an e-mail address, unless told otherwise."""
    return {"role": role, **(fields or {"email": f"{role}@example.com"})}


def placed_body(*contacts: dict[str, Any], minutes: float = -600, **fields: Any) -> dict[str, Any]:
    """Return an order event *placed*; its buyer has an e-mail address, unless contacts are given."""
    return {
        "type": "placed",
        "shop": "main",
        "order": "1001",
        "occurred_at": at(minutes),
        "lines": [{"line": "1", "name": "Lamp", "quantity": 1}],
        "contacts": list(contacts) or [contact()],
        **fields,
    }


def changed_body(*contacts: dict[str, Any], minutes: float = -500, **fields: Any) -> dict[str, Any]:
    """Return an order event *contact changed*."""
    base = {"type": "contact_changed", "shop": "main", "order": "1001", "occurred_at": at(minutes)}
    return {**base, "contacts": list(contacts), **fields}


def wishes_body(minutes: float = -400, **preferences: Any) -> dict[str, Any]:
    """Return an order event *preference changed*."""
    base = {"type": "preference_changed", "shop": "main", "order": "1001", "occurred_at": at(minutes)}
    return {**base, "preferences": preferences}


def event(body: dict[str, Any]) -> OrderEvent:
    """Return an order event as a model."""
    return ORDER_EVENT.validate_python(body)


def book(*bodies: dict[str, Any]) -> Book:
    """Return the book of these order events, or of a plain *placed*."""
    result = EMPTY
    for number, body in enumerate(bodies or (placed_body(),)):
        one = event(body)
        result = fold(result, one, stamp(one, source="oms", event_id=f"e{number}"))
    return result


def record(body: dict[str, Any], *, offset: int = 0, event_id: str = "e1", **overrides: Any) -> Record:
    """Return the Kafka record of a status message or an order event."""
    topic = EVENTS if "type" in body else STATUSES
    kind = str(body.get("type", "changed"))
    headers = {"ce_id": event_id, "ce_source": "oms", "ce_type": event_type(topic, kind)}
    fields: dict[str, Any] = {
        "topic": topic,
        "partition": 0,
        "offset": offset,
        "timestamp_ms": 1_700_000_000_000,
        "key": f"{body['shop']}:{body['order']}".encode(),
        "value": json.dumps(body).encode(),
        "headers": tuple((name, value.encode()) for name, value in headers.items()),
    }
    return Record(**(fields | overrides))
