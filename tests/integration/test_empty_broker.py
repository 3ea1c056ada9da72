"""A broker without any topic, which would make one for whoever asks: no service does, each waits and says for what."""

import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import httpx2
import pytest
import pytest_asyncio
from aiokafka.errors import UnknownTopicOrPartitionError

from tests.stack import apache, topics
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes
from tests.waiting import eventually, never

LIMIT_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def generous() -> AsyncIterator[Kafka]:
    """A broker of this file's own that makes topics by itself."""
    cluster = apache.Cluster(
        brokers=1, say=logging.getLogger(__name__).info, extra={"auto.create.topics.enable": "true"}
    )
    try:
        cluster.start()
        yield Kafka(cluster.bootstrap_servers, "apache", cluster.version, frozenset({"end_offsets"}))
    finally:
        cluster.stop()


async def names(kafka: Kafka) -> list[str]:
    """Return the topics there are."""
    async with topics.admin(kafka) as client:
        return sorted(await client.list_topics())


@pytest.mark.needs("acl")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("service", ["ingest", "status", "notify"])
async def test_a_service_waits_for_its_topics_says_which_and_makes_none(
    generous: Kafka, environment: Callable[..., dict[str, str]], processes: Processes, service: str
) -> None:
    before = await names(generous)
    env = environment(KAFKA_BOOTSTRAP_SERVERS=generous.bootstrap_servers, TRACKFOLD_INGEST__POLLER__ENABLED="on")
    process = await processes.start(service, env=env, wait_ready=False)

    async def told() -> bool:
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            try:
                answer = await client.get(f"{process.admin_url}/readyz")
            except httpx2.TransportError:
                return False
        return answer.status_code == 503 and "missing in Kafka" in process.log()

    await eventually(told, LIMIT_S, what="a service that says what is missing")

    async def made() -> bool:
        return await names(generous) != before

    await never(made, 3)
    assert await process.terminate() == 0, process.log()
    assert await names(generous) == before


async def test_that_broker_makes_topics_for_whoever_asks(generous: Kafka) -> None:
    async with topics.producer(generous) as producer:

        async def made() -> bool:
            with contextlib.suppress(UnknownTopicOrPartitionError):
                await producer.partitions_for("asked.for")
            return "asked.for" in await names(generous)

        await eventually(made, LIMIT_S)
