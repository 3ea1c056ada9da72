"""Webhooks as a client posts them: signed as EasyPost signs, written to a connection, the answer read."""

import asyncio
from typing import Final

from benchmarks.webhook_servers import PATH, SECRET
from services.ingest.carriers.easypost import EASYPOST
from services.runtime import clock

ANSWER_LIMIT_S: Final = 10.0


class RefusedError(AssertionError):
    """A webhook was not answered with 202."""


def request(port: int, content: bytes) -> bytes:
    """Return a whole signed request."""
    key = EASYPOST.secret_key(SECRET)
    headers = EASYPOST.sign(content, key, at=clock.now(), path=PATH, delivery="")
    lines = [f"POST {PATH} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, whole: bytes) -> None:
    """Write a request and read its answer; raises RefusedError where that is not 202."""
    writer.write(whole)
    async with asyncio.timeout(ANSWER_LIMIT_S):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    if not head.startswith(b"HTTP/1.1 202"):
        raise RefusedError(f"a webhook was answered {head[:40]!r}")
