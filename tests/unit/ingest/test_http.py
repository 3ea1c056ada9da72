"""The HTTP route, without a network: limits, answers, and that nothing is kept that must not be."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from services.ingest.carriers.base import Carrier, Request
from services.ingest.carriers.registry import CARRIERS
from services.ingest.handler import Intake, to_record
from services.ingest.http import Webhooks, make_app
from services.ingest.settings import IngestSection, signing_keys
from services.runtime.errors import Transient
from services.runtime.settings import KafkaSettings
from tests.unit.ingest.samples import SECRETS, TOLD_AT, body_of, signed

EASYPOST = CARRIERS["easypost"]
KEY = EASYPOST.secret_key(SECRETS["easypost"][0])
BODY = body_of("easypost/royal_mail_1_label")


class Kept(Intake):
    """An intake whose Kafka is a list, or is not there, or waits until it is told to go on."""

    def __init__(self, *, works: bool = True, keys: dict[str, Any] | None = None) -> None:
        section = IngestSection.model_validate({"secrets": SECRETS})
        super().__init__(None, KafkaSettings(), keys=signing_keys(section) if keys is None else keys, timeout_s=1)
        self.works = works
        self.go = asyncio.Event()
        self.go.set()
        self.requests: list[Request] = []

    async def keep(
        self, carrier: Carrier, request: Request, *, told_at: Any, via: str = "push", number: str | None = None
    ) -> None:
        assert (via, number) == ("push", None)
        assert told_at == TOLD_AT
        assert carrier.provider in CARRIERS
        await self.go.wait()
        if not self.works:
            raise Transient("not_kept")
        self.requests.append(request)


def client(intake: Intake, **section: Any) -> httpx2.AsyncClient:
    webhooks = Webhooks(intake, IngestSection.model_validate(section), now=lambda: TOLD_AT)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(make_app(webhooks)), base_url="http://ingest")


def headers_of(request: Request) -> list[tuple[bytes, bytes]]:
    return list(request.headers)


async def post(intake: Intake, body: bytes = BODY, *, provider: str = "easypost", **section: Any) -> httpx2.Response:
    request = signed(EASYPOST, body, KEY)
    async with client(intake, **section) as http:
        return await http.post(f"/webhooks/{provider}", content=body, headers=headers_of(request))


async def test_an_authentic_webhook_is_kept_byte_for_byte_and_answered_202() -> None:
    intake = Kept()
    answer = await post(intake)
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted"})
    assert [request.body for request in intake.requests] == [BODY]


async def test_authentic_garbage_is_kept_too() -> None:
    intake = Kept()
    assert (await post(intake, b"\xff not json")).status_code == 202
    assert len(intake.requests) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: [],
        lambda headers: [(name, b"hmac-sha256-hex=" + b"0" * 64) for name, _ in headers],
        lambda headers: [*headers, *headers],
        lambda headers: [*headers, *[(b"x-filler", b"1")] * 200],
        lambda headers: [(name, value[:-1]) for name, value in headers],
        lambda headers: [(name, b"") for name, _ in headers],
        lambda _: headers_of(signed(EASYPOST, BODY, b"another secret")),
        lambda _: headers_of(signed(CARRIERS["standard"], BODY, KEY)),
    ],
)
async def test_every_forgery_gets_the_same_401_and_nothing_is_kept(spoil: Callable[..., Any]) -> None:
    intake = Kept()
    async with client(intake) as http:
        answer = await http.post(
            "/webhooks/easypost", content=BODY, headers=spoil(headers_of(signed(EASYPOST, BODY, KEY)))
        )
    assert (answer.status_code, intake.requests) == (401, [])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"type": "about:blank", "title": "The signature does not fit", "status": 401}


async def test_a_provider_without_a_secret_refuses_everything() -> None:
    intake = Kept(keys={})
    assert (await post(intake)).status_code == 401
    assert intake.requests == []


async def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_413() -> None:
    intake = Kept()
    assert (await post(intake, b"x" * 262_144)).status_code == 202
    assert (await post(intake, b"x" * 262_145)).status_code == 413
    assert (await post(intake, b"x" * 101, max_body_bytes={"easypost": 100})).status_code == 413
    assert len(intake.requests) == 1


async def test_an_endless_body_is_cut_whatever_its_length_claims() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b"x" * 65_536

    chunks = endless()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": await anext(chunks), "more_body": True}

    status = await call(Kept(), receive, headers=[(b"content-length", b"10")])
    assert status == 413
    assert sent <= 2 * 1024 * 1024


async def test_a_body_that_drips_is_cut_at_the_deadline() -> None:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert await call(Kept(), receive, receive_timeout_s=0.1) == 408


async def test_a_sender_that_hangs_up_gets_no_answer_and_frees_its_place() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    intake = Kept()
    webhooks = Webhooks(intake, IngestSection(max_requests=1), now=lambda: TOLD_AT)
    for _ in range(3):
        assert await call_app(make_app(webhooks), receive) is None
    assert intake.requests == []


async def test_the_other_answers_say_what_is_wrong() -> None:
    intake = Kept()
    assert (await post(intake, b"")).status_code == 400
    for provider in ("nobody", "EASYPOST", "easypost%2f", "easy%00post", "%2e%2e"):
        assert (await post(intake, provider=provider)).status_code == 404
    async with client(intake) as http:
        for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"):
            answer = await http.request(method, "/webhooks/easypost")
            assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        for path in (
            "/",
            "/webhooks",
            "/webhooks/",
            "/webhooks/easypost/",
            "/webhooks/easypost/x",
            "//webhooks/easypost",
            "/docs",
        ):
            assert (await http.post(path, content=BODY)).status_code == 404
        for encoding in ("gzip", "deflate", "br", "identity, gzip"):
            answer = await http.post("/webhooks/easypost", content=BODY, headers={"content-encoding": encoding})
            assert answer.status_code == 415
    assert intake.requests == []


async def test_kafka_down_is_a_503_with_retry_after() -> None:
    answer = await post(Kept(works=False))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


async def test_one_busy_provider_gets_429_and_the_others_are_served() -> None:
    intake = Kept()
    intake.go.clear()
    request = signed(EASYPOST, BODY, KEY)
    other = signed(CARRIERS["standard"], b"{}", CARRIERS["standard"].secret_key(SECRETS["standard"][0]))
    async with client(intake, max_requests_per_provider=2, max_requests=3) as http:

        def begin(one: Request, provider: str) -> "asyncio.Task[httpx2.Response]":
            return asyncio.create_task(http.post(f"/webhooks/{provider}", content=one.body, headers=headers_of(one)))

        waiting = [begin(request, "easypost") for _ in range(2)]
        await asyncio.sleep(0)
        busy = await begin(request, "easypost")
        waiting.append(begin(other, "standard"))
        full = await begin(other, "standard")
        intake.go.set()
        assert [answer.status_code for answer in await asyncio.gather(*waiting)] == [202, 202, 202]
        assert (await begin(request, "easypost")).status_code == 202
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "1")
    assert (full.status_code, full.headers["retry-after"]) == (503, "1")


async def test_senders_that_drip_take_no_place_from_those_who_are_done_and_only_so_much_memory() -> None:
    go = asyncio.Event()
    sent = asyncio.Semaphore(0)

    def drip(part: bytes) -> Any:
        pieces = iter([part])

        async def receive() -> dict[str, Any]:
            if (piece := next(pieces, None)) is None:
                sent.release()
                await go.wait()
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": True}

        return receive

    intake = Kept()
    section = IngestSection(max_requests=2, max_requests_per_provider=2, max_body_bytes={"easypost": len(BODY)})
    app = make_app(Webhooks(intake, section, now=lambda: TOLD_AT))
    slow = [asyncio.create_task(call_app(app, drip(b"x"))) for _ in range(50)]
    async with asyncio.timeout(5):
        for _ in slow:
            await sent.acquire()
    request = signed(EASYPOST, BODY, KEY)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest") as http:
        answer = await http.post("/webhooks/easypost", content=BODY, headers=headers_of(request))
        assert answer.status_code == 202
        slow.append(asyncio.create_task(call_app(app, drip(BODY))))
        await sent.acquire()
        assert await call_app(app, drip(BODY)) == 429
        go.set()
        assert set(await asyncio.gather(*slow)) == {None}
        assert (await http.post("/webhooks/easypost", content=BODY, headers=headers_of(request))).status_code == 202


@pytest.mark.parametrize(
    ("sent", "echoed"), [("abc-123", True), ("a b", False), ("x" * 65, False), ("<script>", False)]
)
async def test_a_harmless_request_id_is_echoed_and_another_one_is_ours(sent: str, *, echoed: bool) -> None:
    async with client(Kept()) as http:
        for path in ("/webhooks/easypost", "/webhooks/nobody", "/elsewhere"):
            answer = await http.post(path, content=b"x", headers={"x-request-id": sent})
            assert (answer.headers["x-request-id"] == sent) is echoed
            assert 0 < len(answer.headers["x-request-id"]) <= 64


def test_the_record_says_who_told_what_and_when_and_holds_no_secret() -> None:
    key, value, headers = to_record(EASYPOST, signed(EASYPOST, BODY, KEY), told_at=TOLD_AT)
    named = dict(headers)
    assert key == b"AB123456785GB"
    assert b"not-a-real-password" not in value
    assert json.loads(value)["result"] == json.loads(BODY)["result"]
    assert named["trackfold_provider"] == b"easypost"
    assert named["trackfold_told_at"] == b"2026-11-21T10:00:05+00:00"
    assert named["trackfold_delivery"] == b"evt_rm1"
    assert named["ce_type"] == b"trackfold.carrier.webhooks.received.v1"


@pytest.mark.parametrize(
    "body", [b"garbage", b'{"tracking_code":"   "}', b'{"tracking_code":"..."}', b'{"tracking_code":7}']
)
def test_a_body_without_a_usable_number_has_no_key(body: bytes) -> None:
    key, _, headers = to_record(EASYPOST, signed(EASYPOST, body, KEY), told_at=TOLD_AT)
    assert key is None
    assert len(dict(headers)["trackfold_delivery"]) == 32


async def call(
    intake: Intake, receive: Any, *, headers: list[tuple[bytes, bytes]] | None = None, **section: Any
) -> int | None:
    webhooks = Webhooks(intake, IngestSection.model_validate(section), now=lambda: TOLD_AT)
    return await call_app(make_app(webhooks), receive, headers)


async def call_app(app: Any, receive: Any, headers: list[tuple[bytes, bytes]] | None = None) -> int | None:
    """Call the application as a server does, and return the status it answered, if any."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/webhooks/easypost",
        "raw_path": b"/webhooks/easypost",
        "root_path": "",
        "query_string": b"",
        "headers": headers or [],
    }
    await app(scope, receive, send)
    return next((message["status"] for message in messages if message["type"] == "http.response.start"), None)
