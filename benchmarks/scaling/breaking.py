"""What gives way first when parcels become more: each part's limit, where it is reached, and what then helps. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.scaling.inputs import Inputs
from benchmarks.scaling.sizing import Sizing

_MOST: Final = 10**12


@dataclass(frozen=True, slots=True)
class Part:
    """Something of which there is only so much."""

    name: str
    need: Callable[[Sizing], float]
    limit: Callable[[Inputs], float]
    then: str
    """What has to change."""


PARTS: Final = (
    Part("two cores for everything", lambda s: s.all_cores, lambda _: 2, "a machine each for Postgres and Kafka"),
    Part(
        "the cache of one status process",
        lambda s: s.open_cache_bytes,
        lambda i: i.cache_bytes,
        "nothing breaks: events of orders that are not in it cost more, as the table has it; more memory for caches",
    ),
    Part("one status process", lambda s: s.status_processes, lambda _: 1, "another process of the same group"),
    Part("one ingest process", lambda s: s.ingest_processes, lambda _: 1, "another process behind the same address"),
    Part("one notify process", lambda s: s.notify_processes, lambda _: 1, "another process of the same group"),
    Part(
        "memory of Postgres",
        lambda s: s.open_rows,
        lambda i: i.postgres_memory,
        "nothing breaks: rows of parcels on their way are read from disk; more memory, or fast disks",
    ),
    Part(
        "disk of Postgres",
        lambda s: s.disk_kept,
        lambda i: i.postgres_disk,
        "a shorter `TRACKFOLD_STATUS__PURGE_AFTER_DAYS` (history that is older lies in a warehouse fed from the "
        "topics); then several databases",
    ),
    Part(
        "WAL of Postgres",
        lambda s: s.wal_peak,
        lambda i: i.postgres_wal,
        "several databases, each with the processes and the partitions of its shops",
    ),
    Part("cores of Postgres", lambda s: s.postgres_cores, lambda i: i.postgres_cores, "several databases"),
    Part(
        "commits of Postgres",
        lambda s: s.commits,
        lambda i: i.postgres_commits,
        "larger batches: a longer pace between polls",
    ),
    Part("reads of Postgres", lambda s: s.reads_peak, lambda i: i.postgres_reads, "more memory, or several databases"),
    Part(
        "connections of Postgres",
        lambda s: s.connections,
        lambda i: i.connections,
        "a smaller pool a process (`TRACKFOLD_POSTGRES__POOL_SIZE`), then several databases",
    ),
    Part("disk of three brokers", lambda s: s.kafka_disk / 3, lambda i: i.broker_disk, "more brokers"),
    Part("cores of three brokers", lambda s: s.broker_cores / 3, lambda i: i.broker_cores, "more brokers"),
    Part(
        "network of three brokers",
        lambda s: (s.kafka_in + s.kafka_out) / 3,
        lambda i: i.broker_network,
        "more brokers",
    ),
    Part(
        "partitions of the output topics",
        lambda s: max(s.status_processes, s.notify_processes),
        lambda i: i.partitions,
        "topics of a `.v2` with more partitions, or an installation for each group of shops",
    ),
)


def breaks_at(given: Inputs, part: Part) -> float:
    """Return the fewest parcels a day that need more than there is."""
    low, high = 0, _MOST
    while high - low > 1:
        middle = (low + high) // 2
        if part.need(Sizing(given, middle)) > part.limit(given):
            high = middle
        else:
            low = middle
    return float(high)


def breaking(given: Inputs) -> list[tuple[float, Part]]:
    """Return every part with where it gives way, the first first."""
    return sorted(((breaks_at(given, part), part) for part in PARTS), key=lambda one: one[0])


def first_above(parcels: float, found: list[tuple[float, Part]]) -> tuple[float, Part] | None:
    """Return what gives way next."""
    return next((one for one in found if one[0] > parcels), None)
