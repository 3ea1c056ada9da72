"""Sizes, slowness, floods, paths and broken HTTP at the running process: an answer, nothing kept, neighbours served."""

import asyncio
import contextlib
import gzip
import json
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.integration import webhook_door
from tests.integration.raw_http import exchange, head
from tests.integration.webhook_door import (
    AT_ONCE,
    HEADER_LIMIT_S,
    RECEIVE_LIMIT_S,
    WEBHOOKS,
    Door,
    fresh_number,
    scan_body,
)
from tests.waiting import eventually

running, door = webhook_door.running, webhook_door.door
PATH = "/webhooks/standard"
LIMIT = 256 * 1024


def sized(number: str, size: int) -> bytes:
    """Return a good body of exactly that size."""
    body = json.dumps(scan_body(number, note="")).encode()
    return body[:-2] + b"x" * (size - len(body)) + b'"}'


def headers_of(door: Door, body: bytes) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in door.signed(body).headers}


async def test_a_body_at_the_limit_is_taken_and_one_byte_more_or_nothing_is_not(door: Door) -> None:
    number, larger = fresh_number(), fresh_number()
    answers = [await door.send(body) for body in (sized(number, LIMIT), sized(larger, LIMIT + 1), b"")]
    assert [answer.status_code for answer in answers] == [202, 413, 400]
    assert len(await door.kept(number, larger)) == 1
    assert len(await door.scans(number)) == 1


async def test_a_body_of_a_gigabyte_in_chunks_is_cut_early(door: Door) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2**30:
            sent += 65_536
            yield b"x" * 65_536

    # Answered, or the connection is cut while the client still writes: both are early.
    with contextlib.suppress(httpx2.TransportError):
        assert (await door.client.post(f"{door.process.http_url}{PATH}", content=endless())).status_code == 413
    assert sent < 64 * 2**20
    await door.served()


async def test_the_refusal_of_a_body_in_too_many_chunks_can_be_read(door: Door) -> None:
    chunks = [b"%x\r\n%s\r\n" % (32_768, b"x" * 32_768)] * 9
    start = head(PATH, {"Transfer-Encoding": "chunked"})
    said = await exchange(door.port, [start, *chunks, b"0\r\n\r\n"])
    assert said.statuses == [413]


async def test_a_length_that_is_wrong_keeps_nothing(door: Door) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    signed = headers_of(door, body)
    lengths = {"-1": [400], "abc": [400], "1, 2": [400], "9" * 30: [400], str(len(body) - 5): [401]}
    for length, wanted in lengths.items():
        said = await exchange(door.port, [head(PATH, signed | {"Content-Length": length}) + body])
        assert said.statuses[:1] == wanted, length
    # More was promised than comes: nobody can tell a slow sender from a liar before the deadline.
    said = await exchange(door.port, [head(PATH, signed | {"Content-Length": str(len(body) + 5)}) + body])
    assert said.statuses == [408]
    gone = await exchange(door.port, [head(PATH, signed | {"Content-Length": "9999"}) + body], half_close=True)
    assert 202 not in gone.statuses
    assert await door.kept(number) == []


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "br", "zstd", "compress", "identity, gzip", "GZIP", "aes128gcm"]
)
async def test_a_compressed_body_is_refused_unopened(door: Door, encoding: str) -> None:
    number = fresh_number()
    bomb = gzip.compress(json.dumps(scan_body(number)).encode() + b" " * 10_000_000)
    request = door.signed(bomb)
    headers = {name.decode(): value.decode() for name, value in request.headers} | {"Content-Encoding": encoding}
    answer = await door.client.post(f"{door.process.http_url}{PATH}", content=bomb, headers=headers)
    assert answer.status_code == 415
    assert await door.kept(number) == []


