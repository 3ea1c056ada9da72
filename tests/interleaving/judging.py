"""What sessions leave behind, and what is wrong with it.

The end is told without times of the run, so that two runs can be compared: an order of steps is right when it ends as
some order of whole sessions does. What must hold in each of them (versions without a hole, in the order of the outbox)
is asked as well: comparing alone would pass what is wrong everywhere.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from services.status import timer_rows
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from tests import outbox, shown
from tests.interleaving.connections import Sent
from tests.interleaving.stepping import Session

if TYPE_CHECKING:
    import asyncpg

# When a claim was told is when it was written.
LEDGER: Final = """
select shipment, n, event_key, content, claimed_by, case when claimed_by is null then told_at end, repeats
from status.ledger order by 1, 2, 3, 4
"""
EVENTS: Final = "select order_key, source, id, content, repeats from status.order_event order by 1, 2, 3"
SHIPMENTS: Final = "select shipment, next_n from status.shipment order by 1"
OFFSETS: Final = "select topic, part, next_offset from status.consumer_offset order by 1, 2"
TIMERS: Final = "select key, due_at, now() as now from status.timer"
DEADLOCK: Final = "40P01"


@dataclass(frozen=True)
class End:
    """What is there when all sessions have ended."""

    orders: Sequence[shown.Row]
    ledger: Sequence[tuple[Any, ...]]
    events: Sequence[tuple[Any, ...]]
    shipments: Sequence[tuple[Any, ...]]
    offsets: Sequence[tuple[Any, ...]]
    told: Mapping[str, Sequence[str]]
    """What each order's readers get to see, sent or still in the outbox, in that order."""
    letters: Mapping[str, int]
    """Dead letters by key, and how many of each."""

    def documents(self) -> dict[str, Any]:
        """Return what each order shows; of an erased or purged one its state is left."""
        return {row.order: {"state": row.state} if row.document is None else row.document for row in self.orders}

    def unlike(self, ends: Sequence["End"]) -> str:
        """Tell in what it differs from the end that is most like it."""
        differences: list[list[str]] = [
            [
                f"{one.name} is {getattr(self, one.name)}, not {getattr(end, one.name)}"
                for one in fields(self)
                if getattr(self, one.name) != getattr(end, one.name)
            ]
            for end in ends
        ]
        return min(("; ".join(one) for one in differences), key=len)


async def read_end(connection: "asyncpg.Connection[asyncpg.Record]", sent: Sequence[Sent]) -> End:
    """Read what the sessions left."""
    rows = [[tuple(row) for row in await connection.fetch(query)] for query in (LEDGER, EVENTS, SHIPMENTS, OFFSETS)]
    left = [Sent(one.topic, one.key, one.value) for one in await outbox.waiting(connection)]
    told: dict[str, list[str]] = defaultdict(list)
    letters: Counter[str] = Counter()
    for one in (*sent, *left):
        if one.topic == STATUS_TOPIC and one.value is not None:
            told[one.key.decode()].append(one.value.decode())
        if one.topic == DEAD_LETTER_TOPIC:
            letters[one.key.decode()] += 1
    orders = await shown.rows(connection)
    return End(orders, rows[0], rows[1], rows[2], rows[3], told=dict(told), letters=dict(letters))


def wrong_with(end: End, sent: Sequence[Sent]) -> Iterator[str]:
    """Tell what may be in no end."""
    for order, version, _, _, message in end.orders:
        values = [json.loads(value) for value in end.told.get(order, ())]
        versions = [value["change"]["version"] for value in values]
        if versions != list(range(1, version + 1)):
            yield f"{order} is at version {version} and tells {versions}"
        if values and message is not None and json.loads(message) != values[-1]:
            yield f"{order}: the newest message is not the last one told"
        if "erased" in (value["state"] for value in values[:-1]):
            yield f"{order} tells something after it was erased"
    yield from _wrong_with_histories(end)
    yield from _wrong_with_snapshots(sent)


def _wrong_with_histories(end: End) -> Iterator[str]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for shipment, n, *_ in end.ledger:
        numbers[shipment].append(n)
    gone = any(version and document is None for _, version, _, document, _ in end.orders)
    for shipment, next_n in end.shipments:
        taken = numbers[shipment] if gone else range(1, next_n)
        if numbers[shipment] != sorted({n for n in taken if n < next_n}):
            yield f"{shipment} has rows {numbers[shipment]}, the next is {next_n}"
    for shipment in sorted(numbers.keys() - {shipment for shipment, _ in end.shipments}):
        yield f"{shipment} has a history, and no row that could be locked"


def _wrong_with_snapshots(sent: Sequence[Sent]) -> Iterator[str]:
    """A compacted topic keeps the last record of a key: none may be older than what was told."""
    told: dict[bytes, float] = {}
    kept: dict[bytes, float] = {}
    for one in sent:
        if one.topic not in (STATUS_TOPIC, SNAPSHOT_TOPIC):
            continue
        value = None if one.value is None else json.loads(one.value)
        # Of what is erased nothing may be kept.
        version = math.inf if value is None or value["state"] == "erased" else value["change"]["version"]
        if one.topic == SNAPSHOT_TOPIC:
            kept[one.key] = version
        else:
            told[one.key] = max(version, told.get(one.key, 0))
    for key, version in told.items():
        if kept.get(key, version) < version:
            yield f"{key.decode()} is told up to version {version}, its snapshot is {kept[key]}"


async def wrong_with_timers(connection: Any, sent: Sequence[Sent]) -> list[str]:
    """Tell which orders await something that nobody will look at in time; what was sent is on its way."""
    fired = {one.value for one in sent}
    rows = {row["key"]: row for row in await connection.fetch(TIMERS)}
    orders = [row["order_key"] for row in await connection.fetch("select order_key from status.orders")]
    found = await timer_rows.awaited(connection, orders)
    wrong = []
    for order, waiting in found.items():
        first = timer_rows.next_date([one for one in waiting if one.value not in fired])
        row = rows.get(order)
        if first is not None and row is None:
            wrong.append(f"{order} has no timer and awaits something at {first}")
        elif first is not None and row is not None and row["due_at"] > max(first, row["now"]):
            wrong.append(f"{order} is looked at on {row['due_at']} and awaits something at {first}")
    return wrong


def wrong_with_sessions(sessions: Sequence[Session]) -> Iterator[str]:
    """Tell what no session may have met."""
    for one in sessions:
        yield from (f"{one.name} met {surprise}" for surprise in one.surprises)
        if DEADLOCK in one.sqlstates:
            yield f"{one.name} ended in a deadlock"
