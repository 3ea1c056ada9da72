"""What the API and the pages read: one order as of one instant. Read-only; the engine's SQL is in repository.py.

Stored documents are shown as they were published; the history beside them is folded from the same snapshot of the
database, so a scan never shows on one half of an answer only.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from schemas.order_events import Placed
from schemas.order_status import ORDER_STATUS, OrderStatus
from services.runtime.postgres import Connection, Pool, retried
from services.status import packed, repository
from services.status.changes import Document
from services.status.closed import ERASED, erased_event, erased_status
from services.status.machine import Verdict
from services.status.order_facts import ParcelFacts, StoredEvent, gather
from services.status.parcel_fold import fold_parcel

Read = TypeVar("Read")

#: Every statement of a request sees the database as of one instant.
ONE_INSTANT: Final = "set transaction isolation level repeatable read, read only"
#: Where there is a document it is whole, and the message shortened. Of an order that a lost future published (rule E7)
#: only the message counts, until it is corrected: what that version showed is not shown otherwise under its number.
READ_ORDER: Final = """
select case when not restored then doc end as doc, message, version, closed, closed_through
from status.orders
where order_key = $1 and (closed = 'erased' or (message is not null and (doc is not null or not restored)))
"""
#: A request waits for the database no longer than its caller would.
_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Found:
    """One order: what was published last, and what it was folded from."""

    status: OrderStatus
    events: tuple[StoredEvent, ...]
    """In the order of the fold: as they happened."""
    histories: dict[str, tuple[Verdict, ...]]
    """By the shop's id of the shipment: every scan that this order may see, in the order of the fold, with what the
    fold made of it."""

    @property
    def placed(self) -> Placed | None:
        """What the customer ordered, once the shop told it."""
        return next((stored.event for stored in self.events if isinstance(stored.event, Placed)), None)


async def find_order(pool: Pool, key: str, *, wanted: Callable[[ParcelFacts], bool]) -> Found | None:
    """Return an order, or None when nothing was published of it; raises Transient when the database does not answer.

    `wanted` chooses the parcels whose history is read.
    """
    return await at_one_instant(pool, lambda connection: _read(connection, key, wanted), what="read order")


async def at_one_instant(pool: Pool, read: Callable[[Connection], Awaitable[Read]], *, what: str) -> Read:
    """Read the database as of one instant; raises Transient when it does not answer."""

    async def work(connection: Connection) -> Read:
        await connection.execute(ONE_INSTANT)
        return await read(connection)

    return await retried(pool, work, what=what, tries=_TRIES)


def told(key: str, doc: str | None, message: bytes) -> Document:
    """Return what a row of `READ_ORDER` says: the newest message, whole where it was shortened."""
    newest: Document = json.loads(packed.unpack(key, message))
    return newest if doc is None else {**json.loads(doc), "change": newest["change"]}


async def _read(connection: Connection, key: str, wanted: Callable[[ParcelFacts], bool]) -> Found | None:
    row = await connection.fetchrow(READ_ORDER, key)
    if row is None:
        return None
    if row["closed"] == ERASED:
        document = erased_status(key, row["closed_through"], version=row["version"])
        return Found(ORDER_STATUS.validate_python(document), (erased_event(key, row["closed_through"]),), {})
    status = ORDER_STATUS.validate_python(told(key, row["doc"], row["message"]))
    stored = (await repository.events(connection, [key]))[key].values()
    facts = gather(stored)
    parcels = [parcel for parcel in facts.parcels.values() if wanted(parcel)]
    keys = sorted({shipment for parcel in parcels for shipment in parcel.keys})
    histories = await repository.histories(connection, keys)
    return Found(
        status=status,
        events=tuple(facts.ordered),
        histories={parcel.shipment: tuple(fold_parcel(key, facts, parcel, histories).verdicts) for parcel in parcels},
    )