async def test_a_body_that_drips_is_cut_at_the_deadline_while_others_are_served(door: Door) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    start = head(PATH, headers_of(door, body) | {"Content-Length": str(len(body))})
    drops = [bytes([one]) for one in body]
    slow = [asyncio.create_task(exchange(door.port, [start, *drops], every_s=0.1)) for _ in range(3 * AT_ONCE)]
    for _ in range(5):
        await door.served()
    for said in await asyncio.gather(*slow):
        assert said.statuses == [408]
        assert said.took_s < RECEIVE_LIMIT_S + 3
    assert await door.kept(number) == []


async def test_headers_that_drip_or_never_end_are_cut(door: Door) -> None:
    dripped = await exchange(door.port, [b"POST /webhooks", *(b"x" for _ in range(200))], every_s=0.05)
    assert dripped.statuses == []
    assert dripped.took_s < HEADER_LIMIT_S + 3
    endless = [head(PATH)[:-2], *(b"x-%d: " % number + b"y" * 8000 + b"\r\n" for number in range(100))]
    assert 202 not in (await exchange(door.port, endless)).statuses
    await door.served()


async def test_a_thousand_idle_connections_keep_nobody_out(door: Door) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(1000)]
    began = time.monotonic()
    await door.served()
    assert time.monotonic() - began < 5

    def closed() -> bool:
        return all(reader.at_eof() for reader, _ in idle)

    await eventually(closed, HEADER_LIMIT_S + 8, what="the end of the idle connections")
    for _, writer in idle:
        writer.close()


async def test_a_flood_from_one_sender_is_told_to_wait_and_the_others_are_served(door: Door) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    raw = head(PATH, headers_of(door, body) | {"Content-Length": str(len(body))}) + body
    flood = [asyncio.create_task(exchange(door.port, [raw])) for _ in range(1000)]
    others = [await door.send(b"{}", provider="sendcloud") for _ in range(20)]
    assert {answer.status_code for answer in others} == {202}
    said = await asyncio.gather(*flood)
    counts = Counter(tuple(one.statuses) for one in said)
    # A flood that is slow itself, on a machine that others use, is cut at the deadline: told so, or not heard at all.
    assert counts.keys() <= {(202,), (429,), (408,), ()}
    assert counts[429,] > 0
    refused = next(one for one in said if one.statuses == [429])
    assert b"retry-after: 1\r\n" in refused.bytes.lower()
    kept = len(await door.kept(number))
    assert counts[202,] <= kept <= counts[202,] + counts[()], "what was promised, and nothing that was refused"
    await eventually(door.process.ready)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND"])
async def test_another_method_than_post_is_refused(door: Door, method: str) -> None:
    said = await exchange(door.port, [head(PATH, {"Content-Length": "0"}, method=method)])
    assert said.statuses[0] in (400, 405)
    assert len(said.statuses) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/", "/webhooks", "/webhooks/", "/webhooks/standard/", "/webhooks/standard/x", "//webhooks/standard",
        "/webhooks//standard",
        "/webhooks/%2e%2e", "/webhooks/%2e%2e/standard", "/webhooks/../webhooks/nobody", "/webhooks/nobody",
        "/webhooks/STANDARD",
        "/webhooks/standard%00", "/webhooks/standard%2f", "/webhooks/%73tandard%20", "/docs", "/openapi.json",
        "/metrics",
        "/livez", "/readyz", "/webhooks/australiapost", "/webhooks/usps", "/webhooks/__class__",
        "/webhooks/" + "x" * 5000,
    ],
)  # fmt: skip
async def test_another_path_or_a_provider_nobody_knows_is_404(door: Door, path: str) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    said = await exchange(door.port, [head(path, headers_of(door, body) | {"Content-Length": str(len(body))}) + body])
    assert said.statuses == [404]
    assert number.encode() not in said.bytes
    assert await door.kept(number) == []


async def test_an_address_with_a_host_in_it_reaches_the_same_route_only(door: Door) -> None:
    said = await exchange(door.port, [head("http://elsewhere.example/admin", {"Content-Length": "0"})])
    assert said.statuses[0] in (400, 404)


