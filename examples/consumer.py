"""Keeps the newest state of every order in a local SQLite file, from Trackfold's status topics. Made to be copied.

Needs Python 3.11, aiokafka and cramjam, nothing of Trackfold. Reads the snapshots once, then every change; each counts
once in the file, whatever is repeated or killed. docs/downstream.md says why each step is there.
It never commits to Kafka: how far it has read stands in the file, in the same transaction as what it has read.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.helpers import create_ssl_context

STATUS: Final = "order.status.v1"
SNAPSHOTS: Final = "order.snapshots.v1"
CE_TYPE: Final = b"trackfold.order.status.changed.v1"  # on both topics; any other message is not for this program
ERASED: Final = "erased"
PATIENCE_S: Final = 30.0
TLS_FILES: Final = ("cafile", "certfile", "keyfile")
OPTIONS: Final = ("security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password", *TLS_FILES)

Event = dict[str, Any]
Offsets = dict[TopicPartition, int]
Take = Callable[[list[Any], Offsets], list[Event]]


class TroubleError(Exception):
    """The program cannot go on; its text is for a person: what is wrong, and what to do."""


class Verdict(StrEnum):
    """What a message is, beside what is known of its order."""

    NEXT = "next"
    GAP = "gap"  # versions between were never seen; kept all the same: every message carries the whole state
    REPEAT = "repeat"  # known, or older than what is known
    DIFFERS = "differs"  # other bytes under a known version: must never be; what is known stays


@dataclass(frozen=True, slots=True)
class State:
    """An order at one version, as a message tells it or the file has it; without a document it is to be forgotten."""

    order: str
    published_ms: int
    document: str | None = None
    version: int = 0
    state: str = ERASED
    change: dict[str, Any] = field(default_factory=dict)


def parse(record: Any) -> State | None:
    """Return what a record says; None where it is not a message for us.

    Only what is named here is looked at: fields and words that are new to us stay in the document as they came.
    """
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        if record.value is None:
            return State(record.key.decode(), record.timestamp)
        document = record.value.decode()
        content = json.loads(document)
        version, state, change = int(content["change"]["version"]), str(content["state"]), dict(content["change"])
        if dict(record.headers).get("ce_type") == CE_TYPE:
            return State(record.key.decode(), record.timestamp, document, version, state, change)
    return None


def judge(known: State | None, news: State, *, snapshot: bool) -> Verdict:
    """Say what a message is. A snapshot may pass over versions: its topic keeps only the newest."""
    if known is None:
        return Verdict.NEXT if snapshot or news.state == ERASED or news.version == 1 else Verdict.GAP
    if news.document is None:
        # A tombstone has no version, and an old one can come late, behind what was published after it.
        late = known.document is None or news.published_ms < known.published_ms
        return Verdict.REPEAT if late else Verdict.NEXT
    late = known.document is None and news.published_ms <= known.published_ms
    if late or news.version < known.version:
        return Verdict.REPEAT
    if news.version == known.version:
        return Verdict.REPEAT if known.document in {None, news.document} else Verdict.DIFFERS
    return Verdict.NEXT if snapshot or news.version == known.version + 1 else Verdict.GAP


def tell(known: State | None, news: State, verdict: Verdict) -> list[Event]:
    """Return what there is to say of a message: nothing of a repeat."""
    about: Event = {"order": news.order, "version": news.version, "state": news.state}
    before = {"previous": news.change.get("previous")}
    said: list[Event] = []
    if verdict in {Verdict.GAP, Verdict.DIFFERS}:
        said.append({"event": verdict.value, **about, "known": known.version if known else 0})
    if verdict in {Verdict.REPEAT, Verdict.DIFFERS}:
        return said
    if news.state == ERASED:
        return [*said, {"event": "erased", "order": news.order}]
    if news.change.get("correction") is True:
        said.append({"event": "correction", **about, **before, "reason": news.change.get("reason")})
    return [*said, {"event": "changed", **about, **before}]


SCHEMA: Final = """
create table if not exists seen (key text primary key, version int not null, published_ms int not null,
    reading int not null, document text);
create view if not exists orders as
    select key, version, json_extract(document, '$.state') as state, document from seen where document is not null;
