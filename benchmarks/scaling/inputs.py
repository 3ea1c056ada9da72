"""What the sizes are computed from: what was measured, what is set, and what is assumed. Pure but for `latest`."""

import json
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

LATEST: Final = Path(__file__).parents[1] / "results" / "latest.json"
DESIGN: Final = "trackfold_1"
GIB: Final = 1024**3


def _is(value: float, kind: str, says: str) -> Any:
    return field(default=value, metadata={"kind": kind, "says": says})


@dataclass(frozen=True, slots=True)
class Inputs:
    """One number each; the page shows all of them, and its figures follow from nothing else."""

    # --- measured: `make bench`
    service_us: float = _is(329, "measured", "CPU of status an event, relay included, its order in the cache, µs")
    postgres_us: float = _is(74, "measured", "CPU of Postgres an event, µs")
    broker_us: float = _is(22, "measured", "CPU of one Kafka broker an event, one copy of everything, µs")
    wal_bytes: float = _is(2_530, "measured", "WAL of Postgres an event, bytes")
    # --- measured beside it
    messages_an_event: float = _is(0.91, "measured", "status messages an event: how many events show in their order")
    cold_service_times: float = _is(
        3.1, "measured", "how many times `service_us` an event of an order not in the cache"
    )
    cold_postgres_times: float = _is(
        2.5, "measured", "the same of `postgres_us`; what is read lay in Postgres's memory"
    )
    cached_order_bytes: float = _is(
        161_600, "measured", "what an order of two parcels, ten scans each, takes of a cache"
    )
    webhook_us: float = _is(
        520, "measured", "CPU of ingest a webhook, µs: 200 at the door, 320 to read a body of seven scans"
    )
    notify_us: float = _is(175, "measured", "CPU of notify a status message, µs")
    notify_postgres_us: float = _is(24, "measured", "CPU of Postgres for that, µs")
    notify_wal_bytes: float = _is(670, "measured", "WAL for that, bytes")
    ledger_bytes: float = _is(723, "measured", "a row of history with its index, bytes")
    order_bytes: float = _is(2_458, "measured", "an order's row with its message and index, bytes")
    order_event_bytes: float = _is(488, "measured", "an order event's row, bytes")
    shipment_bytes: float = _is(295, "measured", "a parcel's row, bytes")
    scan_bytes: float = _is(724, "measured", "a scan in Kafka with its headers, bytes")
    order_event_sent_bytes: float = _is(400, "measured", "an order event in Kafka with its headers, bytes")
    message_bytes: float = _is(256, "measured", "a status message in Kafka: 3.7 kB, compressed among its like (0022)")
    # --- set
    cache_bytes: float = _is(256 * 1024**2, "set", "cache of a status process (`TRACKFOLD_STATUS__CACHE_BYTES`)")
    purge_after_days: float = _is(
        400, "set", "how long a finished order is kept (`TRACKFOLD_STATUS__PURGE_AFTER_DAYS`)"
    )
    partitions: float = _is(64, "set", "partitions of each topic; of the output topics for ever (E13)")
    webhook_days: float = _is(30, "set", "retention of `carrier.webhooks.v1`")
    record_days: float = _is(35, "set", "retention of scans, order events and status messages")
    outcome_days: float = _is(90, "set", "retention of `notification.outcomes.v1`")
    copies: float = _is(3, "set", "replication of every topic")
    # --- assumed: the work
    scans: float = _is(10, "assumed", "scans a parcel")
    told_twice: float = _is(0.05, "assumed", "share of scans that are told a second time")
    parcels_an_order: float = _is(2, "assumed", "parcels of an order; each brings an order event, and the order one")
    notifications: float = _is(3, "assumed", "messages to customers a parcel")
    open_days: float = _is(5, "assumed", "from a parcel's first scan to its last")
    peak_to_mean: float = _is(3, "assumed", "events a second at the peak, against the mean of the day")
    webhook_bytes: float = _is(4_000, "assumed", "a webhook, one a scan, with its headers, bytes")
    outcome_bytes: float = _is(600, "assumed", "an outcome of notify in Kafka, bytes")
    snapshot_bytes: float = _is(1_200, "assumed", "a snapshot in its compacted topic, bytes")
    send_us: float = _is(2_000, "assumed", "CPU of notify to claim, write and hand over one message, µs")
    # --- assumed: the machines
    core_use: float = _is(0.6, "assumed", "how busy a core may be at the peak")
    bloat: float = _is(1.5, "assumed", "what tables take, against what their rows take")
    transactions: float = _is(20, "assumed", "commits a second of one process, batches and relay")
    pages_read: float = _is(5, "assumed", "pages of Postgres that an event touches")
    postgres_cores: float = _is(32, "assumed", "cores of one Postgres primary")
    postgres_memory: float = _is(256 * GIB, "assumed", "its memory")
    postgres_disk: float = _is(16e12, "assumed", "its disk, bytes")
    postgres_wal: float = _is(200e6, "assumed", "WAL a second that a standby replays and an archive takes, bytes")
    postgres_commits: float = _is(2_000, "assumed", "commits a second that its disk makes durable, one by one")
    postgres_reads: float = _is(100_000, "assumed", "pages a second that its disk reads")
    connections: float = _is(500, "assumed", "connections that it holds; a process opens up to 8")
    broker_disk: float = _is(8e12, "assumed", "disk of a Kafka broker, bytes")
    broker_cores: float = _is(8, "assumed", "cores of a Kafka broker")
    broker_network: float = _is(300e6, "assumed", "bytes a second in and out of a broker")


DESCRIBED: Final = {one.name: one.metadata for one in fields(Inputs)}
#: The run of the figures above, for as long as no whole run is recorded.
HALF_RUN: Final = (
    "No whole run is recorded yet: the first four inputs are of a run of half the size, two rounds, of one status "
    "process (2,553 events/s; two processes on the same two cores: 2,430)."
)


def latest(path: Path = LATEST) -> tuple[Inputs, str]:
    """Return the inputs with the figures of the last recorded run, and where those come from."""
    if not path.exists():
        return Inputs(), HALF_RUN
    found = json.loads(path.read_text(encoding="utf-8"))
    design, notes = found["designs"][DESIGN], found["notes"]
    cpu = design["cpu_us_per_event"]
    measured = replace(
        Inputs(),
        service_us=cpu["service"],
        postgres_us=cpu["postgres"],
        broker_us=cpu["broker"],
        wal_bytes=notes["wal_bytes_per_event"][DESIGN],
        messages_an_event=notes["messages_per_event"][DESIGN],
    )
    said = f"`{DESIGN}` of the last run of `make bench`: {design['events_per_second']:,} events/s, {found['machine']}"
    return measured, f"The first four inputs, and the messages an event, are those of {said}."
