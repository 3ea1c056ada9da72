"""What the peers share: each parcel folded as its scans come, its history and state in Postgres. They fold no orders.

The folds are the product's own (`services.status.folding`, the same state as `machine.fold`). A parcel stays in memory
with its fold, so that the database is read only for one that is new to the process; what is written goes in one
transaction a batch: the history by COPY, the states by one upsert. The peers own their partitions alone, so nobody else
writes these rows. A reading that is known by its content changes nothing; order events are read, and left.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import psycopg

from schemas.scans import SCAN, Scan
from services.runtime.kafka import Record
from services.status.folding import Folding, begin
from services.status.inputs import Refused, ScanIn, read
from services.status.parcel_fold import History

TABLES: Final = """
create table history (
    shipment text not null, event_key text not null, content text not null, body text not null,
    primary key (shipment, event_key, content)
);
create table parcel (shipment text primary key, version int not null, stage text not null);
"""
STATES: Final = "select shipment, version, json_build_object('stage', stage)::text from parcel"
HISTORY: Final = "select count(*) from history"
PENDING: Final = "select 0"
"""What is published is published before the transaction."""

_READ_HISTORY: Final = "select shipment, content, body from history where shipment = any(%s)"
_READ_STATES: Final = "select shipment, version, stage from parcel where shipment = any(%s)"
_APPEND: Final = "copy history (shipment, event_key, content, body) from stdin"
_SAVE: Final = """
insert into parcel (shipment, version, stage) select * from unnest(%s::text[], %s::int[], %s::text[])
on conflict (shipment) do update set version = excluded.version, stage = excluded.stage
"""
#: A few hundred megabytes; the one that came first leaves first, and is read again when it is needed.
_MOST_IN_MEMORY: Final = 50_000

#: (shipment, event key, content, body)
Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """A parcel is in another stage; `version` counts from 1."""

    shipment: str
    version: int
    stage: str

    @property
    def key(self) -> bytes:
        """The key of its message."""
        return self.shipment.encode()

    def value(self) -> bytes:
        """Return the value of its message."""
        told = {"shipment": self.shipment, "version": self.version, "stage": self.stage}
        return json.dumps(told, separators=(",", ":")).encode()


Publish = Callable[[Sequence[Change]], None]
"""Returns when Kafka has them."""
Beside = Callable[["psycopg.Cursor[tuple[object, ...]]"], object]
"""What else is written in the transaction of a batch."""


@dataclass(slots=True)
class Parcel:
    """One parcel in memory."""

    history: History = field(default_factory=History)
    folding: Folding | None = None
    version: int = 0
    stage: str | None = None

    def take(self, item: ScanIn) -> bool:
        """Take in a scan; False where it is known."""
        slot = item.scan.event_key, item.content
        if slot in self.history.readings:
            return False
        self.history.readings[slot] = item.scan
        # A scan that stands before others, or tells of one again, changes what was made of them: all is folded anew.
        if self.folding is None or not self.folding.take(item.scan):
            self.folding = begin(self.history.scans())
        return True

    def change(self, shipment: str) -> Change | None:
        """Return what is to be told: None where the stage is the one that was told last."""
        if self.folding is None or self.folding.state.stage.value == self.stage:
            return None
        self.version, self.stage = self.version + 1, self.folding.state.stage.value
        return Change(shipment, self.version, self.stage)


@dataclass(slots=True)
class Parcels:
    """All parcels: those in memory, and those in the database behind."""

    connection: "psycopg.Connection[tuple[object, ...]]"
    known: dict[str, Parcel] = field(default_factory=dict)

    def apply(self, records: Iterable[Record], publish: Publish, beside: Beside | None = None) -> None:
        """Fold the records, publish what changed, and then commit: after a crash in between it is told once more.

        Whatever goes wrong ends the process, and with it what stands in memory.
        """
        items = list(scans(records))
        rows: list[Row] = []
        changes: list[Change] = []
        with self.connection.transaction(), self.connection.cursor() as cursor:
            self._load(cursor, {item.shipment for item in items} - self.known.keys())
            for item in items:
                parcel = self.known[item.shipment]
                if not parcel.take(item):
                    continue
                rows.append((item.shipment, item.scan.event_key, item.content, (item.record.value or b"").decode()))
                if (change := parcel.change(item.shipment)) is not None:
                    changes.append(change)
            publish(changes)
            _write(cursor, rows, {change.shipment: change for change in changes})
            if beside is not None:
                beside(cursor)
        self._forget()

    def _load(self, cursor: "psycopg.Cursor[tuple[object, ...]]", shipments: set[str]) -> None:
        if not shipments:
            return
        read_now = {shipment: Parcel() for shipment in shipments}
        for shipment, content, body in cursor.execute(_READ_HISTORY, [sorted(shipments)]):
            scan: Scan = SCAN.validate_json(str(body))
            read_now[str(shipment)].history.readings[scan.event_key, str(content)] = scan
        for shipment, version, stage in cursor.execute(_READ_STATES, [sorted(shipments)]):
            parcel = read_now[str(shipment)]
            parcel.version, parcel.stage = int(str(version)), str(stage)
        self.known |= read_now

    def _forget(self) -> None:
        for shipment in list(self.known)[: max(0, len(self.known) - _MOST_IN_MEMORY)]:
            del self.known[shipment]


def scans(records: Iterable[Record]) -> Iterator[ScanIn]:
    """Give the scans among the records; what the product would set aside ends the process."""
    for item in map(read, records):
        if isinstance(item, Refused):
            raise ValueError(f"{item.record.place} cannot be applied: {item.reason}")  # noqa: TRY004 - no wrong type
        if isinstance(item, ScanIn):
            yield item


def _write(cursor: "psycopg.Cursor[tuple[object, ...]]", rows: Sequence[Row], newest: Mapping[str, Change]) -> None:
    if rows:
        with cursor.copy(_APPEND) as copy:
            for row in rows:
                copy.write_row(row)
    if newest:
        changes = newest.values()
        columns = [one.shipment for one in changes], [one.version for one in changes], [one.stage for one in changes]
        cursor.execute(_SAVE, columns)


def connect(dsn: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Return a connection on which each transaction is opened explicitly."""
    # What is prepared while a table is empty would go on reading it from end to end.
    return psycopg.connect(dsn, autocommit=True, options="-c plan_cache_mode=force_custom_plan")
