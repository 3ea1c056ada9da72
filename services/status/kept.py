"""What is kept while records are replayed: facts of orders, and foldings of parcels that the next scan goes on with.

A cache of pure functions, for the length of a batch: whatever it holds, the same document comes out without it. Whoever
changes what was folded takes it out here. Pure.
"""

from dataclasses import dataclass, field

from schemas.scans import Scan
from schemas.vocabulary import ScanKind
from services.status.folding import Folding
from services.status.order_facts import OrderFacts
from services.status.sequence import instant


@dataclass(slots=True)
class Kept:
    """Facts by order key, foldings by order key and shipment id."""

    facts: dict[str, OrderFacts] = field(default_factory=dict)
    judged: dict[str, frozenset[str]] = field(default_factory=dict)
    """Per order, which of its time events it did not expect; asked again where something earlier than one was told."""
    foldings: dict[tuple[str, str], Folding] = field(default_factory=dict)

    def forget(self, order: str) -> None:
        """Forget an order of which an event or a claim changed."""
        self.facts.pop(order, None)
        self.judged.pop(order, None)
        for parcel in [key for key in self.foldings if key[0] == order]:
            del self.foldings[parcel]

    def take(self, order: str, shipment: str, scan: Scan) -> None:
        """Go on with a parcel that sees one more scan; where that cannot be, its history is folded again."""
        self._judge_again(order, scan)
        folding = self.foldings.get((order, shipment))
        if folding is not None and not folding.take(scan):
            del self.foldings[order, shipment]

    def drop(self, order: str, shipment: str) -> None:
        """Fold a parcel's history again the next time."""
        self.foldings.pop((order, shipment), None)
        self.judged.pop(order, None)

    def _judge_again(self, order: str, scan: Scan) -> None:
        facts = self.facts.get(order)
        last = None if facts is None else facts.last_time
        if last is not None and (instant(scan) <= last or scan.kind == ScanKind.VOID):
            self.judged.pop(order, None)
