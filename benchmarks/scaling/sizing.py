"""What so many parcels a day need. Pure: each figure is one formula over the inputs, and grows with the parcels."""

import bisect
import math
from dataclasses import dataclass
from typing import Final

from benchmarks.scaling.inputs import Inputs

DAY_S: Final = 86_400
#: Of the pool of one process (`TRACKFOLD_POSTGRES__POOL_SIZE`).
POOL: Final = 8


@dataclass(frozen=True, slots=True)
class Sizing:
    """Everything of one number of parcels a day; `_peak` is a second at the peak."""

    given: Inputs
    parcels: float

    # --- the work

    @property
    def events_a_parcel(self) -> float:
        """Scans with those that are told twice, its own order event, and its share of the order's."""
        return self.given.scans * (1 + self.given.told_twice) + 1 + 1 / self.given.parcels_an_order

    @property
    def events_a_day(self) -> float:
        """Records that status applies."""
        return self.parcels * self.events_a_parcel

    @property
    def events_peak(self) -> float:
        """Events a second at the peak."""
        return self.events_a_day * self._to_peak

    @property
    def webhooks_peak(self) -> float:
        """One a scan, with those that are told twice."""
        return self.parcels * self._webhooks_a_parcel * self._to_peak

    @property
    def notifications_peak(self) -> float:
        """Messages to customers a second at the peak."""
        return self.parcels * self.given.notifications * self._to_peak

    @property
    def _to_peak(self) -> float:
        return self.given.peak_to_mean / DAY_S

    @property
    def _webhooks_a_parcel(self) -> float:
        return self.given.scans * (1 + self.given.told_twice)

    # --- processes

    @property
    def open_cache_bytes(self) -> float:
        """What the orders on their way would take of the caches."""
        return self.parcels * self.given.open_days / self.given.parcels_an_order * self.given.cached_order_bytes

    def known(self, processes: int) -> float:
        """The share of events whose order is in a cache of so many processes: scans of a parcel come hours apart."""
        return min(1.0, processes * self.given.cache_bytes / self.open_cache_bytes)

    def status_us(self, processes: int) -> float:
        """CPU of status an event, with so many processes."""
        known = self.known(processes)
        return self.given.service_us * (known + (1 - known) * self.given.cold_service_times)

    @property
    def status_processes(self) -> int:
        """The fewest whose cores are not busier than they may be; a process uses one core at most."""
        known = self._processes(self.events_peak * self.given.service_us)
        unknown = self._processes(self.events_peak * self.given.service_us * self.given.cold_service_times)
        between = range(max(1, known), max(1, unknown) + 1)
        return between[bisect.bisect_left(between, x=True, key=self._is_enough)]

    def _is_enough(self, processes: int) -> bool:
        return self._processes(self.events_peak * self.status_us(processes)) <= processes

    @property
    def ingest_processes(self) -> int:
        """The door and the normaliser."""
        return self._processes(self.webhooks_peak * self.given.webhook_us)

    @property
    def notify_processes(self) -> int:
        """Reading status messages, and handing over messages to customers."""
        reading = self.events_peak * self.given.messages_an_event * self.given.notify_us
        return self._processes(reading + self.notifications_peak * self.given.send_us)

    def _processes(self, busy_us: float) -> int:
        return math.ceil(busy_us / 1e6 / self.given.core_use)

    @property
    def processes(self) -> int:
        """All of them; the relay is a part of status."""
        return self.status_processes + self.ingest_processes + self.notify_processes

    @property
    def partitions(self) -> int:
        """Two for each process of the largest service, so that a lost one's are shared out; the contract's at least."""
        largest = max(self.status_processes, self.ingest_processes, self.notify_processes)
        return max(round(self.given.partitions), 2 * largest)

    # --- Postgres

    @property
    def postgres_cores(self) -> float:
        """Cores at the peak, as busy as they may be."""
        known = self.known(self.status_processes)
        status_us = self.given.postgres_us * (known + (1 - known) * self.given.cold_postgres_times)
        notify_us = self.given.messages_an_event * self.given.notify_postgres_us
        return self.events_peak * (status_us + notify_us) / 1e6 / self.given.core_use

    @property
    def wal_peak(self) -> float:
        """Bytes a second."""
        return self.events_peak * self._wal_an_event

    @property
    def wal_a_day(self) -> float:
        """Bytes: what an archive of a day takes."""
        return self.events_a_day * self._wal_an_event

    @property
    def _wal_an_event(self) -> float:
        return self.given.wal_bytes + self.given.messages_an_event * self.given.notify_wal_bytes

    @property
    def parcel_bytes(self) -> float:
        """What stays of a parcel: scans, claim, row, order event, and its share of the order's two rows."""
        given = self.given
        own = (given.scans + 1) * given.ledger_bytes + given.shipment_bytes + given.order_event_bytes
        return (own + (given.order_bytes + given.order_event_bytes) / given.parcels_an_order) * given.bloat

    @property
    def disk_a_day(self) -> float:
        """Bytes of tables and indexes that a day adds."""
        return self.parcels * self.parcel_bytes

    @property
    def disk_kept(self) -> float:
        """Bytes, once the purge takes as much as comes."""
        return self.disk_a_day * self.given.purge_after_days

    @property
    def open_rows(self) -> float:
        """Bytes of the parcels on their way: what should be in the memory of Postgres."""
        return self.disk_a_day * self.given.open_days

    @property
    def commits(self) -> float:
        """Commits a second, each waiting for the disk; several at once can share a wait."""
        return (self.status_processes + self.notify_processes) * self.given.transactions

    @property
    def reads_peak(self) -> float:
        """Pages a second where nothing that an event touches is in memory: the most it can be."""
        return self.events_peak * self.given.pages_read

    @property
    def connections(self) -> int:
        """Of all processes that use Postgres."""
        return (self.status_processes + self.notify_processes) * POOL

    # --- Kafka

    @property
    def _sent(self) -> dict[str, tuple[float, float, float]]:
        """Topic: bytes a parcel, days kept, how many read it."""
        given = self.given
        messages = self.events_a_parcel * given.messages_an_event * given.message_bytes
        return {
            "carrier.webhooks.v1": (self._webhooks_a_parcel * given.webhook_bytes, given.webhook_days, 1),
            "carrier.scans.v1": (self._webhooks_a_parcel * given.scan_bytes, given.record_days, 2),
            "order.events.v1": (
                (1 + 1 / given.parcels_an_order) * given.order_event_sent_bytes, given.record_days, 2,
            ),
            "order.status.v1": (messages, given.record_days, 2),
            "order.snapshots.v1": (messages, 0, 2),
            "notification.outcomes.v1": (given.notifications * given.outcome_bytes, given.outcome_days, 2),
        }  # fmt: skip

    @property
    def kafka_in(self) -> float:
        """Bytes a second from producers, at the peak."""
        return self.parcels * sum(size for size, _, _ in self._sent.values()) * self._to_peak

    @property
    def kafka_out(self) -> float:
        """Bytes a second to readers and to the other copies, at the peak."""
        read = self.parcels * sum(size * readers for size, _, readers in self._sent.values()) * self._to_peak
        return read + self.kafka_in * (self.given.copies - 1)

    @property
    def kafka_disk(self) -> float:
        """Bytes on all brokers: what retention keeps, and a snapshot an order until it is purged."""
        a_day = sum(size * days for size, days, _ in self._sent.values())
        snapshots = self.given.snapshot_bytes * self.given.purge_after_days / self.given.parcels_an_order
        return self.parcels * (a_day + snapshots) * self.given.copies

    @property
    def broker_cores(self) -> float:
        """Cores of all brokers: what one copy took, for each copy."""
        return self.events_peak * self.given.broker_us * self.given.copies / 1e6 / self.given.core_use

    @property
    def brokers(self) -> int:
        """As many as copies at least."""
        given = self.given
        traffic = self.kafka_in + self.kafka_out
        wanted = (self.kafka_disk / given.broker_disk, self.broker_cores / given.broker_cores)
        return max(round(given.copies), *map(math.ceil, wanted), math.ceil(traffic / given.broker_network))

    # --- a machine for all

    @property
    def all_cores(self) -> float:
        """Cores of everything on one machine, with one copy in Kafka."""
        services_us = (
            self.events_peak * self.status_us(1)
            + self.webhooks_peak * self.given.webhook_us
            + self.events_peak * self.given.messages_an_event * self.given.notify_us
            + self.notifications_peak * self.given.send_us
            + self.events_peak * self.given.broker_us
        )
        return services_us / 1e6 / self.given.core_use + self.postgres_cores
