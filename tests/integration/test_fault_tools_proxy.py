"""The proxy does to a wire what it says, and its watchers find COMMIT and Kafka's answers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
from aiokafka.errors import KafkaError

from tests.faults.proxy import CUT, Proxy, Verdict, proxy, through
from tests.faults.watchers import LOSE, PRODUCE, CommitWatch, KafkaWatch, When
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually, never


@pytest.fixture
async def echo() -> AsyncIterator[tuple[str, int]]:
    """A server that sends back what it gets."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        yield host, port


@pytest.fixture
async def wire(echo: tuple[str, int]) -> AsyncIterator[Proxy]:
    """A proxy in front of it."""
    async with proxy(echo) as made:
        yield made


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def said(self, text: bytes) -> bytes:
        """Send, and give what comes back."""
        self.writer.write(text)
        async with asyncio.timeout(20):
            return await self.reader.readexactly(len(text))


@contextlib.asynccontextmanager
async def connected(wire: Proxy) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection(*wire.address)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def test_bytes_pass_as_they_are(wire: Proxy) -> None:
    async with connected(wire) as client:
        assert await client.said(b"hello") == b"hello"
        assert (wire.connections, wire.up.passed, wire.down.passed) == (1, 5, 5)


async def test_latency_and_a_narrow_wire_take_their_time(wire: Proxy) -> None:
    async with connected(wire) as client:
        wire.up.latency_s, wire.down.latency_s = 0.2, 0.1
        began = time.monotonic()
        await client.said(b"x")
        assert time.monotonic() - began >= 0.3
        await wire.heal()
        wire.up.bytes_per_s = 10_000
        began = time.monotonic()
        await client.said(b"x" * 5_000)
        assert time.monotonic() - began >= 0.5


async def test_a_silent_wire_delivers_nothing_and_all_of_it_once_it_is_healed(wire: Proxy) -> None:
    async with connected(wire) as client:
        await client.said(b"before")
        wire.silence()
        asked = asyncio.create_task(client.said(b"meanwhile"))
        await never(asked.done, 0.3)
        assert wire.connections == 1
        await wire.heal()
        assert await asked == b"meanwhile"


async def test_one_direction_alone_can_be_silent(wire: Proxy) -> None:
    async with connected(wire) as client:
        wire.down.silent = True
        asked = asyncio.create_task(client.said(b"x"))
        await eventually(lambda: wire.up.passed == 1)
        await never(asked.done, 0.2)
        await wire.heal()
        assert await asked == b"x"


async def test_a_cut_resets_open_connections_and_not_new_ones(wire: Proxy) -> None:
    async with connected(wire) as client:
        await client.said(b"x")
        wire.cut()
        with pytest.raises(ConnectionResetError):
            await client.said(b"y")
    async with connected(wire) as client:
        assert await client.said(b"z") == b"z"


async def test_new_connections_can_be_refused_while_the_open_ones_go_on(wire: Proxy) -> None:
    async with connected(wire) as client:
        await client.said(b"x")
        wire.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*wire.address)
        assert await client.said(b"y") == b"y"
    await wire.heal()
    async with connected(wire) as client:
        assert await client.said(b"z") == b"z"


async def test_a_connection_is_cut_after_so_many_bytes_and_a_byte_is_corrupted(wire: Proxy) -> None:
    wire.up.corrupt_at = 3
    wire.down.cut_after = 5
    async with connected(wire) as client:
        assert await client.said(b"aaaaa") == b"aaa`a"
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.said(b"b")


@pytest.mark.parametrize(("when", "done"), [("answer", 1), ("request", 0)])
async def test_a_connection_can_be_cut_before_and_after_its_commit(
    empty_database: str, postgres_wire: Proxy, when: When, done: int
) -> None:
    watch = CommitWatch(when=when)
    postgres_wire.watch = watch.watcher
    direct = await asyncpg.connect(empty_database)
    await direct.execute("create table t (n int)")
    try:
        connection = await asyncpg.connect(through(empty_database, postgres_wire))
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError)):
            async with connection.transaction():
                await connection.execute("insert into t values (1)")
        connection.terminate()
        assert watch.struck == 1

        async def counted() -> bool:
            return bool(await direct.fetchval("select count(*) from t") == done)

        await eventually(counted)
        again = await asyncpg.connect(through(empty_database, postgres_wire))
        async with again.transaction():  # it strikes once
            await again.execute("insert into t values (2)")
        await again.close()
    finally:
        await direct.close()


@pytest.mark.parametrize(("do", "when", "written"), [(LOSE, "answer", 1), (CUT, "answer", 1), (CUT, "request", 0)])
async def test_a_produce_request_can_lose_its_answer_or_never_arrive(
    kafka: Kafka, prefix: str, kafka_wire: Proxy, do: Verdict, when: When, written: int
) -> None:
    topic = await topics.create(kafka, f"{prefix}lost")
    watch = KafkaWatch(api=PRODUCE, do=do, when=when, times=100, holding=topic.encode())
    kafka_wire.watch = watch.watcher
    behind = Kafka(kafka_wire.bootstrap, kafka.kind, kafka.version, kafka.capabilities)
    async with topics.producer(behind, request_timeout_ms=2_000) as producer:
        with pytest.raises((KafkaError, TimeoutError)):
            await asyncio.wait_for(producer.send_and_wait(topic, b"first"), 20)
        assert watch.struck > 0
        watch.times = 0
        await producer.send_and_wait(topic, b"second")
    records = await topics.read_until(kafka, topic, lambda found: found and found[-1].value == b"second")
    assert (b"first" in [one.value for one in records]) == bool(written)
