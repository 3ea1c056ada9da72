"""The public port against hostile senders: dripped headers, endless headers, idle connections."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.runtime.http import problem
from services.runtime.server import Listener, bind
from tests.waiting import eventually

LIMIT_S = 0.5
#: Our clock begins when the connection is there, theirs when they see it.
CLOCK_S = 0.05
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture(name="listener")
async def listener_fixture() -> AsyncIterator[Listener]:
    """A port that answers 418, with a short limit for headers."""
    made = Listener(problem(418, "Teapot"), bind("127.0.0.1", 0), header_timeout_s=LIMIT_S, max_connections=200)
    await made.start()
    yield made
    await made.stop(1)


async def drip(listener: Listener, pieces: list[bytes], *, every_s: float) -> tuple[bytes, float]:
    """Send pieces one by one until the other side has enough; return what it said and how long it took."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    began = time.monotonic()
    answer = asyncio.create_task(reader.read())
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            done, _ = await asyncio.wait({answer}, timeout=every_s)
            if done:
                break
        async with asyncio.timeout(10):
            said = await answer
    except ConnectionError:
        said = b""
    finally:
        writer.close()
    return said, time.monotonic() - began


async def test_headers_that_come_drop_by_drop_are_cut_at_the_limit(listener: Listener) -> None:
    said, took = await drip(listener, [b"GET /", *(b"x" for _ in range(200))], every_s=0.05)
    assert said == b""
    assert LIMIT_S - CLOCK_S <= took < LIMIT_S + 2


async def test_a_connection_that_says_nothing_is_cut_at_the_limit(listener: Listener) -> None:
    said, took = await drip(listener, [b""], every_s=0.01)
    assert said == b""
    assert took < LIMIT_S + 2


async def test_headers_without_end_are_cut_by_their_size(listener: Listener) -> None:
    head = [b"GET / HTTP/1.1\r\n", *(b"x-%d: " % n + b"y" * 8000 + b"\r\n" for n in range(100))]
    said, took = await drip(listener, head, every_s=0.001)
    assert b"418" not in said
    assert took < LIMIT_S


async def test_the_second_request_of_a_connection_has_the_same_limit(listener: Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(GET)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 418")
    writer.write(b"GET / HT")
    async with asyncio.timeout(LIMIT_S + 2):
        await reader.read()
    writer.close()


@pytest.mark.parametrize("more", [b"\r\n", b"a body that was answered before it came"])
async def test_a_connection_that_talks_on_after_its_answer_is_cut_at_the_limit(listener: Listener, more: bytes) -> None:
    length = b"\r\ncontent-length: 0" if more == b"\r\n" else b"\r\ncontent-length: 5000"
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(GET.replace(b"\r\n\r\n", length + b"\r\n\r\n"))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 418")
    writer.write(more)
    async with asyncio.timeout(LIMIT_S + 2):
        await reader.read()
    writer.close()


async def test_a_trailer_never_becomes_a_header_and_trailers_without_end_are_cut() -> None:
    seen: list[bytes] = []

    async def whole(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        seen.extend(name for name, _ in scope["headers"])
        await problem(418, "Teapot")(scope, receive, send)

    made = Listener(whole, bind("127.0.0.1", 0), header_timeout_s=LIMIT_S)  # type: ignore[arg-type]
    await made.start()
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n"
    said, _ = await drip(made, [head + b"x-hmac-signature: late\r\n\r\n"], every_s=5)
    assert said.startswith(b"HTTP/1.1 418")
    assert seen == [b"host", b"connection", b"transfer-encoding"]
    said, took = await drip(made, [head, *(b"x-%d: " % n + b"y" * 8000 + b"\r\n" for n in range(100))], every_s=0.001)
    assert (said, took < LIMIT_S) == (b"", True)
    await made.stop(1)


async def test_idle_connections_do_not_keep_others_out_for_longer_than_the_limit(listener: Listener) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(250)]

    async def served() -> bool:
        said, _ = await drip(listener, [GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")], every_s=5)
        return said.startswith(b"HTTP/1.1 418")

    await eventually(served, LIMIT_S + 3)
    for _, writer in idle:
        writer.close()


async def test_a_request_at_work_is_finished_when_the_port_closes() -> None:
    inside = asyncio.Event()

    async def slow(scope: object, receive: object, send: object) -> None:
        inside.set()
        await asyncio.sleep(0.3)
        await problem(418, "Teapot")(scope, receive, send)  # type: ignore[arg-type]

    made = Listener(slow, bind("127.0.0.1", 0))
    await made.start()
    asking = asyncio.create_task(drip(made, [GET], every_s=5))
    await inside.wait()
    await made.stop(5)
    said, _ = await asking
    assert said.startswith(b"HTTP/1.1 418")
