"""Clients of Kafka in one place: addresses, TLS, accounts and limits, producers, records as they lie there.

Producers have acks=all without idempotence (rule E14). What subscribes is in `subscribing.py`.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context
from aiokafka.structs import RecordMetadata

from services.runtime import clock, cut_connections, metrics
from services.runtime.errors import Exit, ExitCode, Misconfigured
from services.runtime.settings import KafkaSettings

if TYPE_CHECKING:
    from services.runtime.life import Life

MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
_JOIN_MARGIN_MS: Final = 10_000
_PROBE_S: Final = 2.0
_PROBE_LIMIT_S: Final = 5.0
#: A client gives up on a broker that hangs after two of these: one for what it has asked, one for a new connection.
_HANGING_TRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it lies in Kafka; nothing in it was decoded."""

    topic: str
    """The contract's name."""
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def place(self) -> str:
        """Where it lies, for logs and dead letters."""
        return f"{self.topic}/{self.partition}/{self.offset}"


def record(settings: KafkaSettings, raw: "ConsumerRecord[bytes, bytes]") -> Record:
    """Return aiokafka's record as ours."""
    topic = settings.logical(raw.topic)
    return Record(topic, raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(map(tuple, raw.headers)))


def client_options(settings: KafkaSettings, name: str) -> dict[str, Any]:
    """Return what every client gets: addresses, name, limits, TLS and SASL; and connections that tell a cut."""
    cut_connections.use()
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": f"trackfold.{name.removeprefix('trackfold.')}.{socket.gethostname()}.{os.getpid()}",
        "request_timeout_ms": settings.request_timeout_ms,
        "metadata_max_age_ms": settings.metadata_max_age_ms,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol in {"SSL", "SASL_SSL"}:
        options["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = settings.sasl_mechanism
        options["sasl_plain_username"] = settings.sasl_username
        options["sasl_plain_password"] = settings.sasl_password.get_secret_value()
    return options


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.ssl_cafile or None,
            certfile=settings.ssl_certfile or None,
            keyfile=settings.ssl_keyfile or None,
            password=settings.ssl_password.get_secret_value() or None,
        )
    except (OSError, ssl.SSLError) as exc:
        raise Misconfigured("kafka_tls", f"cannot use the TLS files of Kafka ({type(exc).__name__})") from None
    return context


def consumer_timeout_ms(settings: KafkaSettings) -> int:
    """Return how long a consumer waits for an answer."""
    # A join is answered when the last dead member has expired: given up earlier, it leaves dead members of its own.
    return max(settings.request_timeout_ms, settings.session_timeout_ms + _JOIN_MARGIN_MS)


def consumer_hangs_s(settings: KafkaSettings) -> float:
    """Return for how long a consumer may get no answer though others do, and mend itself nevertheless."""
    return _HANGING_TRIES * consumer_timeout_ms(settings) / 1000


async def missing_topics(settings: KafkaSettings, name: str, topics: Sequence[str]) -> list[str]:
    """Return the topics on the wire that do not exist, at once; a consumer would ask for a whole request timeout."""
    admin = AIOKafkaAdminClient(**client_options(settings, name))
    try:
        await admin.start()
        known = set(await admin.list_topics())
    finally:
        await admin.close()
    return [wire for wire in map(settings.topic, topics) if wire not in known]


def make_producer(settings: KafkaSettings, name: str, **options: Any) -> AIOKafkaProducer:
    """Return a producer, not started; `options` are aiokafka's (`linger_ms`, `max_batch_size`)."""
    fixed = {"acks": "all", "enable_idempotence": False, "max_request_size": MAX_REQUEST_BYTES}
    return AIOKafkaProducer(**client_options(settings, name), **{**options, **fixed})


@asynccontextmanager
async def open_producer(settings: KafkaSettings, name: str, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """Start a producer; what it still holds is sent at the end."""
    producer = make_producer(settings, name, **options)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


async def send(
    producer: AIOKafkaProducer,
    topic: str,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]] = (),
    timestamp_ms: int | None = None,
    timeout_s: float,
) -> RecordMetadata:
    """Send one record to a topic on the wire and return when all in-sync replicas have it.

    Raises TimeoutError or a KafkaError; after either the record may still appear later (the outcome is unknown).
    """
    began = clock.monotonic()
    try:
        async with asyncio.timeout(timeout_s):
            done = await producer.send_and_wait(topic, value, key=key, headers=list(headers), timestamp_ms=timestamp_ms)
    except BaseException:
        metrics.SENDS.labels(topic, "failed").inc()
        raise
    metrics.SENDS.labels(topic, "acknowledged").inc()
    metrics.SEND_SECONDS.labels(topic).observe(clock.monotonic() - began)
    return done


async def watch(life: "Life", producer: AIOKafkaProducer) -> None:
    """Keep `/readyz` honest about Kafka; a loop for `life.spawn("kafka", ...)`.

    Raises Exit (70) where the producer will never hear of brokers and leaders again: aiokafka asks only the brokers it
    has heard of, so when all of them have moved, none of them answers ever, while a client made anew works (rule E12).
    """
    settings = life.settings.kafka
    limit_s = max(life.settings.process.watchdog_s, _HANGING_TRIES * settings.request_timeout_ms / 1000)
    alone_since: float | None = None
    while not await life.pause(_PROBE_S):
        if producer.client._sync_task.done():  # noqa: SLF001 - told nowhere else
            raise Exit(ExitCode.WATCHDOG, "producer_dead", "aiokafka's metadata task has ended")
        if await _answers(producer):
            alone_since = None
            life.health.works("kafka")
            continue
        life.health.waiting("kafka", "no broker answers")
        now = clock.monotonic()
        alone_since = (alone_since or now) if await _answers_anew(settings) else None
        if alone_since is not None and now - alone_since > limit_s:
            raise Exit(ExitCode.WATCHDOG, "producer_alone", "a new client is answered, the producer is not")


async def _answers(producer: AIOKafkaProducer) -> bool:
    try:
        async with asyncio.timeout(_PROBE_LIMIT_S):
            return bool(await producer.client.force_metadata_update())
    except (TimeoutError, OSError, KafkaError):
        return False


async def _answers_anew(settings: KafkaSettings) -> bool:
    """Tell whether a client made anew is answered, by a broker at the address that it names: bootstrapping is less."""
    try:
        async with asyncio.timeout(_PROBE_LIMIT_S):
            await missing_topics(settings, "probe", ())
    except (TimeoutError, OSError, KafkaError):
        return False
    return True
