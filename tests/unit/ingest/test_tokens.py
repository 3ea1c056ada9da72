"""The token server for UPS, without a network: who gets a token, the same refusal for all others, and its limits."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from services.ingest.carriers.base import Request
from services.ingest.carriers.ups import UPS
from services.ingest.http import make_app
from services.ingest.tokens import MAX_BODY_BYTES, PATH, Tokens
from tests.unit.ingest.samples import TOLD_AT

CLIENT = b"client-1:a secret/with+signs"
OLD = b"client-0:older"
GRANT = {"grant_type": "client_credentials"}
FORM = GRANT | {"client_id": "client-1", "client_secret": "a secret/with+signs"}


async def no_webhooks(*_: Any) -> None:
    raise AssertionError


def server(*keys: bytes, receive_timeout_s: float = 5) -> httpx2.AsyncClient:
    tokens = Tokens(keys, receive_timeout_s=receive_timeout_s, now=lambda: TOLD_AT)
    app = make_app(no_webhooks, tokens)  # type: ignore[arg-type] # never called
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest")


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


async def test_a_client_gets_a_token_that_opens_the_webhook_for_an_hour() -> None:
    async with server(CLIENT, OLD) as http:
        answer = await http.post(PATH, data=FORM)
    told = answer.json()
    assert (answer.status_code, told["token_type"], told["expires_in"]) == (200, "Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    headers = ((b"authorization", b"Bearer " + told["access_token"].encode()), (b"x-api-key", b"client-1"))
    request = Request(method="POST", path="/webhooks/ups", headers=headers, body=b"{}")
    assert UPS.verify(request, [OLD, CLIENT], now=TOLD_AT + timedelta(minutes=59))
    assert not UPS.verify(request, [OLD], now=TOLD_AT)


@pytest.mark.parametrize(
    "sent", ["client-1:a secret/with+signs", "client-1:a%20secret%2Fwith%2Bsigns", "client-1:a+secret%2fwith%2bsigns"]
)
async def test_basic_is_taken_plain_and_form_encoded(sent: str) -> None:
    async with server(OLD, CLIENT) as http:
        assert (await http.post(PATH, data=GRANT, headers=basic(sent))).status_code == 200


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        (GRANT, {}),
        (FORM | {"client_secret": "wrong"}, {}),
        (FORM | {"client_id": "client-2"}, {}),
        (FORM | {"client_secret": ""}, {}),
        (FORM | {"client_id": "", "client_secret": "client-1:a secret/with+signs"}, {}),
        (FORM, basic("client-1:wrong")),
        (FORM, {"authorization": "Basic ???"}),
        (FORM, {"authorization": "Bearer token"}),
        (GRANT, basic("a credential of v1")),
        (GRANT, basic("a credential:of v1")),
        ({"grant_type": "password", "client_id": "x", "client_secret": "y"}, {}),
    ],
)
async def test_every_refusal_looks_the_same(form: dict[str, str], headers: dict[str, str]) -> None:
    async with server(CLIENT, b"a credential of v1") as http:
        answer = await http.post(PATH, data=form, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_without_a_configured_client_nobody_gets_a_token() -> None:
    for keys in ((), (b"a credential of v1",)):
        async with server(*keys) as http:
            assert (await http.post(PATH, data=FORM)).status_code == 401
            no_key = {"client_id": "", "client_secret": ""}
            assert (await http.post(PATH, data=GRANT | no_key)).status_code == 401


async def test_another_grant_and_a_field_told_twice_get_no_token() -> None:
    async with server(CLIENT) as http:
        other = await http.post(PATH, data=FORM | {"grant_type": "password"})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        twice = await http.post(PATH, content=b"client_id=client-1&client_id=x&client_secret=y", headers=kind)
        none = await http.post(PATH, content=b"\xff\xfe", headers=kind)
    assert (other.status_code, other.json()) == (400, {"error": "unsupported_grant_type"})
    assert (twice.status_code, none.status_code) == (401, 401)


async def test_other_methods_kinds_and_encodings_are_refused_before_the_body() -> None:
    async with server(CLIENT) as http:
        got = await http.get(PATH)
        json_body = await http.post(PATH, json=FORM)
        packed = await http.post(PATH, data=FORM, headers={"content-encoding": "gzip"})
    assert (got.status_code, got.headers["allow"]) == (405, "POST")
    assert (json_body.status_code, packed.status_code) == (415, 415)


async def test_a_body_over_the_limit_is_413() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1024

    kind = {"content-type": "application/x-www-form-urlencoded"}
    async with server(CLIENT) as http:
        assert (await http.post(PATH, content=b"x" * MAX_BODY_BYTES, headers=kind)).status_code == 401
        assert (await http.post(PATH, content=endless(), headers=kind)).status_code == 413


def scope() -> dict[str, Any]:
    return {"type": "http", "method": "POST", "headers": [], "path": PATH}


async def status_of(tokens: Tokens, receive: Any) -> int | None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await tokens(scope(), receive, send)
    return next((message["status"] for message in sent if "status" in message), None)


async def test_a_body_that_never_comes_is_408_and_a_sender_who_hangs_up_gets_nothing() -> None:
    async def never() -> Any:
        await asyncio.Event().wait()

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    tokens = Tokens([CLIENT], receive_timeout_s=0.01)
    assert await status_of(tokens, never) == 408
    assert await status_of(tokens, gone) is None


async def test_strangers_who_send_slowly_never_keep_a_client_from_its_token() -> None:
    go = asyncio.Event()

    async def slow() -> Any:
        await go.wait()
        return {"type": "http.request", "body": b""}

    async def at_once() -> Any:
        return {"type": "http.request", "body": urlencode(FORM).encode()}

    tokens = Tokens([CLIENT], receive_timeout_s=5)
    strangers = [asyncio.create_task(status_of(tokens, slow)) for _ in range(500)]
    await asyncio.sleep(0)
    assert await status_of(tokens, at_once) == 200
    go.set()
    assert set(await asyncio.gather(*strangers)) == {401}
