"""`trackfold topics` on a real broker: created as the contract has them, never shrunk, inputs grown."""

import pytest

from schemas.topics import TOPICS
from services.runtime import topics as work
from services.runtime.errors import Misconfigured
from services.runtime.settings import KafkaSettings
from services.runtime.topics import Action
from tests.stack import topics
from tests.stack.kafka import Kafka


def settings(kafka: Kafka, prefix: str, **changes: int) -> KafkaSettings:
    numbers = {"partitions": 3, "replication_factor": 1, "min_insync_replicas": 1} | changes
    return KafkaSettings(
        bootstrap_servers=tuple(kafka.bootstrap_servers.split(",")),
        topic_prefix=prefix,
        **numbers,  # type: ignore[arg-type] # only numbers are in it
    )


async def test_apply_makes_every_topic_usable_and_a_second_one_does_nothing(kafka: Kafka, prefix: str) -> None:
    wanted = settings(kafka, prefix)
    assert {step.action for step in await work.plan(wanted)} == {Action.CREATE}
    await work.apply(wanted)
    async with topics.producer(kafka) as producer:
        for name in TOPICS:
            await producer.send_and_wait(prefix + name, b"{}", key=b"k", partition=2)
    assert [(step.action, step.differences) for step in await work.plan(wanted)] == [(Action.NONE, ())] * len(TOPICS)
    assert {step.action for step in await work.apply(wanted)} == {Action.NONE}


@pytest.mark.needs("partitions")
async def test_inputs_grow_and_keyed_outputs_do_not(kafka: Kafka, prefix: str) -> None:
    """E13: keyed outputs keep the partition count of their creation."""
    await work.apply(settings(kafka, prefix))
    await work.apply(settings(kafka, prefix, partitions=5))
    after = {step.topic: step for step in await work.plan(settings(kafka, prefix, partitions=5))}
    assert after[prefix + "carrier.scans.v1"].differences == ()
    assert after[prefix + "order.status.v1"].differences == ("3 partitions, not 5",)


@pytest.mark.needs("replicas")
async def test_more_replicas_than_brokers_is_a_misconfiguration_that_names_the_setting(
    kafka: Kafka, prefix: str
) -> None:
    with pytest.raises(Misconfigured) as caught:
        await work.apply(settings(kafka, prefix, replication_factor=9))
    assert "TRACKFOLD_KAFKA__REPLICATION_FACTOR" in caught.value.hint
