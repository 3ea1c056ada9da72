"""The tracking page as a browser gets it: who may open it, what it carries, and what it never does."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from services.runtime import clock
from services.runtime.settings import LinkSettings
from tests.integration.status_door import LINK_KEY, Door, link, opened, order_path, settings
from tests.records import event, placed, scan, shipment

UK = {"country": "GB", "time_zone": "Europe/London"}
STORY = (
    placed(destination=UK, promised={"day": "2026-11-24"}, lines=[{"line": "1", "name": "Lamp", "quantity": 2}]),
    shipment(service="Tracked 48", lines=[{"line": "1", "quantity": 2}]),
    scan("accepted", minutes=60, place={"city": "LEEDS", "country": "GB", "time_zone": "Europe/London"}),
    scan("out_for_delivery", minutes=1500, description="On vehicle for delivery"),
)


class Page(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + " "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
async def door(database: str) -> AsyncIterator[Door]:
    """The page on a fresh database."""
    async with opened(settings(database)) as door:
        yield door


async def test_a_moving_parcel_is_told_in_words_without_any_script(door: Door) -> None:
    await door.apply(*STORY)
    answer = await door.page(link())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Page(answer.text)
    for text in (
        "Order 1001", "Out for Delivery", "Your parcel is on the delivery vehicle.", "Tuesday 24 November",
        "What happens next", "Next to act: the carrier", "Royal Mail, Tracked 48", "AB1", "Lamp",
        "On vehicle for delivery", "Fri 20 Nov, 10:00 London time", "Leeds, United Kingdom", "Order placed",
    ):  # fmt: skip
        assert text in page.text, text
    assert [one.get("aria-current") for one in page.all("li")].count("step") == 1
    assert {
        "href": "https://www.royalmail.com/track-your-item#/tracking-results/AB1",
        "rel": "noreferrer nofollow",
    } in (page.all("a"))
    assert page.all("button") == [
        {"type": "button", "class": "copy", "data-copies": "parcel-1-number", "hidden": None}
    ]  # fmt: skip
    assert {"http-equiv": "refresh", "content": "30"} in page.all("meta")


async def test_the_page_shows_the_number_that_the_customer_knows(door: Door) -> None:
    await door.apply(placed(printed="#2042"))
    page = await door.page(link())
    assert "Order #2042" in Page(page.text).text
    assert "1001" not in page.text


async def test_following_can_be_stopped_and_ends_with_the_order(door: Door) -> None:
    await door.apply(*STORY)
    assert "http-equiv" not in (await door.page(link(), follow="no")).text
    await door.apply(scan("delivered", minutes=1600))
    assert "http-equiv" not in (await door.page(link())).text


async def test_a_parcel_is_seen_moving_from_one_look_to_the_next(door: Door) -> None:
    await door.apply(STORY[0])
    assert "There is no parcel yet." in (await door.page(link())).text
    for body, headline in ((STORY[1], "Processing"), (STORY[2], "In Transit"), (STORY[3], "Out for Delivery")):
        await door.apply(body)
        assert f"<h1>{headline}</h1>" in (await door.page(link())).text


async def test_every_answer_of_the_public_port_carries_the_safe_headers(door: Door) -> None:
    await door.apply(*STORY)
    stylesheet = re.search(r'href="(/static/page\.[^"]+)"', (await door.page(link())).text)
    assert stylesheet is not None
    for path in (f"/t/{link()}", "/t/forged", "/docs", "/nothing", order_path(), stylesheet[1]):
        headers = (await door.client.get(path)).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy == {
            "default-src": "'none'", "style-src": "'self'", "script-src": "'self'", "img-src": "'self'",
            "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'",
        }  # fmt: skip
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers
    for path in (f"/t/{link()}", "/t/forged"):
        headers = (await door.client.get(path)).headers
        assert headers["cache-control"] == "private, no-store"
        assert headers["x-robots-tag"] == "noindex, nofollow"
        assert "strict-transport-security" not in headers


async def test_browsers_are_told_to_stay_with_https_where_customers_come_by_it(database: str) -> None:
    made = settings(database)
    secure = LinkSettings(keys=(LINK_KEY,), tracking_base_url="https://track.example")
    async with opened(made.model_copy(update={"links": secure})) as door:
        assert "max-age" in (await door.page("x")).headers["strict-transport-security"]


async def test_the_page_asks_nobody_else_for_anything_and_its_own_files_are_there(door: Door) -> None:
    await door.apply(*STORY)
    page = Page((await door.page(link())).text)
    wanted = [one["href"] for one in page.all("link")] + [one["src"] for one in page.all("script")]
    assert len(wanted) == 3
    assert not any(attributes.keys() & {"style", "onclick", "onload"} for _, attributes in page.tags)
    for path in wanted:
        assert path is not None
        answer = await door.client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    for path in ("/static/page.css", "/static/..%2Fview.py", "/static/page.0000000000000000.css"):
        assert (await door.client.get(path)).status_code == 404


async def test_a_head_request_gets_the_headers_and_nothing_else(door: Door) -> None:
    await door.apply(*STORY)
    head, whole = await door.page(link(), method="HEAD"), await door.page(link())
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert (await door.page("forged", method="HEAD")).status_code == 404
    assert (await door.page(link(), method="POST")).status_code == 405


def forged() -> dict[str, str]:
    good = link()
    body, _, signature = good.partition(".")
    flipped = ("A" if body[-8] != "A" else "B").join((body[:-8], body[-7:]))
    return {
        "nothing": "x",
        "cut off": good[:-1],
        "without signature": body,
        "other order, same signature": f"{link('1002').partition('.')[0]}.{signature}",
        "flipped bit": f"{flipped}.{signature}",
        "expired": link(expires=clock.now() - timedelta(seconds=1)),
        "made for something else": link(purpose="preferences"),
        "with a tail": f"{good}=",
        "algorithm none": f"eyJhbGciOiJub25lIn0.{body}.",
        "10 kB": "A" * 10_000,
        "template": "{{7*7}}",
        "no UTF-8": "%FF",
        "NUL": "%00",
        "traversal": "..%2F..%2Fetc%2Fpasswd",
    }


async def test_a_link_that_is_not_right_opens_one_and_the_same_page_with_the_next_step(door: Door) -> None:
    await door.apply(*STORY, placed(order="1002"))
    refusal = await door.page("y")
    assert "ask the shop for a new one" in refusal.text
    for kind, token in forged().items():
        answer = await door.client.get(f"/t/{token}")
        assert (answer.status_code, answer.text) == (404, refusal.text), kind


async def test_a_right_link_to_an_order_that_has_not_come_yet_says_so_and_asks_again(door: Door) -> None:
    answer = await door.page(link("2001"))
    assert answer.status_code == 404
    assert "Order 2001 is not here yet" in answer.text
    assert 'http-equiv="refresh"' in answer.text


async def test_a_link_opens_the_order_of_its_own_shop_only(door: Door) -> None:
    await door.apply(placed(shop="main"), shipment("AB1", shop="main"), scan("delivered", minutes=90))
    await door.apply(placed(shop="studio"), shipment("ZZ9", shop="studio"))
    main, studio = (await door.page(link(shop="main"))).text, (await door.page(link(shop="studio"))).text
    assert "<h1>Delivered</h1>" in main
    assert "ZZ9" not in main
    assert "<h1>Processing</h1>" in studio
    assert "AB1" not in studio


async def test_what_a_carrier_or_a_shop_writes_is_text_and_never_markup(door: Door) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}"
    await door.apply(
        placed(order=attack[:64], lines=[{"line": "1", "name": attack, "quantity": 1}]),
        shipment(order=attack[:64], service=attack, parcel=attack[:90]),
        scan("in_transit", minutes=60, description=attack, place={"city": attack, "country": attack}),
    )
    answer = await door.page(link(attack[:64]))
    page = Page(answer.text)
    assert answer.status_code == 200
    assert answer.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 4
    assert [one["src"] for one in page.all("script")] == [
        next(one["src"] for one in page.all("script") if one["src"] and one["src"].startswith("/static/copy."))
    ]  # fmt: skip
    assert page.all("img") == []


async def test_no_personal_data_reaches_the_page_or_its_api(door: Door) -> None:
    person = {"role": "buyer", "name": "Cana Rybird", "email": "canary@example.com", "phone": "+447700900123"}
    door_place = {"city": "BATH", "postcode": "BA1 1AA", "country": "GB"}
    await door.apply(
        placed(contacts=[person | {"postcode": "BA1 1AA"}]),
        event("contact_changed", minutes=5, contacts=[person]),
        event("cancelled", minutes=6, lines=[{"line": "1", "quantity": 1}], reason="Cana Rybird called"),
        shipment(),
        scan("delivered", minutes=90, place=door_place),
    )
    html = (await door.page(link())).text
    for canary in ("Cana", "Rybird", "canary@", "7700900123", "BA1 1AA"):
        assert canary not in html, canary
    answer = (await door.get(order_path())).text
    for canary in ("canary@", "7700900123"):
        assert canary not in answer, canary


async def test_a_database_that_is_away_is_a_page_that_asks_again(door: Door) -> None:
    await door.apply(*STORY)
    async with door.pool.acquire(), door.pool.acquire():  # all there are
        answer = await door.page(link())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "Nothing is lost" in answer.text
    assert 'http-equiv="refresh"' in answer.text
