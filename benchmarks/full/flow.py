"""Orders that live from now on, each with one parcel that is scanned three times, and what is to be sent when. Pure.

A steady mix: while some orders are placed, parcels of others are handed over, go out and are delivered. Each scan is a
milestone that a customer is told, in a webhook of EasyPost's that repeats the parcel's history.
"""

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from benchmarks.engine.load import Sent, event_sent
from schemas.envelope import utc_text

FIRST_ORDER: Final = 100_000
#: (EasyPost's status, detail, wording, the milestone that it is)
STEPS: Final = (
    ("in_transit", "received_at_origin_facility", "We have your item", "shipped"),
    ("out_for_delivery", "out_for_delivery", "Your item is out for delivery", "out_for_delivery"),
    ("delivered", "arrived_at_destination", "Delivered, front door", "delivered"),
)
MILESTONES: Final = tuple(step[-1] for step in STEPS)
PLACED: Final = -1
"""The step before the scans: the shop tells of the order and its parcel."""
LEAD_S: Final = 5.0
GAP_S: Final = 8.0
"""Between two scans of a parcel: longer than telling a customer takes, or newer news would overtake it."""
FILLED_S: Final = LEAD_S + GAP_S * (len(STEPS) - 1)
"""From then on there are as many webhooks a second as were asked for."""
_AGO: Final = timedelta(hours=1)
_BETWEEN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, order=True)
class Action:
    """Something to send."""

    at_s: float
    order: int
    step: int

    @property
    def is_webhook(self) -> bool:
        """False: the shop's own events."""
        return self.step != PLACED


def actions(webhooks_per_second: float) -> Iterator[Action]:
    """Give what is to be sent, in its order and without an end."""
    every_s = len(STEPS) / webhooks_per_second
    return heapq.merge(*(partial(_of_step, step, every_s)() for step in range(PLACED, len(STEPS))))


def _of_step(step: int, every_s: float) -> Iterator[Action]:
    behind = 0.0 if step == PLACED else LEAD_S + step * GAP_S
    order = FIRST_ORDER
    while True:
        yield Action(round((order - FIRST_ORDER) * every_s + behind, 6), order, step)
        order += 1


@dataclass(frozen=True, slots=True)
class Story:
    """When everything happened that is told: within the last hour, and the same whenever it is told."""

    now: datetime
    """When the load began."""

    def scanned_at(self, step: int) -> datetime:
        """Return when a parcel was scanned."""
        return self.now.replace(microsecond=0) - _AGO + step * _BETWEEN

    def step_of(self, cause_at: str) -> int | None:
        """Return the step that a time is of."""
        try:
            at = datetime.fromisoformat(cause_at)
        except ValueError:
            return None
        return next((step for step in range(len(STEPS)) if self.scanned_at(step) == at), None)

    def events(self, order: int) -> tuple[Sent, Sent]:
        """Return what the shop tells of an order: that it was placed, by whom, and its parcel."""
        at = self.scanned_at(PLACED)
        line = {"line": "1", "name": "Lamp", "sku": "SKU-1", "quantity": 1}
        buyer = {"role": "buyer", "name": "Jo Tester", "email": f"jo.{order}@example.com"}
        placed = {"type": "placed", "lines": [line], "time_zone": "Europe/London", "contacts": [buyer]}
        shipped = {
            "type": "shipment_created", "shipment": "s1", "carrier": "royal-mail", "number": number_of(order),
            "lines": [{"line": "1", "quantity": 1}],
        }  # fmt: skip
        return event_sent(order, 0, at, placed), event_sent(order, 1, at + timedelta(minutes=1), shipped)

    def body(self, order: int, step: int) -> bytes:
        """Return the body of a webhook: the tracker with its history so far."""
        details = [self._detail(place) for place in range(step + 1)]
        newest = details[-1]
        tracker = {
            "id": f"trk_{order:032x}",
            "object": "Tracker",
            "mode": "production",
            "tracking_code": number_of(order),
            "status": newest["status"],
            "status_detail": newest["status_detail"],
            "created_at": details[0]["datetime"],
            "updated_at": newest["datetime"],
            "carrier": "RoyalMail",
            "tracking_details": details,
        }
        event = {
            "id": f"evt_{order:028x}{step:04x}",
            "object": "Event",
            "mode": "production",
            "description": "tracker.updated" if step else "tracker.created",
            "created_at": newest["datetime"],
            "result": tracker,
        }
        return json.dumps(event).encode()

    def _detail(self, step: int) -> dict[str, Any]:
        status, detail, wording, _ = STEPS[step]
        place = {"object": "TrackingLocation", "city": "BATH", "state": None, "country": "GB", "zip": "BA1 1AA"}
        return {
            "object": "TrackingDetail",
            "message": wording,
            "description": wording,
            "status": status,
            "status_detail": detail,
            "datetime": utc_text(self.scanned_at(step))[:19] + "Z",
            "source": "RoyalMail",
            "tracking_location": place,
        }


def order_key(order: int) -> str:
    """Return the key of an order."""
    return f"main:{order}"


def number_of(order: int) -> str:
    """Return the tracking number of an order's parcel."""
    return f"AB{order:09d}GB"
