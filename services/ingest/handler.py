"""Takes one webhook in: is it authentic, and does Kafka have it? Called by `http.py`.

Never reads what the body says of parcels: an unreadable body is kept all the same and judged by the normaliser.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import structlog
import uuid_utils
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.envelope import ce_headers
from schemas.keys import clean_number
from schemas.webhooks import WebhookMeta
from services.ingest.carriers.base import Carrier, Request
from services.runtime import delivery, failpoints, kafka
from services.runtime.errors import Transient
from services.runtime.settings import KafkaSettings

TOPIC: Final = "carrier.webhooks.v1"

log = structlog.stdlib.get_logger("trackfold.ingest")


class Intake:
    """The way of a webhook from the wire to Kafka."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        settings: KafkaSettings,
        *,
        keys: Mapping[str, Sequence[bytes]],
        timeout_s: float,
    ) -> None:
        self._producer = producer
        self._topic = settings.topic(TOPIC)
        self._keys = keys
        self._timeout_s = timeout_s

    def is_authentic(self, carrier: Carrier, request: Request, *, now: datetime) -> bool:
        """Tell whether the provider signed this; a provider without a secret is never believed."""
        return carrier.verify(request, self._keys.get(carrier.provider, ()), now=now)

    async def keep(self, carrier: Carrier, request: Request, *, told_at: datetime) -> None:
        """Return when all in-sync replicas have the body; Transient when that did not happen in time."""
        key, value, headers = to_record(carrier, request, told_at=told_at)
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
            log.warning("not kept", provider=carrier.provider, why=delivery.describe(error))
            raise Transient("not_kept", "Kafka did not acknowledge in time") from error
        await failpoints.hit("ingest.after_send")


def to_record(
    carrier: Carrier, request: Request, *, told_at: datetime
) -> tuple[bytes | None, bytes, list[tuple[str, bytes]]]:
    """Return key, value and headers of the record: secrets are taken out of the body before Kafka sees it."""
    value = carrier.mask(request.body)
    key = _number(carrier, value)
    name = carrier.delivery(request) or hashlib.sha256(request.body).hexdigest()[:32]
    kept = {header: sent for header in carrier.kept_headers if (sent := _header(request, header)) is not None}
    headers = ce_headers(
        TOPIC,
        "received",
        event_id=str(uuid_utils.uuid7()),
        source=f"trackfold/ingest/{carrier.provider}",
        subject=key or carrier.provider,
        time=told_at,
        extra=WebhookMeta(provider=carrier.provider, told_at=told_at, delivery=name).to_headers(kept),
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
