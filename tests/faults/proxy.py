"""A TCP proxy on the loopback address, whose wire can be slowed, narrowed, silenced, cut and read.

    async with proxy(("127.0.0.1", 5432)) as wire:                 # for Postgres: through(url, wire)
        wire.up.latency_s, wire.up.jitter_s = 0.15, 0.02           # up: client to server, down: server to client
        wire.down.bytes_per_s = 25_000
        wire.silence()        # a black hole: connections stay open, nothing passes, new ones are accepted and silent
        wire.up.silent = True # the same for one direction
        wire.refuse()         # new connections are refused (connection refused), the open ones go on
        wire.cut()            # every open connection is reset (RST); new ones are fine
        wire.down.cut_after = 10_000   # cut a connection when so many bytes of it have passed
        wire.down.corrupt_at = 500     # flip a bit of that byte of each connection
        wire.heal()           # all as at the start
        wire.connections      # how many are open now;  wire.accepted: ever;  wire.up.passed: bytes

Whoever wants to see bytes sets `wire.watch`: a factory that makes one `Watcher` per connection, whose `client(chunk)`
and `server(chunk)` give what passes: other bytes, b"" for nothing, or CUT. Ready ones are in watchers.py: cut at
COMMIT, lose the answer of a Kafka request. A silenced direction keeps what it read and delivers it after `heal()`, as
TCP does.

Kafka names its own address to its clients, so a broker behind a proxy must name the proxy's: the brokers of the run
have a listener for that. Fixtures (fixtures.py): `kafka_wire` in front of the run's broker, `wires3` (node -> Proxy) in
front of the three; a service goes through with `KAFKA_BOOTSTRAP_SERVERS=kafka_wire.bootstrap`.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

CHUNK: Final = 65_536
CUT: Final = "cut"
Verdict = bytes | Literal["cut"]
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Watcher(Protocol):
    """Sees one connection's bytes, in both directions, and decides what passes."""

    def client(self, chunk: bytes, /) -> Verdict:
        """Give what the server gets of what the client sent."""

    def server(self, chunk: bytes, /) -> Verdict:
        """Give what the client gets of what the server sent."""


class PassThrough:
    """Lets everything pass; watchers override the side they care for."""

    def client(self, chunk: bytes, /) -> Verdict:
        """Pass it."""
        return chunk

    def server(self, chunk: bytes, /) -> Verdict:
        """Pass it."""
        return chunk


@dataclass
class Direction:
    """What happens to bytes on their way; may be changed at any time."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    cut_after: int | None = None
    corrupt_at: int | None = None
    passed: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    @property
    def silent(self) -> bool:
        """Whether nothing passes."""
        return not self._open.is_set()

    @silent.setter
    def silent(self, wanted: bool) -> None:
        if wanted:
            self._open.clear()
        else:
            self._open.set()

    def heal(self) -> None:
        """Let everything pass as it comes."""
        self.latency_s = self.jitter_s = 0.0
        self.bytes_per_s = self.cut_after = self.corrupt_at = None
        self.silent = False

    async def delay(self, size: int, chance: random.Random) -> None:
        """Wait as long as bytes take on this wire."""
        wait = max(0.0, self.latency_s + chance.uniform(-self.jitter_s, self.jitter_s))
        if self.bytes_per_s is not None:
            wait += size / self.bytes_per_s
        if wait > 0:
            await asyncio.sleep(wait)
        await self._open.wait()


class Proxy:
    """See the top of the file."""

    def __init__(self, upstream: tuple[str, int], *, host: str = "127.0.0.1", port: int = 0, seed: int = 1) -> None:
        self.upstream = upstream
        self.host, self.port = host, port
        self.up, self.down = Direction(), Direction()
        self.watch: Callable[[], Watcher] = PassThrough
        self.accepted = 0
        self._chance = random.Random(seed)  # noqa: S311 -- a wire's jitter
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> tuple[str, int]:
        """Where clients connect."""
        return self.host, self.port

    @property
    def bootstrap(self) -> str:
        """The same as text, as Kafka's clients want it."""
        return f"{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._links)

    async def start(self) -> None:
        """Accept connections; the port stays the same from now on."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Reset everything and go."""
        self.refuse()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def silence(self) -> None:
        """Let nothing pass in either direction."""
        self.up.silent = self.down.silent = True

    def refuse(self) -> None:
        """Accept no new connection; `heal()` or `accept()` opens the port again."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def accept(self) -> None:
        """Accept connections again."""
        if self._server is None:
            await self.start()

    def cut(self) -> None:
        """Reset every open connection, on both sides."""
        for link in list(self._links):
            link.cut()

    async def heal(self) -> None:
        """Be a good wire again: what was held back goes on."""
        self.up.heal()
        self.down.heal()
        self.watch = PassThrough
        await self.accept()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._server is None:  # it came in the moment in which nobody is let in any more
            _reset(writer)
            return
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            _reset(writer)
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(*self.upstream, limit=CHUNK)
        watcher = self.watch()
        link = _Link(writer, server_writer)
        self._links.add(link)
        ways = [
            asyncio.create_task(self._pump(reader, link, self.up, see=watcher.client)),
            asyncio.create_task(self._pump(server_reader, link, self.down, see=watcher.server)),
        ]
        try:
            await asyncio.wait(ways)
        finally:
            self._links.discard(link)
            for way in ways:
                way.cancel()
            _reset(server_writer)  # before the next wait, in which `stop` may cancel this task
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, link: "_Link", way: Direction, *, see: Callable[[bytes], Verdict]
    ) -> None:
        to = link.server if way is self.up else link.client
        passed = 0
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await way.delay(len(chunk), self._chance)
                verdict = see(_corrupted(chunk, way.corrupt_at, passed))
                if verdict == CUT or (way.cut_after is not None and passed + len(chunk) > way.cut_after):
                    link.cut()
                    return
                assert isinstance(verdict, bytes)
                passed += len(chunk)
                way.passed += len(verdict)
                to.write(verdict)
                await to.drain()
        with contextlib.suppress(OSError, RuntimeError):
            to.write_eof()


@dataclass(frozen=True, eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter

    def cut(self) -> None:
        """Reset both sides at once."""
        for side in (self.client, self.server):
            _reset(side)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, so that the other side sees it now and not when it next writes."""
    handle = writer.get_extra_info("socket")
    if handle is not None and handle.fileno() >= 0 and not writer.transport.is_closing():
        with contextlib.suppress(OSError):
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


def _corrupted(chunk: bytes, at: int | None, passed: int) -> bytes:
    if at is None or not passed <= at < passed + len(chunk):
        return chunk
    broken = bytearray(chunk)
    broken[at - passed] ^= 0x01
    return bytes(broken)


@asynccontextmanager
async def proxy(upstream: tuple[str, int], *, port: int = 0, seed: int = 1) -> AsyncIterator[Proxy]:
    """Run a proxy within the block."""
    made = Proxy(upstream, port=port, seed=seed)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def address_of(url: str) -> tuple[str, int]:
    """Give host and port of a database's URL."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 5432


def through(url: str, wire: Proxy) -> str:
    """Give the URL of the same database by way of the proxy."""
    parts = urlsplit(url)
    account = f"{parts.username}:{parts.password}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=f"{account}{wire.host}:{wire.port}"))
