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
    """Local date (out for delivery, attempted); the claim, or which correction came before it (delivered)."""
    event_key: ShortText
    at: Time
    inferred: bool = False
    """Implied by a later scan that skipped it: shown, never told."""


class Reason(Model):
    """An event, what was made of it, and by which rule of the state model (docs/state-model.md)."""

    event: ShortText
    rule: ShortText
    why: Word


class ConditionState(Model):
    """An open condition: since when, by which event, why, and whose problem it is."""

    name: Word
    since: Time
    event_key: ShortText
    reason: ShortText | None = None
    """A sub-status, a carrier's code, or the rule of time that raised it."""
    cause: Word | None = None
    """`carrier`, `retailer`, `consignee`, `customs`, `weather` or `other`."""


class ParcelLine(Model):
    """So many units of a line travel in this parcel."""

    line: Identifier
    quantity: int


class OverrideState(Model):
    """An agent's word that stands over the scans; who said it and why is the shop's own (the API has it)."""

    event: ShortText
    since: Time
    until: Time | None
    pinned: bool
    beneath: Word
    """Where the scans alone say it is."""


class PieceState(Model):
    """One piece of a parcel with several, as the carrier names it."""

    piece: Identifier
    stage: Word
    leg: Word
    substatus: Word | None


class LastScan(Model):
    """The newest thing the carrier said, as shown to people."""

    at: Time
    time_precision: Word
    time_kind: Word
    stage: Word | None
    substatus: Word | None
    description: LongText | None
    place: Place | None
    clamped: bool = False
    """The carrier told a time in the future; `at` is when we were told (rule R14)."""


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
    set_by: Reason | None = None
    """What brought it where it is; absent while nobody told anything."""
    set_aside: tuple[Reason, ...] = ()
    """Events that moved nothing, and why: the newest 20, oldest first."""
    override: OverrideState | None = None
    piece_states: tuple[PieceState, ...] = ()
    """The pieces that the carrier has named; the parcel stands where the slowest of all `pieces` stands."""
    pieces_delivered: int = 0


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


class ParcelChange(Model):
    """A parcel whose stage this version changed."""

    shipment: Identifier
    previous: Word | None
    """None: the parcel is new."""
    stage: Word


class Change(Model):
    """What this version changed. Facts of the path: they stand outside the state."""

    version: Annotated[int, Field(ge=1)]
    previous: Word | None
    """The order state before; None on the first version."""
    cause: Cause
    reason: ShortText | None = None
    """What was made of the cause, in one word, on every change: why a correction was made (`reopened`); else why the
    cause set a stage (`moved`) or moved nothing (`unmapped`), the condition it raised or cleared, the milestone it
    reached, `units_moved`, or the cause's type; the mark where there is one. Whether it is a correction says
    `correction`. What people wrote as a reason may name somebody: the API has it."""
    correction: bool = False
    marked: Word | None = None
    """`reread`, `remap` or `restored`: milestones first seen here are not told."""
    action_required: bool = False
    action_by: Word = "nobody"
    state: Word | None = None
    """The order state now, as in the document."""
    parcels: tuple[ParcelChange, ...] = ()


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
    """`set_aside`, `lines`, `sellers` and finished parcels left it as far as its size asked; the API has them."""
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
    set_aside: tuple[Reason, ...] = ()
    """The order's own events that moved nothing, and why: the newest 20, oldest first."""
    substatus: Word | None = None
    """What says more of the state: `not_collected` (units waited at the store in vain, and nothing else waits),
    `not_really_attempted` (of an attempted order: the courier says that no attempt was made)."""
    printed: ShortText | None = None
    """The number that customers know (`#1001`), where it is not `order`: to show, never to find an order by alone."""
    change: Change


ORDER_STATUS: Final[TypeAdapter[OrderStatus]] = TypeAdapter(OrderStatus)
