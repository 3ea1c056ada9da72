"""What the service keeps in its database, in memory: the ledger of each shipment, the events and state of each order.

The workbench saves and loads through it as the handler does through `services/status/repository.py`, batch by batch and
by way of JSON, so that what it shows is what the service would publish. Decides nothing itself.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from schemas.order_events import ORDER_EVENT
from schemas.scans import SCAN
from services.status.claiming import claims_on_the_way
from services.status.claims import Claim
from services.status.inputs import OrderIn, Refused, ScanIn
from services.status.order import Document
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.replayed import LedgerRow, OrderRow, Published

Item = ScanIn | OrderIn


@dataclass(frozen=True, slots=True)
class _Reading:
    """A scan as a ledger row holds it."""

    body: str
    told_at: datetime


@dataclass(slots=True)
class _Shipment:
    next_n: int = 1
    readings: dict[tuple[str, str], _Reading] = field(default_factory=dict)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    claimants: set[str] = field(default_factory=set)
    """Every order that claims it, or once claimed it."""


@dataclass(slots=True)
class _Order:
    events: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(content, body) by identity."""
    shipments: set[str] = field(default_factory=set)
    """Every shipment it claims, or once claimed."""
    version: int = 0
    state: str | None = None
    document: str | None = None


@dataclass(slots=True)
class Memory:
    """Everything that was applied so far, and what came of it."""

    published: list[Published] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    _shipments: dict[str, _Shipment] = field(default_factory=dict)
    _orders: dict[str, _Order] = field(default_factory=dict)

    def apply(self, batch: Sequence[Item]) -> set[str]:
        """Apply one batch as the service does; return the orders it touched."""
        world = self._load(batch)
        for item in batch:
            world.apply(item)
        self._save(world)
        return set(world.orders)

    @property
    def orders(self) -> list[str]:
        """The orders that show something."""
        return sorted(key for key, order in self._orders.items() if order.document is not None)

    @property
    def unclaimed(self) -> list[str]:
        """The shipments that were scanned and that no order claims."""
        return sorted(key for key, one in self._shipments.items() if one.readings and not one.claims)

    def document(self, order: str) -> Document | None:
        """Return what an order shows."""
        return self._row(order).document

    def version(self, order: str) -> int:
        """Return how many versions of an order were published."""
        return self._row(order).version

    def events(self, order: str) -> dict[tuple[str, str], StoredEvent]:
        """Return an order's own events."""
        held = self._orders.get(order, _Order()).events
        return {
            identity: StoredEvent(*identity, ORDER_EVENT.validate_json(body), content)
            for identity, (content, body) in held.items()
        }

    def histories_of(self, order: str) -> dict[str, History]:
        """Return the histories of everything an order claims, or once claimed."""
        return {key: self.history(key) for key in self._claimed_by([order])}

    def history(self, shipment: str) -> History:
        """Return the ledger of one shipment as readings and the claims that hold."""
        held = self._shipments.get(shipment, _Shipment())
        readings = {
            slot: SCAN.validate_python({**json.loads(reading.body), "told_at": reading.told_at})
            for slot, reading in held.readings.items()
        }
        return History(readings=readings, claims=dict(held.claims))

    def _load(self, batch: Sequence[Item]) -> World:
        """Load everything that a batch touches: what it names, then who claims that, then all they claim."""
        named = {item.order for item in batch if isinstance(item, OrderIn)}
        locked = {item.shipment for item in batch if isinstance(item, ScanIn)} | self._claimed_by(named)
        for order in named:
            new = [item.stored for item in batch if isinstance(item, OrderIn) and item.order == order]
            locked |= claims_on_the_way(order, self.events(order).values(), new)
        orders = named.union(*(self._shipments[key].claimants for key in locked if key in self._shipments))
        return World(
            histories={key: self.history(key) for key in sorted(locked | self._claimed_by(orders))},
            next_n={key: self._shipments.get(key, _Shipment()).next_n for key in sorted(locked)},
            events={order: self.events(order) for order in sorted(orders)},
            orders={order: self._row(order) for order in sorted(orders)},
        )

    def _claimed_by(self, orders: Iterable[str]) -> set[str]:
        return {key for order in orders if order in self._orders for key in self._orders[order].shipments}

    def _row(self, order: str) -> OrderRow:
        held = self._orders.get(order, _Order())
        return OrderRow(held.version, held.state, None if held.document is None else json.loads(held.document))

    def _save(self, world: World) -> None:
        for row in world.rows:
            self._append(row)
        for shipment, scan, content in world.told_earlier:
            readings = self._shipments[shipment].readings
            slot = scan.event_key, content
            readings[slot] = replace(readings[slot], told_at=min(readings[slot].told_at, scan.told_at))
        for shipment, next_n in world.next_n.items():
            self._shipments.setdefault(shipment, _Shipment()).next_n = next_n
        for order, stored in world.new_events:
            body = stored.event.model_dump_json(exclude_defaults=True)
            self._orders.setdefault(order, _Order()).events[stored.source, stored.id] = stored.content, body
        for order, shown in world.orders.items():
            self._keep(order, shown)
        self.published += world.published
        self.refused += world.refused

    def _keep(self, order: str, row: OrderRow) -> None:
        held = self._orders.setdefault(order, _Order())
        held.version, held.state = row.version, row.state
        held.document = None if row.document is None else json.dumps(row.document, ensure_ascii=False)

    def _append(self, row: LedgerRow) -> None:
        shipment = self._shipments.setdefault(row.shipment, _Shipment())
        if row.scan is not None:
            body = row.scan.model_dump_json(exclude={"told_at"}, exclude_defaults=True)
            shipment.readings[row.scan.event_key, row.content] = _Reading(body, row.scan.told_at)
            return
        claim = row.claim
        assert claim is not None  # noqa: S101 - a row is a scan or a claim
        shipment.claimants.add(claim.order)
        self._orders.setdefault(claim.order, _Order()).shipments.add(row.shipment)
        if row.holds:
            shipment.claims[claim.order, claim.parcel] = claim
        else:
            shipment.claims.pop((claim.order, claim.parcel), None)
