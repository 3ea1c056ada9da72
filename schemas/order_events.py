"""Order events: what shops, order systems, agents and timers say of an order (topic `order.events.v1`).

The field `type` tells which event it is and repeats the `<event>` of the header `ce_type`; an event type this version
does not know is kept and moves nothing. An event's identity is (`ce_source`, `ce_id`), both required headers.
Contacts travel only here.
"""

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag, TypeAdapter, model_validator

from schemas.base import Identifier, Instant, LongText, Model, Quantity, ShortText, Word
from schemas.keys import DEFAULT_SHOP, SHOP_PATTERN, order_key

MAX_LINES: Final = 500
MAX_PARCELS: Final = 200

DELIVERY_METHODS: Final = (
    "standard", "express", "same_day", "two_day", "booked_slot", "click_and_collect", "carrier_specific",
)  # fmt: skip
CONTACT_ROLES: Final = ("buyer", "recipient", "collector")


class Author(Model):
    """Who caused an event, where a person or a named system acted."""

    kind: Word
    """`shop`, `agent`, `customer`, `carrier` or `system`."""
    name: ShortText | None = None


class Contact(Model):
    """One person to tell, and in which role. Checked by notify: a wrong address never stops an order."""

    role: Word
    """`buyer`, `recipient` or `collector`."""
    name: ShortText | None = Field(default=None, repr=False)
    email: LongText | None = Field(default=None, repr=False)
    phone: ShortText | None = Field(default=None, repr=False)
    postcode: ShortText | None = Field(default=None, repr=False)


class Preferences(Model):
    """Which messages the customer wants. Absent means the shop's default."""

    email: bool | None = None
    sms: bool | None = None
    muted: tuple[Word, ...] = Field(default=(), max_length=32)
    """Milestones the customer does not want to hear of."""


class Destination(Model):
    """The region an order goes to: enough for zones and promises, not an address."""

    country: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2}$", to_upper=True)]
    region: ShortText | None = None
    city: ShortText | None = None
    time_zone: ShortText | None = None
    """IANA name, as in `Europe/Berlin`."""


class Window(Model):
    """A promised or expected time: a local day, or a window between two instants."""

    day: date | None = None
    starts: Instant | None = None
    ends: Instant | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Window":
        if self.day is None and self.ends is None:
            message = "a window has a day or an end"
            raise ValueError(message)
        return self


class Line(Model):
    """One ordered article, who sells it and where it is fulfilled from."""

    line: Identifier
    name: ShortText | None = None
    sku: ShortText | None = None
    quantity: Quantity
    seller: ShortText | None = None
    fulfilled_from: ShortText | None = None
    """The store or warehouse."""


class LineQuantity(Model):
    """So many units of a line."""

    line: Identifier
    quantity: Quantity


Lines = Annotated[tuple[LineQuantity, ...], Field(max_length=MAX_LINES)]


class OrderEventBase(Model):
    """Fields of every order event."""

    shop: Annotated[str, StringConstraints(pattern=SHOP_PATTERN)] = DEFAULT_SHOP
    order: Annotated[Identifier, StringConstraints(max_length=64)]
    """The order number as the shop prints it."""
    occurred_at: Instant
    by: Author | None = None
    reason: LongText | None = None

    @property
    def key(self) -> str:
        """The Kafka key this event must carry."""
        return order_key(self.shop, self.order)


class Placed(OrderEventBase):
    """The customer ordered."""

    type: Literal["placed"]
    lines: tuple[Line, ...] = Field(min_length=1, max_length=MAX_LINES)
    delivery_method: Word = "standard"
    delivery_detail: ShortText | None = None
    """The carrier's product for `carrier_specific`, the store for `click_and_collect`."""
    destination: Destination | None = None
    promised: Window | None = None
    contacts: tuple[Contact, ...] = Field(default=(), max_length=10)
    locale: ShortText | None = None
    time_zone: ShortText | None = None
    preferences: Preferences | None = None
    payment_awaited: bool = False

    @model_validator(mode="after")
    def _each_line_once(self) -> "Placed":
        if len({line.line for line in self.lines}) != len(self.lines):
            message = "each line id stands once"
            raise ValueError(message)
        return self


class PaymentConfirmed(OrderEventBase):
    """The money is there."""

    type: Literal["payment_confirmed"]


class PaymentFailed(OrderEventBase):
    """The payment was refused; the order waits for another."""

    type: Literal["payment_failed"]


class PickingStarted(OrderEventBase):
    """The warehouse or store started to pick; without lines: the whole order."""

    type: Literal["picking_started"]
    lines: Lines = ()


class Packed(OrderEventBase):
    """The goods are packed; without lines: the whole order."""

    type: Literal["packed"]
    lines: Lines = ()