create table if not exists offsets (topic text, part int, next_offset int not null, primary key (topic, part));
create table if not exists counts (name text primary key, n int not null);
"""
FORGET_UNSEEN: Final = "update seen set document = null where document is not null and reading < ? returning key"
COUNT: Final = "insert into counts values (?, 1) on conflict (name) do update set n = n + 1"


class File:
    """The SQLite file: states, counts and offsets, always in one transaction. One program at a time writes it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self._db.isolation_level = None  # transactions begin where we say so
        self._db.execute("pragma journal_mode = wal")  # others can read while we write
        self._db.executescript(SCHEMA)
        self._offsets = self.offsets()
        (self._reading,) = self._db.execute("select coalesce(max(reading), 0) from seen").fetchone()

    def offsets(self) -> Offsets:
        """Return where to go on in the status topic; empty until snapshots were read to their end."""
        rows = self._db.execute("select topic, part, next_offset from offsets")
        return {TopicPartition(topic, part): offset for topic, part, offset in rows}

    def counts(self) -> dict[str, int]:
        """Return how many messages were what, since the file was made."""
        return dict(self._db.execute("select name, n from counts order by name"))

    def begin_snapshots(self) -> None:
        """Tell the orders that are read from now on from those of earlier times."""
        self._reading += 1

    def take_snapshots(self, records: Iterable[Any], _: Offsets) -> list[Event]:
        """Take in snapshots. What they show is no news: only what is wrong is told."""
        with self._transaction(self._offsets):
            said = [event for record in records for event in self._take(record, snapshot=True)]
        return [event for event in said if event["event"] in {Verdict.DIFFERS, "unreadable"}]

    def end_snapshots(self, noted: Offsets) -> list[Event]:
        """Forget the orders that have no snapshot, erased while nobody read; go on from the noted ends."""
        with self._transaction(noted):
            gone = self._db.execute(FORGET_UNSEEN, (self._reading,)).fetchall()
        return [{"event": ERASED, "order": key} for (key,) in gone]

    def take_changes(self, records: Iterable[Any], next_offsets: Offsets) -> list[Event]:
        """Take in status messages and where to go on; return what there is to say."""
        with self._transaction(next_offsets):
            return [event for record in records for event in self._take(record, snapshot=False)]

    @contextmanager
    def _transaction(self, next_offsets: Offsets) -> Iterator[None]:
        with self._db:  # commits, or rolls back when something fails
            self._db.execute("begin immediate")
            if self.offsets() != self._offsets:
                raise TroubleError("another program writes this file: give each its own --database")
            yield
            self._db.execute("delete from offsets")
            rows = [(*part, offset) for part, offset in next_offsets.items()]
            self._db.executemany("insert into offsets values (?, ?, ?)", rows)
        self._offsets = next_offsets

    def _take(self, record: Any, *, snapshot: bool) -> list[Event]:
        news = parse(record)
        if news is None:
            self._db.execute(COUNT, ("unreadable",))
            return [{"event": "unreadable", "place": f"{record.topic}/{record.partition}/{record.offset}"}]
        rows = self._db.execute("select key, published_ms, document, version from seen where key = ?", (news.order,))
        known = next((State(*row) for row in rows), None)
        verdict = judge(known, news, snapshot=snapshot)
        said = tell(known, news, verdict)
        for name in ["snapshot"] if snapshot else {verdict.value, *(event["event"] for event in said)}:
            self._db.execute(COUNT, (name,))
        if verdict in {Verdict.REPEAT, Verdict.DIFFERS}:
            self._db.execute("update seen set reading = ? where key = ?", (self._reading, news.order))
            return said
        # Of a forgotten order the version stays: an older message that is repeated must not bring it back.
        version = max(news.version, known.version if known else 0)
        document = None if news.state == ERASED else news.document
        row = (news.order, version, news.published_ms, self._reading, document)
        self._db.execute("insert or replace into seen values (?, ?, ?, ?, ?)", row)
        return said


@dataclass(slots=True)
class Follower:
    """Reads the two topics into the file, and says what it sees."""

    consumer: AIOKafkaConsumer
    file: File
    status: Sequence[TopicPartition]
    snapshots: Sequence[TopicPartition]
    say: Callable[[list[Event]], None]

    async def run(self, *, idle_s: float | None, reread: bool) -> None:
        """Go on where the file stands, or from the snapshots; end when nothing came for `idle_s` seconds."""
        why = "asked for" if reread else await self._why_snapshots()
        while True:
            start = {"from": "snapshots", "why": why} if why else {"from": "its offsets"}
            self.say([{"event": "started", **start}])
            if why:
                await self._read_snapshots()
            try:
                return await self._read(self.file.offsets(), self.file.take_changes, idle_s=idle_s)
            except OffsetOutOfRangeError:
                why = await self._why_snapshots()
                if why is None:
                    raise TroubleError(
                        f"{STATUS} is shorter than what was read: made anew? Use a new --database"
                    ) from None

    async def _why_snapshots(self) -> str | None:
        """Return why the file's offsets cannot be gone on from; None where they can."""
        stored = self.file.offsets()
        if set(stored) != set(self.status):
            return "other partitions than before" if stored else "nothing was read before"
        starts = await self.consumer.beginning_offsets(self.status)
        return "retention took what comes next" if any(stored[part] < starts[part] for part in starts) else None

    async def _read_snapshots(self) -> None:
        # Noted first: a snapshot is published before its message, so what no snapshot shows yet lies behind these ends.
        noted = await self.consumer.end_offsets(self.status)
        ends = await self.consumer.end_offsets(self.snapshots)
        self.file.begin_snapshots()
        await self._read(await self.consumer.beginning_offsets(self.snapshots), self.file.take_snapshots, ends=ends)
        self.say([*self.file.end_snapshots(noted), {"event": "snapshots read", **self.file.counts()}])

    async def _read(self, at: Offsets, take: Take, *, ends: Offsets | None = None, idle_s: float | None = None) -> None:
        """Read on from `at`: to `ends`; or, without, until nothing comes for `idle_s` seconds; or for ever.

        Judged by positions, not by records: compaction and markers leave offsets without any, the last ones too.
        """
        self.consumer.assign(list(at))
        for part, offset in at.items():
            self.consumer.seek(part, offset)
        moved = time.monotonic()
        while ends is None or is_behind(at, ends):
            found = await self.consumer.getmany(timeout_ms=500, max_records=500)
            now = {part: await self.consumer.position(part) for part in at}
            if now != at:
                self.say(take([record for batch in found.values() for record in batch], now))
                at, moved = now, time.monotonic()
            elif (quiet := time.monotonic() - moved) >= (PATIENCE_S if idle_s is None else idle_s):
                # Silence is no proof of an end: ask. This fails when Kafka is away.
                if not is_behind(at, ends or await self.consumer.end_offsets(list(at))):
                    if idle_s is not None:
                        return
                    moved = time.monotonic()
                elif quiet >= PATIENCE_S:
                    raise TroubleError("Kafka has more and does not give it: are its brokers well?")


