"""Status messages: the whole state of an order and what just changed (`order.status.v1`, `order.snapshots.v1`).

Every message carries everything, so a reader needs no history: it keeps the message with the highest `version` per
key. A snapshot is the same bytes. No contact ever stands here.
"""

from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from schemas.base import Identifier, LongText, Model, ShortText, Word
from schemas.order_events import Window
from schemas.scans import Place

Time = Annotated[str, Field(max_length=40)]
"""RFC 3339. Times of scans keep the carrier's wall clock and offset; all others are UTC."""


class Display(Model):
    """The state in words for a customer, from the one table of words."""

    status: ShortText
    sentence: LongText
    next: LongText
    """What happens next."""
    acts: Word
    """Who acts next: `nobody`, `shop`, `carrier` or `customer`."""


class ReachedMilestone(Model):
    """A milestone that was reached, once per occasion."""

    name: Word
    occasion: ShortText
    """Local date (out for delivery, attempted), the claim or the correction's key (delivered)."""
    event_key: ShortText
    at: Time
    inferred: bool = False
    """Implied by a later scan that skipped it: shown, never told."""


class ConditionState(Model):
    """An open condition: since when, and by which event."""

    name: Word
    since: Time
    event_key: ShortText


class ParcelLine(Model):
    """So many units of a line travel in this parcel."""

    line: Identifier
    quantity: int


class LastScan(Model):
    """The newest thing the carrier said, as shown to people."""

    at: Time
    time_precision: Word
    time_kind: Word
    stage: Word | None
    substatus: Word | None
    description: LongText | None
    place: Place | None


class Parcel(Model):
    """One shipment of the order, as this order may see it."""

    shipment: Identifier
    key: ShortText | None
    """Shipment key; absent while the number is not known."""
    carrier: ShortText
    carrier_name: ShortText
    service: ShortText | None
    number: ShortText | None
    tracking_page: LongText | None
    pieces: int
    stage: Word
    leg: Word
    substatus: Word | None
    conditions: tuple[ConditionState, ...]
    lines: tuple[ParcelLine, ...]
    window: Window | None
    pod: tuple[Word, ...]
    dispatched: bool
    last_scan: LastScan | None
    milestones: tuple[ReachedMilestone, ...]
    attempt_no: int | None = None
    """Which attempt to deliver this is; absent before the first."""


class LineState(Model):
    """An order line with its units per bucket; the buckets add up to `ordered`."""

    line: Identifier
    name: ShortText | None
    sku: ShortText | None
    seller: ShortText | None
    fulfilled_from: ShortText | None = None
    """The store or warehouse."""
    ordered: int
    buckets: dict[Word, int]
    backordered: int = 0
    """Open units that are out of stock and follow later."""
    expected: Window | None = None
    """When they should be there."""


class Collection(Model):
    """Where and until when the goods wait at the shop's own store."""

    store: ShortText
    until: Time | None
    hours: ShortText | None


class SellerState(Model):
    """The part of one seller in a marketplace order: where it stands, and whom to ask about it."""

    seller: ShortText | None
    """None: the shop itself."""
    state: Word
    """As the order's state, over this seller's lines only."""
    status: ShortText
    """The state in words."""
    lines: tuple[Identifier, ...]
    help: ShortText | None
    """The seller's public page, address or phone number."""


class Cause(Model):
    """The record that led to this version."""

    topic: ShortText
    type: Word
    event: ShortText
    """`ce_source` and `ce_id` of an order event, or the event key of a scan."""
    at: Time


class Change(Model):
    """What this version changed. Facts of the path: they stand outside the state."""

    version: Annotated[int, Field(ge=1)]
    previous: Word | None
    """The order state before; None on the first version."""
    cause: Cause
    reason: ShortText | None = None
    """Why a correction was made, in one word. What people wrote as a reason may name somebody: the API has it."""
    correction: bool = False
    marked: Word | None = None
    """`reread`, `remap` or `restored`: milestones first seen here are not told."""
    action_required: bool = False
    action_by: Word = "nobody"


class OrderStatus(Model):
    """The whole state of one order at one version."""

    shop: Word
    order: Identifier
    state: Word
    display: Display
    placed_at: Time | None
    delivery_method: Word | None
    time_zone: ShortText | None
    promised: Window | None
    collection: Collection | None
    conditions: tuple[Word, ...]
    lines: tuple[LineState, ...]
    parcels: tuple[Parcel, ...]
    milestones: tuple[ReachedMilestone, ...]
    truncated: bool = False
    """`lines`, `sellers` and finished parcels were left out for size; the API has them."""
    condition_counts: dict[Word, int] = Field(default_factory=dict)
    """How many open parcels have each condition of `conditions` that parcels have: "1 delayed"."""
    promised_before: Window | None = None
    """What was promised before the promise changed."""
    sellers: tuple[SellerState, ...] = ()
    """On a marketplace, each seller's part; empty where one seller sells everything."""
    replaces: Identifier | None = None
    """The order that this one takes the place of."""
    replacement: Identifier | None = None
    """The order that takes the place of this one."""
    change: Change


ORDER_STATUS: Final[TypeAdapter[OrderStatus]] = TypeAdapter(OrderStatus)
