"""A Kafka record becomes a scan, an order event, or a refusal with its reason. Pure.

Every bound is checked here, so that Postgres cannot refuse a value later. Contacts are dropped here: status stores only
which roles were given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import ValidationError

from schemas.dead_letters import DeadLetter, quarantine
from schemas.envelope import event_type, header
from schemas.order_events import ORDER_EVENT, Author, Contact, ContactChanged, OrderEvent, Placed
from schemas.scans import SCAN, Scan
from services.runtime.kafka import Record
from services.status.order_facts import StoredEvent
from services.status.readings import content_hash, digest

SCANS: Final = "carrier.scans.v1"
ORDER_EVENTS: Final = "order.events.v1"
CUSTOMER: Final = "customer"
_MAX_CAUSES: Final = 3
#: Fields whose keys are the sender's own words: in an error's place they would be input.
_NAMED_BY_SENDER: Final = frozenset({"references"})


@dataclass(frozen=True, slots=True)
class ScanIn:
    """A scan to apply to its shipment."""

    record: Record
    scan: Scan
    shipment: str
    content: str


@dataclass(frozen=True, slots=True)
class OrderIn:
    """An order event to apply to its order; its contacts are roles only."""

    record: Record
    order: str
    stored: StoredEvent


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that cannot be applied."""

    record: Record
    reason: str
    detail: str


Input = ScanIn | OrderIn | Refused


def read(record: Record) -> Input:
    """Return what a record says, or why it cannot be applied. Never raises for any bytes."""
    if record.value is None:
        return Refused(record, "no_value", "the record has no value")
    try:
        return _read_scan(record, record.value) if record.topic == SCANS else _read_event(record, record.value)
    except ValidationError as error:
        return Refused(record, "invalid", _causes(error))
    except (ValueError, RecursionError) as error:
        return Refused(record, "unreadable", f"the value cannot be read ({type(error).__name__})")


def dead_letter(refused: Refused, *, at: datetime) -> DeadLetter:
    """Return the dead letter of a refused record."""
    return quarantine("status", refused.record, reason=refused.reason, detail=refused.detail, at=at)


def _read_scan(record: Record, value: bytes) -> Input:
    scan = SCAN.validate_json(value)
    refusal = _envelope_refusal(record, kind=scan.kind, key=scan.key)
    return refusal or ScanIn(record, scan, scan.key, content_hash(scan))


def _read_event(record: Record, value: bytes) -> Input:
    event = ORDER_EVENT.validate_json(value)
    refusal = _envelope_refusal(record, kind=event.type, key=event.key)
    if refusal is not None:
        return refusal
    source, event_id = header(record.headers, "ce_source"), header(record.headers, "ce_id")
    if source is None or event_id is None:
        return Refused(record, "no_event_id", "an order event needs the headers ce_source and ce_id")
    return OrderIn(record, event.key, stored_event(source, event_id, without_contacts(event)))


def _envelope_refusal(record: Record, *, kind: str, key: str) -> Refused | None:
    """Refuse a record whose key or type contradicts its body: its order among its neighbours would be a lie."""
    if record.key != key.encode():
        return Refused(record, "key_mismatch", "the key is not that of the body")
    told = header(record.headers, "ce_type")
    if told is not None and told != event_type(record.topic, kind):
        return Refused(record, "type_mismatch", "the header ce_type is not that of the body")
    return None


def without_contacts(event: OrderEvent) -> OrderEvent:
    """Return the event with the roles of its contacts and nothing else of them; a customer's name is one of them."""
    if event.by is not None and event.by.kind == CUSTOMER:
        event = event.model_copy(update={"by": Author(kind=CUSTOMER)})
    if isinstance(event, Placed | ContactChanged):
        return event.model_copy(update={"contacts": tuple(Contact(role=contact.role) for contact in event.contacts)})
    return event


def stored_event(source: str, event_id: str, event: OrderEvent) -> StoredEvent:
    """Return an event with its identity and content hash."""
    return StoredEvent(source, event_id, event, digest(event.model_dump(mode="json", exclude_defaults=True)))


def _causes(error: ValidationError) -> str:
    """Return the first causes as `place: what`, without any input."""
    found = [
        ": ".join(text for text in (_place(cause["loc"]), cause["msg"]) if text)  # no place: it is the whole value
        for cause in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return "; ".join(found[:_MAX_CAUSES])[:500]


def _place(path: Sequence[int | str]) -> str:
    """Return where in a record something is wrong, up to the first name that the record chose itself."""
    parts = [str(part) for part in path]
    chosen = next((index for index, part in enumerate(parts) if part in _NAMED_BY_SENDER), len(parts))
    return ".".join(parts[: chosen + 1])
