"""A record whose time is too far ahead for the broker: it is waited for, because no record is at fault."""

import pytest
from aiokafka.errors import InvalidTimestampError

from services.runtime import clock, delivery
from services.runtime import kafka as wiring
from services.runtime.delivery import Decision
from services.runtime.settings import KafkaSettings
from tests.stack import topics
from tests.stack.kafka import Kafka

HOUR_MS = 60 * 60 * 1000


@pytest.mark.needs("acl")  # the embedded broker does not look at the time
async def test_a_record_from_a_clock_that_is_ahead_by_more_than_an_hour_is_refused_and_waited_for(
    kafka: Kafka, prefix: str
) -> None:
    name = await topics.create(kafka, f"{prefix}inputs", configs={"message.timestamp.after.max.ms": str(HOUR_MS)})
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,))
    now_ms = int(clock.now().timestamp() * 1000)
    async with wiring.open_producer(settings, "test") as producer:
        with pytest.raises(InvalidTimestampError) as caught:
            await wiring.send(producer, name, key=b"k", value=b"v", timestamp_ms=now_ms + 2 * HOUR_MS, timeout_s=10)
        assert delivery.decide(caught.value) is Decision.WAIT
        await wiring.send(producer, name, key=b"k", value=b"v", timestamp_ms=now_ms + HOUR_MS // 2, timeout_s=10)
