"""What a process keeps of orders and parcels between its batches, so that it need not read their histories again.

Nothing here is believed: each entry bears a stamp, and what the locked rows say decides whether it is used, brought up
to date, or read anew (`loading.py`). A batch takes its entries out and puts them back after its COMMIT, or before it as
they were when it began: whatever happens in between, nothing half-changed stays. Bounded in bytes; what was not used
for longest goes first. Pure.
"""

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from services.status.kept import Kept
from services.status.order import Document
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History

#: What an entry weighs, in bytes: measured by tests/unit/status/test_cache.py, which fails when they are too light.
SHIPMENT_BYTES: Final = 4_000
READING_BYTES: Final = 6_000
CLAIM_BYTES: Final = 300
ORDER_BYTES: Final = 18_000
EVENT_BYTES: Final = 3_000


class Stamp(NamedTuple):
    """Which state of a ledger something was read from: rows are only appended, else the revision is raised."""

    created_at: datetime
    revision: int
    next_n: int

    def grew_from(self, before: "Stamp") -> bool:
        """Tell whether rows were appended since `before`, and nothing else was done."""
        return self[:2] == before[:2] and self.next_n >= before.next_n


@dataclass(slots=True)
class KnownShipment:
    """The history of one shipment key."""

    stamp: Stamp
    history: History
    claimants: set[str]
    """Orders that claim it, or once claimed it."""
    used: int = 0
    """The batch that put it back; the highest is the last."""

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        claims = len(self.history.claims) + len(self.claimants)
        return SHIPMENT_BYTES + READING_BYTES * len(self.history.readings) + CLAIM_BYTES * claims


@dataclass(slots=True)
class KnownOrder:
    """An order's own events, and what it showed at a version."""

    version: int
    events_stamp: int
    document: Document | None
    events: dict[tuple[str, str], StoredEvent]
    keys: set[str]
    """Shipment keys that it claims, or once claimed."""
    first_date: datetime | None = None
    """When somebody must look at it first, as far as that stands in its timer (rule E15); None: it is not known."""

    used: int = 0
    """The batch that put it back; the highest is the last."""

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""
        return ORDER_BYTES + EVENT_BYTES * len(self.events)


@dataclass(slots=True)
class Cache:
    """One per consumer: batches come one after the other."""

    limit_bytes: int = 0
    kept: Kept = field(default_factory=Kept)
    """What the fold keeps of the orders that are in here, or in the hands of the batch at work."""
    weight: int = 0
    database: str = ""
    """By which name the database called itself in the last batch."""
    _used: int = 0
    _shipments: dict[str, KnownShipment] = field(default_factory=dict)
    _orders: dict[str, KnownOrder] = field(default_factory=dict)
    _lent: set[str] = field(default_factory=set)

    def begin(self, database: str = "") -> None:
        """Begin a batch: what the one before took and did not put back has failed, and is forgotten.

        Of another database nothing counts: a restored one can have gone another way to the same stamps (rule E7).
        """
        if database != self.database:
            self.clear()
            self.database = database
        for order in self._lent:
            self.kept.forget(order)
        self._lent.clear()

    def order(self, key: str) -> KnownOrder | None:
        """Look at an order and leave it where it is: a guess, until its row is locked."""
        return self._orders.get(key)

    def take_shipments(self, keys: Iterable[str]) -> dict[str, KnownShipment]:
        """Take out those of the shipments that are in here."""
        return self._take(self._shipments, keys)

    def take_orders(self, keys: Collection[str]) -> dict[str, KnownOrder]:
        """Take out those of the orders that are in here; what is kept of any of them is the batch's from now on."""
        self.lend(keys)
        return self._take(self._orders, keys)

    def put(self, shipments: Mapping[str, KnownShipment], orders: Mapping[str, KnownOrder]) -> None:
        """Put back what a batch left behind, once it is committed."""
        self._used += 1
        for shipment in shipments.values():
            shipment.used = self._used
        for order in orders.values():
            order.used = self._used
        self._shipments.update(shipments)
        self._orders.update(orders)
        self.weight += sum(one.weight for one in shipments.values()) + sum(one.weight for one in orders.values())
        self._lent.difference_update(orders)
        self._lighten()

    def lend(self, orders: Iterable[str]) -> None:
        """Hold what is kept of orders for the batch's: it goes, unless they are put back once that is committed."""
        self._lent.update(orders)

    def clear(self) -> None:
        """Forget everything."""
        self.kept = Kept()
        self._shipments.clear()
        self._orders.clear()
        self._lent.clear()
        self.weight = 0

    def _take(self, held: dict[str, Any], keys: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {key: held.pop(key) for key in keys if key in held}
        self.weight -= sum(one.weight for one in found.values())
        return found

    def _lighten(self) -> None:
        """Let go of what was used longest ago: entries stand in the order in which they were put back."""
        while self.weight > self.limit_bytes and (self._orders or self._shipments):
            order = next(iter(self._orders.items()), None)
            shipment = next(iter(self._shipments.items()), None)
            if order is not None and (shipment is None or order[1].used <= shipment[1].used):
                self._take(self._shipments, order[1].keys)
                self._take(self._orders, [order[0]])
                self.kept.forget(order[0])
            else:
                self._take(self._shipments, tuple(itertools.islice(self._shipments, 1)))
