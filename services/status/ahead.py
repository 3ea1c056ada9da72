"""A batch folded ahead of its orders' locks, and judged under them: whoever shares an order waits for writing only.

Orders have parcels on several partitions, and so two processes at work on one order at the same time. Folding takes
most of a batch; under the locks of all its orders, one process would wait while the other one folds. So the orders are
read as they are just now, and folded; then they are locked, and read again. What is still the same was folded from the
truth. The few of which somebody has changed anything are folded once more, under the locks that are held by then
(docs/decisions/0025-folded-ahead-of-the-locks.md).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from services.runtime.postgres import Connection
from services.status import repository
from services.status.cache import Cache
from services.status.inputs import OrderIn, ScanIn
from services.status.loaded import Loaded
from services.status.loading import Items, Loading
from services.status.parts import Part, split, united
from services.status.replay import World
from services.status.repository import StoredOrder

Replay = Callable[[World, Sequence[ScanIn | OrderIn]], Awaitable[None]]


class Moved(NamedTuple):
    """What was not as it had been read."""

    orders: set[str]
    shipments: set[str]

    def touches(self, world: World) -> bool:
        """Tell whether a world was read from any of it."""
        return any(one in self.orders for one in world.orders) or any(one in self.shipments for one in world.histories)


async def fold(connection: Connection, items: Items, replay: Replay, *, cache: Cache, database: str) -> Loaded:
    """Return the batch's world with everything applied, its orders locked; `replay` applies records to a world.

    Raises Conflict as `load` does, and what `replay` raises.
    """
    cache.begin(database)
    loaded = await Loading(connection, items, cache, locking=False).run()
    parts = split(loaded.world, items, loaded.claimed())
    for part in parts:
        await replay(part.world, part.items)
    moved = await _lock(connection, loaded)
    old = [part for part in parts if moved.touches(part.world)]
    worlds = [part.world for part in parts if not moved.touches(part.world)]
    if old:
        worlds.append(await _fold_again(connection, old, loaded, replay, cache))
    loaded.world = united(worlds)
    return loaded


async def _lock(connection: Connection, loaded: Loaded) -> Moved:
    """Lock the orders; return what has moved since it was read, of them and of parcels that others may scan.

    Whoever appends to such a parcel holds the lock of the order that claims it.
    """
    orders = sorted(loaded.rows)
    if not orders:
        return Moved(set(), set())
    missing = [order for order in orders if order in loaded.claiming and loaded.rows[order] == StoredOrder()]
    rows = await repository.create_and_lock_orders(connection, orders, missing)
    siblings = sorted(loaded.stamps.keys() - loaded.locked.keys())
    stamps = await repository.stamps(connection, siblings) if siblings else {}
    return Moved(
        {order for order in orders if rows[order] != loaded.rows[order]},
        {shipment for shipment in siblings if stamps.get(shipment) != loaded.stamps[shipment]},
    )


async def _fold_again(
    connection: Connection, old: Sequence[Part], loaded: Loaded, replay: Replay, cache: Cache
) -> World:
    """Fold parts once more, under all locks; nothing of the batch is written yet."""
    for part in old:
        loaded.give_back(part.world, cache)
    items = [item for part in old for item in part.items]
    again = await Loading(connection, items, cache, held=loaded.locked).run()
    await replay(again.world, items)
    loaded.folded_again = len(items)
    loaded.replace({order for part in old for order in part.world.orders}, again)
    return again.world
