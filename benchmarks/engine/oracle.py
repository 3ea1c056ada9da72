"""Whether a design did what it should: its history, its orders, its messages and snapshots beside what was sent. Pure.

What should be is folded once a load from everything that was sent, by the product's own pure functions. A design whose
oracle is not clean gets no figure. In a run without faults nobody may tell a version twice.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.engine.designs.design import Design
from benchmarks.engine.load import Sent
from benchmarks.engine.plain import Known
from services.runtime.kafka import Record
from services.status import machine
from services.status.inputs import Refused, read

SHOWN: Final = 5
"""So many findings of one kind are named, the others counted."""
_OF_THE_MESSAGE: Final = frozenset({"change", "truncated"})
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """The one right end of a load."""

    records: int
    history: int
    """Distinct scans."""
    documents: dict[str, Document]
    """By order."""
    stages: dict[str, Document]
    """By shipment: what a design without the order fold knows of it."""

    def of(self, design: Design) -> dict[str, Document]:
        """Return what this design should end with."""
        return self.documents if design.folds_orders else self.stages


@dataclass(slots=True)
class Told:
    """What lies on an output topic, taken in record by record: memory does not grow with the number of messages."""

    versions: dict[str, int] = field(default_factory=dict)
    """By key: the version of its last message."""
    values: dict[str, bytes] = field(default_factory=dict)
    """By key: the last message."""
    messages: int = 0
    wrong: list[str] = field(default_factory=list)

    def take(self, key: bytes, value: bytes) -> None:
        """Take in the next message of a partition."""
        self.messages += 1
        name, version = key.decode(), version_of(json.loads(value))
        expected = self.versions.get(name, 0) + 1
        if version != expected:
            self.wrong.append(f"status: {name} tells version {version}, expected {expected}")
        self.versions[name], self.values[name] = version, value


@dataclass(slots=True)
class Found:
    """What a design left behind."""

    history: int
    orders: Sequence[tuple[str, int, str]] = ()
    """(key, version, document as text)."""
    status: Told = field(default_factory=Told)
    snapshots: dict[str, bytes] = field(default_factory=dict)
    """By key: the newest."""


def version_of(message: Document) -> int:
    """Return the version that a message tells."""
    change = message.get("change")
    return int(message["version"] if change is None else change["version"])


def expected_of(records: Iterable[Sent]) -> Expected:
    """Fold everything that was sent."""
    known, count = Known(), 0
    for place, one in enumerate(records):
        item = read(Record(one.topic, 0, place, 0, one.key, one.value, one.headers))
        if isinstance(item, Refused):
            raise ValueError(f"the load holds what cannot be read: {item.detail}")  # noqa: TRY004 - no argument
        known.add(item)
        count += 1
    scanned = {key: history for key, history in known.histories.items() if history.readings}
    return Expected(
        records=count,
        history=sum(len(history.readings) for history in scanned.values()),
        documents={order: _as_json(known.fold(order)) for order in list(known.events)},
        stages={key: {"stage": machine.fold(history.scans()).stage.value} for key, history in scanned.items()},
    )


def judge(design: Design, expected: Expected, found: Found) -> list[str]:
    """Return everything that is wrong, in words; nothing: clean."""
    wrong = []
    if found.history != expected.history:
        wrong.append(f"history: {found.history} rows, expected {expected.history}")
    if not design.publishes:
        return wrong
    wanted = expected.of(design)
    wrong += _some(_stored(found, wanted))
    wrong += _some(found.status.wrong)
    wrong += _some(_told(found, wanted))
    if design.snapshots:
        wrong += _some(_snapshots(found))
    return wrong


def _stored(found: Found, wanted: dict[str, Document]) -> list[str]:
    """Judge the orders in the database."""
    stored = {key: (version, json.loads(text)) for key, version, text in found.orders}
    wrong = _keys("orders", set(stored), set(wanted))
    for key in stored.keys() & wanted.keys():
        version, document = stored[key]
        if document != wanted[key]:
            wrong.append(f"orders: {key} holds another document: {_differing(document, wanted[key])}")
        if version != found.status.versions.get(key, 0):
            wrong.append(f"orders: {key} is at version {version}, told were {found.status.versions.get(key, 0)}")
    return wrong


def _told(found: Found, wanted: dict[str, Document]) -> list[str]:
    """Judge the last message of each key."""
    wrong = _keys("status", set(found.status.values), set(wanted))
    for key in found.status.values.keys() & wanted.keys():
        message = json.loads(found.status.values[key])
        # A message of a whole order is its document and what changed; one of a parcel only has to name its stage.
        whole = "change" in message
        told = {name: value for name, value in message.items() if name not in _OF_THE_MESSAGE}
        document = told if whole else {name: told.get(name) for name in wanted[key]}
        if document != wanted[key]:
            wrong.append(f"status: the last message of {key} differs: {_differing(document, wanted[key])}")
    return wrong


def _snapshots(found: Found) -> list[str]:
    told = found.status.values
    wrong = _keys("snapshots", set(found.snapshots), set(told))
    for key in found.snapshots.keys() & told.keys():
        if found.snapshots[key] != told[key]:
            wrong.append(f"snapshots: {key} is not its newest message")
    return wrong


def _keys(where: str, found: set[str], wanted: set[str]) -> list[str]:
    missing = [f"{where}: {key} is missing" for key in sorted(wanted - found)]
    return missing + [f"{where}: nobody sent {key}" for key in sorted(found - wanted)]


def _differing(found: Document, wanted: Document) -> str:
    return ", ".join(sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)))


def _some(wrong: Sequence[str]) -> list[str]:
    more = len(wrong) - SHOWN
    return [*wrong[:SHOWN], *([f"... and {more} more"] if more > 0 else [])]


def _as_json(document: Document) -> Document:
    """Return a document as a reader of its text gets it."""
    read_back: Document = json.loads(json.dumps(document))
    return read_back
