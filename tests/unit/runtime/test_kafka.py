"""Kafka's wiring: every option that keeps messages from being lost, and TLS and SASL passed through."""

import asyncio
import ssl
from pathlib import Path

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, KafkaError
from faststream import AckPolicy
from pydantic import SecretStr

from services.runtime import kafka, reader, subscribing
from services.runtime.errors import Misconfigured
from services.runtime.life import Life
from services.runtime.plain_consume import PlainConsumer
from services.runtime.settings import KafkaSettings, ServiceSettings


async def nothing(*_: object) -> None:
    """Do nothing."""


def test_sasl_and_tls_are_passed_through() -> None:
    options = kafka.client_options(
        KafkaSettings(security_protocol="SASL_SSL", sasl_username="trackfold", sasl_password=SecretStr("s3cret")), "x"
    )
    assert isinstance(options.pop("ssl_context"), ssl.SSLContext)
    assert options.pop("client_id").startswith("trackfold.x.")
    assert options == {
        "bootstrap_servers": ["127.0.0.1:9092"],
        "request_timeout_ms": 15_000,
        "metadata_max_age_ms": 30_000,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "trackfold",
        "sasl_plain_password": "s3cret",
    }


def test_unusable_tls_files_are_a_misconfiguration(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(Misconfigured):
        kafka.client_options(KafkaSettings(security_protocol="SSL", ssl_cafile=str(file)), "x")


async def test_a_subscriber_has_every_option_that_keeps_messages_from_being_lost() -> None:
    settings = KafkaSettings(topic_prefix="eu.", session_timeout_ms=30_000)
    broker = subscribing.make_broker(settings, "x", on_poll=lambda _: None, recover=nothing, graceful_timeout_s=7)
    subscriber = subscribing.subscribe(broker, settings, topics=("inbox.v1",), group="trackfold.x.y", handler=nothing)
    assert subscriber.ack_policy is AckPolicy.MANUAL
    assert subscriber._no_reply  # noqa: SLF001 - FastStream has no public word for it
    assert subscriber.topic_names == ["eu.inbox.v1"]
    assert subscriber.group_id == "eu.trackfold.x.y"
    options = subscriber._connection_args  # noqa: SLF001 - what the consumer will be made with
    assert (
        options
        | {
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "session_timeout_ms": 30_000,
            "rebalance_timeout_ms": 30_000,
            "max_poll_interval_ms": 86_400_000,
            "group_instance_id": None,
        }
        == options
    )
    outer = broker.config.broker_config
    assert outer.consumer_only
    assert not outer.allow_auto_create_topics
    assert outer.graceful_timeout == 7


async def test_a_consumer_waits_for_a_join_longer_than_a_dead_member_can_delay_it() -> None:
    settings = KafkaSettings(session_timeout_ms=60_000, request_timeout_ms=5_000)
    broker = subscribing.make_broker(settings, "x", on_poll=lambda _: None, recover=nothing, graceful_timeout_s=7)
    build = await broker.connect()
    consumer = build(group_id="g")
    assert consumer._request_timeout_ms > 60_000  # noqa: SLF001 - aiokafka has no public word for it
    await consumer.stop()


async def test_a_producer_waits_for_all_replicas_and_no_caller_can_change_that() -> None:
    """E14: `acks=all`, no transactions, no idempotent producing."""
    producer = kafka.make_producer(KafkaSettings(), "x", acks=1, linger_ms=5)
    assert producer._sender._acks == -1  # noqa: SLF001 - aiokafka has no public word for it
    assert producer._txn_manager is None  # noqa: SLF001 - as above
    await producer.stop()


@pytest.mark.parametrize(
    ("failure", "beats", "ends"),
    [
        (None, True, False),
        (KafkaConnectionError(), True, False),
        (KafkaError("Unexpected exception in heartbeat task"), False, False),
        (GroupAuthorizationFailedError("g"), False, True),
    ],
)
async def test_a_poll_that_fails_for_good_does_not_count_as_turning(
    failure: KafkaError | None, *, beats: bool, ends: bool
) -> None:
    life = Life("test", ServiceSettings())
    consumer = PlainConsumer(life, KafkaSettings(), group="g", topics=("t",), apply=nothing)
    heart = consumer.heart
    heart._last -= 50  # noqa: SLF001 - fifty seconds ago
    consumer._on_poll(failure)  # noqa: SLF001 - what the poll calls
    assert (heart.still_s < 1) is beats
    assert (life.ended is not None) is ends
    if ends:
        assert life.ended is not None
        assert life.ended[0] == 78


async def test_going_back_while_no_broker_answers_is_waiting_and_the_heart_goes_on_beating(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "_GO_BACK_S", 0.01)
    life = Life("test", ServiceSettings())
    consumer = PlainConsumer(life, KafkaSettings(), group="g", topics=("t",), apply=nothing)
    consumer.heart._last -= 50  # noqa: SLF001 - fifty seconds ago
    tries = 0

    async def go_back() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await asyncio.Event().wait()
        assert life.health.is_waiting("g")

    monkeypatch.setattr(consumer, "_go_back", go_back)
    async with asyncio.timeout(5):
        await consumer._recover()  # noqa: SLF001 - what the poll calls
    assert (tries, consumer.heart.still_s < 5) == (2, True)
