"""A batch's records applied in record order to what was loaded: each visible change takes one version. Pure.

The handler loads a `World` under locks, replays the batch on it, and saves what the replay noted. Batching never merges
two changes: the order is folded again after every record that touches it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.order_events import MAX_PARCELS, Erased, ReturnShipmentCreated, ShipmentCreated
from schemas.scans import Scan
from schemas.vocabulary import ScanKind
from services.status.changes import change_of, change_of_reading_again
from services.status.claiming import claims_on_the_way, is_claiming, wanted_claims
from services.status.claims import Claim
from services.status.closed import ERASED, PURGED, SCAN, end_of, leave
from services.status.inputs import OrderIn, Refused, ScanIn
from services.status.kept import Kept
from services.status.messages import Message
from services.status.order import Document, fold_order
from services.status.order_facts import StoredEvent, gather
from services.status.parcel_fold import History
from services.status.replayed import Again, LedgerRow, OrderRow, Published

#: The marks of a version that comes from another machine, from another map of a carrier's codes, or after the database
#: was restored to an older state (rule E7), and not from news.
REREAD: Final = "reread"
RESTORED: Final = "restored"
REMAP: Final = ScanKind.REMAP.value
_CREATED: Final = (ShipmentCreated, ReturnShipmentCreated)


@dataclass(slots=True)
class World:
    """Everything a batch touches, as it was loaded, and what the replay adds to it."""

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
    messages: list[Message] = field(default_factory=list)
    """Those of `published`, once they are made."""
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
    closed: dict[str, datetime] = field(default_factory=dict)
    """Shipments whose history was purged or erased: what happened until then is over (rules E8, E9)."""
    erased: dict[str, datetime] = field(default_factory=dict)
    """Orders that were erased, and when; what is stored of them goes with this batch."""
    left: dict[str, datetime] = field(default_factory=dict)
    """Shipments that were theirs alone, and until when they are over."""
    after_closing: Counter[str] = field(default_factory=Counter)
    """What came of the order's or the parcel's past after its end, and changed nothing."""
    claimed: dict[str, set[str]] = field(default_factory=dict)
    """By order, the keys on which a claim of it may lie. Found in the histories: a batch has thousands of them."""
    _unlike: set[str] = field(default_factory=set)
    """Orders that another machine folded, or a lost future published: hardly ever any."""

    def __post_init__(self) -> None:
        """Find whose claims lie where, and what must be read again."""
        for shipment, history in self.histories.items():
            for order, _ in history.claims:
                self.claimed.setdefault(order, set()).add(shipment)
        self._unlike = {order for order, row in self.orders.items() if row.stale or row.restored}

    def apply(self, item: ScanIn | OrderIn | Again) -> None:
        """Apply one record, or read an order again without any."""
        if isinstance(item, Again):
            self._reread(item.order, item)
            return
        if (over := self._over(item)) is not None:
            self.after_closing[over] += 1
            return
        for order in sorted(self._stale(item)):
            self._reread(order, item)
        touched = self._apply_scan(item) if isinstance(item, ScanIn) else self._apply_event(item)
        remapped = isinstance(item, ScanIn) and item.scan.kind == ScanKind.REMAP
        for order in sorted(touched):
            self._publish(order, item, marked=REMAP if remapped else None)

    def _over(self, item: ScanIn | OrderIn) -> str | None:
        """Return the word for what comes after the end of its parcel or order: it changes nothing; None: it counts."""
        if isinstance(item, ScanIn):
            through = self.closed.get(item.shipment)
            return SCAN if through is not None and item.scan.occurred_at <= through else None
        row, event = self.orders[item.order], item.stored.event
        if row.state == ERASED:
            self._leave_what_it_names(item, row.closed_through)
            return ERASED
        past = row.closed_through is not None and event.occurred_at <= row.closed_through
        return PURGED if past and not isinstance(event, Erased) else None

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
        self.go_on(item.shipment, item.scan, again=held is not None, own=True)
        return {order for order, _ in history.claims}

    def go_on(self, shipment: str, scan: Scan, *, again: bool = False, own: bool = False) -> None:
        """Take a scan into what is kept of its parcel; of a number that several claim, whose it is is asked anew.

        It is the batch's `own`, or one that others took, of which this process knew nothing yet.
        """
        history = self.histories[shipment]
        for order, parcel in history.claims:
            if again or len(history.claims) > 1:
                self.kept.drop(order, parcel)
            else:
                self.kept.take(order, parcel, scan, own=own)

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
        self.orders[item.order].closed = None  # what happens after a purge opens the order anew
        self.new_events.append((item.order, item.stored))
        claiming = is_claiming(item.stored) or (held is not None and is_claiming(held))
        touched = {item.order} | (self._renew_claims(item.order) if claiming else set())
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
            for shipment in self.claimed.get(order, ())
            for claim in self.histories[shipment].claims.values()
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
            self.claimed.setdefault(claim.order, set()).add(shipment)
        elif claims.get((claim.order, claim.parcel)) == claim:
            del claims[claim.order, claim.parcel]

    def _take_n(self, shipment: str) -> int:
        n = self.next_n[shipment]
        self.next_n[shipment] = n + 1
        return n

    def _stale(self, item: ScanIn | OrderIn) -> set[str]:
        """Return the orders that a record can touch and that must be read again before it: hardly ever any."""
        unlike = {order: self.orders[order] for order in self._unlike}
        stale = {order for order, row in unlike.items() if row.stale and row.document is not None}
        stale |= {order for order, row in unlike.items() if row.restored and self.events[order]}
        if not stale:
            return stale
        if isinstance(item, ScanIn):
            return stale & {order for order, _ in self.histories[item.shipment].claims}
        sharing = [{order for order, _ in history.claims} for history in self.histories.values()]
        keys = claims_on_the_way(item.order, self.events[item.order].values(), [item.stored])
        joined = [{order for order, _ in self.histories[key].claims} for key in keys if key in self.histories]
        return stale & {item.order}.union(*joined, *(orders for orders in sharing if item.order in orders))

    def _reread(self, order: str, item: ScanIn | OrderIn | Again) -> None:
        """Publish what this machine reads differently as a version of its own, before the record: nobody is told."""
        self.orders[order].stale = False
        self.reread.add(order)
        self._publish(order, item, marked=REREAD)

    def _publish(self, order: str, item: ScanIn | OrderIn | Again, *, marked: str | None = None) -> None:
        """Fold the order again and take a version if it shows something new; after a restore whatever it shows."""
        row = self.orders[order]
        if row.waits or row.closed is not None:
            return
        document = fold_order(order, self.events[order].values(), self.histories, kept=self.kept)
        if document == row.document and not row.restored:
            return
        if document["state"] == ERASED and not self._all_locked(order):
            return
        change = _change(item, document, row, marked=RESTORED if row.restored else marked)
        self.published.append(Published(order, document, change, item))
        row.version, row.state, row.document, row.restored = row.version + 1, document["state"], document, False
        if row.state == ERASED:
            self._erase(order, item)

    def _all_locked(self, order: str) -> bool:
        """Tell whether all that an order claims may be changed; else it is left to whoever reads it again for itself.

        Only an erasure that was stored and not told yet comes with another's record: of an order that was restored.
        """
        lying = self.claimed.get(order, set())
        claimed = {key for key in lying if any(other == order for other, _ in self.histories[key].claims)}
        return claimed <= self.next_n.keys()

    def _erase(self, order: str, item: ScanIn | OrderIn | Again) -> None:
        """Forget an order that was just told for the last time (rule E9), and fold those that share a parcel again."""
        row, erased = self.orders[order], gather(self.events[order].values()).erased
        assert erased is not None  # noqa: S101 - its state says so
        row.closed, row.closed_through = ERASED, erased.at
        self.erased[order] = erased.at
        closed = {other for other, held in self.orders.items() if held.closed is not None}
        alone, sharing = leave(self.histories, order, closed)
        self.rows = [one for one in self.rows if one.claim is None or one.claim.order != order]
        self._leave(alone, erased.at)
        self.kept.forget(order)
        for other in sorted(sharing & self.orders.keys()):
            self.kept.forget(other)
            self._publish(other, item)

    def _leave_what_it_names(self, item: OrderIn, at: datetime | None) -> None:
        """Leave the parcels that an event of an erased order names, however late it came, and nobody else claims."""
        if at is not None:
            keys = {key for key, _ in wanted_claims(item.order, [item.stored])}
            known = {key for key in keys if key in self.closed and not self.histories[key].readings}
            self._leave({key for key in keys - known if not self.histories[key].claims}, at)

    def _leave(self, shipments: set[str], at: datetime) -> None:
        for shipment in shipments:
            history = self.histories[shipment]
            self.left[shipment] = self.closed[shipment] = end_of(history, at)
            history.readings.clear()
        self.rows = [one for one in self.rows if one.shipment not in shipments]
        self.told_earlier = [one for one in self.told_earlier if one[0] not in shipments]


def _change(item: ScanIn | OrderIn | Again, document: Document, row: OrderRow, *, marked: str | None) -> Document:
    version, previous = row.version + 1, row.document
    if isinstance(item, Again):
        kind = marked or REREAD
        change = change_of_reading_again(document, version=version, previous=previous, kind=kind, at=item.at)
    else:
        change = change_of(item, document, version=version, previous=previous)
    if marked is None:
        return change
    # It is read differently, and nothing happened: the record corrects nothing. What the lost future said is corrected.
    return {**change, "marked": marked, "reason": marked, "correction": marked == RESTORED}
