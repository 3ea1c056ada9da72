"""Access tokens of the clients that want them: one at a time, kept until shortly before they end."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.responses import Response

from services.ingest.apis.base import KEY_REFUSED_S, Answer, Trouble
from services.ingest.apis.client import open_client
from tests.fake_api import Seen, says, serving
from tests.fakes_of_apis import CALLBACK, OWN, FakeProvider, asking
from tests.fakes_of_carriers import FAKES


@pytest.mark.parametrize("kind", [fake for fake in FAKES if fake.oauth is not None], ids=lambda fake: fake.provider)
class TestTokens:
    """Access tokens of those that want them."""

    async def test_several_requests_at_once_fetch_one_token(self, kind: type[FakeProvider]) -> None:
        fake = kind()
        async with asking(fake) as (server, client):
            await asyncio.gather(*(fake.api.read(client, [fake.subject(number)]) for number in range(5)))
        assert fake.tokens == 1
        assert len(server.seen) == 6

    async def test_a_token_that_ended_early_is_fetched_again_after_a_short_wait(self, kind: type[FakeProvider]) -> None:
        fake = kind()
        async with asking(fake) as (_, client):
            await fake.api.read(client, [fake.subject(1)])
            fake.tokens += 1  # the server forgets the token that it gave
            with pytest.raises(Trouble, match="http_401") as found:
                await fake.api.read(client, [fake.subject(1)])
            assert found.value.after_s is None
            (answer,) = await fake.api.read(client, [fake.subject(1)])
        assert isinstance(answer, Answer)

    @pytest.mark.parametrize("lives_s", [0, 59, "30", -5])
    async def test_a_token_that_ends_within_a_minute_serves_once(
        self, kind: type[FakeProvider], lives_s: object
    ) -> None:
        fake = kind()
        fake.lives_s = lives_s
        async with asking(fake) as (_, client):
            for _ in range(2):
                await fake.api.read(client, [fake.subject(1)])
        assert fake.tokens == 2

    @pytest.mark.parametrize("lives_s", [None, "soon", "14399", "nan", float(10**9)])
    async def test_a_life_that_nobody_can_read_is_some_minutes(self, kind: type[FakeProvider], lives_s: object) -> None:
        fake = kind()
        fake.lives_s = lives_s
        async with asking(fake) as (_, client):
            for _ in range(2):
                await fake.api.read(client, [fake.subject(1)])
        assert fake.tokens == 1

    @pytest.mark.parametrize(
        ("answer", "why", "after_s"),
        [
            (says({"error": "invalid_client"}, 400), "token_400", KEY_REFUSED_S),
            (says({"error": "invalid_client"}, 401), "http_401", KEY_REFUSED_S),
            (says({}, 403), "http_403", KEY_REFUSED_S),
            (says({}, 429, retry_after="5"), "http_429", 5),
            (says({}), "no_token", None),
            (says([]), "no_token", None),
            (says({"access_token": "a\nb"}), "no_token", None),
            (says({"access_token": "ключ"}), "no_token", None),
            (says({"access_token": ""}), "no_token", None),
            (says({"access_token": "x" * 9000}), "no_token", None),
            (lambda _: Response(b"<html>"), "not_json", None),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    async def test_no_token_no_request(
        self, kind: type[FakeProvider], answer: Callable[[Seen], Response], why: str, after_s: float | None
    ) -> None:
        fake = kind()
        async with (
            serving(answer) as server,
            open_client(server.url, credentials=OWN, callback=CALLBACK, timeout_s=5) as client,
        ):
            with pytest.raises(Trouble) as found:
                await fake.api.read(client, [fake.subject(1)])
        assert (found.value.why, found.value.after_s) == (why, after_s)
        assert [seen.path for seen in server.seen] == [fake.oauth]
