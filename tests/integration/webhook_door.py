"""One ingest process on the broker of the run, for all tests of a file: what was sent to it, and what it kept.

Each topic has one partition, so that whatever was kept before a record stands before it: "nothing was kept" is seen,
not waited for. After each test the process is alive, answers,
and has written no secret and nothing of a body to its log.
"""

import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import pytest
import pytest_asyncio

from schemas.dead_letters import DEAD_LETTER
from schemas.scans import SCAN, Scan
from services.ingest.carriers.base import Carrier, Request
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.runtime import clock
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.stack.processes import Process, Processes, base_environment
from tests.unit.ingest import samples

WEBHOOKS, SCANS, DEAD_LETTERS = "carrier.webhooks.v1", "carrier.scans.v1", "dead-letters.v1"
CANARY: Final = "canary.ada@example.com"
"""Stands in every body; never in a log."""
#: Two active secrets of each provider, no two alike: another provider's secret must not fit.
SECRETS: Final = {
    name: tuple(f"{name} {secret}" if secret in ("s\u00e9cret", "the next one") else secret for secret in pair)
    for name, pair in samples.SECRETS.items()
}
RECEIVE_LIMIT_S: Final = 1.5
HEADER_LIMIT_S: Final = 1.0
AT_ONCE: Final = 16
LIMITS: Final = {
    "TRACKFOLD_INGEST__RECEIVE_TIMEOUT_S": str(RECEIVE_LIMIT_S),
    "TRACKFOLD_HTTP__HEADER_TIMEOUT_S": str(HEADER_LIMIT_S),
    "TRACKFOLD_INGEST__MAX_REQUESTS_PER_PROVIDER": str(AT_ONCE),
    "TRACKFOLD_LOG__FORMAT": "json",
    "TRACKFOLD_LOG__LEVEL": "DEBUG",
}

_NUMBERS: Final = itertools.count(1)


def fresh_number() -> str:
    """Return a tracking number that nobody has used: what is kept of it is this test's own."""
    return f"QX{next(_NUMBERS):04d}{uuid.uuid4().hex[:12].upper()}"


def scan_body(number: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a `standard` webhook that reads as one scan."""
    told = {"type": "tracking.scan", "carrier": "dpd-uk", "number": number, "stage": "in_transit", "code": "IT"}
    return told | {"occurred_at": "2026-11-19T09:58:00+00:00", "description": f"Left the depot {CANARY}"} | fields


@dataclass(frozen=True)
class Door:
    """The process, and the topics behind it."""

    pipeline: Pipeline
    process: Process
    client: httpx2.AsyncClient = field(default_factory=lambda: httpx2.AsyncClient(trust_env=False, timeout=20))

    @property
    def port(self) -> int:
        """The public port."""
        return int(self.process.http_url.rsplit(":", 1)[1])

    def signed(self, body: bytes, *, provider: str = "standard", secret: int = 0, **how: Any) -> Request:
        """Return a request as the provider would send it now."""
        carrier = WEBHOOK_CARRIERS[provider]
        key = carrier.secret_key(SECRETS[provider][secret])
        return samples.signed(carrier, body, key, **({"at": clock.now()} | how))

    async def post(self, request: Request, *, provider: str = "standard", **more: Any) -> httpx2.Response:
        """Send a request."""
        url = f"{self.process.http_url}/webhooks/{provider}"
        return await self.client.post(url, content=request.body, headers=list(request.headers), **more)

    async def send(self, document: object, *, provider: str = "standard") -> httpx2.Response:
        """Sign and send a document, or bytes."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self.post(self.signed(body, provider=provider), provider=provider)

    async def served(self) -> str:
        """Check that a good webhook is taken, and return its number."""
        number = fresh_number()
        answer = await self.send(scan_body(number))
        assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
        return number

    async def kept(self, *marks: str) -> list[Any]:
        """Return the raw webhooks that hold one of the marks, of all that came before now."""
        last = (await self.served()).encode()
        records = await self.pipeline.messages(WEBHOOKS, lambda found: any(last in one.value for one in found))
        return [one for one in records if any(mark.encode() in one.value for mark in marks)]

    async def scans(self, number: str, enough: Callable[[list[Scan]], object] = len) -> list[Scan]:
        """Return the scans of a number when there are enough."""

        def of_number(records: Iterable[Any]) -> list[Scan]:
            read = (SCAN.validate_json(one.value) for one in records if number.encode() in one.value)
            return [scan for scan in read if scan.number == number]

        return of_number(await self.pipeline.messages(SCANS, lambda found: enough(of_number(found))))

    async def letter(self, body: bytes) -> str:
        """Return why exactly these bytes were set aside, when they have been."""

        def whys(records: Iterable[Any]) -> list[str]:
            opened = [DEAD_LETTER.validate_json(one.value) for one in records]
            return [one.reason for one in opened if one.value == body]

        return whys(await self.pipeline.messages(DEAD_LETTERS, whys))[0]

    async def check_unharmed(self) -> None:
        """Fail unless the process lives, answers, serves, and has kept to itself what it was sent."""
        assert self.process.running, self.process.child.tail()
        live = await self.client.get(f"{self.process.admin_url}/livez")
        assert live.status_code == 200
        log = self.process.log()
        secrets = [secret for pair in SECRETS.values() for secret in pair]
        assert [secret for secret in (CANARY, *secrets) if secret in log] == []
        assert "Traceback" not in log
        page = (await self.client.get(f"{self.process.admin_url}/metrics")).text
        assert [line for line in page.splitlines() if 'answer="500"' in line] == []


def _environment(kafka: Kafka, prefix: str) -> dict[str, str]:
    secrets = {f"TRACKFOLD_INGEST__SECRETS__{name.upper()}": json.dumps(pair) for name, pair in SECRETS.items()}
    broker = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TRACKFOLD_KAFKA__TOPIC_PREFIX": prefix,
        "TRACKFOLD_KAFKA__PARTITIONS": "1",
        "TRACKFOLD_KAFKA__REPLICATION_FACTOR": "1",
        "TRACKFOLD_KAFKA__MIN_INSYNC_REPLICAS": "1",
        "TRACKFOLD_KAFKA__FETCH_MAX_WAIT_MS": "20",
        "TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "6000",
        "TRACKFOLD_LINKS__KEYS": '["test:0123456789abcdef0123456789abcdef"]',
    }
    return base_environment() | broker | secrets | LIMITS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Pipeline, Process]]:
    """Ingest for all tests of a file."""
    prefix = f"t{uuid.uuid4().hex[:12]}."
    folder = tmp_path_factory.mktemp("ingest")
    processes = Processes(folder)
    try:
        made = Pipeline(kafka, prefix, processes, lambda **more: _environment(kafka, prefix) | more)
        await made.apply_topics()
        yield made, await made.start("ingest")
    finally:
        processes.stop()
        await topics.delete_prefix(kafka, prefix)


@pytest.fixture
async def door(running: tuple[Pipeline, Process]) -> AsyncIterator[Door]:
    """The running process; unharmed after the test."""
    made = Door(*running)
    async with made.client:
        yield made
        await made.check_unharmed()


def providers() -> list[Any]:
    """Return every provider that sends webhooks as a parameter."""
    return [pytest.param(carrier, id=name) for name, carrier in WEBHOOK_CARRIERS.items()]


def body_of(carrier: Carrier) -> bytes:
    """Return a body of a provider that reads as something, whole."""
    paths = [path for path in samples.fixture_paths(carrier.provider) if not path.stem.startswith("garbage")]
    return paths[0].read_bytes()
