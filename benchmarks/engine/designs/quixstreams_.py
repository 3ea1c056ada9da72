"""The peer quixstreams: a streaming dataframe over both topics into a batching sink, as its documentation shows.

The sink collects what came since the last checkpoint. When the library commits one, the sink folds the parcels,
publishes their changes, waits for Kafka, and commits history and states in one Postgres transaction; only then does the
library commit the offsets. A checkpoint is due after 5,000 records or 200 ms.

It promises: nothing is lost; each distinct scan is in the history once; a parcel's messages are in the order of their
versions, and after a crash some are told again. It leaves out: the order and its document, dead letters, snapshots,
the fence against a second owner of a partition (a checkpoint that comes late from a process that was thought dead
fails on the history's key, or writes an older state).

Its own state stores (RocksDB behind changelog topics) are not used: all designs keep history and state in Postgres.
"""

import logging
import tempfile
from collections.abc import Sequence
from typing import Any, Final

from quixstreams import Application
from quixstreams.kafka import Producer
from quixstreams.sinks import BaseSink

from benchmarks.engine import parcels
from benchmarks.engine.designs.design import INPUTS, STATUS, Config, Design, arguments
from services.runtime.kafka import Record

COMMIT_EVERY: Final = 5_000
COMMIT_INTERVAL_S: Final = 0.2
_POLL_S: Final = 0.02
"""For so long a poll of an empty topic holds a checkpoint up that is due."""
_FLUSH_LIMIT_S: Final = 30.0

DESIGN: Final = Design(
    name="quixstreams",
    processes=1,
    pending_sql=parcels.PENDING,
    orders_sql=parcels.STATES,
    history_sql=parcels.HISTORY,
    folds_orders=False,
    settings=(
        "no order fold",
        f"a checkpoint every {COMMIT_EVERY:,} records or {COMMIT_INTERVAL_S * 1000:.0f} ms",
        "parcels in memory, COPY",
    ),
)


class StatusSink(BaseSink):  # type: ignore[misc] # untyped where it is not installed
    """Folds what came since the last checkpoint when the next is committed.

    Not `BatchingSink`: that writes partition by partition, which is a transaction for each of them.
    """

    def __init__(self, config: Config, producer: Producer) -> None:
        super().__init__(on_client_connect_success=_quiet)
        self._config = config
        self._producer = producer
        self._records: list[Record] = []

    def setup(self) -> None:
        """Connect to the database."""
        self._parcels = parcels.Parcels(parcels.connect(self._config.dsn))

    def add(self, value: Any, key: Any, timestamp: int, headers: Any, topic: str, partition: int, offset: int) -> None:
        """Keep a record for the checkpoint."""
        name = topic.removeprefix(self._config.prefix)
        self._records.append(Record(name, partition, offset, timestamp, key, value, tuple(headers or ())))

    def flush(self) -> None:
        """Fold, publish and store; the library commits the offsets when this returns."""
        records, self._records = self._records, []
        self._parcels.apply(records, self._publish)

    def on_paused(self) -> None:
        """Drop what will be read again."""
        self._records = []

    def _publish(self, changes: Sequence[parcels.Change]) -> None:
        topic = self._config.topic(STATUS)
        for change in changes:
            self._producer.produce(topic, change.value(), change.key)
        if changes and self._producer.flush(_FLUSH_LIMIT_S):
            raise TimeoutError(f"Kafka did not take all messages within {_FLUSH_LIMIT_S:.0f} s")


def _quiet() -> None:
    """Say nothing of a connection that was made."""


def prepare(config: Config) -> None:
    """Create the tables."""
    with parcels.connect(config.dsn) as connection:
        connection.execute(parcels.TABLES)


def run(config: Config) -> None:
    """Consume; the library has the thread for itself, and ends in order at SIGTERM."""
    logging.getLogger("quixstreams").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        application = Application(
            broker_address=config.bootstrap,
            consumer_group=config.group,
            auto_offset_reset="earliest",
            auto_create_topics=False,
            commit_every=COMMIT_EVERY,
            commit_interval=COMMIT_INTERVAL_S,
            consumer_poll_timeout=_POLL_S,
            state_dir=folder,
            loglevel=None,
        )
        with application.get_producer() as producer:
            sink = StatusSink(config, producer)
            for name in INPUTS:
                topic = application.topic(config.topic(name), value_deserializer="bytes", key_deserializer="bytes")
                application.dataframe(topic).sink(sink)
            application.run()


if __name__ == "__main__":
    told, only_prepare = arguments()
    (prepare if only_prepare else run)(told)
