"""Published keys: fetched in the background, once for a new name, and never a way to believe a stranger."""

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from services.ingest import key_sets
from services.ingest.carriers.base import Request
from services.ingest.carriers.shipengine import SHIPENGINE
from services.ingest.handler import Intake
from services.ingest.http import Webhooks, make_app
from services.ingest.key_sets import DAY_S, MAX_BYTES, MAX_KEYS, MAX_WAITING, NOT_AGAIN_S, KeySets
from services.ingest.settings import IngestSection, IngestSettings
from services.runtime import environment
from services.runtime.errors import Misconfigured, Transient
from services.runtime.settings import KafkaSettings
from tests.unit.ingest.rsa_keys import PRIVATE_KEYS, public_jwk
from tests.unit.ingest.samples import TOLD_AT, body_of, signed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

URL = "https://keys.example/jwks"
BODY = body_of("shipengine/in_transit")
OLD, NEW = (signed(SHIPENGINE, BODY, SHIPENGINE.secret_key(private)) for private in PRIVATE_KEYS)
OLD_ID, NEW_ID = SHIPENGINE.key_id(OLD), SHIPENGINE.key_id(NEW)
OLD_SET = {"keys": [public_jwk(PRIVATE_KEYS[0], OLD_ID)]}
BOTH = {"keys": [*OLD_SET["keys"], public_jwk(PRIVATE_KEYS[1], NEW_ID)]}


class Publisher:
    """Answers as the provider does, and counts."""

    def __init__(self, answer: Any = OLD_SET, *, status: int = 200) -> None:
        self.answer = answer
        self.status = status
        self.asked = 0
        self.wait: Callable[[], Awaitable[object]] | None = None
        self.now = 0.0

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == URL
        self.asked += 1
        if self.wait is not None:
            await self.wait()
        content = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
        return httpx2.Response(self.status, content=content, headers={"location": "https://elsewhere.example"})

    def sets(self) -> KeySets:
        transport = httpx2.MockTransport(self)
        return KeySets({"shipengine": URL}, transport=transport, random=lambda: 0.5, monotonic=lambda: self.now)


class Life:
    """Notes how long a loop would sleep, and ends it after so many turns."""

    def __init__(self, turns: int) -> None:
        self.slept: list[float] = []
        self.turns = turns

    async def pause(self, seconds: float) -> bool:
        self.slept.append(seconds)
        return len(self.slept) >= self.turns


def believes(sets: KeySets, request: Request) -> bool:
    return SHIPENGINE.verify(request, sets.keys("shipengine"), now=TOLD_AT)


async def test_nothing_is_believed_before_the_first_fetch_and_then_what_the_provider_signed() -> None:
    sets = Publisher().sets()
    assert not believes(sets, OLD)
    await sets.follow("shipengine", Life(1))
    assert believes(sets, OLD)
    assert not believes(sets, NEW)


async def test_the_set_is_fetched_about_once_a_day() -> None:
    publisher, life = Publisher(), Life(3)
    await publisher.sets().follow("shipengine", life)
    assert life.slept == [DAY_S] * 3
    assert publisher.asked == 3


async def test_a_failed_fetch_is_repeated_soon_and_never_without_end_at_once() -> None:
    publisher, life = Publisher(status=503), Life(12)
    await publisher.sets().follow("shipengine", life)
    assert life.slept[0] < life.slept[3] < life.slept[-1] <= key_sets.LONGEST_RETRY_S
    assert min(life.slept) >= 1


async def test_a_key_that_nobody_has_seen_is_fetched_at_once() -> None:
    publisher = Publisher()
    sets = publisher.sets()
    await sets.follow("shipengine", Life(1))
    publisher.answer, publisher.now = BOTH, NOT_AGAIN_S
    await sets.learn(SHIPENGINE, NEW)
    assert believes(sets, NEW)
    assert believes(sets, OLD)
    assert publisher.asked == 2


async def test_a_known_key_costs_no_fetch() -> None:
    publisher = Publisher()
    sets = publisher.sets()
    await sets.follow("shipengine", Life(1))
    publisher.now = 10 * NOT_AGAIN_S
    await sets.learn(SHIPENGINE, OLD)
    assert publisher.asked == 1


async def test_strangers_who_invent_names_cause_one_fetch_a_minute() -> None:
    publisher = Publisher()
    sets = publisher.sets()
    await asyncio.gather(*(sets.learn(SHIPENGINE, NEW) for _ in range(50)))
    assert publisher.asked == 1
    publisher.now = NOT_AGAIN_S - 1
    await sets.learn(SHIPENGINE, NEW)
    assert publisher.asked == 1
    publisher.now = NOT_AGAIN_S
    await sets.learn(SHIPENGINE, NEW)
    assert publisher.asked == 2
    assert not believes(sets, NEW)


async def test_only_so_many_wait_for_a_fetch_and_the_others_are_told_to_come_back() -> None:
    publisher, go, asked = Publisher(BOTH), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        asked.set()
        await go.wait()

    publisher.wait = slow
    sets = publisher.sets()
    waiting = [asyncio.create_task(sets.learn(SHIPENGINE, NEW)) for _ in range(MAX_WAITING)]
    await asked.wait()
    with pytest.raises(Transient):
        await sets.learn(SHIPENGINE, NEW)
    go.set()
    assert await asyncio.gather(*waiting) == [True] * MAX_WAITING
    assert not await sets.learn(SHIPENGINE, NEW), "it is known by now: nothing was learned"


