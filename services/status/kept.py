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


@dataclass(slots=True)
class KeptOrder:
    """What is kept of one order, as long as none of its events and claims changes."""

    facts: OrderFacts
    unexpected: frozenset[str] | None = None
    """Which of its time events it did not expect; None: to be asked, for something earlier than one was told."""
    parcels: dict[str, KeptParcel] = field(default_factory=dict)
    """By shipment id; only those whose next scan can simply be taken."""
    shown: Shown | None = None
    first_date: tuple[Sequence[Weight], datetime | None, datetime | None] | None = None
    """With its parcels weighing so, open again since then: when somebody must look at the order itself (rule E15)."""


@dataclass(slots=True)
class Kept:
    """What is kept, by order key."""

    orders: dict[str, KeptOrder] = field(default_factory=dict)

    def forget(self, order: str) -> None:
        """Forget an order of which an event or a claim changed."""
        self.orders.pop(order, None)

    def take(self, order: str, shipment: str, scan: Scan) -> None:
        """Go on with a parcel that sees one more scan; where that cannot be, its history is folded again."""
        held = self.orders.get(order)
        if held is None:
            return
        _judge_again(held, scan)
        parcel = held.parcels.get(shipment)
        if parcel is not None and not parcel.folding.take(scan):
            del held.parcels[shipment]

    def drop(self, order: str, shipment: str) -> None:
        """Fold a parcel's history again the next time."""
        held = self.orders.get(order)
        if held is not None:
            held.parcels.pop(shipment, None)
            held.unexpected = None


def _judge_again(held: KeptOrder, scan: Scan) -> None:
    last = held.facts.last_time
    if last is not None and (instant(scan) <= last or scan.kind == ScanKind.VOID):
        held.unexpected = None
