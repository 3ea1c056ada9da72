"""What is particular to the API of each carrier."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse, Response

from services.ingest.apis.base import KEY_REFUSED_S, Callback, Later, Refused, Registered, Subject, Trouble
from services.ingest.apis.client import HttpClient, open_client
from services.ingest.apis.registry import APIS
from tests.fake_api import FakeApi, Seen, serving
from tests.fakes_of_apis import CALLBACK, OWN, FakeProvider, fixture, told_of
from tests.fakes_of_carriers import FakeCanadaPost, FakeDhl, FakeFedEx, FakeUps, FakeUsps

UPS, FEDEX, DHL, USPS, CANADAPOST = (APIS[name] for name in ("ups", "fedex", "dhl", "usps", "canadapost"))


@asynccontextmanager
async def asking(
    answer: Callable[[Seen], Response], callback: Callback = CALLBACK
) -> AsyncIterator[tuple[FakeApi, HttpClient]]:
    async with (
        serving(answer) as server,
        open_client(server.url, credentials=OWN, callback=callback, timeout_s=5) as client,
    ):
        yield server, client


def broken(fake: FakeProvider, body: object, status: int) -> FakeProvider:
    fake.fault = lambda _: JSONResponse(body, status)
    return fake


def test_batches_and_rates_are_those_of_the_documents() -> None:
    its = {
        name: (api.traits.reads, api.traits.registers, api.traits.ends, api.traits.rate.requests, api.traits.rate.per_s)
        for name, api in APIS.items()
    }
    assert its == {
        "aftership": (50, 1, 0, 5, 1),
        "australiapost": (10, 0, 0, 10, 60),
        "canadapost": (1, 0, 0, 20, 60),
        "dhl": (1, 0, 0, 250, 86_400),
        "easypost": (1, 1, 0, 5, 1),
        "fedex": (30, 0, 0, 100_000, 86_400),
        "sendcloud": (1, 0, 0, 1000, 60),
        "shipengine": (1, 1, 1, 200, 60),
        "shippo": (1, 1, 0, 500, 60),
        "track17": (40, 40, 40, 3, 1),
        "ups": (1, 100, 0, 2, 1),
        "usps": (35, 0, 0, 60, 3600),
    }


def test_only_ups_s_registrations_end_by_themselves() -> None:
    assert {name: api.traits.renew_after for name, api in APIS.items() if api.traits.renew_after} == {
        "ups": timedelta(days=13)
    }


async def test_ups_is_told_where_to_send_and_what_to_show_there() -> None:
    fake = FakeUps()
    async with asking(fake) as (server, client):
        await UPS.register(client, fake.subjects(2))
    subscription = server.seen[1]
    assert (subscription.method, subscription.path) == ("POST", "/api/track/v1/subscription/standard/package")
    assert json.loads(subscription.body) == {
        "locale": "en_US",
        "countryCode": "US",
        "trackingNumberList": ["1Z58Y7A90312340000", "1Z58Y7A90312340001"],
        "destination": {"url": CALLBACK.url, "credentialType": "Bearer", "credential": CALLBACK.secret},
    }


async def test_each_request_to_ups_has_an_id_of_its_own() -> None:
    fake = FakeUps()
    async with asking(fake) as (server, client):
        for _ in range(3):
            await UPS.read(client, [fake.subject(1)])
    assert len({seen.headers["transid"] for seen in server.seen[1:]}) == 3


async def test_without_a_secret_nothing_is_subscribed_because_its_webhooks_would_be_refused() -> None:
    fake = FakeUps()
    async with asking(fake, Callback("https://shop.example/webhooks/ups")) as (server, client):
        results = await UPS.register(client, fake.subjects(2))
    assert results == [Refused(one.key, "no_secret_for_webhooks") for one in fake.subjects(2)]
    assert server.seen == []


async def test_a_number_that_track_alert_does_not_take_spoils_no_subscription() -> None:
    fake, mail = FakeUps(), Subject("ups:9274890000000000000001", "ups", "9274890000000000000001")
    async with asking(fake) as (server, client):
        results = await UPS.register(client, [mail, fake.subject(1)])
        assert await UPS.register(client, [mail]) == [Refused(mail.key, "not_a_1z_number")]
    assert results == [Registered(fake.subject(1).key), Refused(mail.key, "not_a_1z_number")]
    assert len(server.seen) == 2


@pytest.mark.parametrize("number", ["1R12345678901234", "1R12345678901234567890123456"])
async def test_track_alert_takes_1r_numbers(number: str) -> None:
    async with asking(FakeUps()) as (_, client):
        assert await UPS.register(client, [Subject(f"ups:{number}", "ups", number)]) == [Registered(f"ups:{number}")]


async def test_ups_s_400_names_the_numbers_that_are_wrong() -> None:
    fake = FakeUps()
    fake.refused = {one.number for one in fake.subjects(2)}
    async with asking(fake) as (_, client):
        assert await UPS.register(client, fake.subjects(2)) == [Refused(one.key, "VSS210") for one in fake.subjects(2)]


@pytest.mark.parametrize(("count", "kind"), [(1, Refused), (3, Later)])
async def test_ups_s_400_without_numbers_is_about_the_request(count: int, kind: type[object]) -> None:
    fake = broken(FakeUps(), {"response": {"errors": [{"code": "VSS610", "message": "URL is too long."}]}}, 400)
    async with asking(fake) as (_, client):
        results = await UPS.register(client, fake.subjects(count))
    assert [type(one) for one in results] == [kind] * count
    assert {one.why for one in results if isinstance(one, Refused | Later)} == {"VSS610"}


async def test_ups_s_404_is_a_number_that_it_does_not_know() -> None:
    error = {"response": {"errors": [{"code": "TV1002", "message": "Invalid inquiry number"}]}}
    fake = broken(FakeUps(), error, 404)
    async with asking(fake) as (_, client):
        assert await UPS.read(client, [fake.subject(1)]) == [Refused(fake.subject(1).key, "TV1002")]


async def test_fedex_s_error_beside_a_good_result_of_the_same_number_hides_it_not() -> None:
    fake = FakeFedEx()
    good = fixture("fedex/delivered_with_signature")["output"]["completeTrackResults"][0]
    row = told_of(good, fake.subject(1).number, "trackingNumber")
    row["trackResults"].append({"error": {"code": "TRACKING.DATA.NOTUNIQUE"}})
    broken(fake, {"output": {"completeTrackResults": [row]}}, 200)
    async with asking(fake) as (_, client):
        (answer,) = await FEDEX.read(client, [fake.subject(1)])
    assert not isinstance(answer, Refused)


async def test_fedex_s_errors_of_the_request_are_named() -> None:
    fake = broken(FakeFedEx(), {"errors": [{"code": "TRACKING.TRACKINGNUMBER.INVALID", "message": "x"}]}, 400)
    async with asking(fake) as (_, client):
        assert await FEDEX.read(client, [fake.subject(1)]) == [
            Refused(fake.subject(1).key, "TRACKING.TRACKINGNUMBER.INVALID")
        ]


async def test_dhl_is_asked_for_one_division_in_english() -> None:
    fake = FakeDhl()
    async with asking(fake) as (server, client):
        await DHL.read(client, [fake.subject(1)])
    assert server.seen[0].query == {"trackingNumber": "JVGL000000001", "service": "parcel-nl", "language": "en"}


async def test_usps_s_error_without_a_list_is_named() -> None:
    fake = broken(FakeUsps(), {"error": {"code": "150001", "message": "not trackable"}}, 400)
    async with asking(fake) as (_, client):
        assert await USPS.read(client, [fake.subject(1)]) == [Refused(fake.subject(1).key, "code_150001")]
        later = [Later(one.key, "code_150001") for one in fake.subjects(2)]
        assert await USPS.read(client, fake.subjects(2)) == later


async def test_an_error_s_sentence_is_never_repeated() -> None:
    entry = {"trackingNumber": "", "statusCode": "403", "error": {"code": "No access to 9400100000000000000001"}}
    fake = FakeUsps()
    broken(fake, [entry | {"trackingNumber": fake.subject(1).number}], 207)
    async with asking(fake) as (_, client):
        assert await USPS.read(client, [fake.subject(1)]) == [Refused(fake.subject(1).key, "code_403")]


def messages(code: str, text: str) -> bytes:
    return f"<messages><message><code>{code}</code><description>{text}</description></message></messages>".encode()


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_canada_post_s_throttle_is_trouble_for_a_minute_whatever_its_status(status: int) -> None:
    fake = FakeCanadaPost()
    fake.fault = lambda _: Response(messages("Server", "Rejected by SLM Monitor"), status)
    async with asking(fake) as (_, client):
        with pytest.raises(Trouble, match="slm_monitor") as found:
            await CANADAPOST.read(client, [fake.subject(1)])
    assert found.value.after_s == 60


@pytest.mark.parametrize("status", [200, 400])
async def test_canada_post_s_e002_is_the_key_s_fault_whatever_its_status(status: int) -> None:
    fake = FakeCanadaPost()
    fake.fault = lambda _: Response(messages("E002", "AAA Authentication Failure"), status)
    async with asking(fake) as (_, client):
        with pytest.raises(Trouble, match="key_refused") as found:
            await CANADAPOST.read(client, [fake.subject(1)])
    assert found.value.after_s == KEY_REFUSED_S


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE x [<!ENTITY a 'b'>]><tracking-detail/>", b"<tracking-detail>", b"\x00"], ids=repr
)
async def test_xml_with_a_dtd_or_none_is_trouble(body: bytes) -> None:
    fake = FakeCanadaPost()
    fake.fault = lambda _: Response(body)
    async with asking(fake) as (_, client):
        with pytest.raises(Trouble, match="not_xml"):
            await CANADAPOST.read(client, [fake.subject(1)])
