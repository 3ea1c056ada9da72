"""From what a shop says to order events with an identity: what every shop system and the import do alike.

Identity: the id that the shop gives an event, where it gives one. Else what is spoken of, the event's type and a hash
of what the event says, so that a repeat is the same event, whenever and however often it comes. Events that add units
up (`once`) have no hash: a refund counts once, in whatever words it is told. Contacts stay out of every hash. Pure.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pydantic

from schemas.base import clean_text
from schemas.envelope import MAX_ATTRIBUTE
from schemas.order_events import EVENT_TYPES, ORDER_EVENT, OrderEvent
from services.ingest.carriers.base import OrderTold, Problem

MAX_EVENT_BYTES: Final = 200 * 1024
"""A larger event would not fit on `order.events.v1`, and Kafka would refuse it for ever."""

NOT_A_SHOPS: Final = frozenset({"time_reached", "override_set", "override_ended", "erased"})
"""Events that only Trackfold writes: the passing of time, and what an operator has to answer for."""

ERASED: Final = "erased"

_HASH: Final = 24
_MAX_CAUSES: Final = 3
#: Fields whose keys are the sender's own words: in an error's place they would be input.
_NAMED_BY_SENDER: Final = frozenset({"references"})


@dataclass(slots=True)
class Telling:
    """Collects what one body says of orders. A bad event costs only itself."""

    source: str
    """`ce_source`, as in `trackfold/ingest/shopify/SHOP`."""
    orders: list[OrderTold] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    may_erase: bool = False
    """Whoever speaks here may ask for the erasure of an order."""

    def add(self, subject: str, fields: Mapping[str, object], *, once: bool = False) -> None:
        """Note one event; `subject` says of what, as in `refund/4711`. The same event in one body counts once."""
        try:
            event = read_event(fields, may_erase=self.may_erase)
            told = OrderTold(event=event, source=self.source, id=identity(subject, event, once=once))
        except ValueError as error:
            self.problems.append(Problem("bad_event", f"{fields.get('type')}: {error}"))
            return
        if told not in self.orders:
            self.orders.append(told)


def read_event(fields: Mapping[str, object], *, may_erase: bool = False) -> OrderEvent:
    """Return an order event; ValueError, in words without input, for what none can be."""
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in EVENT_TYPES:
        message = "type: no event of an order"  # a misspelt type would otherwise be kept and move nothing, unseen
        raise ValueError(message)
    if kind in NOT_A_SHOPS and not (may_erase and kind == ERASED):
        message = "type: only Trackfold and its operators say this"
        raise ValueError(message)
    try:
        event = ORDER_EVENT.validate_python(dict(fields))
    except pydantic.ValidationError as error:
        raise ValueError(_causes(error)) from None
    if len(event.model_dump_json().encode()) > MAX_EVENT_BYTES:
        message = f"the event is larger than {MAX_EVENT_BYTES // 1024} KiB"
        raise ValueError(message)
    return event


def identity(subject: str, event: OrderEvent, *, once: bool = False) -> str:
    """Return the id that all repeats of an event share."""
    return f"{subject}/{event.type}" if once else f"{subject}/{event.type}/{content(event)}"


def content(event: OrderEvent) -> str:
    """Return a hash of what an event says, without whom it names."""
    said = event.model_dump(mode="json", exclude_defaults=True, exclude={"contacts", "by"})
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:_HASH]


def given_id(value: object) -> str | None:
    """Return the id that a shop gave its event; None where it gave none, ValueError where it cannot be one."""
    if value is None:
        return None
    written = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    fits = isinstance(written, str) and clean_text(written) == written
    if not isinstance(written, str) or not fits or not 0 < len(written.encode(errors="replace")) <= MAX_ATTRIBUTE // 2:
        message = f"id: a text of 1 to {MAX_ATTRIBUTE // 2} bytes without control characters"
        raise ValueError(message)
    return written


def _causes(error: pydantic.ValidationError) -> str:
    """Return the first causes as `place: what`, without any input."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [": ".join(part for part in (_place(one["loc"]), one["msg"]) if part) for one in found]
    return "; ".join(told[:_MAX_CAUSES])


def _place(path: tuple[int | str, ...]) -> str:
    """Return where in an event something is wrong, without its type and without names that the sender chose."""
    parts = [str(part) for part in path[1:]]
    chosen = next((index for index, part in enumerate(parts) if part in _NAMED_BY_SENDER), len(parts))
    return ".".join(parts[: chosen + 1])
