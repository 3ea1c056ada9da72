"""One suite for all API clients, each against a real server of its own that answers as its provider does."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from services.ingest.apis.base import (
    KEY_REFUSED_S,
    Answer,
    Later,
    Refused,
    Registered,
    Subject,
    Trouble,
)
from services.ingest.apis.registry import APIS
from services.ingest.carriers.base import ASKED_CARRIER, ASKED_NUMBER, Webhook, read
from services.ingest.carriers.registry import CARRIERS
from tests.fake_api import FakeApi, Seen, says, serving
from tests.fakes_of_apis import CALLBACK, OWN, FakeProvider, asking
from tests.fakes_of_carriers import FAKES

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HUGE = b"x" * (2 * 1024 * 1024 + 1)


@pytest.fixture(params=FAKES, ids=lambda fake: fake.provider)
def fake(request: pytest.FixtureRequest) -> FakeProvider:
    """Give each provider."""
    made: FakeProvider = request.param()
    return made


REGISTERING = [fake for fake in FAKES if APIS[fake.provider].traits.registers]
OTHERS = [fake for fake in FAKES if not APIS[fake.provider].traits.registers]


def requests(fake: FakeProvider, server: FakeApi) -> list[Seen]:
    """Return what was asked, without tokens."""
    return [seen for seen in server.seen if seen.path != fake.oauth]


def assert_discreet(results: Iterable[object], subjects: Iterable[Subject]) -> None:
    """Reasons are for people and for metrics: no number, no key."""
    reasons = " ".join(
        str(one if isinstance(one, Trouble) else one.why)
        for one in results
        if isinstance(one, Refused | Later | Trouble)
    )
    hidden = [*(one.number for one in subjects), OWN.key, OWN.secret, CALLBACK.secret, "wrong-key"]
    assert [word for word in hidden if word in reasons] == []


def test_every_client_has_a_fake() -> None:
    assert {fake.provider for fake in FAKES} == APIS.keys()


async def test_a_whole_batch_is_one_request_and_its_answer_reads_as_those_parcels(fake: FakeProvider) -> None:
    subjects = fake.subjects(fake.api.traits.reads)
    async with asking(fake) as (server, client):
        results = await fake.api.read(client, subjects)
    (answer,) = results
    assert isinstance(answer, Answer)
    assert answer == Answer(tuple(one.key for one in subjects), fake.sent[-1])
    assert len(requests(fake, server)) == 1
    # As the poller hands it on: one that names no parcel is of the one that was asked about.
    asked = {ASKED_CARRIER: subjects[0].carrier, ASKED_NUMBER: subjects[0].number} if len(subjects) == 1 else {}
    reading = read(CARRIERS[fake.provider], Webhook(body=answer.body, told_at=NOW, headers=asked))
    assert reading.problems == ()
    assert {(scan.carrier, scan.number) for scan in reading.scans} == {(one.carrier, one.number) for one in subjects}


async def test_a_number_that_nobody_knows_is_refused_with_a_reason(fake: FakeProvider) -> None:
    subject = fake.subject(1)
    fake.unknown = {subject.number}
    async with asking(fake) as (_, client):
        (result,) = await fake.api.read(client, [subject])
    if fake.knows_every_number:
        assert isinstance(result, Answer)
        assert read(CARRIERS[fake.provider], Webhook(body=result.body, told_at=NOW)).scans == ()
    else:
        assert isinstance(result, Refused)
        assert result.key == subject.key
        assert result.why
    assert_discreet([result], [subject])


@pytest.mark.parametrize(
    "kind", [fake for fake in FAKES if APIS[fake.provider].traits.reads > 1], ids=lambda fake: fake.provider
)
async def test_an_unknown_number_hides_none_of_its_neighbours(kind: type[FakeProvider]) -> None:
    fake = kind()
    subjects = fake.subjects(3)
    fake.unknown = {subjects[1].number}
    async with asking(fake) as (_, client):
        results = await fake.api.read(client, subjects)
    answer, refused = results
    assert isinstance(answer, Answer)
    assert answer.keys == (subjects[0].key, subjects[2].key)
    assert isinstance(refused, Refused)
    assert refused.key == subjects[1].key
    assert_discreet(results, subjects)


async def test_a_wrong_key_is_trouble_for_a_long_time_and_one_request(fake: FakeProvider) -> None:
    subject, wrong = fake.subject(1), replace(OWN, key="wrong-key", secret="wrong-secret")
    async with asking(fake, wrong) as (server, client):
        with pytest.raises(Trouble, match="http_401") as found:
            await fake.api.read(client, [subject])
    assert found.value.after_s == KEY_REFUSED_S
    assert len(server.seen) == 1
    assert_discreet([found.value], [subject])


@pytest.mark.parametrize(
    ("status", "headers", "after_s"),
    [
        (429, {"retry-after": "17"}, 17),
        (429, {}, None),
        (503, {"retry-after": "3"}, 3),
        (500, {}, None),
        (403, {}, KEY_REFUSED_S),
        (402, {"retry-after": "3000"}, 3000),
    ],
)
async def test_trouble_of_the_whole_is_told_with_the_provider_s_own_wish(
    fake: FakeProvider, status: int, headers: dict[str, str], after_s: float | None
) -> None:
    fake.fault = lambda _: JSONResponse({"message": fake.subject(1).number}, status, headers=headers)
    for call in (fake.api.read, *([fake.api.register] if fake.api.traits.registers else [])):
        async with asking(fake) as (server, client):
            with pytest.raises(Trouble) as found:
                await call(client, [fake.subject(1)])
        assert (found.value.why, found.value.after_s) == (f"http_{status}", after_s)
        assert len(requests(fake, server)) == 1


JUNK: list[Any] = [
    None, [], {}, "text", 3, [None], [[]], {"data": None}, {"data": []}, {"data": {"trackings": "no"}}, {"code": "0"},
    {"code": 0, "data": {"accepted": [None, 3, {}, {"number": {}}], "rejected": [{"number": "A1", "error": 3}]}},
    {"data": {"trackings": [None, {"tracking_number": []}]}}, {"output": {"completeTrackResults": [None, {}, []]}},
    {"trackResponse": {"shipment": [None, {"warnings": [3]}]}}, {"shipments": "x"}, {"tracking_number": "A 1"},
    {"validTrackingNumbers": [None, 3, []]}, [{"trackingNumber": None, "error": 3}], {"id": 3}, {"errors": [3]},
]  # fmt: skip
BODIES = [*(json.dumps(one).encode() for one in JUNK), b'{"id":"\\ud800"}', b'{"code":NaN}', b"<messages/>"]


@pytest.mark.parametrize("status", [200, 400, 404])
async def test_junk_is_trouble_or_refused_and_never_an_answer_or_a_mistake(fake: FakeProvider, status: int) -> None:
    subject = fake.subject(1)
    calls = [fake.api.read, *([fake.api.register] if fake.api.traits.registers else [])]
    waiting = BODIES * len(calls)
    fake.fault = lambda _: Response(waiting.pop(), status)
    async with asking(fake) as (_, client):
        asked = (call(client, [subject]) for call in calls for _ in BODIES)
        found = await asyncio.gather(*asked, return_exceptions=True)
    results = [one for result in found if not isinstance(result, BaseException) for one in result]
    troubles = [one for one in found if isinstance(one, BaseException)]
    assert waiting == []
    assert all(isinstance(one, Trouble) for one in troubles)
    assert all(isinstance(one, Refused | Later | Registered) for one in results)
    assert_discreet([*troubles, *results], [subject])


@pytest.mark.parametrize("page", [b"", b"<html>sorry</html>", b"\xff\xfe\x00", b"[" * 100_000], ids=repr)
async def test_a_page_that_is_no_answer_is_trouble(fake: FakeProvider, page: bytes) -> None:
    fake.fault = lambda _: Response(page)
    async with asking(fake) as (_, client):
        with pytest.raises(Trouble):
            await fake.api.read(client, [fake.subject(1)])


async def test_an_answer_that_is_too_large_is_trouble(fake: FakeProvider) -> None:
    fake.fault = lambda _: Response(HUGE)
    async with asking(fake) as (_, client):
        with pytest.raises(Trouble, match="too_large"):
            await fake.api.read(client, [fake.subject(1)])


async def test_a_redirect_is_never_followed(fake: FakeProvider) -> None:
    async with serving(says({})) as elsewhere, asking(fake) as (_, client):
        for status in (301, 302, 303, 307, 308):
            fake.fault = says({}, status, location=f"{elsewhere.url}/secret")
            with pytest.raises(Trouble, match=f"http_{status}"):
                await fake.api.read(client, [fake.subject(1)])
    assert elsewhere.seen == []


async def test_a_server_that_is_too_slow_is_given_up(fake: FakeProvider) -> None:
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await JSONResponse({})(scope, receive, send)

    async with asking(fake) as (server, patient):
        if fake.oauth is not None:
            await fake.api.read(patient, [fake.subject(1)])  # the token comes in time
        fake.fault = lambda _: cast("Response", slow)
        patient._timeout_s = 0.1  # noqa: SLF001 - the same connections, less patience
        with pytest.raises(Trouble, match="timeout"):
            await fake.api.read(patient, [fake.subject(1)])
        release.set()
    assert server.seen


@pytest.mark.parametrize("kind", REGISTERING, ids=lambda fake: fake.provider)
async def test_a_whole_batch_is_registered_with_one_request_and_twice_is_harmless(kind: type[FakeProvider]) -> None:
    fake = kind()
    subjects = [replace(one, reference=None) for one in fake.subjects(fake.api.traits.registers)]
    async with asking(fake) as (server, client):
        first = await fake.api.register(client, subjects)
        second = await fake.api.register(client, subjects)
    assert [one.key for one in first if isinstance(one, Registered)] == [one.key for one in subjects]
    assert second == first
    assert set(fake.registered) == {one.number for one in subjects}
    assert len(requests(fake, server)) == 2


@pytest.mark.parametrize("kind", REGISTERING, ids=lambda fake: fake.provider)
async def test_a_number_that_is_not_taken_is_refused_with_a_reason_and_alone(kind: type[FakeProvider]) -> None:
    fake = kind()
    subjects = fake.subjects(min(3, fake.api.traits.registers))
    bad = subjects[-1]
    fake.refused = {bad.number}
    async with asking(fake) as (_, client):
        results = await fake.api.register(client, subjects)
    refused = [one for one in results if isinstance(one, Refused)]
    assert [one.key for one in refused] == [bad.key]
    assert refused[0].why
    assert [one.key for one in results if isinstance(one, Registered)] == [one.key for one in subjects[:-1]]
    assert_discreet(results, subjects)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda fake: fake.provider)
async def test_where_nothing_is_registered_nothing_is_asked(kind: type[FakeProvider]) -> None:
    fake = kind()
    async with asking(fake) as (server, client):
        assert list(await fake.api.register(client, [fake.subject(1)])) == []
        await fake.api.end(client, [fake.subject(1)])
    assert server.seen == []


@pytest.mark.parametrize(
    "kind", [fake for fake in FAKES if APIS[fake.provider].traits.ends], ids=lambda fake: fake.provider
)
async def test_what_is_ended_twice_is_ended(kind: type[FakeProvider]) -> None:
    fake = kind()
    subjects = fake.subjects(fake.api.traits.ends)
    async with asking(fake) as (server, client):
        await fake.api.end(client, subjects)
        await fake.api.end(client, subjects)
        fake.fault = says({}, 429, retry_after="9")
        with pytest.raises(Trouble, match="http_429"):
            await fake.api.end(client, subjects)
    assert fake.ended == [one.number for one in subjects]
    assert len(server.seen) == 3
