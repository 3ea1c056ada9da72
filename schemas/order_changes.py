"""Order events beside the main way: holds, changed plans, returns, money, overrides, notes, erasure.

Each may say who caused it (`by`) and why (`reason`); an agent's override must. Part of `order.events.v1`: the union
of all events stands in `order_events.py`.
"""

from typing import Literal

from pydantic import Field, model_validator

from schemas.base import FilledText, Identifier, Instant, LongText, ShortText, Word
from schemas.order_values import (
    MAX_LINES,
    Author,
    Destination,
    Line,
    Lines,
    OrderEventBase,
    ShipmentBase,
    Window,
    each_line_once,
)


class OnHold(OrderEventBase):
    """Nothing more is prepared until the order is released; `reason` says why."""

    type: Literal["on_hold"]


class Released(OrderEventBase):
    """The hold is over."""

    type: Literal["released"]


class Backordered(OrderEventBase):
    """Units are out of stock and follow later; without lines: the whole order."""

    type: Literal["backordered"]
    lines: Lines = ()
    expected: Window | None = None
    """When the goods should be there."""


class PromiseChanged(OrderEventBase):
    """The promise to the customer is now this one; without a window nothing is promised any more."""

    type: Literal["promise_changed"]
    promised: Window | None = None


class LinesEdited(OrderEventBase):
    """The lines of the order are now these, cancelled units included."""

    type: Literal["lines_edited"]
    lines: tuple[Line, ...] = Field(min_length=1, max_length=MAX_LINES)

    @model_validator(mode="after")
    def _each_line_once(self) -> "LinesEdited":
        each_line_once(self.lines)
        return self


class CollectionExtended(OrderEventBase):
    """The goods wait longer at the store; what had expired waits again."""

    type: Literal["collection_extended"]
    until: Instant


class CollectionExpired(OrderEventBase):
    """Nobody came: the goods went back to stock; without lines: all that was ready."""

    type: Literal["collection_expired"]
    lines: Lines = ()


class AddressChanged(OrderEventBase):
    """The order goes elsewhere: the region only, the address itself never travels here."""

    type: Literal["address_changed"]
    destination: Destination


class ReturnRequested(OrderEventBase):
    """The customer wants to send units back; without lines: the whole order. Nothing has moved yet."""

    type: Literal["return_requested"]
    lines: Lines = ()


class ReturnShipmentCreated(ShipmentBase):
    """A parcel back to the shop exists: the order's claim on its number. Without lines: all that arrived."""

    type: Literal["return_shipment_created"]


class Returned(OrderEventBase):
    """The goods are back at the shop; without lines: all that had arrived or was on its way back."""

    type: Literal["returned"]
    lines: Lines = ()


class Refunded(OrderEventBase):
    """Money went back to the customer. Moves no unit."""

    type: Literal["refunded"]
    lines: Lines = ()
    amount: ShortText | None = None
    """As the shop writes it, with its currency: `12.50 GBP`."""


class Replaced(OrderEventBase):
    """Another order of the same shop takes the place of this one, or of some of its units. Moves no unit."""

    type: Literal["replaced"]
    replacement: Identifier
    """The number of the new order."""
    lines: Lines = ()


class OverrideSet(OrderEventBase):
    """An agent says where a parcel is (rule R17). Its scans go on being folded beneath."""

    type: Literal["override_set"]
    by: Author
    reason: FilledText
    shipment: Identifier
    stage: Word
    leg: Word = "outbound"
    substatus: Word | None = None
    until: Instant | None = None
    """When it ends by itself."""
    pinned: bool = False
    """A later physical scan does not end it."""


class OverrideEnded(OrderEventBase):
    """The override of a parcel is taken back: what its scans say counts again."""

    type: Literal["override_ended"]
    by: Author
    shipment: Identifier


class Note(OrderEventBase):
    """What people of the shop want to remember. Moves nothing, and customers never see it."""

    type: Literal["note"]
    text: LongText


class Erased(OrderEventBase):
    """The order's data are to be erased: absorbs everything before and after it (rule E9)."""

    type: Literal["erased"]
