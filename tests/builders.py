"""Scans and order events that are valid by default: a test overrides the one thing it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.order_events import ORDER_EVENT, OrderEvent
from schemas.scans import SCAN, Scan

START: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
KEY: Final = "main:1001"
NUMBER: Final = "AB123456785GB"
SHIPMENT_KEY: Final = f"royal-mail:{NUMBER}"

_NEEDED: Final[dict[str, dict[str, Any]]] = {
    "placed": {"lines": [{"line": "1", "quantity": 2}]},
    "ready_to_collect": {"store": "Store Bath"},
    "shipment_created": {"shipment": "S1", "carrier": "Royal Mail", "number": NUMBER},
    "shipment_corrected": {"shipment": "S1"},
    "shipment_voided": {"shipment": "S1"},
    "contact_changed": {"contacts": [{"role": "buyer"}]},
    "preference_changed": {"preferences": {}},
    "lines_edited": {"lines": [{"line": "1", "quantity": 2}]},
    "collection_extended": {"until": START + timedelta(days=9)},
    "address_changed": {"destination": {"country": "GB"}},
    "return_shipment_created": {"shipment": "R1", "carrier": "Royal Mail", "number": "RT123456785GB"},
    "replaced": {"replacement": "1009"},
    "override_set": {"by": {"kind": "agent"}, "reason": "phoned", "shipment": "S1", "stage": "delivered"},
    "override_ended": {"by": {"kind": "agent"}, "shipment": "S1"},
    "note": {"text": "asks for a call"},
    "time_reached": {"rule": "silent", "basis": "x", "due_at": START},
}


def after(*, days: float = 0, hours: float = 0, minutes: float = 0) -> datetime:
    """Return a time so long after the start of the story."""
    return START + timedelta(days=days, hours=hours, minutes=minutes)


def make_scan(**overrides: Any) -> Scan:
    """Return a scan: in transit one hour into the story, told five minutes later unless said otherwise."""
    fields: dict[str, Any] = {
        "kind": "scan",
        "provider": "easypost",
        "carrier": "royal-mail",
        "number": NUMBER,
        "occurred_at": after(hours=1),
        "stage": "in_transit",
    } | overrides
    occurred_at = fields["occurred_at"]
    named = f"{fields['kind']}:{fields['provider']}:{fields['stage']}:{occurred_at.isoformat()}"
    defaults = {"event_key": named, "told_at": occurred_at + timedelta(minutes=5)}
    return SCAN.validate_python(defaults | fields)


def make_order_event(kind: str = "placed", **overrides: Any) -> OrderEvent:
    """Return an order event of order 1001 in shop main, at the start of the story."""
    fields = {"type": kind, "shop": "main", "order": "1001", "occurred_at": START}
    return ORDER_EVENT.validate_python(fields | _NEEDED.get(kind, {}) | overrides)


def line(quantity: int, *, name: str = "1") -> dict[str, Any]:
    """Return a quantity of a line, as in `lines=[line(2)]`."""
    return {"line": name, "quantity": quantity}
