"""The client that all APIs share: its limits, and the one access token."""

import asyncio

import pytest

from services.ingest.apis.base import Callback, Credentials, Token, Trouble
from services.ingest.apis.client import HttpClient, open_client
from tests.fake_api import says, serving

OWN = Credentials("key")


async def fetch_once(client: HttpClient) -> tuple[str, int]:
    fetched = 0

    async def fetch() -> Token:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0)
        return Token(f"token {fetched}", lives_s=3600)

    tokens = await asyncio.gather(*(client.token(fetch) for _ in range(5)))
    return tokens[0], fetched


async def test_a_token_is_fetched_once_for_all_that_want_it() -> None:
    async with open_client("http://127.0.0.1:1", credentials=OWN, callback=Callback(""), timeout_s=1) as client:
        assert await fetch_once(client) == ("token 1", 1)


@pytest.mark.parametrize("lives_s", [0, 59, 60])
async def test_a_token_that_ends_within_a_minute_is_fetched_again(lives_s: float) -> None:
    fetched = []

    async def fetch() -> Token:
        fetched.append(1)
        return Token("short", lives_s=lives_s)

    async with open_client("http://127.0.0.1:1", credentials=OWN, callback=Callback(""), timeout_s=1) as client:
        for _ in range(2):
            await client.token(fetch)
    assert len(fetched) == 2


async def test_a_401_makes_the_next_call_fetch_a_new_token() -> None:
    fetched = []

    async def fetch() -> Token:
        fetched.append(1)
        return Token("t", lives_s=3600)

    async with (
        serving(says({}, 401)) as fake,
        open_client(fake.url, credentials=OWN, callback=Callback(""), timeout_s=5) as client,
    ):
        await client.token(fetch)
        with pytest.raises(Trouble, match="http_401"):
            await client.call("GET", "/")
        await client.token(fetch)
    assert len(fetched) == 2


async def test_a_status_that_is_allowed_is_handed_back() -> None:
    async with (
        serving(says({"code": 1}, 403)) as fake,
        open_client(fake.url + "/base/", credentials=OWN, callback=Callback(""), timeout_s=5) as client,
    ):
        reply = await client.call("POST", "/one", json={"a": 1}, allow=(403,))
    assert (reply.status, reply.json()) == (403, {"code": 1})
    assert (fake.seen[0].path, fake.seen[0].body) == ("/base/one", b'{"a":1}')


async def test_a_server_that_never_answers_is_given_up() -> None:
    gone = asyncio.Event()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, open_client(url, credentials=OWN, callback=Callback(""), timeout_s=0.1) as client:
        with pytest.raises(Trouble, match="timeout"):
            await client.call("GET", "/")
        async with asyncio.timeout(5):
            await gone.wait()


async def test_credentials_are_never_shown() -> None:
    assert "hidden" not in repr(Credentials("hidden", "hidden"))
    assert "hidden" not in repr(Callback("http://x", "hidden"))
