"""The answers of the query API as models: what OpenAPI promises is what is sent."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from schemas.base import Identifier, LongText, Model, ShortText, Word
from schemas.envelope import utc_text
from schemas.order_events import Author
from schemas.order_status import OrderStatus, Parcel, Time
from schemas.scans import EventKey, Place
from services.status.machine import Verdict
from services.status.order_facts import StoredEvent
from services.status.queries import Found


class ShopEvent(Model):
    """One event of the order itself. Contacts are not here: status never has them."""

    type: Word
    occurred_at: Time
    """As sent."""
    by: Author | None
    """Who caused it, where a person or a named system acted."""
    reason: LongText | None
    source: ShortText
    """`ce_source` and `id` are the event's identity."""
    id: ShortText
    """`ce_id`."""


class OrderDocument(OrderStatus):
    """The whole state of an order, and its own events in the order in which they count."""

    events: tuple[ShopEvent, ...]


class HistoryEntry(Model):
    """One scan, and what the fold made of it."""

    event_key: EventKey
    """The scan's identity."""
    kind: Word
    """`scan`, `summary`, `estimate`, ..."""
    occurred_at: Time
    """The carrier's wall clock and offset; `+00:00` where no zone is known (`time_kind`)."""
    occurred_at_text: ShortText | None
    """As the carrier wrote it."""
    time_precision: Word
    time_kind: Word
    code: ShortText | None
    """The carrier's own code."""
    stage: Word | None
    leg: Word
    substatus: Word | None
    conditions_set: tuple[Word, ...]
    conditions_cleared: tuple[Word, ...]
    place: Place | None
    description: LongText | None
    provider: Word
    told_at: Time
    """When the provider told us first."""
    map_version: int
    """The version of the code map that read it."""
    moved: bool
    """Whether it moved the stage."""
    verdict: Word
    """Why (not): `moved`, `same_stage`, `informational`, `unmapped`, `unknown_stage`, `illegal`, `superseded`, ..."""


class ShipmentDocument(Parcel):
    """A parcel as its order shows it, with every scan the order may see, in the order in which they count."""

    shop: Word
    order: Identifier
    version: int
    """The order's version."""
    history: tuple[HistoryEntry, ...]
    next: EventKey | None
    """Where to go on (`after`) when there is more history than one answer holds."""


class Fault(Model):
    """One wrong parameter."""

    pointer: ShortText
    detail: ShortText


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    model_config = ConfigDict(hide_input_in_errors=True, use_attribute_docstrings=True)

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str | None = None
    request_id: str | None = None
    """As in the header `X-Request-Id`: give it when you ask for help."""
    errors: tuple[Fault, ...] | None = None
    """The parameters at fault."""


def order_document(found: Found) -> OrderDocument:
    """Return the answer for an order."""
    fields = {name: getattr(found.status, name) for name in OrderStatus.model_fields}
    return OrderDocument(**fields, events=tuple(_event(stored) for stored in found.events))


def shipment_document(
    found: Found, parcel: Parcel, verdicts: Sequence[Verdict], *, next_key: str | None
) -> ShipmentDocument:
    """Return the answer for a parcel with this page of its history."""
    return ShipmentDocument(
        **{name: getattr(parcel, name) for name in Parcel.model_fields},
        shop=found.status.shop,
        order=found.status.order,
        version=found.status.change.version,
        history=tuple(_entry(verdict) for verdict in verdicts),
        next=next_key,
    )


def _event(stored: StoredEvent) -> ShopEvent:
    event = stored.event
    return ShopEvent(
        type=event.type,
        occurred_at=event.occurred_at.isoformat(),
        by=event.by,
        reason=event.reason,
        source=stored.source,
        id=stored.id,
    )


def _entry(verdict: Verdict) -> HistoryEntry:
    scan = verdict.scan
    return HistoryEntry(
        event_key=scan.event_key,
        kind=scan.kind,
        occurred_at=scan.occurred_at.isoformat(),
        occurred_at_text=scan.occurred_at_text,
        time_precision=scan.time_precision,
        time_kind=scan.time_kind,
        code=scan.raw_code,
        stage=scan.stage,
        leg=scan.leg,
        substatus=scan.substatus,
        conditions_set=scan.conditions_set,
        conditions_cleared=scan.conditions_cleared,
        place=scan.place,
        description=scan.description,
        provider=scan.provider,
        told_at=utc_text(scan.told_at),
        map_version=scan.map_version,
        moved=verdict.moved,
        verdict=verdict.reason,
    )
