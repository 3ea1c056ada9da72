"""Fixtures of the tools that break things; what they give heals itself, or goes, after the test.

`cluster3`      Brokers: three Kafka brokers, shared by the run, whole again before the next test (brokers.py)
`pipeline3`     Pipeline: topics with three replicas on them, min.insync.replicas=2, `database` as ever
`kafka_wire`    Proxy: in front of the run's broker; not run where that is not Apache Kafka as a process
`wires3`        Mapping[int, Proxy]: one in front of each of the three brokers
`postgres_wire` Proxy: in front of the run's database; `through(database, postgres_wire)` is its URL (proxy.py)
`mock_kafka`    MockCluster: three brokers of librdkafka's that answer with the errors they are told (mock_cluster.py)
`mock_pipeline` Pipeline: our topics and `database` on it; each service runs there as one process
`private_network` Network: for one process, packets lost, late or cut in either direction (netns.py)
`own_postgres`  OwnPostgres: a server of this test's own (own_postgres.py)
"""

import contextlib
import io
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import asyncpg
import pytest

from schemas.topics import TOPICS
from tests.faults import mock_cluster, netns
from tests.faults.brokers import Brokers
from tests.faults.own_postgres import OwnPostgres, why_no_small_disk
from tests.faults.proxy import Proxy, address_of, proxy
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes, service_environment
from tests.stack.run import RUN


@pytest.fixture
async def cluster3(pytestconfig: pytest.Config) -> AsyncIterator[Brokers]:
    """Three Kafka brokers; thawed, restarted and in sync again after the test."""
    brokers = pytestconfig.stash[RUN].brokers
    if brokers is None:
        pytest.skip(f"three brokers need Apache Kafka, this run uses {pytestconfig.stash[RUN].kafka_kind}")
    await brokers.healthy()
    yield brokers
    await brokers.heal()


@pytest.fixture
async def prefix3(cluster3: Brokers) -> AsyncIterator[str]:
    """A topic and group prefix of this test's own on the three brokers."""
    name = f"t{uuid.uuid4().hex[:12]}."
    yield name
    await cluster3.heal()
    await topics.delete_prefix(cluster3.kafka, name)


@pytest.fixture
def environment3(cluster3: Brokers, database: str, prefix3: str) -> Callable[..., dict[str, str]]:
    """As `environment`, on the three brokers."""

    def make(**overrides: str) -> dict[str, str]:
        servers = cluster3.kafka.bootstrap_servers
        return service_environment(kafka=servers, database=database, prefix=prefix3, replicas=3) | overrides

    return make


@pytest.fixture
async def pipeline3(
    cluster3: Brokers, prefix3: str, processes: Processes, environment3: Callable[..., dict[str, str]]
) -> Pipeline:
    """As `pipeline`, on the three brokers: topics are there, no service runs yet."""
    made = Pipeline(cluster3.kafka, prefix3, processes, environment3)
    await made.apply_topics()
    return made


@pytest.fixture
async def kafka_wire(kafka: Kafka) -> AsyncIterator[Proxy]:
    """Give a proxy whose address the run's broker names to those who come through it."""
    if kafka.behind_proxy is None:
        pytest.skip(f"a broker of kind {kafka.kind} does not name a proxy's address")
    here, there = kafka.behind_proxy
    async with proxy(("127.0.0.1", there), port=here) as made:
        yield made


@pytest.fixture
async def wires3(cluster3: Brokers) -> AsyncIterator[Mapping[int, Proxy]]:
    """Give a proxy in front of each of the three brokers."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            node: await stack.enter_async_context(proxy(("127.0.0.1", cluster3.cluster.proxied_port(node)), port=port))
            for node, port in cluster3.proxy_ports.items()
        }


@pytest.fixture
async def postgres_wire(postgres_server: PostgresServer) -> AsyncIterator[Proxy]:
    """Give a proxy in front of the run's database server."""
    async with proxy(address_of(postgres_server.url)) as made:
        yield made


@pytest.fixture
def mock_kafka() -> Iterator[mock_cluster.MockCluster]:
    """Give a mock cluster of this test's own."""
    if (reason := mock_cluster.why_not()) is not None:
        pytest.skip(reason)
    with mock_cluster.mock_cluster() as made:
        yield made


@pytest.fixture
def mock_pipeline(mock_kafka: mock_cluster.MockCluster, database: str, processes: Processes) -> Pipeline:
    """As `pipeline`, on the mock cluster; no service runs yet."""
    for topic in TOPICS:
        mock_kafka.create_topic(f"m.{topic}", partitions=3, replicas=3)

    def make(**overrides: str) -> dict[str, str]:
        made = service_environment(kafka=mock_kafka.bootstrap_servers, database=database, prefix="m.")
        return made | {"TRACKFOLD_KAFKA__TRUST_LOG_ENDS": "false"} | overrides

    kafka = Kafka(mock_kafka.bootstrap_servers, "mock", "librdkafka's mock cluster", frozenset())
    return Pipeline(kafka, "m.", processes, make)


@pytest.fixture
async def private_network() -> AsyncIterator[netns.Network]:
    """Give a network for one process; it is not run where that needs what this machine has not."""
    if (reason := netns.why_not()) is not None:
        pytest.skip(reason)
    async with netns.private_network() as made:
        yield made


@pytest.fixture
async def own_postgres(request: pytest.FixtureRequest) -> AsyncIterator[OwnPostgres]:
    """Give a migrated server of this test's own; settings by indirect parametrisation."""
    settings: dict[str, str] = dict(getattr(request, "param", {}))
    disk_mb = settings.pop("disk_mb", None)
    if disk_mb is not None and (reason := why_no_small_disk()):
        pytest.skip(reason)
    server = OwnPostgres(settings=settings, disk_mb=int(disk_mb) if disk_mb is not None else None)
    try:
        server.start()
        await _migrate(server)
        yield server
        request.node.add_report_section("teardown", "log of own_postgres", server.log_file.read_text()[-4000:])
    finally:
        server.stop()


async def _migrate(server: OwnPostgres) -> None:
    from services.runtime import migrate  # noqa: PLC0415 -- a broken runtime fails its own tests, not all of them

    connection = await asyncpg.connect(server.url, timeout=10)
    try:
        await connection.execute("create database trackfold")
    finally:
        await connection.close(timeout=5)
    connection = await asyncpg.connect(server.database_url, timeout=10, command_timeout=60)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # its log lines belong to no test
            await migrate.up(connection)
    finally:
        await connection.close(timeout=5)