async def test_requests_that_come_meanwhile_wait_for_the_same_fetch() -> None:
    publisher, go = Publisher(BOTH), asyncio.Event()
    publisher.wait = go.wait
    sets = publisher.sets()
    waiting = [asyncio.create_task(sets.learn(SHIPENGINE, one)) for one in (NEW, OLD, NEW)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*waiting)
    assert publisher.asked == 1
    assert believes(sets, NEW)
    assert believes(sets, OLD)


@pytest.mark.parametrize("header", [b"x-shipengine-rsa-sha256-key-id", b""])
async def test_a_request_that_names_no_key_causes_no_fetch(header: bytes) -> None:
    publisher = Publisher()
    headers = tuple(pair for pair in NEW.headers if pair[0] != b"x-shipengine-rsa-sha256-key-id")
    await publisher.sets().learn(SHIPENGINE, replace(NEW, headers=(*headers, (header, b""))))
    assert publisher.asked == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (OLD_SET, 302),
        (OLD_SET, 404),
        (OLD_SET, 500),
        (b"<html>", 200),
        (b"", 200),
        (b" " * (MAX_BYTES + 1), 200),
        ({}, 200),
        ([], 200),
        ({"keys": []}, 200),
        ({"keys": {"kid": "k"}}, 200),
        ({"keys": [7, None, {"kid": "k"}, {"kid": "k", "kty": "EC"}, public_jwk(PRIVATE_KEYS[0], None)]}, 200),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_old_keys_stay_while_there_is_no_usable_set(answer: Any, status: int) -> None:
    publisher = Publisher()
    sets = publisher.sets()
    await sets.follow("shipengine", Life(1))
    publisher.answer, publisher.status, publisher.now = answer, status, NOT_AGAIN_S
    await sets.learn(SHIPENGINE, NEW)
    assert publisher.asked == 2
    assert believes(sets, OLD)


async def test_a_server_that_does_not_answer_costs_no_more_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "LIMIT_S", 0.05)
    publisher = Publisher()
    publisher.wait = asyncio.Event().wait
    async with asyncio.timeout(5):
        await publisher.sets().learn(SHIPENGINE, NEW)
    assert publisher.asked == 1


async def test_a_server_that_cannot_be_reached_is_a_failed_fetch() -> None:
    async def refused() -> None:
        raise httpx2.ConnectError("refused")

    publisher = Publisher()
    publisher.wait = refused
    sets = publisher.sets()
    await sets.learn(SHIPENGINE, NEW)
    assert sets.keys("shipengine") == ()


async def test_an_address_that_no_request_can_have_is_a_failed_fetch() -> None:
    sets = KeySets({"shipengine": "https://keys.example/\x00"})
    await sets.learn(SHIPENGINE, NEW)
    assert sets.keys("shipengine") == ()


async def test_a_key_that_was_withdrawn_is_believed_no_more() -> None:
    publisher = Publisher(BOTH)
    sets = publisher.sets()
    await sets.follow("shipengine", Life(1))
    publisher.answer = {"keys": BOTH["keys"][1:]}
    await sets.follow("shipengine", Life(1))
    assert believes(sets, NEW)
    assert not believes(sets, OLD)


async def test_an_endless_set_is_read_to_its_limit() -> None:
    many = [OLD_SET["keys"][0] | {"kid": f"k{number}"} for number in range(3 * MAX_KEYS)]
    sets = Publisher({"keys": many}).sets()
    await sets.follow("shipengine", Life(1))
    assert len(sets.keys("shipengine")) == MAX_KEYS


async def test_the_door_fetches_a_new_key_and_then_believes_it() -> None:
    kept: list[Request] = []

    class Kept(Intake):
        async def keep(self, carrier: Any, request: Request, **_: Any) -> None:
            assert carrier is SHIPENGINE
            kept.append(request)

    publisher = Publisher(BOTH)
    intake = Kept(Any, KafkaSettings(), keys={}, timeout_s=1, key_sets=publisher.sets())
    app = make_app(Webhooks(intake, IngestSection(), now=lambda: TOLD_AT))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest") as http:
        for headers, status in ((NEW.headers, 202), (OLD.headers, 202), (NEW.headers[:2], 401)):
            answer = await http.post("/webhooks/shipengine", content=BODY, headers=list(headers))
            assert answer.status_code == status
    assert [request.body for request in kept] == [BODY, BODY]
    assert publisher.asked == 1


def test_an_address_of_keys_is_a_setting() -> None:
    environ = {"TRACKFOLD_INGEST__KEY_URLS__SHIPENGINE": URL}
    assert environment.load(IngestSettings, environ).ingest.key_urls == {"shipengine": URL}
    assert IngestSection().key_urls == {}
    assert IngestSection(key_urls={"shipengine": "http://127.0.0.1:9/jwks"}).key_urls


@pytest.mark.parametrize(
    ("provider", "url", "what"),
    [
        ("shipengine", "http://keys.example/jwks", "https://"),
        ("shipengine", "keys.example", "https://"),
        ("shipengine", "", "https://"),
        ("easypost", URL, "publishes no keys"),
        ("nobody", URL, "nobody"),
    ],
)
def test_an_address_that_cannot_be_one_is_an_error(provider: str, url: str, what: str) -> None:
    with pytest.raises(Misconfigured, match=what):
        environment.load(IngestSettings, {f"TRACKFOLD_INGEST__KEY_URLS__{provider.upper()}": url})
