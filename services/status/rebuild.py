"""Rebuild: which orders would show another thing if they were folded from their history today, and publishing that.

Orders are read in portions, each forgotten before the next: however many there are. Reading takes no locks and changes
nothing. Publishing is done in small transactions beside the running service, each order once, marked `reread`: nobody
is told (rule E6). Broken off and run again it goes on with what still differs.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.runtime import postgres
from services.runtime.postgres import Connection, Pool
from services.runtime.rate import Rate
from services.status import packed, repository, republishing, versions
from services.status.changes import moves
from services.status.handler import Handler
from services.status.order import Document, fold_order

READ_AT_ONCE: Final = 200
_TRIES: Final = 8

# By key, so that a page is read at one go however many orders there are.
CHOOSE: Final = """
select order_key from status.orders o
where order_key > $1
    and ($2::text[] is null or order_key = any($2))
    and ($3::text is null or starts_with(order_key, $3 || ':'))
    and ($4::text is null or state = $4)
    and ($5::int is null or machine < $5)
    and ($6::text is null or exists (
        select from status.ledger l where l.shipment = $6 and l.claimed_by = o.order_key))
    and exists (select from status.order_event e where e.order_key = o.order_key)
order by order_key limit $7
"""
COUNT_ALL: Final = "select count(*) from status.orders"
# What was restored publishes by itself, and whatever it shows.
SHOWN: Final = """
select order_key, doc, case when doc is null then message end as message, machine
from status.orders where order_key = any($1::text[]) and not restored order by order_key
"""
ONE_INSTANT: Final = "set transaction isolation level repeatable read read only"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which orders; what is None chooses nothing away."""

    orders: tuple[str, ...] | None = None
    """Order keys."""
    shop: str | None = None
    state: str | None = None
    machine_below: int | None = None
    parcel: str | None = None
    """A shipment key: the orders that claim it, or once claimed it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How an order would show another thing: not what it shows, of which many would not fit into memory."""

    order: str
    before: str | None
    """Its state; None where it has shown nothing yet."""
    after: str
    parcels: list[Document]
    """The parcels whose stage moves."""
    fields: list[str]
    """Names of the fields that differ."""


def difference(order: str, before: Document | None, after: Document) -> Difference:
    """Return how two documents of an order differ."""
    known = before or {}
    fields = sorted(name for name in after.keys() | known.keys() if after.get(name) != known.get(name))
    return Difference(order, known.get("state"), after["state"], moves(after, before), fields)


@dataclass(slots=True)
class Portion:
    """What a look at some orders brought."""

    read: int
    differing: list[Difference] = field(default_factory=list)
    same_by_another_machine: list[str] = field(default_factory=list)
    """They show what they would show, and an older machine folded them: `--apply` notes that this one has."""

    @property
    def orders(self) -> list[str]:
        """The orders that there is something to do about."""
        return sorted([*(one.order for one in self.differing), *self.same_by_another_machine])


async def count(connection: Connection, choice: Choice) -> int:
    """Return how many orders it can be at most."""
    return len(choice.orders) if choice.orders else int(await connection.fetchval(COUNT_ALL))


async def find(connection: Connection, choice: Choice, rate: Rate) -> AsyncIterator[Portion]:
    """Fold the chosen orders anew and compare, in portions; raises what `versions.judge` says of the active machine."""
    versions.judge((await versions.read(connection)).active, versions.MACHINE_VERSION)
    orders, limit = [""], 1
    while len(orders) == limit:
        limit = await rate.turn(READ_AT_ONCE)
        orders = await _choose(connection, choice, after=orders[-1], limit=limit)
        if orders:
            yield await _compare(connection, orders)


async def _choose(connection: Connection, choice: Choice, *, after: str, limit: int) -> list[str]:
    keys = None if choice.orders is None else list(choice.orders)
    rows = await connection.fetch(
        CHOOSE, after, keys, choice.shop, choice.state, choice.machine_below, choice.parcel, limit
    )
    return [row["order_key"] for row in rows]


async def _compare(connection: Connection, orders: Sequence[str]) -> Portion:
    """Compare at one instant: a batch between two reads would look like a difference."""
    portion = Portion(len(orders))
    async with connection.transaction():
        await connection.execute(ONE_INSTANT)
        shown = await connection.fetch(SHOWN, orders)
        events = await repository.events(connection, orders)
        histories = await repository.histories(connection, sorted(await repository.claimed_keys(connection, orders)))
    for row in shown:
        order: str = row["order_key"]
        before = packed.document(order, row["doc"], row["message"])
        after = fold_order(order, events[order].values(), histories)
        if after != before:
            portion.differing.append(difference(order, before, after))
        elif row["machine"] != versions.MACHINE_VERSION:
            portion.same_by_another_machine.append(order)
    return portion


@dataclass(slots=True)
class Publishing:
    """Publishes what differs, in small transactions, each in its turn."""

    pool: Pool
    handler: Handler
    rate: Rate
    """Of `republishing.AT_ONCE` at once."""

    async def publish(self, orders: Sequence[str]) -> AsyncIterator[int]:
        """Publish what still differs of these orders; give after each transaction how many those were."""
        async for some in self.rate.parts(orders):

            async def work(connection: Connection, some: Sequence[str] = some) -> list[str]:
                return await republishing.read_again(connection, self.handler, some)

            yield len(await postgres.retried(self.pool, work, what="rebuild", tries=_TRIES))


def plain(one: Difference) -> dict[str, Any]:
    """Return a difference as data."""
    return {
        "order": one.order,
        "state": {"before": one.before, "after": one.after},
        "parcels": one.parcels,
        "fields": one.fields,
    }
