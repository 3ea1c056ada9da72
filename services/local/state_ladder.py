"""The order's fold as its document shows it: every row of the ladder with an example that is really folded by it. Pure.

The examples are made here; which row and state they end in, the fold says (`services/status/units.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from schemas.order_events import ORDER_EVENT
from schemas.vocabulary import Bucket, OrderState, Stage
from services.status import reasons
from services.status.order_facts import OrderFacts, StoredEvent, gather
from services.status.positions import ParcelPosition
from services.status.units import Row, order_row

#: Order 1001 was placed then; nothing depends on the day.
_AT: Final = datetime(2026, 11, 20, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Example:
    """An order in one sentence of units, and what else the row asks for."""

    units: Mapping[Bucket, int]
    stage: Stage | None = None
    """Where a parcel is that has left."""
    scanned: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Events beside *placed*, by type."""

    @property
    def text(self) -> str:
        """The example as people read it."""
        units = ", ".join(f"{count} {bucket.value}" for bucket, count in self.units.items())
        stage = f"; a parcel is `{self.stage.value}`" if self.stage is not None else ""
        scanned = "" if self.stage is None or self.scanned else ", not scanned"
        return units + stage + scanned + "".join(f"; *{name.replace('_', ' ')}*" for name in self.facts)


_BOTH_WAYS: Final = {Bucket.SHIPPED: 1, Bucket.OPEN: 1}

#: One for every row, by the row's own word. A row without an example, or one whose example ends elsewhere, is an error.
EXAMPLES: Final[Mapping[str, Example]] = {
    "nothing_left": Example({Bucket.CANCELLED: 2}),
    "on_hold": Example({Bucket.OPEN: 2}, facts={"on_hold": {}}),
    "payment_open": Example({Bucket.OPEN: 2}, facts={"payment_failed": {}}),
    "all_collected": Example({Bucket.COLLECTED: 2}),
    "all_delivered": Example({Bucket.DELIVERED: 1, Bucket.COLLECTED: 1}),
    "all_returned": Example({Bucket.RETURNED: 2}),
    "all_lost": Example({Bucket.LOST: 2}),
    "all_ended_none_lost": Example({Bucket.DELIVERED: 1, Bucket.RETURNED: 1}),
    "all_ended_some_lost": Example({Bucket.DELIVERED: 1, Bucket.LOST: 1}),
    "all_ended_or_returning": Example({Bucket.DELIVERED: 1, Bucket.RETURNING: 1}),
    "some_arrived": Example({Bucket.DELIVERED: 1, Bucket.OPEN: 1}),
    "some_out_for_delivery": Example(_BOTH_WAYS, Stage.OUT_FOR_DELIVERY),
    "some_waiting": Example({Bucket.READY: 1, Bucket.OPEN: 1}),
    "some_attempted": Example(_BOTH_WAYS, Stage.ATTEMPTED),
    "some_returning": Example({Bucket.RETURNING: 1, Bucket.OPEN: 1}),
    "all_gone_and_scanned": Example({Bucket.SHIPPED: 2}, Stage.IN_TRANSIT),
    "all_gone": Example({Bucket.SHIPPED: 2}, Stage.ANNOUNCED, scanned=False),
    "some_gone": Example(_BOTH_WAYS, Stage.IN_TRANSIT),
    "some_picked": Example({Bucket.PICKING: 1, Bucket.OPEN: 1}),
    "nothing_picked": Example({Bucket.OPEN: 2}),
}


class Rung(NamedTuple):
    """A row of the ladder: the state where it matches first, why, and an example."""

    state: OrderState
    row: str
    why: str
    example: str


def ladder() -> list[Rung]:
    """Return the rows from the first to the last; *erased* stands above them and is no row of the fold of units."""
    rungs = []
    for word, why in reasons.ROWS.items():
        if word == OrderState.ERASED.value:
            continue
        example = EXAMPLES[word]
        found = row_of(example)
        if found.row != word:
            raise ValueError(f"the example of {word} is folded by {found.row}")
        rungs.append(Rung(found.state, word, why, example.text))
    return rungs


def row_of(example: Example) -> Row:
    """Return the row by which an example is folded."""
    events = [_stored(kind, fields) for kind, fields in (("placed", _PLACED), *example.facts.items())]
    if example.stage is not None:
        events.append(_stored("shipment_created", {"shipment": "S1", "carrier": "dpd", "number": "1"}))
    facts = gather(events)
    return order_row(facts, {"1": example.units}, _positions(facts, example))


_PLACED: Final = {"lines": [{"line": "1", "quantity": 2}]}


def _stored(kind: str, fields: Mapping[str, Any]) -> StoredEvent:
    told = {"type": kind, "shop": "main", "order": "1001", "occurred_at": _AT} | dict(fields)
    return StoredEvent("example", kind, ORDER_EVENT.validate_python(told), kind)


def _positions(facts: OrderFacts, example: Example) -> list[ParcelPosition]:
    if example.stage is None:
        return []
    return [
        ParcelPosition(parcel, example.stage, shipped=True, scanned=example.scanned)
        for parcel in facts.parcels.values()
    ]
