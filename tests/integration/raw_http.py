"""HTTP by hand, over bare sockets: what no client library would send, and what came back, byte for byte."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

LIMIT_S: Final = 20.0
_STATUS: Final = re.compile(rb"^HTTP/1\.[01] ([0-9]{3}) ", re.MULTILINE)


@dataclass(frozen=True)
class Said:
    """What the other side wrote until it closed, and how long that took."""

    bytes: bytes
    took_s: float

    @property
    def statuses(self) -> list[int]:
        """The status of each answer."""
        return [int(status) for status in _STATUS.findall(self.bytes)]


def head(
    path: str = "/", headers: Mapping[str, str] | Iterable[tuple[str, str]] = (), *, method: str = "POST"
) -> bytes:
    """Write a request's head; the connection is closed after its answer unless a header says otherwise."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    names = {name.lower() for name, _ in pairs}
    given = [("Host", "ingest")] * ("host" not in names) + [("Connection", "close")] * ("connection" not in names)
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in [*given, *pairs])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def exchange(port: int, pieces: Iterable[bytes], *, every_s: float = 0.0, half_close: bool = False) -> Said:
    """Send pieces one by one until the other side has closed, and return all that it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    answer = asyncio.create_task(_read(reader))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            done, _ = await asyncio.wait({answer}, timeout=every_s)
            if done:
                break
        if half_close:
            writer.write_eof()
    except ConnectionError:
        pass  # it had enough: what it said until then counts
    try:
        async with asyncio.timeout(LIMIT_S):
            said = await answer
    finally:
        writer.close()
    return Said(said, time.monotonic() - began)


async def _read(reader: asyncio.StreamReader) -> bytes:
    said = b""
    try:
        while piece := await reader.read(65_536):
            said += piece
    except ConnectionError:
        pass
    return said
