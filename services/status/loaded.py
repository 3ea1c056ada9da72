"""What a batch was loaded from: to be judged, taken back where it was old, and kept for the next batch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.status.cache import Cache, KnownOrder, KnownShipment, Stamp
from services.status.parcel_fold import History
from services.status.replay import World
from services.status.repository import LockedShipment, StoredOrder

#: Longer than any transaction lasts.
TIMER_MARGIN: Final = timedelta(minutes=10)


@dataclass(slots=True)
class Loaded:
    """A world, what it was read from, and what is needed to keep it for the next batch."""

    world: World
    stamps: dict[str, Stamp]
    claimants: dict[str, set[str]]
    rows: dict[str, StoredOrder]
    keys: dict[str, set[str]]
    """By order, the shipments that it claims, or once claimed."""
    locked: Mapping[str, LockedShipment] = field(default_factory=dict)
    claiming: Mapping[str, set[str]] = field(default_factory=dict)
    """By order of which the batch has events, the shipments that it claims at any step of applying them."""
    known: Mapping[str, KnownOrder] = field(default_factory=dict)
    """What this process had kept of the orders."""
    shared: set[str] = field(default_factory=set)
    """Orders of which something was not as this process had left it."""
    folded_again: int = 0
    """How many records were folded twice."""
    first_dates: dict[str, datetime] = field(default_factory=dict)
    """By order, a date that its timer is not behind: known of those that nobody else has touched since (rule E15)."""

    def partly(self) -> set[str]:
        """Return the orders whose timers others have kept for what they did: this batch need ask only for its own."""
        return self.shared - {order for order, _ in self.world.new_events} - self.world.reread

    def earlier(
        self, dates: Mapping[str, datetime | None], *, partly: Collection[str], now: datetime
    ) -> dict[str, datetime]:
        """Return the dates to which timers must be moved; the others stand at an earlier one, or at that very one.

        Only its worker moves a timer to a later date, never behind what the order's state then awaited, and deletes it
        where that awaited nothing.
        """
        # What is due, or will be before this transaction ends, may be in its worker's hands.
        known = {order: at for order, at in self.first_dates.items() if at > now + TIMER_MARGIN}
        awaited = {order: at for order, at in dates.items() if at is not None}
        exact = {order: at for order, at in awaited.items() if order not in partly}
        self.first_dates = {order: at for order, at in self.first_dates.items() if order not in dates} | exact
        return {order: at for order, at in awaited.items() if order not in known or at < known[order]}

    def claimed(self) -> dict[str, set[str]]:
        """Return, by order, every shipment that it claims, once claimed, or will in this batch."""
        return {order: keys | self.claiming.get(order, set()) for order, keys in self.keys.items()}

    def replace(self, orders: Collection[str], again: "Loaded") -> None:
        """Take what some of the orders were read from once more; the world is the caller's."""
        self.stamps |= again.stamps
        self.claimants |= again.claimants
        self.rows |= again.rows
        self.keys |= again.keys
        self.shared.update(orders)
        # What was seen of others when it was read first is no news when it is read again.
        self.first_dates = {order: at for order, at in self.first_dates.items() if order not in orders}

    def give_back(self, world: World, cache: Cache) -> None:
        """Take back what a part of the batch did, and keep what was known before, where that can be had again."""
        changed = {row.shipment for row in world.rows if row.claim is not None} | world.left.keys()
        changed |= {shipment for shipment, _, _ in world.told_earlier}
        for row in world.rows:
            if row.scan is not None and row.shipment not in changed:
                del world.histories[row.shipment].readings[row.scan.event_key, row.content]
        # An erasure takes its claims out of what others share too: nothing of that is noted.
        same = {} if world.erased else {key: one for key, one in world.histories.items() if key not in changed}
        shipments = {key: self._known(key, self.stamps[key], history) for key, history in same.items()}
        told = {order for order, _ in world.new_events} | world.erased.keys()
        orders = {order: self.known[order] for order in world.orders if order in self.known and order not in told}
        for order in world.orders:
            if changed or told:
                cache.kept.forget(order)
            else:
                cache.kept.rewind(order)
        cache.put(shipments, orders)
        cache.lend(world.orders)  # what is kept of them has taken scans that are not committed

    def put_back(self, cache: Cache) -> None:
        """Keep what the batch has left behind; call it once the batch is committed."""
        world = self.world
        touched = {shipment for shipment, _, _ in world.told_earlier} | world.left.keys()
        ended = {order for order, row in world.orders.items() if row.closed is not None} | world.erased.keys()
        shipments = {} if world.erased else {key: self._shipment(key) for key in world.histories if key not in touched}
        wrote = {order for order, _ in world.new_events}
        for order in world.orders:
            cache.kept.settle(order)
        orders = {order: self._order(order, wrote) for order in world.orders if order not in ended}
        cache.put(shipments, orders)

    def _shipment(self, key: str) -> KnownShipment:
        stamp = self.stamps[key]
        stamp = stamp._replace(next_n=self.world.next_n.get(key, stamp.next_n))
        return self._known(key, stamp, self.world.histories[key])

    def _known(self, key: str, stamp: Stamp, history: History) -> KnownShipment:
        return KnownShipment(stamp, history, self.claimants.get(key, set()) | {order for order, _ in history.claims})

    def _order(self, order: str, wrote: set[str]) -> KnownOrder:
        row, stamp = self.world.orders[order], self.rows[order].events_stamp
        keys = self.keys[order] | self.world.claimed.get(order, set())
        stamp += order in wrote
        return KnownOrder(row.version, stamp, row.document, self.world.events[order], keys, self.first_dates.get(order))
