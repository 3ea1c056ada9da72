"""The normaliser: a polled batch of webhooks, each turned into scans, sent, acknowledged; then the offsets.

`PlainConsumer` runs a batch again until it succeeds and commits after it, so a crash only repeats what has no effect
twice. What a body says is decided in `normalise.py`.
"""

import asyncio
import hashlib
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer

from schemas.carriers import is_known
from schemas.scans import Scan
from services.ingest.handler import TOPIC
from services.ingest.normalise import Normalised, Outgoing, normalise
from services.ingest.proofs.index import ProofIndex
from services.ingest.sending import send_all
from services.ingest.settings import IngestSettings
from services.runtime import failpoints, metrics
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.plain_consume import PlainConsumer

GROUP: Final = "trackfold.ingest.normalise"
_SENT_AT_ONCE: Final = 1000
"""So many fit into the limit with ease: a batch of the longest histories has 200,000, and a batch must end."""

log = structlog.stdlib.get_logger("trackfold.ingest")


class Memory:
    """Scans that Kafka acknowledged, newest kept: a saver only, because repeats have no effect.

    A repeat is skipped only if it was told later than the remembered one: the earliest `told_at` counts in the fold.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._told = OrderedDict[bytes, datetime]()

    def has(self, scan: Scan) -> bool:
        """Tell whether the same reading of the same scan was sent before."""
        told = self._told.get(_digest(scan))
        return told is not None and told <= scan.told_at

    def add(self, scan: Scan) -> None:
        """Remember an acknowledged scan."""
        if self._size == 0:
            return
        digest = _digest(scan)
        self._told[digest] = min(scan.told_at, self._told.get(digest, scan.told_at))
        self._told.move_to_end(digest)
        while len(self._told) > self._size:
            self._told.popitem(last=False)


class Normaliser:
    """What `PlainConsumer` does with a batch."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: IngestSettings,
        *,
        index: ProofIndex | None = None,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Take `beat`, called whenever something was done: a batch of long histories outlasts the watchdog.

        `index` notes which shipment a proof belongs to.
        """
        self._producer = producer
        self._kafka = settings.kafka
        self._allow_test = settings.ingest.allow_test_trackers
        self._memory = Memory(settings.ingest.remembered_scans)
        self._index = index
        self._beat = beat

    async def apply(self, records: Sequence[Record]) -> None:
        """Return when every scan and dead letter of the batch is acknowledged."""
        read: list[tuple[Record, Normalised]] = []
        for record in records:
            read.append((record, normalise(record, allow_test=self._allow_test)))
            if sum(len(one.outgoing) for _, one in read) >= _SENT_AT_ONCE:
                await self._flush(read)
                read = []
            await asyncio.sleep(0)  # a batch of long histories must not keep a webhook from its answer
        await self._flush(read)

    async def _flush(self, read: Sequence[tuple[Record, Normalised]]) -> None:
        new = [
            one for _, result in read for one in result.outgoing if one.scan is None or not self._memory.has(one.scan)
        ]
        if self._index is not None:  # of all, not of the new ones: a proof that is told again is kept from then on
            await self._index.note(one.scan for _, result in read for one in result.outgoing if one.scan is not None)
        await failpoints.hit("normalise.before_send")
        await send_all(self._producer, self._kafka, new)
        self._beat()
        for one in new:
            if one.scan is not None:
                self._memory.add(one.scan)
        _count(read, sent=new)


def make_consumer(
    life: Life, settings: IngestSettings, producer: AIOKafkaProducer, index: ProofIndex | None = None
) -> PlainConsumer:
    """Return the consumer, not started."""

    def beat() -> None:
        consumer.heart.beat()

    consumer = PlainConsumer(
        life,
        settings.kafka,
        group=GROUP,
        topics=(TOPIC,),
        apply=Normaliser(producer, settings, index=index, beat=beat).apply,
        max_records=settings.ingest.max_records,
    )
    return consumer


def _digest(scan: Scan) -> bytes:
    content = scan.model_dump_json(exclude={"told_at"}, exclude_none=True)
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def _count(read: Sequence[tuple[Record, Normalised]], *, sent: Sequence[Outgoing]) -> None:
    _count_scans([one.scan for one in sent if one.scan is not None])
    _count_readings(read)


def _count_scans(scans: Sequence[Scan]) -> None:
    for (provider, kind), number in Counter((scan.provider, scan.kind) for scan in scans).items():
        metrics.SCANS.labels(provider, kind).inc(number)
    for scan in scans:
        carrier = scan.carrier if is_known(scan.carrier) else "unlisted"
        if carrier == "unlisted" and scan.number is not None:  # kept under a reference, its order says the carrier
            log.info("unlisted carrier", carrier=scan.carrier, provider=scan.provider)
            metrics.UNLISTED_CARRIERS.labels(scan.provider).inc()
        if scan.substatus == "unmapped":
            log.info("unmapped code", carrier=scan.carrier, provider=scan.provider)
            metrics.UNMAPPED.labels(scan.provider, carrier).inc()


def _count_readings(read: Sequence[tuple[Record, Normalised]]) -> None:
    for record, result in read:
        for told in result.reading.orders:
            metrics.ORDER_EVENTS.labels(result.provider, told.event.type).inc()
        if result.reading.ignored is not None:
            metrics.IGNORED_WEBHOOKS.labels(result.provider, result.reading.ignored).inc()
        for problem in result.reading.problems[:1]:
            log.warning("dead letter", place=record.place, reason=problem.reason, detail=problem.detail)
            metrics.DEAD_LETTERS.labels("ingest", problem.reason).inc()
