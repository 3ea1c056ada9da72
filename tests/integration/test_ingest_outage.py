"""Ingest while Kafka is away: every answer tells the sender to repeat, soon, and it recovers by itself.

On a broker of its own, because the one of the run is shared by all tests.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from services.local.broker import EmbeddedBroker
from services.local.ports import free_port
from tests.integration.test_ingest import GROWN, SETTINGS, post
from tests.stack.processes import Process, Processes, base_environment
from tests.waiting import eventually


class Broker:
    """A broker that can be frozen and stopped."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._embedded = EmbeddedBroker(folder / "broker.log")

    def start(self) -> None:
        """Start it on its port."""
        self._embedded.start(self.port)

    def send(self, what: signal.Signals) -> None:
        """Freeze it (SIGSTOP) or let it go on (SIGCONT)."""
        child = self._embedded._child  # noqa: SLF001 - a signal is no part of what the broker offers its users
        assert child is not None
        child.process.send_signal(what)

    def stop(self) -> None:
        """End it."""
        self._embedded.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of this test's own, not started."""
    made = Broker(tmp_path)
    yield made
    made.stop()


def environment(broker: Broker) -> dict[str, str]:
    return base_environment() | SETTINGS | {
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{broker.port}",
        "TRACKFOLD_KAFKA__PARTITIONS": "1",
        "TRACKFOLD_KAFKA__REPLICATION_FACTOR": "1",
        "TRACKFOLD_KAFKA__MIN_INSYNC_REPLICAS": "1",
        "TRACKFOLD_KAFKA__FETCH_MAX_WAIT_MS": "20",
        "TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "6000",
        "TRACKFOLD_KAFKA__REQUEST_TIMEOUT_MS": "5000",
    }  # fmt: skip


async def refused_in_time(ingest: Process) -> None:
    """Post, and see a 503 with Retry-After within five seconds."""
    began = time.monotonic()
    answer = await post(ingest, GROWN[0])
    assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (503, True)
    assert time.monotonic() - began < 5


async def accepted(ingest: Process) -> bool:
    try:
        return (await post(ingest, GROWN[0])).status_code == 202
    except httpx2.TransportError:
        return False


async def test_kafka_frozen_and_gone_is_503_within_five_seconds_and_back_again_202(
    broker: Broker, processes: Processes
) -> None:
    broker.start()
    env = environment(broker)
    applied = await processes.start("topics", env=env, arguments=("topics", "apply"), wait_ready=False)
    assert await applied.wait() == 0, applied.log()
    ingest = await processes.start("ingest", env=env)
    assert await accepted(ingest)

    broker.send(signal.SIGSTOP)
    await refused_in_time(ingest)
    forged = await post(ingest, GROWN[0], secret=-1)
    assert forged.status_code == 401
    broker.send(signal.SIGCONT)
    await eventually(lambda: accepted(ingest), 30)

    broker.stop()
    await refused_in_time(ingest)
    await eventually(lambda: not_ready(ingest), 30)
    assert await ingest.terminate() == 0


async def test_without_kafka_from_the_start_it_serves_503_and_waits(broker: Broker, processes: Processes) -> None:
    ingest = await processes.start("ingest", env=environment(broker), wait_ready=False)
    await eventually(lambda: answers(ingest), 15)
    await refused_in_time(ingest)
    assert not await ingest.ready()
    assert await ingest.terminate() == 0


async def answers(ingest: Process) -> bool:
    try:
        await post(ingest, GROWN[0])
    except httpx2.TransportError:
        return False
    return True


async def not_ready(ingest: Process) -> bool:
    return not await ingest.ready()
