"""Order events: what shops, order systems, agents and timers say of an order (topic `order.events.v1`).

The field `type` tells which event it is and repeats the `<event>` of the header `ce_type`; an event type this version
does not know is kept and moves nothing. An event's identity is (`ce_source`, `ce_id`), both required headers.
Contacts travel only here. Values stand in `order_values.py`, events beside the main way in `order_changes.py`.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from schemas.base import Identifier, Instant, ShortText, Word
from schemas.order_changes import (
    AddressChanged,
    Backordered,
    CollectionExpired,
    CollectionExtended,
    Erased,
    LinesEdited,
    Note,
    OnHold,
    OverrideEnded,
    OverrideSet,
    PromiseChanged,
    Refunded,
    Released,
    Replaced,
    Returned,
    ReturnRequested,
    ReturnShipmentCreated,
)
from schemas.order_values import (
    CONTACT_ROLES,
    DELIVERY_METHODS,
    MAX_LINES,
    MAX_PARCELS,
    Alias,
    Aliases,
    Author,
    Contact,
    Destination,
    Line,
    LineQuantity,
    Lines,
    OrderEventBase,
    Origin,
    PackedQuantity,
    Preferences,
    Seller,
    ShipmentBase,
    Window,
    each_line_once,
)

#: What readers import from here, whichever of the three files it stands in.
__all__ = [
    "CONTACT_ROLES", "DELIVERY_METHODS", "EVENT_TYPES", "MAX_LINES", "MAX_PARCELS", "ORDER_EVENT", "AddressChanged",
    "Alias", "Author", "Backordered", "Cancelled", "Collected", "CollectionExpired", "CollectionExtended", "Contact",
    "ContactChanged", "Destination", "Dispatched", "Erased", "Line", "LineQuantity", "Lines", "LinesEdited", "Note",
    "OnHold", "OrderEvent", "OrderEventBase", "Origin", "OverrideEnded", "OverrideSet", "Packed", "PackedQuantity",
    "PaymentConfirmed", "PaymentFailed", "PickingStarted", "Placed", "PreferenceChanged", "Preferences",
    "PromiseChanged", "ReadyToCollect", "Refunded", "Released", "Replaced", "ReturnRequested", "ReturnShipmentCreated",
    "Returned", "Seller", "ShipmentCorrected", "ShipmentCreated", "ShipmentVoided", "TimeReached", "UnknownOrderEvent",
    "Window",
]  # fmt: skip


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
    sellers: tuple[Seller, ...] = Field(default=(), max_length=MAX_LINES)
    """Whom to ask about which seller's lines, on a marketplace."""
    replaces: Identifier | None = None
    """The order that this one takes the place of."""
    collect_at: Origin | None = None
    """Where the customer chose to collect it: a parcel delivered there has arrived, not come back (rule R6)."""
    printed: ShortText | None = None
    """The number as the shop prints it (`#1001`), where it is not `order`; no part of a key: orders can share it."""

    @model_validator(mode="after")
    def _each_line_once(self) -> "Placed":
        each_line_once(self.lines)
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


class ShipmentCreated(ShipmentBase):
    """A parcel exists: this is the order's claim on its number and references."""

    type: Literal["shipment_created"]


class ShipmentCorrected(OrderEventBase):
    """The number, carrier or references of a shipment were wrong or unknown, and now are these."""

    type: Literal["shipment_corrected"]
    shipment: Identifier
    carrier: ShortText | None = None
    number: ShortText | None = None
    aliases: Aliases | None = None
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


#: In the order in which events of one instant count: what comes first on the way, and then what takes it back.
_KNOWN: Final = (
    Placed, LinesEdited, AddressChanged, PromiseChanged, PaymentFailed, PaymentConfirmed, OnHold, Released, Backordered,
    PickingStarted, Packed, ReadyToCollect, CollectionExpired, CollectionExtended, Collected, ShipmentCreated,
    ShipmentCorrected, ShipmentVoided, Dispatched, Cancelled, ReturnRequested, ReturnShipmentCreated, Returned,
    Refunded, Replaced, OverrideSet, OverrideEnded, ContactChanged, PreferenceChanged, Note, TimeReached, Erased,
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
    | Annotated[OnHold, Tag("on_hold")]
    | Annotated[Released, Tag("released")]
    | Annotated[Backordered, Tag("backordered")]
    | Annotated[PromiseChanged, Tag("promise_changed")]
    | Annotated[LinesEdited, Tag("lines_edited")]
    | Annotated[CollectionExtended, Tag("collection_extended")]
    | Annotated[CollectionExpired, Tag("collection_expired")]
    | Annotated[AddressChanged, Tag("address_changed")]
    | Annotated[ReturnRequested, Tag("return_requested")]
    | Annotated[ReturnShipmentCreated, Tag("return_shipment_created")]
    | Annotated[Returned, Tag("returned")]
    | Annotated[Refunded, Tag("refunded")]
    | Annotated[Replaced, Tag("replaced")]
    | Annotated[OverrideSet, Tag("override_set")]
    | Annotated[OverrideEnded, Tag("override_ended")]
    | Annotated[Note, Tag("note")]
    | Annotated[Erased, Tag("erased")]
    | Annotated[UnknownOrderEvent, Tag("unknown")],
    Discriminator(_tag),
]

# A union has no model's settings of its own: without these its errors would show the input, contacts and all.
ORDER_EVENT: Final[TypeAdapter[OrderEvent]] = TypeAdapter(OrderEvent, config=ConfigDict(hide_input_in_errors=True))
