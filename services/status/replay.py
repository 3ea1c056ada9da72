"""A batch's records applied in record order to what was loaded: each visible change takes one version. Pure.

The handler loads a `World` under locks, replays the batch on it, and saves what the replay noted. Batching never merges
two changes: the order is folded again after every record that touches it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from schemas.order_events import MAX_PARCELS, ReturnShipmentCreated, ShipmentCreated
from schemas.scans import Scan
from schemas.vocabulary import ScanKind
from services.status.changes import change_of
from services.status.claims import Claim
from services.status.inputs import OrderIn, Refused, ScanIn
from services.status.kept import Kept
from services.status.order import Document, fold_order
from services.status.order_facts import StoredEvent, gather
from services.status.parcel_fold import History

CLAIM_KIND: Final = "claim"
#: The marks of a version that comes from another machine, or from another map of a carrier's codes, and not from news.
REREAD: Final = "reread"
REMAP: Final = ScanKind.REMAP.value
_CREATED: Final = (ShipmentCreated, ReturnShipmentCreated)


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row to append to a shipment's ledger: a scan, or a claim by an order."""

    shipment: str
    n: int
    content: str
    scan: Scan | None = None
    claim: Claim | None = None
    holds: bool = True
    """False for a claim that was given up."""


@dataclass(frozen=True, slots=True)
class Published:
    """One version of one order."""

    order: str
    document: Document
    change: Document
    item: ScanIn | OrderIn


@dataclass(slots=True)
class OrderRow:
    """What the order showed last."""

    version: int = 0
    state: str | None = None
    document: Document | None = None
    stale: bool = False
    """Another version of the machine folded it (rule E6)."""


