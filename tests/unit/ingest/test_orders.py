"""The webhook `orders`: identity, what a shop may not say, and that a mistake costs only itself and shows no input."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.order_events import EVENT_TYPES
from services.ingest.carriers.base import Reading, Webhook, read
from services.ingest.normalise import normalise
from services.ingest.shops.orders import MAX_EVENTS, ORDERS
from services.ingest.shops.telling import MAX_EVENT_BYTES, NOT_A_SHOPS
from tests.unit.ingest.samples import SECRETS, TOLD_AT, body_of, document, signed, webhook_record
from tests.unit.ingest.shopify_cases import ANYTHING


def told(body: Any) -> Reading:
    return read(ORDERS, Webhook(body=json.dumps(body).encode(), told_at=TOLD_AT))


def placed(**fields: Any) -> dict[str, Any]:
    return {**document("orders/one_order"), **fields}


def ids(*bodies: Any) -> set[str]:
    return {one.id for body in bodies for one in told(body).orders}


def test_an_event_has_the_id_that_the_shop_gives_it() -> None:
    assert ids(placed(id="evt-9")) == ids({**placed(), "id": None, "ce_id": "evt-9"} | {"id": "evt-9"}) == {"evt-9"}
    body = placed(ce_id="evt-8")
    del body["id"]
    assert ids(body) == {"evt-8"}


def test_without_an_id_the_same_event_is_one_and_another_is_another() -> None:
    body = document("orders/event_without_an_id")
    assert len(ids(body, dict(reversed(body.items())), {**body, "more": 1})) == 1
    assert len(ids(body, {**body, "number": "01234567890124"})) == 2


def test_contacts_are_no_part_of_an_identity() -> None:
    body = placed()
    del body["id"]
    assert len(ids(body, {**body, "contacts": []})) == 1


@pytest.mark.parametrize("kind", sorted(NOT_A_SHOPS))
def test_what_only_operators_and_time_say_is_refused(kind: str) -> None:
    (problem,) = told({"type": kind, "order": "1", "occurred_at": "2026-11-20T09:00:00Z"}).problems
    assert problem.reason == "bad_event"
    assert kind in EVENT_TYPES


@pytest.mark.parametrize("item", [None, 7, "text", [], {}, {"type": None}, {"type": ["placed"]}, {"type": "paid"}])
def test_what_is_no_event_is_a_problem_beside_its_neighbours(item: object) -> None:
    reading = told([item, placed()])
    assert [one.reason for one in reading.problems] == ["bad_event"]
    assert [one.id for one in reading.orders] == ["evt-1"]


@pytest.mark.parametrize("own", ["", " x", "x\n", "x" * 129, "\u00e9" * 65, True, 1.5, ["x"]])
def test_an_id_that_no_header_can_carry_is_refused(own: object) -> None:
    assert told(placed(id=own)).orders == ()


def test_a_number_is_an_id_too() -> None:
    assert ids(placed(id=820982911946154508)) == {"820982911946154508"}


def test_a_problem_names_the_place_and_never_the_input() -> None:
    body = placed(lines=[{"line": "secret-1", "quantity": "secret-2"}], contacts=[{"role": "Secret-3"}])
    (problem,) = told(body).problems
    assert "lines.0.quantity" in problem.detail
    assert "secret" not in problem.detail.lower()


def test_an_event_that_kafka_would_refuse_for_ever_is_a_dead_letter() -> None:
    lines = [{"line": f"{n}" + "\u20ac" * 120, "name": "\u20ac" * 200, "quantity": 1} for n in range(400)]
    (problem,) = told(placed(lines=lines)).problems
    assert f"{MAX_EVENT_BYTES // 1024} KiB" in problem.detail


def test_a_list_has_an_end() -> None:
    assert told([placed()] * (MAX_EVENTS + 1)).problems[0].reason == "too_many_events"
    assert told([]).problems[0].reason == "bad_shape"


def test_what_leaves_ingest_has_the_orders_key_the_events_id_and_its_source() -> None:
    first, second = normalise(
        webhook_record("orders", body_of("orders/order_and_shipment_in_one_list")), allow_test=False
    ).outgoing
    headers = dict(first.headers)
    assert (first.topic, first.key) == ("order.events.v1", b"lamps:A-1001")
    assert (headers["ce_id"], headers["ce_source"]) == (b"evt-1", b"trackfold/ingest/orders/lamps")
    assert headers["ce_type"] == b"trackfold.order.events.placed.v1"
    assert second.key == first.key


def test_it_is_signed_as_standard_webhooks_are() -> None:
    key = ORDERS.secret_key(SECRETS["orders"][0])
    request = signed(ORDERS, b"{}", key)
    assert ORDERS.verify(request, [key], now=TOLD_AT)
    assert ORDERS.delivery(request) == "msg_1"
    assert ORDERS.number(body_of("orders/one_order")) == "A-1001"


@given(
    st.sampled_from(EVENT_TYPES),
    st.dictionaries(
        st.sampled_from(["shop", "order", "occurred_at", "lines", "id", "shipment", "by", "contacts", "number"]),
        ANYTHING,
    ),
)
def test_no_event_stops_the_reader(kind: str, fields: dict[str, Any]) -> None:
    reading = told([{**placed(), **fields, "type": kind}])
    assert len(reading.orders) + len(reading.problems) == 1
    assert "parser_failed" not in {problem.reason for problem in reading.problems}