async def test_http_that_two_servers_could_read_differently_is_one_answer_and_keeps_nothing(door: Door) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    signed, size = headers_of(door, body), str(len(body))
    inner = head(PATH, signed | {"Content-Length": size}) + body
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    smuggled = {
        "both lengths": head(PATH, signed | {"Content-Length": size, "Transfer-Encoding": "chunked"}) + chunked,
        "two lengths": head(PATH, [*signed.items(), ("Content-Length", size), ("Content-Length", "5")]) + body,
        "a chunk that lies": head(PATH, {"Transfer-Encoding": "chunked"}) + b"5\r\nabc\r\n" + inner,
        "chunks by another name": head(PATH, {"Transfer-Encoding": "xchunked"}) + inner,
        "a second request behind nothing": head(PATH, {"Content-Length": "0"}) + inner,
        "a bare line feed": head(PATH, signed | {"Content-Length": size}).replace(b"\r\n", b"\n") + body,
        "a header without a colon": head(PATH)[:-2] + b"nonsense\r\n\r\n",
        "a header over two lines": head(PATH)[:-2] + b"x-a: b\r\n c\r\n\r\n",
        "a blank before the colon": head(PATH)[:-2] + b"Content-Length : 5\r\n\r\nhello",
        "version 0.9": b"POST /webhooks/standard\r\n\r\n",
        "version 9.9": head(PATH).replace(b"HTTP/1.1", b"HTTP/9.9"),
        "no version": head(PATH).replace(b" HTTP/1.1", b""),
        "bytes": bytes(range(256)) * 8,
        "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(40),
    }
    for name, raw in smuggled.items():
        said = await exchange(door.port, [raw])
        assert len(said.statuses) <= 1, name
        assert not {202, 500, 502} & set(said.statuses), (name, said.statuses)
    assert await door.kept(number) == []


async def test_two_hosts_change_nothing_of_where_a_webhook_goes(door: Door) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    pairs = [*headers_of(door, body).items(), ("Host", "one"), ("Host", "two"), ("Content-Length", str(len(body)))]
    said = await exchange(door.port, [head(PATH, pairs) + body])
    assert said.statuses in ([202], [400])
    assert len(await door.kept(number)) == (said.statuses == [202])


async def test_any_content_type_is_taken_where_the_signature_fits(door: Door) -> None:
    numbers = []
    for kind in (
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data",
        "a/b;" * 50,
    ):
        numbers.append(fresh_number())
        request = door.signed(json.dumps(scan_body(numbers[-1])).encode())
        headers = [pair for pair in request.headers if pair[0] != b"content-type"]
        headers += [] if kind is None else [(b"content-type", kind.encode())]
        answer = await door.client.post(f"{door.process.http_url}{PATH}", content=request.body, headers=headers)
        assert answer.status_code == 202, kind
    assert len(await door.kept(*numbers)) == len(numbers)
    for number in numbers:
        assert len(await door.scans(number)) == 1


@pytest.mark.parametrize(
    "query", ["a=1&" * 40, "dry_run=1", "dry_run=true", "%", "%ff=%zz", "dry_run=%00", "a" * 8000, "=&=&;;", "\u00e9"]
)
async def test_no_query_makes_the_door_stumble(door: Door, query: str) -> None:
    number = fresh_number()
    body = json.dumps(scan_body(number)).encode()
    said = await exchange(
        door.port,
        [head(f"{PATH}?{query}", headers_of(door, body) | {"Content-Length": str(len(body))}) + body],
    )
    asks = query in ("dry_run=1", "dry_run=true")
    assert said.statuses[0] in ((401,) if asks else (202, 400))
    kept = await door.kept(number)
    assert len(kept) == (said.statuses == [202])
    assert {one.topic for one in kept} <= {door.pipeline.prefix + WEBHOOKS}
