"""What sessions do: the service's own consumer, relay, timers and expiry, and where each of them stops.

At most six steps a session. What lies between two points conflicts with nobody, or only through what the point before
it has locked.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

import asyncpg

from services.runtime.consume import Batch, FencedConsumer
from services.runtime.errors import Conflict
from services.runtime.going_back import GoingBack
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.marks import Refusal
from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings, ServiceSettings
from services.status import closing, expiry_rows, outbox, purge_rows, relay_rows, repository, saving, timer_rows
from services.status.consumer import GROUP, SCHEMA
from services.status.expiry import Expiry
from services.status.handler import Handler
from services.status.inputs import ORDER_EVENTS, SCANS
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.purge import Purge
from services.status.relay import Relay
from services.status.timers import Timers
from tests.interleaving.connections import COMMIT, SEND, SteppedPool, SteppedProducer
from tests.records import record, scan

#: One queue each: what could meet, does.
OUTPUTS: Final = Outputs({STATUS_TOPIC: 1, SNAPSHOT_TOPIC: 1, DEAD_LETTER_TOPIC: 1})
HANDLER: Final = Handler(OUTPUTS)
SETTINGS: Final = KafkaSettings()

#: begin, fence and guess | shipments | all reads, ahead of the orders' locks | the locks | ledger to offsets | commit
BATCH: Final = (
    repository.CREATE_SHIPMENTS,
    repository.READ_CLAIMANTS,
    repository.LOCK_ORDERS,
    saving.APPEND_LEDGER,
    COMMIT,
)
#: begin to claimants | orders | events and claims | ledgers and documents | locks to offsets | commit
READING: Final = (
    repository.READ_ORDERS,
    repository.READ_EVENTS,
    repository.READ_LEDGER_FROM,
    repository.LOCK_ORDERS,
    COMMIT,
)
#: As BATCH, of a batch that no shipment's ledger gets a row of.
EVENTS_ONLY: Final = (*BATCH[:3], saving.SAVE_EVENTS, COMMIT)
#: As BATCH, of scans that no order claims: no order is read.
UNCLAIMED: Final = (*BATCH[:2], repository.READ_LEDGER_FROM, *BATCH[3:])
#: all that comes before the outbox | outbox and offsets | commit
LAST_STEPS: Final = (outbox.APPEND, COMMIT)
#: queue and lock | rows | snapshots | messages | delete and advance | commit
RELAY: Final = (relay_rows.READ_ROWS, SEND + SNAPSHOT_TOPIC, SEND + STATUS_TOPIC, relay_rows.SENT, COMMIT)
#: queue and lock | rows and sending | delete and advance | commit
RELAY_ROWS: Final = (relay_rows.READ_ROWS, relay_rows.SENT, COMMIT)
#: take | look | send and lock | look again | move | commit
TIMERS: Final = (repository.READ_EVENTS, timer_rows.LOCK, repository.READ_EVENTS, timer_rows.MOVE, COMMIT)
#: take | ask again | delete the history | delete the shipments | commit
EXPIRY: Final = (
    expiry_rows.STILL_UNCLAIMED,
    expiry_rows.DELETE_LEDGER,
    expiry_rows.DELETE_SHIPMENTS,
    COMMIT,
)

#: A record that cannot be read, and so a dead letter: only the fence keeps it from becoming two.
BROKEN: Final = scan("in_transit", minutes=0)
#: look | shipments | claimants and orders | look again | close | commit
PURGE: Final = (
    purge_rows.LOCK_SHIPMENTS,
    repository.READ_CLAIMANTS,
    purge_rows.STILL_DUE,
    closing.CLOSE_ORDERS,
    COMMIT,
)
#: Finished orders that did not change for so long are purged.
PURGE_DAYS: Final = 365

Work = Callable[[SteppedPool, SteppedProducer], Awaitable[Any]]


@dataclass(frozen=True)
class Script:
    """What one session does."""

    name: str
    points: Sequence[str]
    work: Work
    rewritten: Mapping[str, str] = field(default_factory=dict)
    """Statements of this session that are replaced by others."""


@cache
def _service() -> ServiceSettings:
    """Read once: it costs as much as a statement."""
    return ServiceSettings(kafka=SETTINGS)


class QuickLife(Life):
    """A process that never rests between two tries: whom it waits for is stepped through."""

    def __init__(self) -> None:
        """As any status process."""
        super().__init__("status", _service())

    async def rest(self, seconds: float) -> None:
        """Go on."""


class KnownLogs(GoingBack):
    """Rule E7 without Kafka: every log is the one that was applied."""

    async def _look(self, partitions: list[Partition]) -> dict[Partition, Refusal]:  # noqa: ARG002
        return {}


class Owner(FencedConsumer):
    """The consumer of status as `make_consumer` has it, that is handed its records instead of polling them."""

    def __init__(self, pool: SteppedPool) -> None:
        """Take the database."""
        super().__init__(
            QuickLife(),
            SETTINGS,
            pool,
            schema=SCHEMA,
            group=GROUP,
            topics=(SCANS, ORDER_EVENTS),
            apply=self._watched,
            dead_letter=HANDLER.quarantine,
        )
        self._surprises = pool.session.surprises
        self._handler = replace(HANDLER, cache=pool.session.cache)
        self._going_back = KnownLogs(self._life, SETTINGS, pool, self._fence, self._positions, name=GROUP)

    async def work(self, records: Sequence[Record]) -> None:
        """Take one polled batch, until it is done."""
        await self._take(sorted(records, key=lambda one: (one.topic, one.partition, one.offset)))

    async def _watched(self, batch: Batch) -> None:
        """Apply a batch; whatever the consumer would try again over without knowing why is noted."""
        try:
            await self._handler.apply(batch)
        except (Conflict, asyncpg.PostgresError):
            raise
        except Exception as surprise:
            self._surprises.append(repr(surprise))
            raise

    async def _commit_to_kafka(self, offsets: Mapping[Partition, int]) -> bool:  # noqa: ARG002
        return True

    async def _log_starts(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 0)

    def _partitions_of(self, topic: str) -> int:  # noqa: ARG002
        return 0


def batch(name: str, *bodies: Mapping[str, Any], part: int, points: Sequence[str] = BATCH) -> Script:
    """Return an owner of a partition, and the records it was handed: the first ones there are."""
    places = {"scans": 0, "events": 0}
    records = []
    for body in bodies:
        kind = "scans" if "event_key" in body else "events"
        made = record(body, partition=part, offset=places[kind])
        records.append(replace(made, value=b"{") if body is BROKEN else made)
        places[kind] += 1

    async def work(pool: SteppedPool, _: SteppedProducer) -> None:
        await Owner(pool).work(records)

    return Script(name, points, work)


def relaying(name: str, points: Sequence[str] = RELAY) -> Script:
    """Return a relay that goes once through what there is."""

    async def work(pool: SteppedPool, producer: SteppedProducer) -> None:
        await Relay(QuickLife(), SETTINGS, pool, producer, OUTPUTS, name=name, patience_s=0).relay_once()

    return Script(name, points, work)


def timing(name: str) -> Script:
    """Return a timer worker that looks once at what is due."""

    async def work(pool: SteppedPool, producer: SteppedProducer) -> None:
        await Timers(QuickLife(), SETTINGS, pool, producer).fire_once()

    return Script(name, TIMERS, work)


def expiring(name: str) -> Script:
    """Return an expiry that goes once."""

    async def work(pool: SteppedPool, _: SteppedProducer) -> None:
        await Expiry(QuickLife(), pool).expire()

    return Script(name, EXPIRY, work)


def purging(name: str) -> Script:
    """Return a purge that walks once through all orders."""

    async def work(pool: SteppedPool, _: SteppedProducer) -> None:
        await Purge(QuickLife(), pool, OUTPUTS, after_days=PURGE_DAYS, forget_after_days=0).sweep()

    return Script(name, PURGE, work)
