"""Shopify: the signature, whose order a body speaks of, fulfilment events, erasure, and that no body stops it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.order_events import EVENT_TYPES
from schemas.scans import Scan
from services.ingest.carriers.base import Reading, Request, Webhook, read
from services.ingest.carriers.shopify import SHOPIFY
from services.ingest.carriers.shopify_codes import STATUSES
from services.ingest.carriers.shopify_topics import TOPICS, ignored
from services.ingest.shops.shopify_values import shop_of
from services.runtime.errors import Poison
from tests.unit.ingest.samples import (
    FIXTURES,
    TOLD_AT,
    body_of,
    document,
    fixture_paths,
    headers_of,
    signed,
    webhook_of,
)
from tests.unit.ingest.shopify_cases import ANYTHING, DOMAIN, case, event, facts, order, told

KEY = SHOPIFY.secret_key("s\u00e9cret")


# --- the signature ---------------------------------------------------------------------------------------------------


def test_the_signature_is_over_the_raw_body_and_knows_no_time() -> None:
    body = body_of("shopify/event_in_transit")
    request = signed(SHOPIFY, body, KEY)
    assert SHOPIFY.verify(request, [b"another", KEY], now=TOLD_AT + timedelta(days=400))
    again = json.dumps(json.loads(body)).encode()
    assert not SHOPIFY.verify(Request(method="POST", path="/", headers=request.headers, body=again), [KEY], now=TOLD_AT)


@pytest.mark.parametrize("sent", [b"", b"x", b"=", b"\xff\xfe", b"A" * 5000, b"deadbeef" * 8])
def test_no_other_text_is_a_signature(sent: bytes) -> None:
    request = Request(method="POST", path="/", headers=((b"x-shopify-hmac-sha256", sent),), body=b"{}")
    assert not SHOPIFY.verify(request, [KEY], now=TOLD_AT)


def test_the_delivery_is_the_message_because_one_event_may_be_told_to_several_subscriptions() -> None:
    headers = ((b"x-shopify-webhook-id", b"w-1"), (b"x-shopify-event-id", b"e-1"))
    assert SHOPIFY.delivery(Request(method="POST", path="/", headers=headers, body=b"")) == "w-1"
    assert SHOPIFY.delivery(Request(method="POST", path="/", headers=headers[1:], body=b"")) == "e-1"
    assert SHOPIFY.delivery(Request(method="POST", path="/", headers=(), body=b"")) is None


# --- topics and shops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "topic", ["products/create", "app/uninstalled", "orders/edited", "shop/redact", "customers/update"]
)
def test_a_topic_that_is_not_read_is_ignored_with_its_reason(topic: str) -> None:
    reading = told({"id": 1, "line_items": [], "order_id": 2}, topic)
    assert reading == Reading(ignored=ignored(topic))
    assert reading.ignored


def test_the_shape_says_what_the_topic_would() -> None:
    for path in fixture_paths("shopify"):
        topic = headers_of(path).get("x-shopify-topic", "")
        if path.stem.startswith("garbage") or topic not in TOPICS:
            continue
        with_topic = webhook_of(path)
        without = Webhook(body=with_topic.body, told_at=TOLD_AT, headers={"x-shopify-shop-domain": DOMAIN})
        silent = read(SHOPIFY, without)
        assert silent.problems == ()
        assert {one.event.type for one in read(SHOPIFY, with_topic).orders} <= {one.event.type for one in silent.orders}


def test_two_shops_never_mix() -> None:
    one, other = case("order_created_not_paid_yet"), case("order_created_in_another_shop")
    assert {told.event.key for told in one.orders}.isdisjoint(told.event.key for told in other.orders)
    assert {told.source for told in one.orders}.isdisjoint(told.source for told in other.orders)


@given(st.text(max_size=80))
def test_a_domain_is_a_shop_of_its_own_or_refused(domain: str) -> None:
    try:
        shop = shop_of(domain)
    except Poison:
        return
    assert f"{shop}.myshopify.com" == domain.strip().lower()


def test_all_topics_of_one_order_have_one_key() -> None:
    names = ("order_created_not_paid_yet", "order_paid", "order_edited_and_refunded_in_part", "order_cancelled",
             "fulfillment_with_one_number", "refund_of_units_not_sent")  # fmt: skip
    keys = {one.event.key for name in names for one in case(name).orders}
    assert keys == {"lamps-and-more:6100000000000000017"}


def test_tests_never_touch_orders() -> None:
    assert told(order(), "orders/create", **{"x-shopify-test": "true"}).ignored == "test_mode"
    assert told(order(test=True), "orders/create").ignored == "test_mode"
    allowed = Webhook(body=json.dumps(order(test=True)).encode(), told_at=TOLD_AT, allow_test=True)
    assert read(SHOPIFY, allowed).orders


# --- fulfilment events -----------------------------------------------------------------------------------------------


def scan_of(**fields: Any) -> Scan:
    return told(event(**fields), "fulfillment_events/create").scans[0]


def test_the_events_of_a_fulfilment_move_the_parcel_that_names_it() -> None:
    (parcel,) = facts(case("fulfillment_with_one_number").orders).parcels.values()
    assert scan_of().key in parcel.keys


def test_an_event_is_the_same_scan_in_other_words_and_under_another_id_and_not_at_another_time() -> None:
    key = scan_of().event_key
    assert scan_of(id=7, message="Unterwegs", updated_at="2026-11-23T00:00:00Z").event_key == key
    assert scan_of(happened_at="2026-11-20T21:10:00Z").event_key == key
    assert scan_of(happened_at="2026-11-20T21:10:01Z").event_key != key
    assert scan_of(status="delivered").event_key != key


def test_a_deleted_event_withdraws_its_scan() -> None:
    (void,) = told(event(), "fulfillment_events/delete").scans
    assert (void.kind, void.voids, void.stage) == ("void", scan_of().event_key, None)
    assert void.key == scan_of().key


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_every_status_is_mapped_and_none_ends_a_parcel_by_a_problem(status: str) -> None:
    scan = scan_of(status=status.upper())
    assert scan.substatus != "unmapped"
    assert (scan.stage is None) == (status in ("delayed", "failure"))


def test_an_event_without_a_fulfilment_or_a_time_is_set_aside() -> None:
    assert told(event(fulfillment_id=None), "fulfillment_events/create").problems[0].reason == "no_number"
    assert told(event(happened_at=None, created_at=None), "fulfillment_events/create").problems[0].reason == "bad_shape"
    assert told(event(happened_at="soon"), "fulfillment_events/create").problems[0].reason == "bad_scan"


# --- erasure, and what no body can do --------------------------------------------------------------------------------


def test_an_erasure_is_of_the_shop_that_the_signed_body_names() -> None:
    body = document("shopify/customer_redacted")
    reading = told(body, "customers/redact", domain="chairs-2.myshopify.com")
    assert {one.event.key for one in reading.orders} == {
        "lamps-and-more:6100000000000000017", "lamps-and-more:6100000000000000018",
    }  # fmt: skip
    assert told({**body, "orders_to_redact": []}, "customers/redact").ignored == "no_orders_to_erase"
    assert told({**body, "shop_domain": None}, "customers/redact").problems[0].reason == "bad_shop"


@given(st.sampled_from(sorted(TOPICS)), st.data())
def test_no_field_of_any_body_stops_the_reader(topic: str, data: st.DataObject) -> None:
    names = [path for path in fixture_paths("shopify") if headers_of(path).get("x-shopify-topic") == topic]
    chosen = data.draw(st.sampled_from(names)) if names else FIXTURES / "shopify" / "order_paid.json"
    body = json.loads(chosen.read_text("utf-8"))
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=3)):
        body[name] = data.draw(ANYTHING)
    reading = told(body, topic)
    assert "parser_failed" not in {problem.reason for problem in reading.problems}
    assert all(one.event.type in EVENT_TYPES and one.event.order for one in reading.orders)
