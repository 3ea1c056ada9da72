"""`trackfold fold`: what the service would show and publish for the records of a file. Needs no service, no network.

Every decision is the service's own code (`services/status`); here records are given to it in the file's order, with the
time events that are due, and in other orders and batches, which must end in the same documents.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from random import Random
from typing import Any, Final

from services.local.memory import Item, Memory
from services.local.record_lines import Lines, UnusableError
from services.runtime.kafka import Record
from services.status import awaited
from services.status.awaited import Awaited
from services.status.inputs import OrderIn, Refused, read
from services.status.order import Document
from services.status.order_facts import OrderFacts, StoredEvent
from services.status.order_times import judged
from services.status.order_verdicts import set_aside
from services.status.parcel_document import set_aside as scans_set_aside
from services.status.parcel_fold import History, fold_parcels
from services.status.pieces import fold_unclaimed
from services.status.timeline import Moved, timeline

#: So many records are loaded and saved at once, as the service does it.
BATCH: Final = 100
MAX_FIRED: Final = 200_000
REPEATED: Final = 0.15
_SIZES: Final = (1, 1, 2, 3, 5, 8, 20, BATCH)

_NOTHING: Final = "nothing"

Tell = Callable[[str], None]
"""Says how far a long run is."""


def _say_nothing(_: str) -> None: ...


@dataclass(slots=True)
class Folded:
    """The records of a file, folded."""

    lines: Lines
    memory: Memory = field(default_factory=Memory)
    times: list[Item] = field(default_factory=list)
    """The time events that were added."""

    def named(self, item: Item) -> str:
        """Name a record: its line, or `t1` for the first time event."""
        number, last = item.record.offset, self.last
        return str(number) if number <= last else f"t{number - last}"

    @property
    def last(self) -> int:
        """The number of the last line."""
        return max((item.record.offset for item in self.lines.items), default=0)


@dataclass(frozen=True, slots=True)
class Difference:
    """Another order of the same records that ended in another document: a fault of ours."""

    order: str
    path: str
    expected: Any
    found: Any
    batches: tuple[tuple[str, ...], ...]
    """The names of the records, as they were told."""

    def as_json(self) -> Document:
        """Give it as data."""
        shown = {"order": self.order, "path": self.path, "expected": self.expected, "found": self.found}
        return {**shown, "batches": [list(batch) for batch in self.batches]}


def fold(lines: Lines, *, at: datetime | None = None, tell: Tell = _say_nothing) -> Folded:
    """Fold the records in the file's order, then the time events that are due `at` that time."""
    folded = Folded(lines)
    for start in range(0, len(lines.items), BATCH):
        tell(f"record {start + 1} of {len(lines.items)}")
        folded.memory.apply(lines.items[start : start + BATCH])
    for one in folded.memory.refused:
        lines.refuse(one.record.offset, one.reason, one.detail)
    if at is not None:
        tell(f"time events until {at.isoformat()}")
        folded.times += fire(folded.memory, at, numbers=count(folded.last + 1))
    return folded


def fire(memory: Memory, at: datetime, *, numbers: Iterator[int]) -> list[Item]:
    """Apply the time events that are due by then, earliest first, and what they lead to, as the timer worker does."""
    waiting: dict[str, Awaited] = {}
    dates: list[tuple[datetime, str]] = []
    fired: list[Item] = []
    _look(memory, memory.orders, waiting, dates)
    while dates and dates[0][0] <= at:
        due_at, order = heapq.heappop(dates)
        one = waiting.get(order)
        if one is None or one.expectation.due_at != due_at:
            continue
        if len(fired) >= MAX_FIRED:
            raise UnusableError("too_many_times", f"more than {MAX_FIRED:,} time events are due", hint="split the file")
        item = read(Record(one.topic, 0, next(numbers), 0, one.key.encode(), one.value, tuple(one.headers)))
        assert not isinstance(item, Refused)  # noqa: S101 - the service's own bytes
        fired.append(item)
        _look(memory, sorted(memory.apply([item])), waiting, dates)
    return fired


def _look(
    memory: Memory, orders: Sequence[str], waiting: dict[str, Awaited], dates: list[tuple[datetime, str]]
) -> None:
    """Note what each of these orders waits for first."""
    for order in orders:
        found = awaited.look(order, memory.events(order).values(), memory.histories_of(order))
        waiting.pop(order, None)
        if found:
            first = min(found, key=lambda one: (one.expectation.due_at, one.key, one.expectation.identity))
            waiting[order] = first
            heapq.heappush(dates, (first.expectation.due_at, order))


