"""What is kept of orders: what was gathered, folded and drawn of them, for the next record to go on with.

A cache of pure functions, right however long it is kept: whatever it holds, the same document comes out without it.
Whoever changes what was folded says so here. Nothing in it is changed by those who read it. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.scans import Scan
from schemas.vocabulary import ScanKind
from services.status.drawn import Drawn, Shown, Weight
from services.status.folding import Folding
from services.status.order_facts import OrderFacts
from services.status.sequence import instant


@dataclass(slots=True)
class KeptParcel:
    """A parcel that the next scan goes on with."""

    folding: Folding
    drawn: Drawn | None = None
    """As it stood in the last document; behind `folding` where that has taken a scan since."""
    first_date: tuple[int, datetime | None] | None = None
    """After so many verdicts: when somebody must look at it first (rule E15)."""

    @property
    def shows(self) -> Drawn | None:
        """What it shows, where it has taken no scan since it was drawn."""
        told = len(self.folding.run.state.verdicts)
        return self.drawn if self.drawn is not None and self.drawn.verdicts == told else None


@dataclass(slots=True)
class Steps:
    """What a parcel showed after each scan that the batch at work has for it.

    Where the batch has to fold its order once more (`ahead.py`), because others have changed something of it, these
    scans come again, one after the other, and the parcel shows again what it showed then.
    """

    scans: list[str] = field(default_factory=list)
    """Event keys, in the order in which they were taken."""
    drawn: dict[int, Drawn] = field(default_factory=dict)
    """After so many of them."""
    at: int = 0
    """So many of them have come."""

    @property
    def behind(self) -> bool:
        """Whether some are still to come once more: what is kept of the parcel has taken those already."""
        return self.at < len(self.scans)

    def note(self, event_key: str) -> None:
        """Note a scan that comes first."""
        self.scans.append(event_key)
        self.at += 1

    def come_again(self, event_key: str) -> bool:
        """Take the next scan once more; False where it is another one."""
        if not self.behind or self.scans[self.at] != event_key:
            return False
        self.at += 1
        return True


@dataclass(slots=True)
class KeptOrder:
    """What is kept of one order, as long as none of its events and claims changes."""

    facts: OrderFacts
    unexpected: frozenset[str] | None = None
    """Which of its time events it did not expect; None: to be asked, for something earlier than one was told."""
    parcels: dict[str, KeptParcel] = field(default_factory=dict)
    """By shipment id; only those whose next scan can simply be taken."""
    steps: dict[str, Steps] = field(default_factory=dict)
    """By shipment id, of the parcels that the batch at work has scans for."""
    steady: bool = False
    """Whether the steps are all that the batch at work did to its parcels: it was kept when the batch began."""
    shown: Shown | None = None
    first_date: tuple[Sequence[Weight], datetime | None, datetime | None] | None = None
    """With its parcels weighing so, open again since then: when somebody must look at the order itself (rule E15)."""

    @property
    def behind(self) -> bool:
        """Whether scans of the batch at work are still to come once more."""
        return any(steps.behind for steps in self.steps.values())

    def rewound(self, shipment: str) -> Steps | None:
        """Return the steps of a parcel that is behind what is kept of it."""
        steps = self.steps.get(shipment)
        return steps if steps is not None and steps.behind else None


@dataclass(slots=True)
class Kept:
    """What is kept, by order key."""

    orders: dict[str, KeptOrder] = field(default_factory=dict)

    def forget(self, order: str) -> None:
        """Forget an order of which an event or a claim changed."""
        self.orders.pop(order, None)

    def take(self, order: str, shipment: str, scan: Scan, *, own: bool = False) -> None:
        """Go on with a parcel that sees one more scan; where that cannot be, its history is folded again.

        It is the batch's `own` scan, or one that others took and that was read since.
        """
        held = self.orders.get(order)
        if held is None:
            return
        _judge_again(held, scan)
        if (steps := held.rewound(shipment)) is not None:
            if not (own and steps.come_again(scan.event_key)):
                self.forget(order)
            return
        parcel = held.parcels.get(shipment)
        if own:
            _note(held, shipment, parcel, scan)
        if parcel is not None and not parcel.folding.take(scan):
            del held.parcels[shipment]

    def drop(self, order: str, shipment: str) -> None:
        """Fold a parcel's history again the next time."""
        held = self.orders.get(order)
        if held is None:
            return
        if held.rewound(shipment) is not None:
            self.forget(order)  # what its scans showed when they came first is not what they show now
            return
        held.parcels.pop(shipment, None)
        held.unexpected = None
        held.steady = False

    def rewind(self, order: str) -> None:
        """Go back to before the batch, which brought an order nothing but scans; they all come once more."""
        held = self.orders.get(order)
        if held is None:
            return
        if not held.steady or held.facts.times or held.behind:
            self.forget(order)
            return
        for steps in held.steps.values():
            steps.at = 0

    def settle(self, order: str) -> None:
        """End a batch: what it did will not be done once more."""
        held = self.orders.get(order)
        if held is None:
            return
        if held.behind:
            self.forget(order)
            return
        held.steps.clear()
        held.steady = True


def _note(held: KeptOrder, shipment: str, parcel: KeptParcel | None, scan: Scan) -> None:
    """Note a scan before it is taken."""
    steps = held.steps.get(shipment)
    if steps is None:
        steps = held.steps[shipment] = Steps()
        if parcel is not None and (drawn := parcel.shows) is not None:
            steps.drawn[0] = drawn
    steps.note(scan.event_key)


def _judge_again(held: KeptOrder, scan: Scan) -> None:
    last = held.facts.last_time
    if last is not None and (instant(scan) <= last or scan.kind == ScanKind.VOID):
        held.unexpected = None
