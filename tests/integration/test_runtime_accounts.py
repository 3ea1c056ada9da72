"""SASL reaches the broker, and a right that is missing is the operator's to mend, not something to wait for."""

from datetime import UTC, datetime

import pytest
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from services.runtime import delivery
from services.runtime import kafka as wiring
from services.runtime.delivery import Decision
from services.runtime.errors import Misconfigured
from services.runtime.settings import KafkaSettings
from services.runtime.topic_reading import read_topic
from tests.stack import topics
from tests.stack.apache import ACCOUNTS
from tests.stack.kafka import Kafka


def account(kafka: Kafka, prefix: str) -> KafkaSettings:
    """Return the settings of an account that was granted nothing."""
    name, password = next(iter(ACCOUNTS.items()))
    return KafkaSettings(
        bootstrap_servers=(kafka.sasl_bootstrap_servers,),
        topic_prefix=prefix,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_username=name,
        sasl_password=SecretStr(password),
    )


@pytest.mark.needs("acl")
async def test_an_account_without_the_right_to_read_back_is_told_which_it_needs(kafka: Kafka, prefix: str) -> None:
    await topics.create(kafka, prefix + "inbox.v1")
    since = datetime(2020, 1, 1, tzinfo=UTC)
    with pytest.raises(Misconfigured) as caught:
        async for _ in read_topic(account(kafka, prefix), "inbox.v1", since=since, name="test"):
            pass
    assert f"READ on {prefix}inbox.v1" in caught.value.hint


@pytest.mark.needs("acl")
async def test_an_account_without_the_right_to_write_is_a_misconfiguration(kafka: Kafka, prefix: str) -> None:
    await topics.create(kafka, prefix + "inbox.v1")
    settings = account(kafka, prefix)
    async with wiring.open_producer(settings, "test") as producer:
        with pytest.raises(KafkaError) as caught:
            await wiring.send(producer, settings.topic("inbox.v1"), key=b"k", value=b"v", timeout_s=10)
    assert delivery.decide(caught.value) is Decision.MISCONFIGURED
    assert await wiring.missing_topics(settings, "test", ["inbox.v1"]) == [prefix + "inbox.v1"]