def is_behind(at: Offsets, ends: Offsets) -> bool:
    """Tell whether something is left to read."""
    return any(at[part] < end for part, end in ends.items())


async def find_partitions(connection: dict[str, Any], topics: list[str]) -> list[list[TopicPartition]]:
    """Return the partitions of each topic."""
    admin = AIOKafkaAdminClient(**connection)
    try:
        await admin.start()
        missing = sorted(set(topics) - set(await admin.list_topics()))
        if missing:
            raise TroubleError(f"no topic {' and no '.join(missing)}, or no right to see it: is --prefix right?")
        parts = {one["topic"]: one["partitions"] for one in await admin.describe_topics(topics)}
    finally:
        await admin.close()
    return [[TopicPartition(name, part["partition"]) for part in parts[name]] for name in topics]


def connection_of(bootstrap: str, options: Sequence[str]) -> dict[str, Any]:
    """Return aiokafka's settings from `name=value` (or `name=@FILE`: secrets do not belong on a command line)."""
    given = {name: text for name, _, text in (option.partition("=") for option in options)}
    if not set(given) <= set(OPTIONS):
        raise TroubleError(f"--kafka-option takes NAME=VALUE with one of these names: {', '.join(OPTIONS)}")
    read = {name: Path(text[1:]).read_text().strip() if text[:1] == "@" else text for name, text in given.items()}
    tls = {name: read.pop(name) for name in TLS_FILES if name in read}
    context = {"ssl_context": create_ssl_context(**tls)} if "SSL" in read.get("security_protocol", "") else {}
    return {"bootstrap_servers": bootstrap, **read, **context}


async def work(arguments: argparse.Namespace, file: File, say: Callable[[list[Event]], None]) -> None:
    """Find the topics and follow them."""
    connection = connection_of(arguments.bootstrap, arguments.kafka_option)
    status, snapshots = await find_partitions(connection, [arguments.prefix + STATUS, arguments.prefix + SNAPSHOTS])
    reading = {"enable_auto_commit": False, "auto_offset_reset": "none", "isolation_level": "read_committed"}
    consumer = AIOKafkaConsumer(**connection, **reading)
    try:
        await consumer.start()
        follower = Follower(consumer, file, status, snapshots, say)
        await follower.run(idle_s=arguments.until_idle, reread=arguments.reread)
    finally:
        with suppress(asyncio.CancelledError):  # of aiokafka's own tasks, where Kafka is away
            await consumer.stop()


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"), metavar="HOST:PORT")
    add("--database", type=Path, default=Path("orders.sqlite"), metavar="FILE", help="made if it is not there")
    add("--prefix", default="", help="what stands before the topics' names")
    add("--until-idle", type=float, metavar="SECONDS", help="end when nothing has come for so long")
    add("--reread", action="store_true", help="begin with the snapshots, whatever was read before")
    add("--json", action="store_true", help="say it as one JSON object a line")
    add("--kafka-option", action="append", default=[], metavar="NAME=[@]VALUE", help=", ".join(OPTIONS))
    return parser.parse_args()


def main() -> int:
    """Run until Ctrl-C, or until it is idle; 1 when it cannot go on."""
    given = arguments()

    def say(events: list[Event]) -> None:
        for event in events:
            line = json.dumps(event) if given.json else "  ".join(f"{name}={value}" for name, value in event.items())
            print(line, flush=True)  # noqa: T201 - its output is for people and pipes

    try:
        with closing(sqlite3.connect(given.database, timeout=PATIENCE_S)) as database:
            file = File(database)
            with suppress(KeyboardInterrupt):  # what was read so far stands in the file
                asyncio.run(work(given, file, say))
            say([{"event": "stopped", **file.counts()}])
    except (TroubleError, sqlite3.Error, OSError, ValueError) as error:
        sys.exit(f"cannot go on: {error}")
    except KafkaError as error:
        sys.exit(f"Kafka at {given.bootstrap}: {error!r}. Is it there? TLS and SASL: --kafka-option")
    return 0


if __name__ == "__main__":
    sys.exit(main())