@dataclass(slots=True)
class World:
    """Everything a batch touches, as loaded under the locks, and what the replay adds to it."""

    histories: dict[str, History]
    """Every key that an order of `orders` claims, and every locked shipment."""
    next_n: dict[str, int]
    """The locked shipments: only these may get rows."""
    events: dict[str, dict[tuple[str, str], StoredEvent]]
    orders: dict[str, OrderRow]
    rows: list[LedgerRow] = field(default_factory=list)
    told_earlier: list[tuple[str, Scan, str]] = field(default_factory=list)
    """(shipment, scan, content) of readings that were told before the time we hold."""
    new_events: list[tuple[str, StoredEvent]] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    repeated: int = 0
    readings_again: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(shipment, event key, content) of readings that were told again, and how often."""
    events_again: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(order, source, id) of order events that were told again, and how often."""
    contradicted: int = 0
    """Order events that came with another content under a known id."""
    reread: set[str] = field(default_factory=set)
    """Orders that another machine had folded, whether they read differently now or not."""
    kept: Kept = field(default_factory=Kept)

    def apply(self, item: ScanIn | OrderIn) -> None:
        """Apply one record."""
        for order in sorted(self._stale(item)):
            self._reread(order, item)
        touched = self._apply_scan(item) if isinstance(item, ScanIn) else self._apply_event(item)
        remapped = isinstance(item, ScanIn) and item.scan.kind == ScanKind.REMAP
        for order in sorted(touched):
            self._publish(order, item, marked=REMAP if remapped else None)

    def _apply_scan(self, item: ScanIn) -> set[str]:
        history = self.histories[item.shipment]
        slot = item.scan.event_key, item.content
        held = history.readings.get(slot)
        if held is not None:
            self.readings_again[item.shipment, *slot] += 1
        if held is not None and held.told_at <= item.scan.told_at:
            self.repeated += 1
            return set()
        history.readings[slot] = item.scan
        if held is None:
            self.rows.append(LedgerRow(item.shipment, self._take_n(item.shipment), item.content, scan=item.scan))
        else:
            self.told_earlier.append((item.shipment, item.scan, item.content))
        self._go_on(history, item.scan, again=held is not None)
        return {order for order, _ in history.claims}

    def _go_on(self, history: History, scan: Scan, *, again: bool) -> None:
        """Take a scan into what is kept of its parcel; of a number that several claim, whose it is is asked anew."""
        for order, shipment in history.claims:
            if again or len(history.claims) > 1:
                self.kept.drop(order, shipment)
            else:
                self.kept.take(order, shipment, scan)

    def _apply_event(self, item: OrderIn) -> set[str]:
        events = self.events[item.order]
        identity = item.stored.source, item.stored.id
        held = events.get(identity)
        if held is not None and held.content == item.stored.content:
            self.repeated += 1
            self.events_again[item.order, *identity] += 1
            return set()
        if held is not None:
            self.contradicted += 1
        if held is not None and held.content < item.stored.content:
            self.refused.append(Refused(item.record, "contradicts", "another content counts under this ce_id"))
            return set()
        if self._too_many_parcels(events.values(), item):
            self.refused.append(Refused(item.record, "too_many_parcels", f"an order has at most {MAX_PARCELS} parcels"))
            return set()
        events[identity] = item.stored
        self.new_events.append((item.order, item.stored))
        touched = {item.order} | self._renew_claims(item.order)
        for order in touched:
            self.kept.forget(order)
        return touched

    def _too_many_parcels(self, events: Iterable[StoredEvent], item: OrderIn) -> bool:
        if not isinstance(item.stored.event, _CREATED):
            return False
        known = {stored.event.shipment for stored in events if isinstance(stored.event, _CREATED)}
        return len(known) >= MAX_PARCELS and item.stored.event.shipment not in known

    def _renew_claims(self, order: str) -> set[str]:
        """Bring the order's claims in line with its events; return the orders that share a changed shipment."""
        wanted = wanted_claims(order, self.events[order].values())
        held = {
            (shipment, claim)
            for shipment, history in self.histories.items()
            for claim in history.claims.values()
            if claim.order == order
        }
        touched: set[str] = set()
        for shipment, claim in sorted(held - wanted):
            self._note_claim(shipment, claim, holds=False)
            touched |= self._sharing(shipment)
        for shipment, claim in sorted(wanted - held):
            self._note_claim(shipment, claim, holds=True)
            touched |= self._sharing(shipment)
        return touched

    def _sharing(self, shipment: str) -> set[str]:
        """Return the orders that a change of claims can give other scans: none while nothing was scanned.

        Shops can write one word for a number they do not know: all orders that say so would be folded again for every
        other one.
        """
        history = self.histories[shipment]
        return {order for order, _ in history.claims} if history.readings else set()

    def _note_claim(self, shipment: str, claim: Claim, *, holds: bool) -> None:
        claims = self.histories[shipment].claims
        n = self._take_n(shipment)
        self.rows.append(LedgerRow(shipment, n, str(n), claim=claim, holds=holds))
        if holds:
            claims[claim.order, claim.parcel] = claim
        elif claims.get((claim.order, claim.parcel)) == claim:
            del claims[claim.order, claim.parcel]

    def _take_n(self, shipment: str) -> int:
        n = self.next_n[shipment]
        self.next_n[shipment] = n + 1
        return n

    def _stale(self, item: ScanIn | OrderIn) -> set[str]:
        """Return the orders that a record can touch and that another machine folded: hardly ever any."""
        stale = {order for order, row in self.orders.items() if row.stale and row.document is not None}
        if not stale:
            return stale
        if isinstance(item, ScanIn):
            return stale & {order for order, _ in self.histories[item.shipment].claims}
        sharing = [{order for order, _ in history.claims} for history in self.histories.values()]
        keys = claims_on_the_way(item.order, self.events[item.order].values(), [item.stored])
        joined = [{order for order, _ in self.histories[key].claims} for key in keys if key in self.histories]
        return stale & {item.order}.union(*joined, *(orders for orders in sharing if item.order in orders))

    def _reread(self, order: str, item: ScanIn | OrderIn) -> None:
        """Publish what this machine reads differently as a version of its own, before the record: nobody is told."""
        self.orders[order].stale = False
        self.reread.add(order)
        self._publish(order, item, marked=REREAD)

    def _publish(self, order: str, item: ScanIn | OrderIn, *, marked: str | None = None) -> None:
        """Fold the order again and take a version if it shows something new."""
        row = self.orders[order]
        document = fold_order(order, self.events[order].values(), self.histories, kept=self.kept)
        if document == row.document:
            return
        change = change_of(item, document, version=row.version + 1, previous=row.document)
        if marked is not None:  # it is read differently, and nothing happened: the record corrects nothing
            change = {**change, "marked": marked, "reason": marked, "correction": False}
        self.published.append(Published(order, document, change, item))
        row.version, row.state, row.document = row.version + 1, document["state"], document


def wanted_claims(order: str, events: Iterable[StoredEvent]) -> set[tuple[str, Claim]]:
    """Return the (shipment key, claim) pairs that follow from an order's events."""
    parcels = gather(events).parcels.values()
    return {(key, Claim(parcel.start, order, parcel.shipment)) for parcel in parcels for key in parcel.keys}


def claims_on_the_way(order: str, held: Iterable[StoredEvent], new: Iterable[StoredEvent]) -> set[str]:
    """Return every shipment key the order claims at any step of applying `new`: all of them must be locked."""
    events = list(held)
    keys = {key for key, _ in wanted_claims(order, events)}
    for stored in new:
        events.append(stored)
        keys |= {key for key, _ in wanted_claims(order, events)}
    return keys
