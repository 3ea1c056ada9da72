"""Australia Post's API against a server of our own: what is asked, and what its answers are taken for."""

import base64
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import Response

from services.ingest.apis.australiapost import AUSTRALIAPOST
from services.ingest.apis.base import Answer, Callback, Credentials, Later, Refused, Subject, Trouble
from services.ingest.apis.client import HttpClient, open_client
from tests.fake_api import FakeApi, Seen, says, serving

OWN = Credentials("user", "password", "0001234567")


def subject(number: str) -> Subject:
    return Subject(f"australia-post:{number}", "australia-post", number)


def told(number: str) -> Mapping[str, Any]:
    return {"tracking_id": number, "status": "In transit", "trackable_items": [{"article_id": number, "events": []}]}


def wrong(number: str) -> Mapping[str, Any]:
    return {"tracking_id": number, "errors": [{"code": "ESB-10001", "name": "Invalid tracking ID"}]}


def results(*one: Mapping[str, Any]) -> Callable[[Seen], Response]:
    return says({"tracking_results": list(one)})


@asynccontextmanager
async def asking(answer: Callable[[Seen], Response]) -> AsyncIterator[tuple[FakeApi, HttpClient]]:
    async with (
        serving(answer) as fake,
        open_client(fake.url, credentials=OWN, callback=Callback("http://x/y"), timeout_s=5) as client,
    ):
        yield fake, client


async def test_ten_numbers_are_asked_for_in_one_request_with_account_and_password() -> None:
    numbers = [f"33AAA{number:05}" for number in range(10)]
    async with asking(results(*(told(number) for number in numbers))) as (fake, client):
        answers = await AUSTRALIAPOST.read(client, [subject(number) for number in numbers])
    (seen,) = fake.seen
    assert (seen.method, seen.path) == ("GET", "/shipping/v1/track")
    assert seen.query == {"tracking_ids": ",".join(numbers)}
    assert seen.headers["account-number"] == "0001234567"
    assert base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")) == b"user:password"
    assert [answer.keys for answer in answers if isinstance(answer, Answer)] == [
        tuple(f"australia-post:{number}" for number in numbers)
    ]


async def test_an_answer_is_kept_byte_for_byte() -> None:
    async with asking(lambda _: Response(b'{"tracking_results": [ {"tracking_id":"A1"} ]}')) as (_, client):
        (answer,) = await AUSTRALIAPOST.read(client, [subject("A1")])
    assert answer == Answer(("australia-post:A1",), b'{"tracking_results": [ {"tracking_id":"A1"} ]}')


async def test_the_error_of_one_number_is_its_own_and_its_neighbour_is_told() -> None:
    async with asking(results(told("A1"), wrong("A2"))) as (_, client):
        answers = await AUSTRALIAPOST.read(client, [subject("A1"), subject("A2"), subject("A3")])
    assert [type(one) for one in answers] == [Answer, Refused]
    assert answers[0].keys == ("australia-post:A1",)  # type: ignore[union-attr]
    assert answers[1] == Refused("australia-post:A2", "ESB-10001")


@pytest.mark.parametrize("code", ["ESB\0 1", "33AAA00001234567", "left with the neighbour, Max Sample"])
async def test_what_is_no_code_is_never_repeated(code: str) -> None:
    odd = {"tracking_id": "A1", "errors": [{"code": code}]}
    async with asking(results(odd)) as (_, client):
        assert await AUSTRALIAPOST.read(client, [subject("A1")]) == [Refused("australia-post:A1", "error")]


ALONE = [Refused("australia-post:A1", "http_400")]
TOGETHER = [Later("australia-post:A1", "http_400"), Later("australia-post:A2", "http_400")]


@pytest.mark.parametrize(
    ("numbers", "expected"), [(["A1"], ALONE), (["A1", "A2"], TOGETHER)], ids=["alone", "together"]
)
async def test_a_refused_request_is_a_number_s_fault_only_where_it_was_alone(
    numbers: list[str], expected: Sequence[object]
) -> None:
    async with asking(says({"errors": []}, 400)) as (_, client):
        assert await AUSTRALIAPOST.read(client, [subject(number) for number in numbers]) == expected


@pytest.mark.parametrize(
    ("answer", "why", "after_s"),
    [
        (says({}, 429, retry_after="17"), "http_429", 17),
        (says({}, 429, retry_after="Fri, 31 Dec 1999 23:59:59 GMT"), "http_429", None),
        (says({}, 429, retry_after="99999999"), "http_429", 3600),
        (says({}, 401), "http_401", 900),
        (says({}, 403), "http_403", 900),
        (says({}, 503, retry_after="2"), "http_503", 2),
        (says({}, 302, location="http://127.0.0.1:1/elsewhere"), "http_302", None),
        (lambda _: Response(b"<html>sorry</html>"), "not_json", None),
        (says([]), "no_results", None),
        (says({"tracking_results": "none"}), "no_results", None),
        (lambda _: Response(b"x" * (2 * 1024 * 1024 + 1)), "too_large", None),
    ],
    ids=["429", "429_date", "429_for_ever", "401", "403", "503", "redirect", "page", "list", "text", "huge"],
)
async def test_what_is_wrong_with_the_request_as_a_whole_is_trouble(
    answer: Callable[[Seen], Response], why: str, after_s: float | None
) -> None:
    async with asking(answer) as (fake, client):
        with pytest.raises(Trouble) as found:
            await AUSTRALIAPOST.read(client, [subject("A1")])
    assert (found.value.why, found.value.after_s) == (why, after_s)
    assert len(fake.seen) == 1


@pytest.mark.parametrize(
    "odd",
    [{"tracking_id": None}, {"tracking_id": "A1", "errors": "no"}, {}, "text", {"tracking_id": "A1", "errors": [3]}],
)
async def test_odd_results_never_raise_anything_else(odd: Any) -> None:
    async with asking(says({"tracking_results": [odd]})) as (_, client):
        found = await AUSTRALIAPOST.read(client, [subject("A1")])
    assert [type(one) for one in found] in ([], [Refused])


async def test_nobody_there_is_trouble() -> None:
    async with serving(results()) as fake:
        pass
    async with open_client(fake.url, credentials=OWN, callback=Callback(""), timeout_s=5) as client:
        with pytest.raises(Trouble, match="not_connected"):
            await AUSTRALIAPOST.read(client, [subject("A1")])


async def test_there_is_nothing_to_register_or_to_end() -> None:
    async with asking(results()) as (fake, client):
        assert await AUSTRALIAPOST.register(client, [subject("A1")]) == ()
        await AUSTRALIAPOST.end(client, [subject("A1")])
    assert fake.seen == []
