"""What order events are made of: people, windows, lines, and the fields that every order event has.

Used by `order_events.py` and `order_changes.py`. Contacts travel only in order events, and never show in a repr.
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Final

from pydantic import Field, StringConstraints, model_validator

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


class Origin(Destination):
    """The region a parcel starts from: what is "delivered" there came back to its sender (rule R6)."""


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


class Seller(Model):
    """A seller of a marketplace order, and where its customers ask: the order's lines name it."""

    seller: ShortText
    help: ShortText | None = None
    """The seller's public page, address or phone number for questions; never a customer's."""


class Line(Model):
    """One ordered article, who sells it and where it is fulfilled from."""

    line: Identifier
    name: ShortText | None = None
    sku: ShortText | None = None
    quantity: Quantity
    seller: ShortText | None = None
    fulfilled_from: ShortText | None = None
    """The store or warehouse."""


def each_line_once(lines: Iterable[Line]) -> None:
    """Refuse a list of lines in which an id stands twice."""
    ids = [line.line for line in lines]
    if len(set(ids)) != len(ids):
        message = "each line id stands once"
        raise ValueError(message)


class LineQuantity(Model):
    """So many units of a line."""

    line: Identifier
    quantity: Quantity


class PackedQuantity(LineQuantity):
    """So many units of a line, and in which piece of the parcel they are, where that is known."""

    piece: Identifier | None = None
    """As the carrier names the piece; without it the units stand with the slowest piece (rule R22)."""


class Alias(Model):
    """Another number of the same parcel: the one a second carrier gave it (rule R22)."""

    carrier: ShortText
    number: ShortText


Lines = Annotated[tuple[LineQuantity, ...], Field(max_length=MAX_LINES)]
Aliases = Annotated[tuple[Alias, ...], Field(max_length=10)]


class OrderEventBase(Model):
    """Fields of every order event."""

    shop: Annotated[str, StringConstraints(pattern=SHOP_PATTERN)] = DEFAULT_SHOP
    order: Annotated[Identifier, StringConstraints(max_length=64)]
    """The shop's number or id of the order, part of every key; customers may know another one (`printed`)."""
    occurred_at: Instant
    by: Author | None = None
    reason: LongText | None = None

    @property
    def key(self) -> str:
        """The Kafka key this event must carry."""
        return order_key(self.shop, self.order)


class ShipmentBase(OrderEventBase):
    """What a new parcel is, whichever way it travels: the order's claim on its numbers and references."""

    shipment: Identifier
    """The shop's own id of the shipment, unique in its order, the way back included; corrections name it."""
    carrier: ShortText
    service: ShortText | None = None
    number: ShortText | None = None
    """The tracking number; absent while it is not known, or where the service has none."""
    aliases: Aliases = ()
    """Other numbers of the same parcel, as after a handover to a second carrier: one parcel, counted once."""
    pieces: Annotated[int, Field(ge=1, le=200)] = 1
    """How many pieces travel under the number: it is delivered when all of them are."""
    lines: Annotated[tuple[PackedQuantity, ...], Field(max_length=MAX_LINES)] = ()
    references: dict[Word, Identifier] = Field(default_factory=dict, max_length=20)
    """Providers' references that scans may carry instead of the number, kind to value."""
    origin: Origin | None = None
    """Where it starts from, where that is not the town it goes to."""
