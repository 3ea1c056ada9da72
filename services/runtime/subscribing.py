"""FastStream in one place: every option that keeps it and aiokafka's consumer from losing messages is set here.

Raw parser, manual acknowledgement, no replies, earliest, read_committed, no auto-created topics. Handlers get whole
polled batches; what is done with them is `reader.py`'s business. Apart from `kafka.py`, because commands that only ask
Kafka something need not wait for FastStream to be imported.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.abc import ConsumerRebalanceListener
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from services.runtime.kafka import client_options, consumer_timeout_ms
from services.runtime.polling import OnPoll, PollingConsumer, Recover
from services.runtime.settings import KafkaSettings

_POLL_MS: Final = 25
#: What a poll brings at most where neither the service nor the settings say another number.
MAX_RECORDS: Final = 500
_DAY_MS: Final = 24 * 60 * 60 * 1000

Handler = Callable[[list[ConsumerRecord[bytes, bytes]]], Awaitable[None]]


class _Broker(KafkaBroker):
    """FastStream's broker, building our consumer with our options; it has no producer that could reply anywhere."""

    def __init__(
        self, options: Mapping[str, Any], *, on_poll: OnPoll, recover: Recover, graceful_timeout_s: float
    ) -> None:
        super().__init__(
            list(options["bootstrap_servers"]),
            client_id=options["client_id"],
            consumer_only=True,
            allow_auto_create_topics=False,
            acks="all",
            apply_types=False,
            graceful_timeout=graceful_timeout_s,
            logger=None,
        )
        self._build = partial(PollingConsumer, **options, on_poll=on_poll, recover=recover)

    async def _connect(self) -> Callable[..., AIOKafkaConsumer]:
        await super()._connect()

        def build(**subscriber_options: Any) -> AIOKafkaConsumer:
            return self._build(**{**subscriber_options, "client_id": self._build.keywords["client_id"]})

        self.config.broker_config.builder = build
        return build


def make_broker(
    settings: KafkaSettings, name: str, *, on_poll: OnPoll, recover: Recover, graceful_timeout_s: float
) -> KafkaBroker:
    """Return a FastStream broker that only consumes.

    `on_poll` hears of every poll and every error of one; after an error `recover` goes back to what is done for sure.
    """
    options = client_options(settings, name) | {"request_timeout_ms": consumer_timeout_ms(settings)}
    return _Broker(options, on_poll=on_poll, recover=recover, graceful_timeout_s=graceful_timeout_s)


def subscribe(
    broker: KafkaBroker,
    settings: KafkaSettings,
    *,
    topics: Sequence[str],
    group: str,
    handler: Handler,
    listener: ConsumerRebalanceListener | None = None,
    max_records: int | None = None,
) -> BatchSubscriber:
    """Subscribe the handler to whole polled batches of raw records; names are the contract's.

    The handler must not raise: FastStream would log it and go on behind the batch.
    """
    subscriber = broker.subscriber(
        *(settings.topic(topic) for topic in topics),
        batch=True,
        group_id=settings.group(group),
        ack_policy=AckPolicy.MANUAL,
        no_reply=True,
        parser=_parse,
        decoder=_decode,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        batch_timeout_ms=_POLL_MS,
        max_records=settings.max_poll_records or max_records or MAX_RECORDS,
        fetch_max_wait_ms=settings.fetch_max_wait_ms,
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=min(3_000, settings.session_timeout_ms // 3),
        rebalance_timeout_ms=settings.session_timeout_ms,
        # Waiting for Postgres in a handler is no reason to leave the group; the watchdog looks for real standstill.
        max_poll_interval_ms=_DAY_MS,
        listener=listener,
    )
    subscriber(handler)
    return subscriber


async def _parse(raw: "tuple[ConsumerRecord[bytes, bytes], ...]") -> KafkaMessage:
    # FastStream's own parser decodes headers as UTF-8 and stops at the first that is not, and reads `reply_to`.
    # A list: whoever has taken the records empties it, however long the message is kept.
    records: Any = list(raw)
    return KafkaMessage(
        body=b"", raw_message=records, headers={}, reply_to="", correlation_id="", consumer=FAKE_CONSUMER
    )


async def _decode(message: KafkaMessage) -> object:
    return message.raw_message
