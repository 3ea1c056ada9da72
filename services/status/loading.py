"""What a batch touches, loaded: from the cache where its stamps say that it is still so, else from Postgres.

Lock the shipments, find who claims them, lock the orders, and only then read the orders and *all* their shipments
(docs/engine-rules.md, steps 2 to 4): that is how `republishing.py` reads orders without any record. A batch reads its
orders before they are locked, and judges what it has read under the locks (`ahead.py`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from schemas.scans import Scan
from services.runtime.errors import Conflict
from services.runtime.postgres import Connection
from services.status import repository
from services.status.cache import Cache, KnownOrder, KnownShipment, Stamp
from services.status.claiming import claims_on_the_way
from services.status.inputs import OrderIn, ScanIn
from services.status.loaded import Loaded
from services.status.order_facts import StoredEvent
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.replayed import OrderRow
from services.status.repository import LockedShipment, StoredOrder

Items = Sequence[ScanIn | OrderIn]


async def load(
    connection: Connection,
    items: Items,
    *,
    again: Collection[str] = frozenset(),
    cache: Cache | None = None,
    database: str = "",
) -> Loaded:
    """Lock and load everything the items touch, and all of the orders that are to be read again without any.

    Raises Conflict when a claim needs a shipment that was not locked, or a row went while it was being locked.
    """
    cache = Cache() if cache is None else cache
    cache.begin(database)
    return await Loading(connection, items, cache, again=again).run()


@dataclass(slots=True)
class Loading:
    """One batch on its way to its locks."""

    connection: Connection
    items: Items
    cache: Cache
    again: Collection[str] = frozenset()
    locking: bool = True
    """Whether orders are locked before they are read; else they are read as they are just now."""
    held: Mapping[str, LockedShipment] | None = None
    """The shipments of this transaction, where it has locked them before: it comes too late for others."""
    news: dict[str, list[StoredEvent]] = field(default_factory=dict)
    """By order, the events that the batch brings, in record order."""
    shared: set[str] = field(default_factory=set)
    """Orders of which something was not as this process had left it."""
    _claiming: dict[str, tuple[Mapping[tuple[str, str], StoredEvent], set[str]]] = field(default_factory=dict)
    """By order with news, what it claims at any step, and from which events that follows."""

    async def run(self) -> Loaded:
        """Take the locks in their order, each before what it protects is read."""
        for item in self.items:
            if isinstance(item, OrderIn):
                self.news.setdefault(item.order, []).append(item.stored)
        shipments = await self.shipments_to_lock()
        locked, known = await self._lock_shipments(shipments)
        claimants = await self._claimants(locked, known)
        orders = sorted(self.news.keys() | set(self.again) | set().union(*claimants.values()))
        rows, known_orders = await self._orders(orders)
        events, keys = await self._events(rows, known_orders)
        self.check_all_known_locked(keys, locked)
        siblings = set().union(*keys.values()) - locked.keys()
        known |= self.cache.take_shipments(siblings)
        stamps = {key: row.stamp for key, row in locked.items()}
        stamps |= await repository.stamps(self.connection, sorted(siblings)) if siblings else {}
        histories, news = await self._histories(stamps, known)
        self.check_all_locked(events, locked)
        world = World(
            histories=histories,
            next_n={key: row.stamp.next_n for key, row in locked.items()},
            closed={key: row.closed_through for key, row in locked.items() if row.closed_through is not None},
            events=events,
            orders=await self._order_rows(rows, known_orders),
            kept=self.cache.kept,
        )
        for shipment, scan in news:
            world.go_on(shipment, scan)
            for order, _ in histories[shipment].claims:
                self._share(order)
        claiming = {order: keys for order, (_, keys) in self._claiming.items()}
        loaded = Loaded(world, stamps, claimants, rows, keys, locked, claiming, known_orders, self.shared)
        loaded.first_dates = self._first_dates(known_orders)
        return loaded

    def _first_dates(self, known: Mapping[str, KnownOrder]) -> dict[str, datetime]:
        dates = {order: one.first_date for order, one in known.items() if order not in self.shared}
        return {order: at for order, at in dates.items() if at is not None}

    def _forget(self, order: str) -> None:
        """Fold an order from its histories again: they are not those that were folded before."""
        self.cache.kept.forget(order)
        self._share(order)

    def _share(self, order: str) -> None:
        """Note that others have touched an order: of one that is not in the batch, what is known of its timer goes."""
        self.shared.add(order)
        if (held := self.cache.order(order)) is not None:
            held.first_date = None

    async def shipments_to_lock(self) -> list[str]:
        """Guess, from unlocked reads, every shipment that will get a row; `check_all_locked` judges the guess."""
        shipments = {item.shipment for item in self.items if isinstance(item, ScanIn)}
        orders = self.news.keys() | set(self.again)
        events, unknown = {}, []
        for order in orders:
            held = self.cache.order(order)
            if held is None:
                unknown.append(order)
            else:
                events[order] = held.events
                shipments |= held.keys
        if unknown:
            unknown.sort()
            events |= await repository.events(self.connection, unknown)
            shipments |= await repository.claimed_keys(self.connection, unknown)
        return sorted(shipments | self._claimed_on_the_way(events))

    async def _lock_shipments(
        self, shipments: Sequence[str]
    ) -> tuple[dict[str, LockedShipment], dict[str, KnownShipment]]:
        known = self.cache.take_shipments(shipments)
        if self.held is not None:
            self._check_held(shipments, self.held)
            return {key: self.held[key] for key in shipments}, known
        missing = [key for key in shipments if key not in known]
        return await repository.create_and_lock_shipments(self.connection, shipments, missing), known

    async def _claimants(
        self, locked: Mapping[str, LockedShipment], known: Mapping[str, KnownShipment]
    ) -> dict[str, set[str]]:
        """Return the orders that claim, or once claimed, each locked shipment."""
        found = {key: one.claimants for key, one in known.items() if one.stamp == locked[key].stamp}
        if unknown := sorted(locked.keys() - found.keys()):
            found |= await repository.claimants_of(self.connection, unknown)
        return found

    async def _orders(self, orders: Sequence[str]) -> tuple[dict[str, StoredOrder], dict[str, KnownOrder]]:
        known = self.cache.take_orders(orders)
        if self.locking:
            made = known.keys() if self.held is None else orders
            missing = [order for order in orders if order in self.news and order not in made]
            rows = await repository.create_and_lock_orders(self.connection, orders, missing)
        else:
            rows = await repository.orders(self.connection, orders)
        for order in rows.keys() - known.keys():
            self._forget(order)
        return rows, known

    async def _events(
        self, rows: Mapping[str, StoredOrder], known: Mapping[str, KnownOrder]
    ) -> tuple[repository.Events, dict[str, set[str]]]:
        """Return the events of each order, and the shipments that it claims or once claimed."""
        fresh = {key: one for key, one in known.items() if one.events_stamp == rows[key].events_stamp}
        events = {key: one.events for key, one in fresh.items()}
        keys = {key: one.keys for key, one in fresh.items()}
        if unknown := sorted(rows.keys() - fresh.keys()):
            for order in unknown:
                self._forget(order)
            events |= await repository.events(self.connection, unknown)
            keys |= await repository.keys_of(self.connection, unknown)
        return events, keys

    async def _histories(
        self, stamps: Mapping[str, Stamp], known: Mapping[str, KnownShipment]
    ) -> tuple[dict[str, History], list[tuple[str, Scan]]]:
        """Return the history of each shipment, and the scans that others appended to those that were known."""
        usable = {key: one for key, one in known.items() if key in stamps and stamps[key].grew_from(one.stamp)}
        histories = {key: usable[key].history if key in usable else History() for key in stamps}
        start = {key: usable[key].stamp.next_n if key in usable else 1 for key in stamps}
        wanted = {key: n for key, n in start.items() if n < stamps[key].next_n}
        rows = await repository.read_on(self.connection, histories, wanted) if wanted else []
        claimed = {shipment for shipment, scan in rows if scan is None}
        for key in claimed | (histories.keys() - usable.keys()):
            for order, _ in histories[key].claims:
                self._forget(order)
        return histories, [(shipment, scan) for shipment, scan in rows if scan is not None and shipment in usable]

    async def _order_rows(
        self, rows: Mapping[str, StoredOrder], known: Mapping[str, KnownOrder]
    ) -> dict[str, OrderRow]:
        found = {key: row.row() for key, row in rows.items()}
        unknown = []
        for key, row in found.items():
            held = known.get(key)
            if held is not None and row.closed is None and held.version == row.version:
                row.document = held.document
            elif row.version:
                unknown.append(key)
        documents = await repository.documents(self.connection, sorted(unknown)) if unknown else {}
        for key, document in documents.items():
            found[key].document = document
        return found

    def _claimed_on_the_way(self, events: repository.Events) -> set[str]:
        """Return every shipment that an order with news claims at any step; asked again only of other events."""
        for order in self.news.keys() | set(self.again):
            asked = self._claiming.get(order)
            if asked is None or asked[0] is not events[order]:
                keys = claims_on_the_way(order, events[order].values(), self.news.get(order, ()))
                self._claiming[order] = events[order], keys
        return set().union(*(keys for _, keys in self._claiming.values()))

    def _check_held(self, shipments: Collection[str], held: Mapping[str, LockedShipment]) -> None:
        """Raise Conflict where a shipment is not locked yet: now that orders are, it may not be any more."""
        if not held.keys() >= set(shipments):
            raise Conflict("claims_moved", "an order's claims changed while its batch was being folded")

    def check_all_known_locked(self, keys: Mapping[str, set[str]], locked: Collection[str]) -> None:
        """Raise Conflict where a parcel is missing that an order of the batch once claimed: an erasure changes it."""
        if not set().union(*(keys[order] for order in self.news)) <= set(locked):
            raise Conflict("claims_moved", "an order's claims changed while its shipments were being locked")

    def check_all_locked(self, events: repository.Events, locked: Collection[str]) -> None:
        """Raise Conflict where the guess was wrong: an order's claims have changed since."""
        if not self._claimed_on_the_way(events) <= set(locked):
            raise Conflict("claims_moved", "an order's claims changed while its shipments were being locked")
