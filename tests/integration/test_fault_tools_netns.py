"""A process on a network of its own loses what we say, and reaches what it should."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from services.local.child import Child
from tests.faults.netns import Network
from tests.integration import test_ingest
from tests.pipeline import Pipeline
from tests.stack.processes import base_environment
from tests.waiting import eventually, never

#: Sends a line each time it is told to, over one connection, and prints what comes back.
CLIENT = """
import socket, sys
peer = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=60)
lines = peer.makefile('rb')
while True:
    peer.sendall(b'asked\\n')
    if not lines.readline():
        break
    print('answered', flush=True)
"""


class Talk:
    """A server of ours on the loopback address, and a client in the other network."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard = 0
        self.answer = asyncio.Event()
        self.child: Child | None = None

    def begin(self, net: Network, folder: Path) -> None:
        """Start the client in there."""
        argv = [*net.under, sys.executable, "-c", CLIENT, str(self.port)]
        self.child = Child.start("client", argv, log=folder / "client.log", env=base_environment())

    def answered(self) -> int:
        """How many answers the client has had."""
        assert self.child is not None
        return len(self.child.tail(10_000).splitlines())

    async def once_more(self) -> None:
        """Answer what is asked until the client has one answer more."""
        before = self.answered()
        self.answer.set()
        await eventually(lambda: self.answered() > before, 40)
        self.answer.clear()


@pytest.fixture
async def talk() -> AsyncIterator[Talk]:
    """The server; it answers while `answer` is set."""
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                while await reader.readline():
                    made.heard += 1
                    await made.answer.wait()
                    writer.write(b"answered\n")
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made = Talk(server.sockets[0].getsockname()[1])
    async with server:
        yield made
        if made.child is not None:
            made.child.process.kill()
            made.child.process.wait()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers)


async def test_a_process_in_there_reaches_our_loopback_and_a_cut_stops_both_ways_until_it_is_healed(
    private_network: Network, talk: Talk, tmp_path: Path
) -> None:
    talk.begin(private_network, tmp_path)
    await talk.once_more()
    private_network.out.lose()
    private_network.back.lose()
    talk.answer.set()
    settled = await quiet(talk)
    private_network.heal()
    await eventually(lambda: talk.answered() > settled, 40)


async def test_one_way_can_be_cut_alone(private_network: Network, talk: Talk, tmp_path: Path) -> None:
    talk.begin(private_network, tmp_path)
    await eventually(lambda: talk.heard == 1, 40)
    private_network.back.lose(ports={talk.port})
    talk.answer.set()
    await never(talk.answered, 0.5)
    assert private_network.back.lost > 0
    assert private_network.out.lost == 0
    private_network.heal()
    await eventually(talk.answered, 40)


async def test_packets_are_late_and_some_are_lost_and_all_arrives_in_the_end(
    private_network: Network, talk: Talk, tmp_path: Path
) -> None:
    private_network.both(delay_s=0.1, jitter_s=0.02)
    talk.begin(private_network, tmp_path)
    await talk.once_more()
    began = time.monotonic()
    await talk.once_more()
    assert time.monotonic() - began >= 0.1
    private_network.heal()
    private_network.out.lose(0.2)
    private_network.back.lose(0.2)
    talk.answer.set()
    before = talk.answered()
    await eventually(lambda: talk.answered() >= before + 20 and private_network.back.lost > 0, 40)


async def test_a_service_runs_in_there_and_answers_503_while_kafka_hears_it_and_is_not_heard(
    pipeline: Pipeline, private_network: Network
) -> None:
    env = pipeline.environment(**test_ingest.SETTINGS, **private_network.env)
    ingest = await pipeline.processes.start("ingest", env=env, under=private_network.under)
    assert (await test_ingest.post(ingest, test_ingest.GROWN[0])).status_code == 202
    kafka_port = int(pipeline.kafka.bootstrap_servers.rpartition(":")[2])
    private_network.back.lose(ports={kafka_port})
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        assert (await client.get(f"{ingest.admin_url}/livez")).status_code == 200
    assert (await test_ingest.post(ingest, test_ingest.GROWN[1])).status_code == 503
    private_network.heal()

    async def accepted() -> bool:
        return (await test_ingest.post(ingest, test_ingest.GROWN[1])).status_code == 202

    await eventually(accepted, 60, poll_s=0.5)


async def quiet(talk: Talk) -> int:
    """Wait until nothing comes any more, and say how much has come."""
    seen = [-1]

    def same() -> bool:
        seen.append(talk.answered())
        return seen[-1] == seen[-2]

    await eventually(same, poll_s=0.5)
    return seen[-1]
