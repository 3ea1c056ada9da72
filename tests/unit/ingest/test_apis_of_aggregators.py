"""What is particular to the API of each aggregator."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from schemas.carriers import canonical_carrier, is_known
from services.ingest.apis import carrier_codes
from services.ingest.apis.answers import in_path
from services.ingest.apis.base import KEY_REFUSED_S, Answer, Api, Later, Refused, Registered, Subject, Trouble
from services.ingest.apis.client import HttpClient, open_client
from services.ingest.apis.registry import APIS
from tests.fake_api import FakeApi, Seen, says, serving
from tests.fakes_of_aggregators import FakeAfterShip, FakeEasyPost, FakeSendcloud, FakeShipEngine, FakeTrack17
from tests.fakes_of_apis import CALLBACK, OWN, basic

EASYPOST, AFTERSHIP, SHIPPO, TRACK17, SHIPENGINE, SENDCLOUD = (
    APIS[name] for name in ("easypost", "aftership", "shippo", "track17", "shipengine", "sendcloud")
)


@asynccontextmanager
async def asking(answer: Callable[[Seen], Response]) -> AsyncIterator[tuple[FakeApi, HttpClient]]:
    async with (
        serving(answer) as server,
        open_client(server.url, credentials=OWN, callback=CALLBACK, timeout_s=5) as client,
    ):
        yield server, client


def of(carrier: str, number: str = "AB12345678", reference: str | None = None) -> Subject:
    return Subject(f"{carrier}:{number}", carrier, number, reference)


@pytest.mark.parametrize(
    ("provider", "codes"),
    [
        ("easypost", carrier_codes.EASYPOST),
        ("aftership", carrier_codes.AFTERSHIP),
        ("shippo", carrier_codes.SHIPPO),
        ("shipengine", carrier_codes.SHIPENGINE),
        ("track17", carrier_codes.TRACK17),
    ],
)
def test_what_a_carrier_is_called_in_requests_is_what_it_is_called_in_answers(
    provider: str, codes: Mapping[str, str | int]
) -> None:
    assert len(codes) > 5
    assert {slug: canonical_carrier(str(code), provider=provider) for slug, code in codes.items()} == {
        slug: slug for slug in codes
    }
    assert all(is_known(slug) for slug in codes)


async def test_easypost_is_told_its_own_name_of_the_carrier_and_its_tracker_s_id_is_kept() -> None:
    fake = FakeEasyPost()
    async with asking(fake) as (server, client):
        results = await EASYPOST.register(client, [fake.subject(7)])
    number = fake.subject(7).number
    assert results == [Registered(f"usps:{number}", f"trk_{number}")]
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/v2/trackers")
    assert json.loads(seen.body) == {"tracker": {"tracking_code": number, "carrier": "USPS"}}


async def test_easypost_reads_by_the_tracker_s_id_and_nothing_that_was_not_registered() -> None:
    fake = FakeEasyPost()
    async with asking(fake) as (server, client):
        await EASYPOST.read(client, [fake.subject(7)])
        assert await EASYPOST.read(client, [of("usps")]) == [Refused("usps:AB12345678", "not_registered")]
    assert [seen.path for seen in server.seen] == [f"/v2/trackers/trk_{fake.subject(7).number}"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [("A1", "A1"), ("../x?y#z", "..%2Fx%3Fy%23z"), ("..", "%2E%2E"), ("A.B+1", "A.B%2B1"), ("a b", "a%20b")],
)
def test_a_number_or_an_id_is_one_part_of_a_path(part: str, expected: str) -> None:
    assert in_path(part) == expected


async def test_an_id_of_the_provider_s_never_becomes_a_query() -> None:
    async with asking(says({}, 404)) as (server, client):
        await EASYPOST.read(client, [of("usps", reference="trk_1?x=1#y")])
    assert [seen.query for seen in server.seen] == [{}]


async def test_a_tracker_in_error_is_refused() -> None:
    async with asking(says({"id": "trk_1", "status": "error", "carrier": "USPS"})) as (_, client):
        assert await EASYPOST.register(client, [of("usps")]) == [Refused("usps:AB12345678", "tracker_error")]


def easypost_found(carrier: str) -> Callable[[Seen], Response]:
    return says({"id": "trk_1", "status": "unknown", "carrier": carrier})


def aftership_found(carrier: str) -> Callable[[Seen], Response]:
    return says({"meta": {"code": 201}, "data": {"id": "at1", "slug": carrier}}, 201)


def track17_found(carrier: str) -> Callable[[Seen], Response]:
    return says({"code": 0, "data": {"accepted": [{"number": "AB12345678", "carrier": int(carrier)}], "rejected": []}})


@pytest.mark.parametrize(
    ("api", "found", "same", "other"),
    [
        (EASYPOST, easypost_found, "An Post", "USPS"),
        (AFTERSHIP, aftership_found, "an-post", "usps"),
        (TRACK17, track17_found, None, "21051"),
    ],
    ids=["easypost", "aftership", "track17"],
)
async def test_a_carrier_that_is_found_out_must_be_the_parcel_s(
    api: Api, found: Callable[[str], Callable[[Seen], Response]], same: str | None, other: str
) -> None:
    async with asking(found(other)) as (server, client):
        assert await api.register(client, [of("an-post")]) == [Refused("an-post:AB12345678", "taken_for_usps")]
        assert b"carrier" not in server.seen[0].body
        assert b"slug" not in server.seen[0].body
        if same is not None:
            server.answer = found(same)
            (result,) = await api.register(client, [of("an-post")])
            assert isinstance(result, Registered)


@pytest.mark.parametrize("api", [SHIPPO, SHIPENGINE], ids=["shippo", "shipengine"])
async def test_a_carrier_whose_code_we_do_not_know_is_not_guessed(api: Api) -> None:
    async with asking(says({})) as (server, client):
        refused = [Refused("an-post:AB12345678", "no_carrier_code")]
        assert await api.register(client, [of("an-post")]) == refused
        assert await api.read(client, [of("an-post")]) == refused
        await api.end(client, [of("an-post")])
    assert server.seen == []


async def test_aftership_s_already_exists_is_registered_with_the_id_of_the_first() -> None:
    fake = FakeAfterShip()
    number = fake.subject(1).number
    fake.registered = [number]
    async with asking(fake) as (server, client):
        assert await AFTERSHIP.register(client, [fake.subject(1)]) == [Registered(f"dpd-uk:{number}", f"at-{number}")]
    assert json.loads(server.seen[0].body) == {"tracking_number": number, "slug": "dpd-uk"}


async def test_aftership_s_older_envelope_is_read_too() -> None:
    old = {"meta": {"code": 201}, "data": {"tracking": {"id": "at1", "slug": "ups"}}}
    async with asking(says(old, 201)) as (_, client):
        assert await AFTERSHIP.register(client, [of("ups")]) == [Registered("ups:AB12345678", "at1")]


async def test_track17_sends_numbers_with_the_carrier_s_key() -> None:
    fake = FakeTrack17()
    async with asking(fake) as (server, client):
        await TRACK17.register(client, fake.subjects(2))
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/register")
    assert json.loads(seen.body) == [
        {"number": "RR472820000CN", "carrier": 3011},
        {"number": "RR472820001CN", "carrier": 3011},
    ]


def rejecting(code: object) -> Callable[[Seen], Response]:
    error = {"number": "AB12345678", "error": {"code": code, "message": "AB12345678 is not"}}
    return says({"code": 0, "data": {"accepted": [], "rejected": [error]}})


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (-18019901, Registered("ups:AB12345678")),
        (-18019903, Refused("ups:AB12345678", "code_-18019903")),
        (-18019907, Later("ups:AB12345678", "code_-18019907", 3600)),
        (-18019908, Later("ups:AB12345678", "code_-18019908", 3600)),
        (-18010003, Later("ups:AB12345678", "code_-18010003")),
        ("AB12345678", Refused("ups:AB12345678", "rejected")),
        (None, Refused("ups:AB12345678", "rejected")),
    ],
)
async def test_track17_s_errors_of_a_number_are_sorted(code: object, expected: object) -> None:
    async with asking(rejecting(code)) as (_, client):
        assert await TRACK17.register(client, [of("ups")]) == [expected]


@pytest.mark.parametrize(
    ("code", "why", "after_s"),
    [(-18010002, "code_-18010002", KEY_REFUSED_S), (-18010003, "code_-18010003", None), (-18010012, "code", None)],
)
async def test_track17_s_error_at_the_top_is_trouble_although_the_status_is_200(
    code: int, why: str, after_s: float | None
) -> None:
    async with asking(says({"code": code, "data": {"errors": []}})) as (_, client):
        for call in (TRACK17.read, TRACK17.register, TRACK17.end):
            with pytest.raises(Trouble) as found:
                await call(client, [of("ups")])
            assert (found.value.why, found.value.after_s) == (why, after_s)


@pytest.mark.parametrize(("count", "kind"), [(1, Refused), (2, Later)])
async def test_a_400_is_a_number_s_fault_only_where_it_was_alone(count: int, kind: type[object]) -> None:
    async with asking(says({"meta": {"code": 400}, "data": {}}, 400)) as (_, client):
        for api in (TRACK17, AFTERSHIP):
            results = await api.read(client, [of("ups", f"AB{number}") for number in range(count)])
            assert [type(one) for one in results] == [kind] * count


async def test_what_shipengine_will_not_stop_holds_up_nobody_else() -> None:
    async with asking(says({"errors": [{"error_code": "carrier_disconnected"}]}, 400)) as (server, client):
        await SHIPENGINE.end(client, [of("ups")])
    assert len(server.seen) == 1


async def test_a_request_to_stop_that_track17_does_not_understand_is_trouble() -> None:
    async with asking(says({}, 400)) as (_, client):
        with pytest.raises(Trouble, match="http_400"):
            await TRACK17.end(client, [of("ups")])


async def test_shipengine_starts_what_is_started_and_says_which_carrier_is_not_connected() -> None:
    fake = FakeShipEngine()
    async with asking(fake) as (server, client):
        await SHIPENGINE.register(client, [fake.subject(1)])
        fake.refused = {fake.subject(2).number}
        refused = await SHIPENGINE.register(client, [fake.subject(2)])
        fake.fault = lambda _: JSONResponse({}, 409)
        again = await SHIPENGINE.register(client, [fake.subject(1)])
    assert refused == [Refused(fake.subject(2).key, "carrier_not_connected")]
    assert again == [Registered(fake.subject(1).key)]
    assert (server.seen[0].method, server.seen[0].path) == ("POST", "/v1/tracking/start")
    assert server.seen[0].query == {"carrier_code": "ups", "tracking_number": fake.subject(1).number}


async def test_sendcloud_is_asked_with_both_keys_of_the_integration_and_for_any_carrier() -> None:
    fake = FakeSendcloud()
    number = fake.subject(7).number
    async with asking(fake) as (server, client):
        (result,) = await SENDCLOUD.read(client, [of("an-post", number)])
    assert isinstance(result, Answer)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.query) == ("GET", f"/api/v2/tracking/{number}", {})
    assert basic(seen) == (OWN.key, OWN.secret)


async def test_sendcloud_s_404_is_a_number_that_has_no_label_there() -> None:
    async with asking(says({"detail": "Parcel does not exist"}, 404)) as (_, client):
        assert await SENDCLOUD.read(client, [of("postnl")]) == [Refused("postnl:AB12345678", "not_found")]


@pytest.mark.parametrize("statuses", [[], [{"parent_status": "delivered"}]])
async def test_sendcloud_s_history_names_no_number_and_is_taken_for_the_one_asked_for(statuses: Any) -> None:
    body = {"parcel_id": "30011", "carrier_code": "postnl", "statuses": statuses}
    async with asking(says(body)) as (_, client):
        (result,) = await SENDCLOUD.read(client, [of("postnl")])
    assert isinstance(result, Answer)
    assert (result.keys, json.loads(result.body)) == (("postnl:AB12345678",), body)


@pytest.mark.parametrize("body", [{"parcel": {"id": 1}}, {"statuses": None}, {"statuses": {}}, {"error": {}}, []])
async def test_what_is_no_history_of_sendcloud_is_trouble(body: Any) -> None:
    async with asking(says(body)) as (_, client):
        with pytest.raises(Trouble, match="no_results"):
            await SENDCLOUD.read(client, [of("postnl")])


@pytest.mark.parametrize(
    "body",
    [
        {"tracking_number": "OTHER1"},
        {"tracking_code": "OTHER1", "object": "Tracker"},
        {"data": {"trackings": [{"tracking_number": "OTHER1"}]}},
        {"parcel_id": "1", "tracking_number": "OTHER1", "statuses": []},
    ],
)
async def test_an_answer_about_another_number_is_no_answer(body: Any) -> None:
    async with asking(says(body)) as (_, client):
        for api in (EASYPOST, SHIPPO, SHIPENGINE, SENDCLOUD):
            with pytest.raises(Trouble, match="no_results"):
                await api.read(client, [of("ups", reference="trk_1")])
        assert {type(one) for one in await _or_nothing(AFTERSHIP, client)} <= {Refused}


async def _or_nothing(api: Api, client: HttpClient) -> list[object]:
    try:
        return list(await api.read(client, [of("ups")]))
    except Trouble:
        return []
