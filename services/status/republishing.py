"""Orders read again from their history without any record, in a transaction of its own: rebuild (E6), restored (E7).

Nothing is published twice: an order that shows what it showed takes no version, unless it was restored. The locks are
those of a batch, in its order, so that batches, timers and two of these beside each other only wait.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from services.runtime import incarnation
from services.runtime.postgres import Connection
from services.status import timer_rows, versions
from services.status.awaited import first_date
from services.status.handler import NOW, SCHEMA, Handler
from services.status.loading import load
from services.status.replayed import Again

if TYPE_CHECKING:
    from datetime import datetime

#: Few, because a batch that wants one of them waits for all, and more of them take no less time each.
AT_ONCE: Final = 5


async def read_again(connection: Connection, handler: Handler, orders: Sequence[str]) -> list[str]:
    """Publish, in the caller's transaction, each order that reads differently or was restored; return which.

    Raises Conflict, to be run again, when an order's claims changed while its shipments were being locked.
    """
    await versions.hold(connection)
    await incarnation.hold(connection, SCHEMA)
    now: datetime = await connection.fetchval(NOW)
    world = (await load(connection, (), again=orders)).world
    for order in sorted(orders):
        if world.events[order]:  # without a word of its own there is nothing to be said of it
            world.apply(Again(order, now))
    await handler.save_again(connection, world, now)
    published = sorted({one.order for one in world.published})
    dates = {order: first_date(order, world) for order in published}
    awaited = {order: at for order, at in dates.items() if at is not None}
    await timer_rows.keep(connection, awaited, grace_s=handler.timer_grace_s)
    return published