class ReadyToCollect(OrderEventBase):
    """The goods wait at the shop's own store."""

    type: Literal["ready_to_collect"]
    store: ShortText
    until: Instant | None = None
    hours: ShortText | None = None
    lines: Lines = ()


class Collected(OrderEventBase):
    """The customer took the goods at the store; without lines: all that was ready."""

    type: Literal["collected"]
    lines: Lines = ()


class ShipmentCreated(OrderEventBase):
    """A parcel exists: this is the order's claim on its number and references."""

    type: Literal["shipment_created"]
    shipment: Identifier
    """The shop's own id of the shipment, unique in its order; corrections name it."""
    carrier: ShortText
    service: ShortText | None = None
    number: ShortText | None = None
    """The tracking number; absent while it is not known, or where the service has none."""
    pieces: Annotated[int, Field(ge=1, le=200)] = 1
    lines: Lines = ()
    references: dict[Word, Identifier] = Field(default_factory=dict, max_length=20)
    """Providers' references that scans may carry instead of the number, kind to value."""


class ShipmentCorrected(OrderEventBase):
    """The number, carrier or references of a shipment were wrong or unknown, and now are these."""

    type: Literal["shipment_corrected"]
    shipment: Identifier
    carrier: ShortText | None = None
    number: ShortText | None = None
    references: dict[Word, Identifier] | None = Field(default=None, max_length=20)


class ShipmentVoided(OrderEventBase):
    """The shipment will not be sent; its units are open again."""

    type: Literal["shipment_voided"]
    shipment: Identifier


class Dispatched(OrderEventBase):
    """The goods left the warehouse; without a shipment: everything that has been created."""

    type: Literal["dispatched"]
    shipment: Identifier | None = None


class Cancelled(OrderEventBase):
    """The order, or some of its units, will not be delivered."""

    type: Literal["cancelled"]
    lines: Lines = ()


class ContactChanged(OrderEventBase):
    """The contacts of the named roles are now these."""

    type: Literal["contact_changed"]
    contacts: tuple[Contact, ...] = Field(min_length=1, max_length=10)


class PreferenceChanged(OrderEventBase):
    """The customer's message preferences are now these."""

    type: Literal["preference_changed"]
    preferences: Preferences


class TimeReached(OrderEventBase):
    """A time that an expectation named has passed (rule E15)."""

    type: Literal["time_reached"]
    rule: Word
    basis: Identifier
    due_at: Instant
    limit: ShortText | None = None


def _none_of_ours(schema: dict[str, Any]) -> None:
    # Without it every event would also match this one, and JSON Schema's oneOf would refuse them all.
    schema["not"] = {"enum": list(EVENT_TYPES)}


class UnknownOrderEvent(OrderEventBase):
    """An event of a later version: kept in the history, moves nothing."""

    type: Annotated[Word, Field(json_schema_extra=_none_of_ours)]


_KNOWN: Final = (
    Placed, PaymentFailed, PaymentConfirmed, PickingStarted, Packed, ReadyToCollect, Collected, ShipmentCreated,
    ShipmentCorrected, ShipmentVoided, Dispatched, Cancelled, ContactChanged, PreferenceChanged, TimeReached,
)  # fmt: skip

EVENT_TYPES: Final = tuple(str(model.model_fields["type"].annotation.__args__[0]) for model in _KNOWN)  # type: ignore[union-attr]  # each `type` is a Literal of one


def _tag(value: Any) -> str:
    name = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return name if name in EVENT_TYPES else "unknown"


OrderEvent = Annotated[
    Annotated[Placed, Tag("placed")]
    | Annotated[PaymentConfirmed, Tag("payment_confirmed")]
    | Annotated[PaymentFailed, Tag("payment_failed")]
    | Annotated[PickingStarted, Tag("picking_started")]
    | Annotated[Packed, Tag("packed")]
    | Annotated[ReadyToCollect, Tag("ready_to_collect")]
    | Annotated[Collected, Tag("collected")]
    | Annotated[ShipmentCreated, Tag("shipment_created")]
    | Annotated[ShipmentCorrected, Tag("shipment_corrected")]
    | Annotated[ShipmentVoided, Tag("shipment_voided")]
    | Annotated[Dispatched, Tag("dispatched")]
    | Annotated[Cancelled, Tag("cancelled")]
    | Annotated[ContactChanged, Tag("contact_changed")]
    | Annotated[PreferenceChanged, Tag("preference_changed")]
    | Annotated[TimeReached, Tag("time_reached")]
    | Annotated[UnknownOrderEvent, Tag("unknown")],
    Discriminator(_tag),
]

# A union has no model's settings of its own: without these its errors would show the input, contacts and all.
ORDER_EVENT: Final[TypeAdapter[OrderEvent]] = TypeAdapter(OrderEvent, config=ConfigDict(hide_input_in_errors=True))
