"""The parts of one test run: chosen from the options, started before the first test, stopped at the end."""

import asyncio
from collections.abc import Callable, Iterable

import asyncpg
import pytest

from tests.faults import brokers
from tests.stack import apache, databases, kafka
from tests.stack.capabilities import CAPABILITIES

RUN: "pytest.StashKey[Run]" = pytest.StashKey()


class Run:
    """What this run stands on. Nothing is started that no collected test asks for."""

    def __init__(self, *, wanted_kafka: str | None, wanted_postgres: str | None, say: Callable[[str], None]) -> None:
        self._wanted_kafka = wanted_kafka
        self._wanted_postgres = wanted_postgres
        self._say = say
        self._parts: list[kafka.Broker | databases.Server | apache.Cluster] = []
        self.brokers: brokers.Brokers | None = None
        self.kafka: kafka.Kafka | None = None
        self.postgres: databases.PostgresServer | None = None
        self._template: str | Exception | None = None
        self._kind: str | None = None

    @property
    def kafka_kind(self) -> str:
        """The kind of broker that this run uses, or would use."""
        if self._kind is None:
            self._kind = kafka.choose_kind(self._wanted_kafka)
        return self._kind

    def missing(self, item: pytest.Item) -> list[str]:
        """Name what a test needs of the broker and this run's kind of broker lacks."""
        needed = {name for marker in item.iter_markers("needs") for name in marker.args}
        if not needed:
            return []
        unknown = needed - CAPABILITIES.keys()
        if unknown:
            raise pytest.UsageError(f"{item.nodeid} needs {sorted(unknown)}: tests/stack/capabilities.py knows no such")
        return sorted(needed - kafka.capabilities_of(self.kafka_kind))

    def start(self, items: Iterable[pytest.Item]) -> None:
        """Start what the tests ask for; what was asked for by name and cannot be had ends the run."""
        fixtures = {name for item in items for name in getattr(item, "fixturenames", ())}
        try:
            if "kafka" in fixtures:
                self._start_kafka()
            if "cluster3" in fixtures and self.kafka_kind == "apache":
                self._start_brokers()
            if "postgres_server" in fixtures:
                self._start_postgres(templated="template" in fixtures)
        except (RuntimeError, OSError, asyncpg.PostgresError) as failure:
            raise pytest.UsageError(f"{type(failure).__name__}: {failure}") from failure

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for part in reversed(self._parts):
            part.stop()
        self._parts.clear()

    @property
    def template(self) -> str:
        """The name of the migrated database that tests copy; raises what went wrong while it was made."""
        if isinstance(self._template, str):
            return self._template
        raise self._template or RuntimeError("no template database was asked for")

    def _start_kafka(self) -> None:
        broker = kafka.make_broker(self.kafka_kind, self._say)
        self._parts.append(broker)
        self.kafka = broker.start()

    def _start_brokers(self) -> None:
        made = brokers.make(self._say)
        self._parts.append(made.cluster)
        made.cluster.start()
        self.brokers = made

    def _start_postgres(self, *, templated: bool) -> None:
        kind = databases.choose_kind(self._wanted_postgres)
        server = databases.make_server(kind)
        self._parts.append(server)
        self.postgres = databases.describe(server.start(), kind)
        if templated:
            try:
                self._template = asyncio.run(databases.make_template(self.postgres))
            except Exception as failure:  # noqa: BLE001 -- `template` raises it: tests without a database still run
                self._template = failure
