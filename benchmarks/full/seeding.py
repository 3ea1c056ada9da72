"""A ledger of millions of rows without the engine: what some hundred orders left behind, copied with other numbers.

The engine folds the pattern once, without the last scan of each parcel. Every row of an order names it by its number of
six digits, and its parcels' numbers hold the same digits: so a row of another order is the same text with other digits,
and what it shows is still what its history folds to.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import asyncpg

from benchmarks.engine.load import ORDER_EVENTS, SCANS, Profile, Sent, records
from benchmarks.engine.stack import Stack
from benchmarks.full.engine import engine
from schemas.scans import SCAN
from services.status import packed

FIRST_OF_PATTERN: Final = 100_000
FIRST: Final = 200_000
"""The number of the first order that is made; those of later loads are above `LAST`."""
LAST: Final = 899_999
_CHUNK_BYTES: Final = 1 << 20
_COPY_LIMIT_S: Final = 1_200.0

#: By table: its rows of one order and its parcels (`$1`, `$2`).
_ROWS: Final = {
    "shipment": "select * from status.shipment where shipment = any($2::text[])",
    "ledger": "select * from status.ledger where shipment = any($2::text[]) order by shipment, n",
    "orders": "select * from status.orders where order_key = $1",
    "order_event": "select * from status.order_event where order_key = $1",
    "timer": "select * from status.timer where key = $1",
}
#: As COPY writes the beginning of a column of bytes.
_BYTES: Final = rb"\\x"
_MESSAGE: Final = b"<message>"
_HISTORY: Final = "select count(*) from status.ledger"


@dataclass(frozen=True, slots=True)
class Copied:
    """One order of the pattern."""

    number: int
    rows: dict[str, bytes]
    """By table, in the text form of COPY."""
    message: bytes
    """What it showed last; in its row of `orders` stands `_MESSAGE` in that place."""
    last: tuple[Sent, ...]
    """The last scan of each parcel, which nobody has told yet."""

    @property
    def history(self) -> int:
        """How many rows of the ledger it has."""
        return self.rows["ledger"].count(b"\n")

    def table_of(self, table: str, number: int) -> bytes:
        """Return its rows as those of another order."""
        rows = renumbered(self.rows[table], self.number, number)
        if table != "orders":
            return rows
        # Packed as a whole: other digits are other bytes.
        message = packed.pack(renumbered(self.message, self.number, number))
        return rows.replace(_MESSAGE, _BYTES + message.hex().encode())

    def last_of(self, number: int, parcel: int) -> Sent:
        """Return the last scan of one of another order's parcels."""
        one = self.last[parcel % len(self.last)]
        key, value = (renumbered(part, self.number, number) for part in (one.key, one.value))
        headers = tuple((name, renumbered(part, self.number, number)) for name, part in one.headers)
        return replace(one, key=key, value=value, headers=headers)


