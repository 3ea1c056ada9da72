"""From Kafka's bytes to what the handler understands, or to a dead letter; decides nothing else.

Order events without identity, under a key that is not theirs, or unreadable are set aside: their bytes stay in their
topic, the dead letter has the coordinates and a hash (rule E9).
"""

from dataclasses import dataclass
from typing import Final

from schemas.dead_letters import quarantine
from schemas.envelope import header
from schemas.keys import order_key
from schemas.order_events import ORDER_EVENT, OrderEvent
from schemas.order_status import ORDER_STATUS, OrderStatus
from services.notify import contacts
from services.notify.contacts import Stamp
from services.notify.rows import Letter
from services.runtime import clock, delivery
from services.runtime.errors import Poison
from services.runtime.kafka import Record

ORDER_EVENTS: Final = "order.events.v1"
ORDER_STATUSES: Final = "order.status.v1"
TOPICS: Final = (ORDER_EVENTS, ORDER_STATUSES)


@dataclass(frozen=True, slots=True)
class Told:
    """An order event that says something of the order's people."""

    key: str
    shop: str
    order: str
    event: OrderEvent
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class News:
    """A status message."""

    key: str
    shop: str
    order: str
    status: OrderStatus


def read(record: Record) -> Told | News | None:
    """Return what a record says, or None where it is not notify's; raises Poison."""
    if record.value is None:
        raise Poison("empty", "a record without a value")
    try:
        if record.topic == ORDER_STATUSES:
            return _news(record, record.value)
        return _told(record, record.value)
    except ValueError as exc:  # what pydantic refuses, and a shop that `order_key` refuses
        raise Poison("unreadable", delivery.describe(exc)) from None


def letter(record: Record, reason: str, detail: str | None = None) -> Letter:
    """Return the dead letter of a record."""
    dead = quarantine("notify", record, reason=reason.lower(), detail=detail, at=clock.now())
    return Letter(dead.key, dead.model_dump_json(exclude_none=True), dead.at)


def _news(record: Record, value: bytes) -> News:
    status = ORDER_STATUS.validate_json(value)
    key = order_key(status.shop, status.order)
    _check_key(record, key)
    return News(key, status.shop, status.order, status)


def _told(record: Record, value: bytes) -> Told | None:
    event = ORDER_EVENT.validate_json(value)
    if not isinstance(event, contacts.READ):
        return None
    source, event_id = header(record.headers, "ce_source"), header(record.headers, "ce_id")
    if source is None or event_id is None:
        raise Poison("no_identity", "an order event without ce_source and ce_id")
    _check_key(record, event.key)
    return Told(event.key, event.shop, event.order, event, contacts.stamp(event, source=source, event_id=event_id))


def _check_key(record: Record, key: str) -> None:
    if record.key != key.encode():
        raise Poison("wrong_key", "the record's key is not its order's")
