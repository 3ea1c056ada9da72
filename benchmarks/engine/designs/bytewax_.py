"""The peer bytewax: its Kafka source, polls of thousands handed on whole, one sink that publishes and stores a batch.

The dataflow is `KafkaSource` with a `batch_size` for throughput, as its documentation advises, and a sink of its own
kind (`DynamicSink`), which gets what a poll brought as one batch: it folds the parcels, publishes their changes through
bytewax's own Kafka sink (which waits for Kafka), and commits history, states and offsets in one Postgres transaction.
The source goes on from the offsets that lie there: bytewax has no Kafka group, and its own recovery store would
know of what the database has only every few seconds.

It promises: nothing is lost; each distinct scan is in the history once; a parcel's messages are in the order of their
versions, and after a crash some are told again. It leaves out: the order and its document, dead letters, snapshots,
the fence against a second owner of a partition (bytewax assigns partitions statically).
"""

import signal
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import psycopg
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.inputs import StatefulSourcePartition
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main

from benchmarks.engine import parcels
from benchmarks.engine.designs.design import INPUTS, STATUS, Config, Design, arguments
from services.runtime.kafka import Record

BATCH: Final = 5_000

_PROGRESS: Final = """
create table progress (topic text, part int, next_offset bigint not null, primary key (topic, part));
"""
_READ_PROGRESS: Final = "select topic, part, next_offset from progress"
_ADVANCE: Final = """
insert into progress (topic, part, next_offset) select * from unnest(%s::text[], %s::int[], %s::bigint[])
on conflict (topic, part) do update set next_offset = excluded.next_offset
"""

DESIGN: Final = Design(
    name="bytewax",
    processes=1,
    pending_sql=parcels.PENDING,
    orders_sql=parcels.STATES,
    history_sql=parcels.HISTORY,
    progress_sql="select coalesce(sum(next_offset), 0)::bigint from progress",
    folds_orders=False,
    settings=("no order fold", f"polls of {BATCH:,}", "parcels in memory, COPY"),
)


Message: TypeAlias = "KafkaSourceMessage[bytes, bytes]"


class Stored(KafkaSource):  # type: ignore[misc] # untyped where it is not installed
    """The Kafka source, going on from the offsets in the database, until it is told that it is the end."""

    def __init__(self, config: Config, offsets: Mapping[tuple[str, int], int], stopped: threading.Event) -> None:
        super().__init__([config.bootstrap], [config.topic(name) for name in INPUTS], batch_size=BATCH)
        self._stored = offsets
        self._stopped = stopped

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> Any:
        """Return the reader of one partition."""
        part, topic = for_part.split("-", 1)
        reader = super().build_part(step_id, for_part, self._stored.get((topic, int(part)), resume_state))
        return Ending(reader, self._stopped)


class Ending(StatefulSourcePartition[Message, int | None]):  # type: ignore[misc] # as Stored
    """A partition that ends when it is told to: the one way to end a dataflow in order."""

    def __init__(self, reader: StatefulSourcePartition[Message, int | None], stopped: threading.Event) -> None:
        self._reader = reader
        self._stopped = stopped

    def next_batch(self) -> Iterable[Message]:
        """Return what a poll brings."""
        if self._stopped.is_set():
            raise StopIteration
        polled: Iterable[Message] = self._reader.next_batch()
        return polled

    def snapshot(self) -> int | None:
        """Return where it stands."""
        position: int | None = self._reader.snapshot()
        return position

    def close(self) -> None:
        """Close its consumer."""
        self._reader.close()


class StatusSink(DynamicSink[Message]):  # type: ignore[misc] # as Stored
    """Folds, publishes and stores what a poll brought."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "StatusPartition":
        """Return the part of a worker; there is one."""
        sink = KafkaSink([self._config.bootstrap], self._config.topic(STATUS))
        return StatusPartition(self._config, sink.build(step_id, worker_index, worker_count))


class StatusPartition(StatelessSinkPartition[Message]):  # type: ignore[misc] # as Stored
    """The one writer."""

    def __init__(self, config: Config, status: StatelessSinkPartition[KafkaSinkMessage[bytes, bytes]]) -> None:
        self._prefix = config.prefix
        self._status = status
        self._parcels = parcels.Parcels(parcels.connect(config.dsn))

    def write_batch(self, items: list[Message]) -> None:
        """Fold, publish, and store with the offsets."""
        ends = {(message.topic, message.partition): (message.offset or 0) + 1 for message in items}
        columns = [topic for topic, _ in ends], [part for _, part in ends], list(ends.values())
        records = (self._record(message) for message in items)
        self._parcels.apply(records, self._publish, beside=lambda cursor: cursor.execute(_ADVANCE, columns))

    def _record(self, message: Message) -> Record:
        topic = (message.topic or "").removeprefix(self._prefix)
        _, timestamp = message.timestamp or (0, 0)
        place = topic, message.partition or 0, message.offset or 0
        return Record(*place, timestamp, message.key, message.value, tuple(message.headers))

    def _publish(self, changes: Sequence[parcels.Change]) -> None:
        if changes:
            self._status.write_batch([KafkaSinkMessage(change.key, change.value()) for change in changes])


def dataflow(config: Config, source: Stored) -> Dataflow:
    """Return what is run."""
    flow = Dataflow("benchmark")
    records = op.input("records", flow, source)
    op.output("parcels", records, StatusSink(config))
    return flow


def prepare(config: Config) -> None:
    """Create the tables."""
    with parcels.connect(config.dsn) as connection:
        connection.execute(parcels.TABLES)
        connection.execute(_PROGRESS)


def run(config: Config) -> None:
    """Consume; the library has the thread for itself, and ends when its source does."""
    with psycopg.connect(config.dsn) as connection:
        stored = {(str(topic), int(part)): int(end) for topic, part, end in connection.execute(_READ_PROGRESS)}
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    cli_main(dataflow(config, Stored(config, stored, stopped)))


if __name__ == "__main__":
    told, only_prepare = arguments()
    (prepare if only_prepare else run)(told)
