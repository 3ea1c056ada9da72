"""The query API: who may ask, what is answered, and that no order ever shows another's scans."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from schemas.order_status import ORDER_STATUS
from services.runtime.errors import Misconfigured
from services.runtime.settings import LinkSettings
from services.status.http import make_app
from services.status.settings import StatusSection
from tests.integration.status_door import API_KEY, OTHER_KEY, Door, opened, order_path, settings
from tests.records import event, placed, scan, shipment

STORY = (placed(), shipment(), scan("accepted", minutes=60), scan("out_for_delivery", minutes=1500))
PARCEL = order_path(shipment="royal-mail:AB1")


@pytest.fixture
async def door(database: str) -> AsyncIterator[Door]:
    """The API on a fresh database."""
    async with opened(settings(database)) as door:
        yield door


async def test_an_order_shows_its_whole_state_its_change_and_its_own_events(door: Door) -> None:
    by = {"kind": "agent", "name": "Kim"}
    await door.apply(*STORY, event("cancelled", minutes=1600, by=by, reason="asked for", lines=[]))
    answer = await door.get(order_path())
    assert answer.status_code == 200
    body = answer.json()
    status = ORDER_STATUS.validate_python(body)
    assert (status.state, status.change.version, status.truncated) == ("out_for_delivery", 4, False)
    assert status.change.cause.event == "AB1-out_for_delivery-1500"
    assert [(one["type"], one["source"]) for one in body["events"]] == [
        ("placed", "oms"), ("shipment_created", "oms"), ("cancelled", "oms"),
    ]  # fmt: skip
    assert body["events"][2]["by"] == by
    assert body["events"][2]["reason"] == "asked for"
    assert body["events"][2]["occurred_at"] == "2026-11-21T11:40:00+00:00"


async def test_a_parcel_shows_every_scan_oldest_first_with_its_verdict(door: Door) -> None:
    odd = scan(None, minutes=90, substatus="unmapped", raw_code="XQ7", description="?", place={"city": "Bath"})
    again = scan("accepted", minutes=70, occurred_at="2026-11-20T12:10:00+02:00", occurred_at_text="20.11. 12:10")
    await door.apply(STORY[3], odd, again, STORY[2], *STORY[:2])
    body = (await door.get(PARCEL)).json()
    assert (body["shop"], body["order"], body["key"], body["stage"]) == (
        "main", "1001", "royal-mail:AB1", "out_for_delivery",
    )  # fmt: skip
    assert [(one["code"], one["verdict"], one["moved"]) for one in body["history"]] == [
        ("accepted", "moved", True),
        ("accepted", "same_stage", False),
        ("XQ7", "unmapped", False),
        ("out_for_delivery", "moved", True),
    ]
    assert body["history"][1]["occurred_at"] == "2026-11-20T12:10:00+02:00"
    assert body["history"][1]["occurred_at_text"] == "20.11. 12:10"
    assert body["history"][2]["place"]["city"] == "Bath"
    assert body["history"][2]["provider"] == "easypost"
    assert body["history"][2]["told_at"] == "2026-11-20T10:31:00.000Z"
    assert body["history"][2]["map_version"] == 1
    assert body["next"] is None


async def test_a_long_history_comes_in_pages_that_join_without_a_gap(door: Door) -> None:
    scans = [scan("in_transit", minutes=60 + n) for n in range(7)]
    await door.apply(*scans, placed(), shipment())
    whole = [one["event_key"] for one in (await door.get(PARCEL)).json()["history"]]
    read, path = [], f"{PARCEL}?limit=3"
    for _ in range(3):
        body = (await door.get(path)).json()
        read += [one["event_key"] for one in body["history"]]
        path = f"{PARCEL}?limit=3&after={body['next']}"
    assert read == whole
    assert len(whole) == 7
    assert body["next"] is None


async def test_the_operators_limit_holds_for_every_caller(database: str) -> None:
    async with opened(settings(database, max_history=2)) as door:
        await door.apply(*[scan("in_transit", minutes=60 + n) for n in range(4)], placed(), shipment())
        assert len((await door.get(f"{PARCEL}?limit=1000")).json()["history"]) == 2


@pytest.mark.parametrize("query", ["after=no-such-key", "limit=0", "limit=x", "after=%00"])
async def test_a_wrong_parameter_is_a_problem_that_names_it_and_quotes_nothing(door: Door, query: str) -> None:
    await door.apply(*STORY)
    answer = await door.get(f"{PARCEL}?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == f"/query/{query.partition('=')[0]}"
    assert "no-such-key" not in answer.text


ODD = ("A/1", "A#1", "A:1", "A%2F1", "A 1", "Ä?&=1", "100%")


@pytest.mark.parametrize("order", ODD)
async def test_order_numbers_and_keys_of_any_sign_are_found_when_url_encoded(door: Door, order: str) -> None:
    own: dict[str, Any] = {"references": {"fulfilment": f"r/{order}"}}
    await door.apply(placed(order=order), shipment(None, parcel=f"S/{order}", order=order, **own))
    await door.apply(scan("in_transit", minutes=60, number=None, **own))
    assert (await door.get(order_path(order))).json()["order"] == order
    for key in (f"S/{order}", f"ref:fulfilment:r/{order}"):
        body = (await door.get(order_path(order, shipment=key))).json()
        assert body["shipment"] == f"S/{order}"
        assert len(body["history"]) == 1


async def test_a_slash_in_an_order_number_never_opens_another_order(door: Door) -> None:
    await door.apply(*STORY)
    sly = "1001/shipments/royal-mail:AB1"
    assert (await door.get(order_path(sly))).status_code == 404


UNKNOWN = (
    order_path("1002"),
    order_path(shop="other"),
    order_path(shop="NO SHOP"),
    order_path("1" * 65),
    order_path("10\x0001"),
    "/v1/orders/main/%00",
    "/v1/orders/main/%FF",
    "/v1/orders/main/..%2F..%2Fetc",
    "/v1/orders/main/{{7*7}}",
    "/v1/orders/main/1001'; drop table status.orders;--",
    f"/v1/orders/main/{'9' * 8000}",
    order_path(shipment="royal-mail:OTHER"),
    order_path(shipment=""),
    "/v1/orders/main/1001/",
    "/v1/nothing",
)


async def test_what_is_unknown_or_unreadable_is_one_and_the_same_404(door: Door) -> None:
    await door.apply(*STORY)
    for path in UNKNOWN:
        answer = await door.get(path)
        assert answer.status_code == 404, path
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert (body["title"], body["status"]) == ("Not Found", 404)
        assert body["request_id"] == answer.headers["x-request-id"]
        assert "7*7" not in answer.text


@pytest.mark.parametrize(
    "access",
    [
        {},
        {"authorization": "Bearer wrong-key-of-the-tests"},
        {"authorization": f"Basic {API_KEY}"},
        {"authorization": "Bearer "},
        {"x-api-key": API_KEY[:-1]},
        {"x-api-key": ""},
        {"x-api-key": "ÿ"},
    ],
)
async def test_without_a_right_key_every_order_looks_the_same(door: Door, access: dict[str, str]) -> None:
    await door.apply(*STORY)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in access.items()]
    for path in (order_path(), order_path("1002"), PARCEL):
        answer = await door.client.get(path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
        assert {**answer.json(), "request_id": ""} == {
            "type": "about:blank", "title": "Unauthorized", "status": 401, "request_id": "",
            "detail": "give an API key: Authorization: Bearer ..., or X-API-Key",
        }  # fmt: skip


async def test_each_configured_key_opens_the_api_in_either_header(door: Door) -> None:
    await door.apply(*STORY)
    for key in (API_KEY, OTHER_KEY):
        assert (await door.get(order_path(), key=key)).status_code == 200
        assert (await door.client.get(order_path(), headers={"X-API-Key": key})).status_code == 200


async def test_without_configured_keys_every_call_is_refused(database: str) -> None:
    async with opened(settings(database, api_keys=())) as door:
        await door.apply(*STORY)
        for key in ("", "None", API_KEY):
            assert (await door.get(order_path(), key=key)).status_code == 401


def test_a_short_key_and_missing_link_keys_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="at least 16 characters"):
        StatusSection.model_validate({"api_keys": ["short"]})
    without = settings("postgresql://nowhere/x").model_copy(update={"links": LinkSettings()})
    with pytest.raises(Misconfigured):
        make_app(None, without)  # type: ignore[arg-type]  # refused before the pool is looked at


async def test_an_answer_that_is_known_is_not_sent_again_until_something_changes(door: Door) -> None:
    await door.apply(*STORY[:3])
    for path in (order_path(), PARCEL):
        first = await door.get(path)
        tag = first.headers["etag"]
        assert re.fullmatch(r'"3-[0-9a-f]{16}"', tag)
        assert first.headers["cache-control"] == "private, no-cache"
        for known in (tag, f'"x", W/{tag}', "*"):
            again = await door.get(path, if_none_match=known)
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await door.apply(STORY[3])
    for path in (order_path(), PARCEL):
        assert (await door.get(path, if_none_match=tag)).headers["etag"].startswith('"4-')


async def test_a_scan_that_changes_nothing_visible_still_changes_the_tag_of_its_parcel(door: Door) -> None:
    await door.apply(*STORY)
    before = await door.get(PARCEL)
    await door.apply(scan("in_transit", minutes=700))
    after = await door.get(PARCEL, if_none_match=before.headers["etag"])
    assert after.status_code == 200
    assert after.json()["version"] == before.json()["version"]
    assert len(after.json()["history"]) == 3


async def test_two_shops_with_one_order_number_never_see_each_other(door: Door) -> None:
    mine, theirs = {"shop": "main"}, {"shop": "studio"}
    await door.apply(placed(**mine), shipment("AB1", **mine), scan("delivered", minutes=90, number="AB1"))
    await door.apply(placed(**theirs), shipment("ZZ9", **theirs), scan("accepted", minutes=60, number="ZZ9"))
    for shop, number, state in (("main", "AB1", "delivered"), ("studio", "ZZ9", "in_transit")):
        answer = await door.get(order_path(shop=shop))
        assert (answer.json()["state"], answer.json()["shop"]) == (state, shop)
        other = {"AB1", "ZZ9"} - {number}
        assert not any(one in answer.text for one in other)
        for one in other:
            assert (await door.get(order_path(shop=shop, shipment=f"royal-mail:{one}"))).status_code == 404


async def test_a_number_used_again_shows_each_order_only_the_scans_of_its_own_box(door: Door) -> None:
    days = 24 * 60
    await door.apply(placed(order="old"), shipment(order="old", minutes=0), scan("delivered", minutes=2 * days))
    await door.apply(placed(order="new", minutes=90 * days), shipment(order="new", minutes=90 * days))
    await door.apply(scan("accepted", minutes=91 * days))
    histories = {
        order: [
            one["code"]
            for one in (await door.get(order_path(order, shipment="royal-mail:AB1"))).json()["history"]
        ]
        for order in ("old", "new")
    }  # fmt: skip
    assert histories == {"old": ["delivered"], "new": ["accepted"]}


async def test_a_claim_that_was_corrected_away_takes_its_history_along(door: Door) -> None:
    await door.apply(*STORY, event("shipment_corrected", minutes=1600, shipment="S1", number="RIGHT1"))
    assert (await door.get(PARCEL)).status_code == 404
    body = (await door.get(order_path(shipment="royal-mail:RIGHT1"))).json()
    assert body["history"] == []


async def test_a_database_that_is_away_is_a_503_with_retry_after(door: Door) -> None:
    await door.apply(*STORY)
    async with door.pool.acquire(), door.pool.acquire():  # all there are
        answer = await door.get(order_path())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await door.get(order_path())).status_code == 200


async def test_a_request_id_is_echoed_if_harmless_and_made_otherwise(door: Door) -> None:
    assert (await door.get(order_path(), x_request_id="abc-1.2")).headers["x-request-id"] == "abc-1.2"
    for harmful in ("a b", "x" * 129, "<script>"):
        made = (await door.get(order_path(), x_request_id=harmful)).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f-]{36}", made)


async def test_other_methods_are_refused_and_head_has_no_body(door: Door) -> None:
    await door.apply(*STORY)
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        refused = await door.client.request(method, order_path(), headers={"x-api-key": API_KEY})
        assert refused.status_code == 405
        assert refused.headers["content-type"] == "application/problem+json"
    head = await door.client.head(order_path(), headers={"x-api-key": API_KEY})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == (await door.get(order_path())).headers["etag"]
    assert (await door.client.head(order_path())).status_code == 401