def renumbered(text: bytes, old: int, new: int) -> bytes:
    """Return a text with another order's digits."""
    before, after = str(old).encode(), str(new).encode()
    if len(before) != len(after):
        raise ValueError(f"{new} is longer or shorter than {old}")
    return text.replace(before, after)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Orders to copy."""

    orders: Sequence[Copied]

    def of(self, number: int) -> Copied:
        """Return the order that an order of this number is a copy of."""
        return self.orders[number % len(self.orders)]

    def orders_for(self, rows: int) -> int:
        """Return how many orders have about so many rows of history."""
        return round(rows * len(self.orders) / sum(one.history for one in self.orders))

    def moved(self) -> Self:
        """Return it with histories that tell of other places than the orders show: whoever folds them again differs."""
        orders = [replace(one, rows={**one.rows, "ledger": _moved(one.rows["ledger"])}) for one in self.orders]
        return replace(self, orders=orders)

    def last_scan(self, number: int, parcel: int) -> Sent:
        """Return what is still to come for a parcel of an order that was made."""
        return self.of(number).last_of(number, parcel)


def _moved(rows: bytes) -> bytes:
    return rows.replace(b'"city":"', b'"city":"New ')


async def pattern(stack: Stack, prefix: str, orders: int) -> Pattern:
    """Let the engine fold some orders, and return what it left behind."""
    load = records(orders, Profile(first_order=FIRST_OF_PATTERN))
    told, last = without_last(load)
    async with engine(stack, prefix) as one:
        await one.filler.send(one.filler.build(told))
        await one.watch.until_done(len(told))
        connection = await asyncpg.connect(one.dsn, timeout=10, command_timeout=60)
        try:
            numbers = range(FIRST_OF_PATTERN, FIRST_OF_PATTERN + orders)
            return Pattern([await _copied(connection, number, last[number]) for number in numbers])
        finally:
            await connection.close(timeout=5)


def without_last(load: Sequence[Sent]) -> tuple[list[Sent], dict[int, list[Sent]]]:
    """Return a load without the last scan of each parcel, and these, by order."""
    last: dict[bytes, tuple[Any, str]] = {}
    scans = [(one, SCAN.validate_json(one.value)) for one in load if one.topic == SCANS]
    for one, scan in scans:
        last[one.key] = max(last.get(one.key, (scan.occurred_at, "")), (scan.occurred_at, scan.event_key))
    told, kept = [one for one in load if one.topic == ORDER_EVENTS], defaultdict[int, list[Sent]](list)
    for one, scan in scans:
        if last[one.key][1] != scan.event_key:
            told.append(one)
        elif not any(other.key == one.key for other in kept[_order_of(one)]):
            kept[_order_of(one)].append(one)
    return sorted(told, key=lambda one: one.at), kept


def _order_of(scan: Sent) -> int:
    """Return the order whose parcel a scan is of: its digits begin the parcel's number."""
    return int(scan.key.decode().rpartition("AB")[2].removesuffix("GB")) // 100


async def _copied(connection: Any, number: int, last: Sequence[Sent]) -> Copied:
    order, parcels = f"main:{number}", sorted(one.key.decode() for one in last)
    rows = {}
    for table, query in _ROWS.items():
        taken: list[bytes] = []
        # A query that is copied takes no list: the keys are ours, digits and letters.
        literal = "array[" + ",".join(f"'{one}'" for one in parcels) + "]"
        text = query.replace("$2::text[]", literal).replace("$1", f"'{order}'")
        await connection.copy_from_query(text, output=_into(taken))
        rows[table] = b"".join(taken)
    stored = await connection.fetchval("select message from status.orders where order_key = $1", order)
    rows["orders"] = rows["orders"].replace(_BYTES + stored.hex().encode(), _MESSAGE)
    return Copied(number, rows, packed.unpack(order, stored), tuple(last))


def _into(taken: list[bytes]) -> Any:
    async def take(data: bytes) -> None:
        taken.append(data)

    return take


async def seed(dsn: str, made: Pattern, orders: int) -> int:
    """Fill an empty database with so many orders; returns how many rows of history it has then."""
    if orders > LAST - FIRST:
        raise ValueError(f"{orders} orders: there are numbers for {LAST - FIRST}")
    connection = await asyncpg.connect(dsn, timeout=10, command_timeout=_COPY_LIMIT_S)
    try:
        for table in _ROWS:
            await connection.copy_to_table(table, schema_name="status", source=_chunks(made, table, orders))
        # As it would be after so long a time: what the server knows of its tables, and nothing left to write.
        await connection.execute("vacuum (analyze)")
        await connection.execute("checkpoint")
        return int(await connection.fetchval(_HISTORY))
    finally:
        await connection.close(timeout=5)


async def _chunks(made: Pattern, table: str, orders: int) -> AsyncIterator[bytes]:
    for chunk in chunked(made.of(number).table_of(table, number) for number in range(FIRST, FIRST + orders)):
        yield chunk


def chunked(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Join small parts: COPY in one piece a row would be slow."""
    held: list[bytes] = []
    size = 0
    for part in parts:
        held.append(part)
        size += len(part)
        if size >= _CHUNK_BYTES:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
