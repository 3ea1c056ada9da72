"""Takes one webhook in: is it authentic, and does Kafka have it? Called by `http.py`.

Never reads what the body says of parcels: an unreadable body is kept all the same and judged by the normaliser.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog
import uuid_utils
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.envelope import ce_headers
from schemas.keys import clean_number
from schemas.webhooks import PUSH, WebhookMeta
from services.ingest.carriers.base import OUR_HEADERS, Carrier, Request
from services.ingest.key_sets import KeySets
from services.ingest.proofs.taking import Cutter, Takes
from services.runtime import delivery, failpoints, kafka, metrics
from services.runtime.delivery import Decision
from services.runtime.errors import Poison, Transient
from services.runtime.settings import KafkaSettings

TOPIC: Final = "carrier.webhooks.v1"
_REMEMBERED_DELIVERIES: Final = 10_000
_LINGER_MS: Final = 2
#: aiokafka's own bound for a batch holds three whole histories, and each request to Kafka is as dear as a webhook. Only
#: for this topic: it takes records of 2.5 MiB, the others a tenth of that.
_MAX_BATCH_BYTES: Final = 1024 * 1024

log = structlog.stdlib.get_logger("trackfold.ingest")


def open_raw_producer(settings: KafkaSettings) -> AbstractAsyncContextManager[AIOKafkaProducer]:
    """Open the door's own producer: webhooks that come within two milliseconds go to Kafka together."""
    return kafka.open_producer(settings, "ingest", linger_ms=_LINGER_MS, max_batch_size=_MAX_BATCH_BYTES)


class Deliveries:
    """What lately came under which delivery id: an id that comes with another body is somebody's mistake, or an attack.

    For the alarm alone: both bodies are kept and read, because the identity is the scan's and not the delivery's.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._bodies = OrderedDict[tuple[str, str], bytes]()

    def differs(self, provider: str, delivery_id: str, body: bytes) -> bool:
        """Note a body; tell whether another one came under its id before."""
        digest = hashlib.blake2b(body, digest_size=16).digest()
        held = self._bodies.setdefault((provider, delivery_id[:128]), digest)
        while len(self._bodies) > self._size:
            self._bodies.popitem(last=False)
        return held != digest


class Intake:
    """The way of a webhook from the wire to Kafka."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: KafkaSettings,
        *,
        keys: Mapping[str, Sequence[bytes]],
        timeout_s: float,
        proofs: Takes | None = None,
        key_sets: KeySets | None = None,
    ) -> None:
        self._producer = producer
        self._topic = settings.topic(TOPIC)
        self._keys = keys
        self._timeout_s = timeout_s
        self._proofs = Cutter() if proofs is None else proofs
        self._key_sets = KeySets({}) if key_sets is None else key_sets
        self._deliveries = Deliveries(_REMEMBERED_DELIVERIES)

    async def learn_keys(self, carrier: Carrier, request: Request) -> bool:
        """Tell whether the key that a request names has become known only now; raises Transient when too many ask."""
        return await self._key_sets.learn(carrier, request)

    def is_authentic(self, carrier: Carrier, request: Request, *, now: datetime) -> bool:
        """Tell whether the provider signed this; a provider without a secret is never believed."""
        keys = (*self._keys.get(carrier.provider, ()), *self._key_sets.keys(carrier.provider))
        return carrier.verify(request, keys, now=now)

    async def keep(
        self, carrier: Carrier, request: Request, *, told_at: datetime, via: str = PUSH, number: str | None = None
    ) -> None:
        """Return when all in-sync replicas have the body.

        Raises Transient when that did not happen in time, and Poison when it is larger than Kafka takes.

        An answer of the provider's API comes through the same door (`via`), with the number that was asked for.
        Photos, signatures and letters leave it first: the store has them before Kafka has what refers to them.
        """
        if places := carrier.attachments(request.body):
            request = replace(request, body=await self._proofs.take(request.body, places))
        key, value, headers = to_record(carrier, request, told_at=told_at, via=via, number=number)
        await failpoints.hit("ingest.before_send")
        try:
            await kafka.send(
                self._producer,
                self._topic,
                key=key,
                value=value,
                headers=headers,
                timestamp_ms=int(told_at.timestamp() * 1000),
                timeout_s=self._timeout_s,
            )
        except (TimeoutError, OSError, KafkaError) as error:
            if delivery.decide(error) is Decision.DEAD_LETTER:
                raise Poison("too_large", "Kafka takes no record of this size") from error
            log.warning("not kept", provider=carrier.provider, why=delivery.describe(error))
            raise Transient("not_kept", "Kafka did not acknowledge in time") from error
        self._alarm_reused(carrier, request, value)
        await failpoints.hit("ingest.after_send")

    def _alarm_reused(self, carrier: Carrier, request: Request, value: bytes) -> None:
        delivery_id = carrier.delivery(request)
        if delivery_id is not None and self._deliveries.differs(carrier.provider, delivery_id, value):
            log.warning("one delivery id, two bodies: both are read", provider=carrier.provider)
            metrics.REUSED_DELIVERIES.labels(carrier.provider).inc()


def to_record(
    carrier: Carrier, request: Request, *, told_at: datetime, via: str = PUSH, number: str | None = None
) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]]:
    """Return key, value and headers of the record: secrets are taken out of the body before Kafka sees it."""
    value = carrier.mask(request.body)
    key = number or _number(carrier, value)
    name = carrier.delivery(request) or hashlib.sha256(request.body).hexdigest()[:32]
    wanted = [name for name in carrier.kept_headers if via != PUSH or name not in OUR_HEADERS]
    kept = {name: sent for name in wanted if (sent := _header(request, name)) is not None}
    headers = ce_headers(
        TOPIC,
        "received",
        event_id=str(uuid_utils.uuid7()),
        source=f"trackfold/ingest/{carrier.provider}",
        subject=key or carrier.provider,
        time=told_at,
        extra=WebhookMeta(provider=carrier.provider, told_at=told_at, delivery=name, via=via).to_headers(kept),
    )
    return None if key is None else key.encode(), value, headers


def _number(carrier: Carrier, body: bytes) -> str | None:
    number = carrier.number(body)
    try:
        return None if number is None else clean_number(number)
    except ValueError:
        return None


def _header(request: Request, name: str) -> str | None:
    found = [value for key, value in request.headers if key.lower() == name.encode()]
    return found[0].decode("latin-1") if len(found) == 1 else None
