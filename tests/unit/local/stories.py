"""A short story in lines, and what the workbench says of lines."""

import io
import json
from typing import Any, Final

from services.local import workbench
from services.local.record_lines import Lines, read_lines
from tests.builders import NUMBER, SHIPMENT_KEY

PLACED: Final = {
    "type": "placed", "order": "1001", "occurred_at": "2026-11-20T09:00:00Z", "lines": [{"line": "1", "quantity": 2}],
}  # fmt: skip
CREATED: Final = {
    "type": "shipment_created", "order": "1001", "occurred_at": "2026-11-20T10:00:00Z", "shipment": "S1",
    "carrier": "Royal Mail", "number": NUMBER,
}  # fmt: skip


def scan(stage: str | None, at: str, key: str, **fields: Any) -> dict[str, Any]:
    told = {
        "kind": "scan", "event_key": key, "provider": "easypost", "carrier": "royal-mail", "number": NUMBER,
        "occurred_at": at, "told_at": at, "stage": stage,
    }  # fmt: skip
    return {"topic": "carrier.scans.v1", "key": SHIPMENT_KEY, "value": told | fields}


def event(value: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"topic": "order.events.v1", "key": "main:1001", "value": value} | fields


MOVING: Final = scan("in_transit", "2026-11-20T12:00:00Z", "k1")
OUT: Final = scan("out_for_delivery", "2026-11-21T12:00:00Z", "k2")
STORY: Final = (event(PLACED), event(CREATED), MOVING, OUT)


def told(*lines: object) -> Lines:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    return read_lines(io.BytesIO(text.encode()), "story")


def report(*lines: object) -> dict[str, Any]:
    return workbench.report(workbench.fold(told(*lines)))
