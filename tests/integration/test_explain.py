"""`explain` on a real database: repeats counted once, the API, the agents' page and the command tell one story."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.runtime.errors import Exit
from services.runtime.settings import OperatorSettings
from services.status import explain_command
from services.status.explain_answers import Story
from tests.integration.status_door import API_KEY, OTHER_KEY, Door, opened, order_path, settings
from tests.pipeline import Pipeline
from tests.records import event, placed, scan, shipment

KIM = {"kind": "agent", "name": "Kim"}
STORY = (
    placed(destination={"country": "GB", "time_zone": "Europe/London"}),
    shipment(),
    scan("accepted", minutes=60, place={"city": "Bath", "country": "GB", "time_zone": "Europe/London"}),
    scan("out_for_delivery", minutes=1500),
    scan("delivered", minutes=1700),
    scan("in_transit", minutes=1710),
    event("note", minutes=1720, text="<script>alert(1)</script>", by=KIM, reason="<b>call back</b>"),
    event("dispatched", minutes=1730, shipment="S9"),
)
API = f"{order_path()}/explain"
PAGE = "/agent/orders/main/1001/explain"
SIGKILLED = -9


def basic(password: str, user: str = "kim") -> dict[str, str]:
    """Return what a browser sends after it asked for a name and a password."""
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.fixture
async def door(database: str) -> AsyncIterator[Door]:
    """The public port on a fresh database."""
    async with opened(settings(database)) as door:
        yield door


async def told_again(door: Door) -> list[tuple[str, int]]:
    """Return the repeats of every scan."""
    async with door.pool.acquire() as connection:
        rows = await connection.fetch(
            "select event_key, repeats from status.ledger where claimed_by is null order by occurred_at, n"
        )
    return [(row["event_key"], row["repeats"]) for row in rows]


async def test_exact_repeats_are_counted_and_new_readings_are_not(door: Door) -> None:
    accepted = scan("accepted", minutes=60)
    await door.apply(*STORY[:2], accepted, accepted)
    await door.apply(accepted, placed(destination={"country": "GB", "time_zone": "Europe/London"}))
    await door.apply({**accepted, "description": "Accepted at the counter"})
    await door.apply({**accepted, "told_at": accepted["occurred_at"]})
    assert await told_again(door) == [("AB1-accepted-60", 3), ("AB1-accepted-60", 0)]
    story = Story.model_validate((await door.get(API)).json())
    (one,) = story.parcels[0].scans
    assert (one.repeated, one.readings) == (3, 2)
    assert [(event.type, event.repeated) for event in story.events] == [("placed", 1), ("shipment_created", 0)]


async def test_the_api_tells_the_story_with_late_and_repeated_beside_it(door: Door) -> None:
    for body in (*STORY[:2], STORY[3], STORY[2], STORY[3], *STORY[4:]):
        await door.apply(body)
    answer = await door.get(API)
    assert answer.status_code == 200
    story = Story.model_validate(answer.json())
    assert (story.state, story.row, story.unpublished) == ("delivered", "all_delivered", False)
    made = [(one.event_key, one.because.why, one.late, one.repeated) for one in story.parcels[0].scans]
    assert made == [
        ("AB1-accepted-60", "moved", True, 0),
        ("AB1-out_for_delivery-1500", "moved", False, 1),
        ("AB1-delivered-1700", "moved", False, 0),
        ("AB1-in_transit-1710", "batch_noise", False, 0),
    ]
    assert [(one.type, one.set_aside and one.set_aside.why) for one in story.events][-2:] == [
        ("note", None), ("dispatched", "unknown_shipment"),
    ]  # fmt: skip
    assert story.change is not None
    assert story.change.version == (await door.get(order_path())).json()["change"]["version"]


async def test_the_story_comes_as_text_to_those_who_ask_for_it_and_under_its_own_tag(door: Door) -> None:
    await door.apply(*STORY)
    text = await door.get(API, accept="text/plain")
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text.startswith("Order 1001 of shop main: Delivered (delivered)")
    for accept in ("application/json", "*/*", "application/json, text/plain", "text/html"):
        assert (await door.get(API, accept=accept)).headers["content-type"] == "application/json"
    again = await door.get(API, accept="text/plain", if_none_match=text.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert "Accept" in again.headers["vary"]
    assert (await door.get(API, if_none_match=text.headers["etag"])).status_code == 200


async def test_the_api_needs_a_key_and_knows_only_its_orders(door: Door) -> None:
    await door.apply(*STORY)
    refused = await door.get(API, key=None)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert (await door.client.get(API, headers=basic(API_KEY))).status_code == 401
    for path in (
        f"{order_path('1002')}/explain",
        f"{order_path(shop='NO SHOP')}/explain",
        f"{order_path('1' * 65)}/explain",
    ):
        missing = await door.get(path)
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


async def test_the_story_is_described_where_the_api_is(door: Door) -> None:
    described = (await door.client.get("/openapi.json")).json()
    operation = described["paths"]["/v1/orders/{shop}/{number}/explain"]["get"]
    assert operation["operationId"] == "explain_order"
    assert {"application/json", "text/plain"} == set(operation["responses"]["200"]["content"])
    assert "agent" not in " ".join(described["paths"])


async def test_the_agents_page_opens_with_a_key_as_password_and_tells_the_same_story(door: Door) -> None:
    await door.apply(*STORY)
    for access in (
        basic(API_KEY),
        basic(OTHER_KEY, user=""),
        {"authorization": f"Bearer {API_KEY}"},
        {"x-api-key": API_KEY},
    ):
        page = await door.client.get(PAGE, headers=access)
        assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "private, no-store"
    assert "noindex" in page.headers["x-robots-tag"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for words in ("Every unit has arrived.", 'href="#R4"', "AB1-in_transit-1710", "Set aside", "agent Kim"):
        assert words in page.text
    assert "<script>" not in page.text
    assert "&lt;b&gt;call back&lt;/b&gt;" in page.text
    assert page.text.count("<h1") == 1


@pytest.mark.parametrize(
    "access",
    [
        {},
        basic("wrong-key-of-the-tests"),
        basic(""),
        {"authorization": "Basic ###"},
        {"authorization": "Basic"},
        {"authorization": f"Basic {API_KEY}"},
        {"authorization": f"Digest {API_KEY}"},
        {"x-api-key": API_KEY[:-1]},
    ],
)
async def test_without_a_key_the_page_asks_for_one_and_shows_nothing(door: Door, access: dict[str, str]) -> None:
    await door.apply(*STORY)
    for path in (PAGE, "/agent/orders/main/1002/explain"):
        page = await door.client.get(path, headers=access)
        assert page.status_code == 401
        assert page.headers["www-authenticate"].startswith("Basic ")
        assert "give any name, and the key as the password" in page.text
        assert "delivered" not in page.text.lower()


async def test_without_configured_keys_nobody_sees_the_page(database: str) -> None:
    async with opened(settings(database, api_keys=())) as door:
        for password in ("", "None"):
            assert (await door.client.get(PAGE, headers=basic(password))).status_code == 401


async def test_an_unknown_order_is_a_page_that_helps(door: Door) -> None:
    for path in (
        "/agent/orders/main/1002/explain",
        "/agent/orders/NO%20SHOP/1/explain",
        "/agent/orders/main/%00/explain",
    ):
        page = await door.client.get(path, headers=basic(API_KEY))
        assert page.status_code == 404
        assert "No order of this shop has that number" in page.text


async def test_a_database_that_is_away_is_a_page_that_asks_again(door: Door) -> None:
    await door.apply(*STORY)
    async with door.pool.acquire(), door.pool.acquire():  # all there are
        page = await door.client.get(PAGE, headers=basic(API_KEY))
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert 'http-equiv="refresh"' in page.text


async def find(database: str, argument: str, *, shop: str = "main") -> explain_command.Explained:
    """Ask as the command does."""
    return await explain_command.find(operator(database), argument, shop=shop)


def operator(database: str) -> OperatorSettings:
    return OperatorSettings(postgres=settings(database).postgres)


async def test_the_command_finds_orders_numbers_and_what_nobody_claims(
    door: Door, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await door.apply(*STORY, scan("in_transit", minutes=60, number="ZZ9"))
    for argument in ("1001", "main:1001", "AB1", "ab 1", "royal-mail:AB1", "Royal Mail:ab1"):
        found = await find(database, argument)
        assert [(story.shop, story.order) for story in found.orders] == [("main", "1001")], argument
    alone = await find(database, "zz9")
    assert (alone.orders, [one.key for one in alone.numbers]) == ((), ["royal-mail:ZZ9"])
    explain_command.show(alone, as_json=False)
    assert capsys.readouterr().out.startswith("No order claims this number.")
    explain_command.show(await find(database, "1001"), as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["orders"][0]["state"] == "delivered"
    assert shown["numbers"] == []


async def test_several_orders_that_claim_one_number_are_all_told_each_with_its_own_box(
    door: Door, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    days = 24 * 60
    await door.apply(placed(order="old"), shipment(order="old", minutes=0), scan("delivered", minutes=2 * days))
    await door.apply(placed(order="new", minutes=90 * days), shipment(order="new", minutes=90 * days))
    found = await find(database, "AB1")
    assert [(story.order, len(story.parcels[0].scans)) for story in found.orders] == [("new", 0), ("old", 1)]
    explain_command.show(found, as_json=False)
    out = capsys.readouterr().out
    assert out.startswith("2 stories: order main:new, order main:old")


async def test_a_printed_number_finds_every_order_that_prints_it_where_nothing_else_is_found(
    door: Door, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = placed(order="81", printed="#1001"), placed(order="82", shop="lamps", printed="#1001")
    gone = placed(order="83", printed="#1001")
    await door.apply(one, other, gone, event("erased", order="83", minutes=5), placed(order="84", printed="#84"))
    for argument in ("#1001", "1001", " #1001 "):
        found = await find(database, argument)
        assert [(story.shop, story.order) for story in found.orders] == [("lamps", "82"), ("main", "81")], argument
    explain_command.show(found, as_json=False)
    assert capsys.readouterr().out.startswith("2 stories: order lamps:82 (#1001), order main:81 (#1001)")
    await door.apply(*STORY)
    assert [story.order for story in (await find(database, "1001")).orders] == ["1001"]
    assert [story.order for story in (await find(database, "84")).orders] == ["84"]
    with pytest.raises(Exit):
        await find(database, "##1001")


async def test_the_api_and_the_agents_page_show_the_printed_number_beside_the_key(door: Door) -> None:
    await door.apply(placed(printed="#2042"))
    document, story = (await door.get(order_path())).json(), (await door.get(API)).json()
    assert (document["order"], document["printed"], story["printed"]) == ("1001", "#2042", "#2042")
    assert (await door.get(API, accept="text/plain")).text.startswith("Order #2042 (1001) of shop main")
    assert "#2042" in (await door.client.get(PAGE, headers=basic(API_KEY))).text


@pytest.mark.parametrize("argument", ["nothing", "nobody:1", "::", " ", "N/A", "x" * 600])
async def test_what_nobody_knows_is_said_with_the_next_step(door: Door, database: str, argument: str) -> None:
    await door.apply(*STORY)
    with pytest.raises(Exit) as failed:
        await find(database, argument)
    assert failed.value.code == 1
    assert "--shop" in failed.value.hint


async def test_the_program_prints_the_story_and_fails_with_1_and_a_next_step(pipeline: Pipeline) -> None:
    async def explain(*words: str) -> tuple[int, str]:
        arguments = ("explain", *words)
        environment = pipeline.environment()
        done = await pipeline.processes.start("explain", env=environment, arguments=arguments, wait_ready=False)
        return await done.wait(30), done.log()

    await pipeline.start("status")
    await pipeline.produce(STORY[:5])
    await pipeline.until_state("main:1001", "delivered")
    code, out = await explain("1001")
    assert (code, "Order 1001 of shop main: Delivered (delivered)" in out) == (0, True)
    code, out = await explain("1001", "--shop", "other")
    assert code == 1
    assert "next: check the number and the shop" in out


async def test_a_record_that_is_polled_again_after_a_crash_is_no_repeat(pipeline: Pipeline, database: str) -> None:
    await pipeline.produce([*STORY[:4], STORY[2], STORY[2]])
    doomed = await pipeline.start("status", wait_ready=False, TRACKFOLD_FAILPOINTS="consume.after_commit:kill")
    assert await doomed.wait(40) == SIGKILLED
    await pipeline.start("status")
    await pipeline.until_state("main:1001", "out_for_delivery")
    connection = await asyncpg.connect(database)
    try:
        again: list[Any] = await connection.fetch("select event_key, repeats from status.ledger where repeats > 0")
    finally:
        await connection.close()
    assert [(row["event_key"], row["repeats"]) for row in again] == [("AB1-accepted-60", 2)]
