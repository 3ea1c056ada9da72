"""A reading as one JSON document: for `carriers parse --json` and for the answer to a dry run. Pure."""

from typing import Any

from schemas.order_events import Window
from schemas.scans import Scan
from services.ingest.carriers.base import OrderTold, Reading
from services.ingest.carriers.current import Current, current_of
from services.ingest.carriers.meanings import INFORMATIONAL


def is_unreadable(reading: Reading) -> bool:
    """Tell whether nothing in a body could be read; bad scans beside good ones are problems of their own."""
    return bool(reading.problems) and not (reading.scans or reading.orders or reading.ignored)


def document(provider: str, reading: Reading) -> dict[str, Any]:
    """Return a reading as `--json` prints it (docs/carriers.md)."""
    return {
        "provider": provider,
        "scans": [scan_document(scan) for scan in reading.scans],
        "current": [_current(one) for one in current_of(reading.scans)],
        "orders": [_order(one) for one in reading.orders],
        "problems": [{"reason": one.reason, "detail": one.detail} for one in reading.problems],
        "ignored": reading.ignored,
    }


def scan_document(scan: Scan) -> dict[str, Any]:
    """Return a scan as people and programs read it: every name is there, whether or not the carrier told it."""
    told = scan.model_dump(mode="json")
    return {
        "tracking_number": scan.number,
        "references": told["references"],
        "carrier": scan.carrier,
        "occurred_at": scan.occurred_at.isoformat(),
        "occurred_at_text": scan.occurred_at_text,
        "time_precision": scan.time_precision,
        "time_kind": scan.time_kind,
        "kind": scan.kind,
        "stage": scan.stage,
        "leg": scan.leg,
        "substatus": scan.substatus,
        "conditions": list(scan.conditions_set),
        "conditions_cleared": list(scan.conditions_cleared),
        "raw_code": scan.raw_code,
        "description": scan.description,
        "place": told["place"],
        "informational": scan.substatus == INFORMATIONAL,
        "pod": list(scan.pod),
        "estimated_delivery": estimated(scan.window),
        "unique_id": scan.unique_id,
        "piece": scan.piece,
        "event_key": scan.event_key,
    }


def estimated(window: Window | None) -> str | None:
    """Return an expected delivery: a local day, or two instants with a slash between (ISO 8601)."""
    if window is None or window.day is not None:
        return None if window is None or window.day is None else window.day.isoformat()
    return "/".join(one.isoformat() for one in (window.starts, window.ends) if one is not None)


def _current(one: Current) -> dict[str, Any]:
    return {
        "tracking_number": one.scan.number,
        "references": dict(one.scan.references),
        "stage": one.scan.stage,
        "leg": one.scan.leg,
        "conditions": list(one.scan.conditions_set),
        "estimated_delivery": estimated(one.window),
    }


def _order(one: OrderTold) -> dict[str, Any]:
    return {"source": one.source, "id": one.id, "event": one.event.model_dump(mode="json", exclude_none=True)}
