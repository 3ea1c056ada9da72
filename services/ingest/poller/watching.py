"""The watching consumer: order snapshots say which parcels are open, scans say what was told of them and by whom.

Behind the fence, because it counts: a scan that is read twice must not be two missed webhooks, and a process that lost
its partitions must not bring back an older snapshot.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiokafka import AIOKafkaProducer

from schemas.dead_letters import quarantine
from schemas.envelope import ce_headers
from services.ingest.carriers.registry import CARRIERS
from services.ingest.poller import repository, watched
from services.ingest.poller.heard import Ear
from services.ingest.poller.inputs import SCANS, SNAPSHOTS, Order, Told, read_order, read_scan
from services.ingest.poller.schedule import Due, Pace, due
from services.ingest.poller.serving import Serving
from services.ingest.poller.watched import Watched
from services.runtime import clock, kafka, metrics
from services.runtime.consume import Batch, FencedConsumer
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.postgres import Connection, Pool
from services.runtime.settings import KafkaSettings

SCHEMA: Final = "ingest"
GROUP: Final = "trackfold.ingest.watch"
DEAD_LETTERS: Final = "dead-letters.v1"
_SEND_LIMIT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Watching:
    """Applies one batch."""

    serving: Serving
    pace: Pace
    grace: timedelta

    async def apply(self, batch: Batch) -> None:
        """Bring the watched parcels up to what the batch says, and count what was heard."""
        orders, told = _read(batch.records)
        touched = await self._want(batch.connection, orders)
        await self._tell(batch, touched, told)

    async def _want(self, connection: Connection, orders: Mapping[str, Order]) -> set[str]:
        """Write what the orders wait for now; return the parcels for which that may have changed."""
        if not orders:
            return set()
        wanted = [one for order in orders.values() for one in order.wanted]
        before = await repository.want(connection, sorted(orders), wanted)
        at = await repository.now(connection)
        new = {one.shipment: self._new(one.shipment, one.stage, at) for one in wanted}
        await repository.add(connection, [(row, self.plan(row)) for row in new.values()])
        return before | new.keys()

    async def _tell(self, batch: Batch, touched: set[str], told: Sequence[Told]) -> None:
        by_shipment: dict[str, list[Told]] = defaultdict(list)
        for one in told:
            if one.shipment is not None:
                by_shipment[one.shipment].append(one)
        connection, ear = batch.connection, Ear()
        ear.heard(told)
        before = await repository.lock(connection, touched | by_shipment.keys())
        # Only now: whoever had the row before has committed what its orders want.
        stages = await repository.stages(connection, sorted(touched))
        at = await repository.now(connection)
        after = {
            key: self._changed(row, by_shipment[key], touched=key in touched, stage=stages.get(key), at=at)
            for key, row in before.items()
        }
        await repository.save(connection, [(row, self.plan(row)) for key, row in after.items() if row != before[key]])
        missed = _missed(before, after)
        for provider, number in missed.items():
            ear.missed(provider, number, at=at)
        await ear.write(connection)
        batch.committed.append(_counted(missed))

    def _changed(
        self, row: Watched, told: Sequence[Told], *, touched: bool, stage: str | None, at: datetime
    ) -> Watched:
        if touched:
            row = watched.wanted(row, stage, at=at, traits=self.serving.provider_of(row.carrier))
        own = [one.telling for one in told if one.provider == row.provider]
        if not own or row.provider is None:
            return row
        carrier = CARRIERS.get(row.provider)
        hint = carrier is not None and not carrier.signs_the_body
        return watched.told(row, own, hint=hint, grace=self.grace)

    def plan(self, row: Watched) -> Due | None:
        """Return what is to be done next about a parcel."""
        return due(row, self.serving.provider_of(row.carrier), self.pace)

    def _new(self, shipment: str, stage: str, at: datetime) -> Watched:
        carrier, _, number = shipment.partition(":")
        traits = self.serving.provider_of(carrier)
        return Watched(
            shipment=shipment,
            carrier=carrier,
            number=number,
            provider=None if traits is None else traits.provider,
            registration=watched.first_registration(traits),
            stage=stage,
            opened_at=at,
        )


def make_consumer(
    life: Life, settings: KafkaSettings, pool: Pool, producer: AIOKafkaProducer, watching: Watching
) -> FencedConsumer:
    """Return the consumer, not started."""

    async def set_aside(_: Connection, record: Record, reason: str) -> None:
        """Send a record that cannot be applied to the dead letters; its key makes a repeat harmless."""
        letter = quarantine("ingest", record, reason=reason.lower(), detail=None, at=clock.now())
        headers = ce_headers(
            DEAD_LETTERS,
            letter.action,
            event_id=f"{letter.key}/{letter.action}/watch",
            source="trackfold/ingest",
            subject=letter.key,
            time=letter.at,
        )
        await kafka.send(
            producer,
            settings.topic(DEAD_LETTERS),
            key=letter.key.encode(),
            value=letter.model_dump_json(exclude_none=True).encode(),
            headers=headers,
            timeout_s=_SEND_LIMIT_S,
        )
        metrics.DEAD_LETTERS.labels("ingest", reason.lower()).inc()

    return FencedConsumer(
        life,
        settings,
        pool,
        schema=SCHEMA,
        group=GROUP,
        topics=(SNAPSHOTS, SCANS),
        apply=watching.apply,
        dead_letter=set_aside,
    )


def _read(records: Sequence[Record]) -> tuple[dict[str, Order], list[Told]]:
    """Return the newest word on each order, and all that was told, oldest first."""
    orders: dict[str, Order] = {}
    told: list[Told] = []
    for record in records:
        if record.topic == SNAPSHOTS:
            order = read_order(record)
            orders[order.key] = order
        elif (one := read_scan(record)) is not None:
            told.append(one)
    return orders, told


def _missed(before: Mapping[str, Watched], after: Mapping[str, Watched]) -> Counter[str]:
    found = Counter[str]()
    for key, row in after.items():
        number = row.missed - before[key].missed
        if number and row.provider is not None:
            found[row.provider] += number
    return found


def _counted(missed: Mapping[str, int]) -> Callable[[], None]:
    def count() -> None:
        for provider, number in missed.items():
            metrics.MISSED_WEBHOOKS.labels(provider).inc(number)

    return count
