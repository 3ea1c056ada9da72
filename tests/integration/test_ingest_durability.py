"""Accepted means durable, and where the cluster makes less of it, `/readyz` says so (promise 1)."""

import httpx2

from services.ingest import durability
from services.ingest.handler import TOPIC
from services.runtime.life import Life
from services.runtime.settings import KafkaSettings, ServiceSettings
from tests.integration.test_ingest import SETTINGS
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

LIMIT_S = 40.0
PRODUCTION = {"TRACKFOLD_KAFKA__REPLICATION_FACTOR": "3", "TRACKFOLD_KAFKA__MIN_INSYNC_REPLICAS": "2"}


def waits(life: Life) -> list[str]:
    """Return what the process says that it waits for."""
    return [one["why"] for one in life.health.report()["waiting"]]  # type: ignore[attr-defined]


async def test_a_webhook_topic_with_one_replica_is_called_not_durable_and_webhooks_are_taken(
    pipeline: Pipeline,
) -> None:
    await pipeline.apply_topics()
    environment = pipeline.environment(**SETTINGS | PRODUCTION)
    process = await pipeline.processes.start("ingest", env=environment)
    async with httpx2.AsyncClient() as client:

        async def said() -> list[dict[str, str]]:
            answer = await client.get(f"{process.admin_url}/readyz")
            assert answer.status_code == 200
            return [one for one in answer.json()["waiting"] if one["for"] == durability.WHAT]

        (told,) = await eventually(said, LIMIT_S)
    assert told["why"].startswith(f"not durable: {pipeline.prefix}carrier.webhooks.v1 has 1 of 3 replicas")


async def test_what_was_mended_is_no_longer_said(kafka: Kafka, prefix: str) -> None:
    await topics.create(kafka, prefix + TOPIC)
    servers = (kafka.bootstrap_servers,)
    production = KafkaSettings(bootstrap_servers=servers, topic_prefix=prefix)
    life = Life("test", ServiceSettings(kafka=production))
    await durability.look(life, production)
    (told,) = waits(life)
    assert told.startswith("not durable")
    small = KafkaSettings(bootstrap_servers=servers, topic_prefix=prefix, replication_factor=1, min_insync_replicas=1)
    await durability.look(life, small)
    assert waits(life) == []


async def test_a_look_that_fails_changes_nothing_of_what_is_known(prefix: str) -> None:
    away = KafkaSettings(bootstrap_servers=("127.0.0.1:1",), topic_prefix=prefix)
    life = Life("test", ServiceSettings(kafka=away))
    life.health.waiting(durability.WHAT, "not durable")
    await durability.look(life, away)
    assert waits(life) == ["not durable"]