def permute(folded: Folded, *, times: int, seed: int, tell: Tell = _say_nothing) -> Difference | None:
    """Tell the same records in other orders, some of them twice, in other batches; return the first that differs."""
    items = [*folded.lines.items, *folded.times]
    expected = {order: folded.memory.document(order) for order in folded.memory.orders}
    for number in range(times):
        tell(f"permutation {number + 1} of {times}, seed {seed}: {len(items)} records of {len(expected)} orders")
        batches = shuffled(items, Random(f"{seed}/{number}"))  # noqa: S311 - repeatable
        memory = Memory()
        for batch in batches:
            memory.apply(batch)
        found = {order: memory.document(order) for order in memory.orders}
        for order in sorted(expected.keys() | found.keys()):
            path = first_difference(expected.get(order), found.get(order))
            if path is not None:
                told = tuple(tuple(folded.named(item) for item in batch) for batch in batches)
                return Difference(
                    order, path, at_path(expected.get(order), path), at_path(found.get(order), path), told
                )
    return None


def shuffled(items: Sequence[Item], dice: Random) -> list[list[Item]]:
    """Return the items in another order, some of them twice, cut into batches."""
    told = [*items, *(item for item in items if dice.random() < REPEATED)]
    dice.shuffle(told)
    batches = []
    while told:
        size = dice.choice(_SIZES)
        batches.append(told[:size])
        told = told[size:]
    return batches


def first_difference(one: Any, other: Any, path: str = "") -> str | None:
    """Return the path of the first place where two documents differ, as in `parcels.0.stage`; None: they are equal."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        places = [(key, one.get(key, _NOTHING), other.get(key, _NOTHING)) for key in sorted({*one, *other})]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        places = [(str(index), *pair) for index, pair in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other else path or "."
    differing = (first_difference(left, right, f"{path}.{name}".lstrip(".")) for name, left, right in places)
    return next((found for found in differing if found is not None), None)


def at_path(document: Any, path: str) -> Any:
    """Return what stands at a path of `first_difference`."""
    for name in [] if path == "." else path.split("."):
        if isinstance(document, list):
            document = document[int(name)]
        else:
            document = document.get(name) if isinstance(document, Mapping) else None
    return document


def report(folded: Folded) -> Document:
    """Return everything as data: the output of `trackfold fold --json`."""
    memory = folded.memory
    changes: dict[str, list[Document]] = {}
    for one in memory.published:
        changes.setdefault(one.order, []).append({"state": one.document["state"], **one.change})
    told: dict[str, dict[tuple[str, str, str], StoredEvent]] = {}
    for item in (*folded.lines.items, *folded.times):
        if isinstance(item, OrderIn):
            stored = item.stored
            told.setdefault(item.order, {})[stored.source, stored.id, stored.content] = stored
    return {
        "orders": [
            _order(memory, order, changes[order], list(told.get(order, {}).values())) for order in memory.orders
        ],
        "unclaimed": [_unclaimed(memory, key) for key in memory.unclaimed],
        "refused": [one.as_json() for one in folded.lines.refused],
    }


def _order(memory: Memory, order: str, changes: Sequence[Document], told: Sequence[StoredEvent]) -> Document:
    document = memory.document(order)
    assert document is not None  # noqa: S101 - `orders` are those that show something
    events, histories = list(memory.events(order).values()), memory.histories_of(order)
    return {
        "order": order,
        "state": document["state"],
        "substatus": document["substatus"],
        "display": document["display"],
        "version": memory.version(order),
        "conditions": document["conditions"],
        "lines": document["lines"],
        "shipments": document["parcels"],
        "timeline": [_entry(one) for one in timeline(order, events, histories)],
        "published": list(changes),
        "set_aside": _set_aside(judged(order, events, histories), order, histories, told),
    }


def _entry(moved: Moved) -> Document:
    return {
        "at": moved.at.isoformat().replace("+00:00", "Z"),
        "subject": moved.subject,
        "event": moved.event,
        "what": moved.what,
        "rule": moved.rule,
        "leg": None if moved.leg is None else moved.leg.value,
        "piece": moved.piece,
    }


def _set_aside(
    facts: OrderFacts, order: str, histories: Mapping[str, History], told: Sequence[StoredEvent]
) -> list[Document]:
    """Return what moved nothing: the order's own events, then each parcel's scans."""
    found = [(one.stored.key, one.rule, one.reason) for one in set_aside(told, unexpected=facts.unexpected)]
    if facts.erased is None:
        verdicts = (one for _, state in fold_parcels(order, facts, histories) for one in scans_set_aside(state))
        found += [(one.scan.event_key, one.rule, one.reason) for one in verdicts]
    return [{"event": event, "rule": rule, "why": why} for event, rule, why in found]


def _unclaimed(memory: Memory, key: str) -> Document:
    """Return where a shipment stands that no order claims (R13)."""
    scans = memory.history(key).scans()
    state = fold_unclaimed(scans)
    return {
        "key": key,
        "stage": state.stage.value,
        "leg": state.leg.value,
        "substatus": state.substatus,
        "conditions": sorted(state.conditions),
        "scans": len(scans),
    }
