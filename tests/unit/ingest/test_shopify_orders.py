"""Shopify's orders, fulfilments and refunds: late, repeated and reordered bodies come to the same."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.shops.shopify_fulfillments import deal
from tests.unit.ingest.samples import document
from tests.unit.ingest.shopify_cases import BULB, FULFILLMENT, LAMP, case, facts, fulfillment, kinds, order, told

# --- orders ----------------------------------------------------------------------------------------------------------


def test_bodies_in_any_order_and_twice_come_to_the_same() -> None:
    names = ("order_created_not_paid_yet", "order_paid", "order_edited_and_refunded_in_part",
             "fulfillment_with_one_number", "fulfillment_number_comes_later")  # fmt: skip
    readings = {name: case(name).orders for name in names}
    expected = facts([one for name in names for one in readings[name]])
    for way in permutations(names):
        assert facts([one for name in (*way, *way) for one in readings[name]]) == expected
    assert [(line.line, line.quantity) for line in expected.lines] == [(LAMP, 1), (BULB, 3), ("7100000000000000104", 1)]
    assert dict(expected.cancelled.per_line) == {BULB: 1}
    assert expected.payment_open is False


def test_a_refund_told_by_its_own_topic_and_inside_the_order_counts_once() -> None:
    alone, inside = case("refund_of_units_not_sent"), case("order_edited_and_refunded_in_part")
    assert set(kinds(alone)) == {"refunded", "cancelled"}
    assert {one.id for one in alone.orders} <= {one.id for one in inside.orders}
    assert dict(facts([*alone.orders, *inside.orders]).cancelled.per_line) == {BULB: 1}


def test_a_refund_without_lines_cancels_nothing() -> None:
    reading = told({**document("shopify/refund_of_units_not_sent"), "refund_line_items": []}, "refunds/create")
    assert kinds(reading) == ["refunded"]


@pytest.mark.parametrize("amount", ["NaN", "text", "Infinity"])
def test_an_amount_that_is_none_is_left_out(amount: str) -> None:
    body = document("shopify/refund_of_units_not_sent")
    body["transactions"][0]["amount"] = amount
    assert getattr(told(body, "refunds/create").orders[0].event, "amount", "") is None


@pytest.mark.parametrize(
    ("current", "refund", "sent", "ordered"),
    [
        (3, None, 0, 3),
        (2, None, 0, 2),
        (2, "cancel", 0, 3),
        (2, "no_restock", 0, 2),
        (2, "return", 3, 3),
        (2, "no_restock", 3, 3),
    ],
)
def test_lines_are_what_is_ordered_now_with_what_is_told_as_cancelled(
    current: int, refund: str | None, sent: int, ordered: int
) -> None:
    line = {**order()["line_items"][1], "current_quantity": current}
    refunds = [document("shopify/refund_of_units_not_sent")] if refund else []
    for one in refunds:
        one["refund_line_items"][0]["restock_type"] = refund
    sent_lines = [{**line, "quantity": sent}] if sent else []
    body = order(line_items=[line], refunds=refunds, fulfillments=[fulfillment(line_items=sent_lines)])
    (edited,) = [one.event for one in told(body, "orders/updated").orders if one.event.type == "lines_edited"]
    assert [one.quantity for one in getattr(edited, "lines", ())] == [ordered]


def test_ids_beyond_53_bits_keep_every_digit() -> None:
    (placed, *_) = told(order(id=820982911946154508), "orders/create").orders
    assert placed.event.order == "820982911946154508"


def test_what_customers_read_is_the_printed_number_and_no_note_is_written() -> None:
    reading = told(order(name="#1001"), "orders/create")
    assert kinds(reading) == ["placed"]
    assert getattr(reading.orders[0].event, "printed", None) == "#1001"
    assert facts(reading.orders).printed == "#1001"


@pytest.mark.parametrize("name", [None, "", "\u200b"])
def test_an_order_without_a_name_has_no_printed_number(name: str | None) -> None:
    assert facts(told(order(name=name), "orders/create").orders).printed is None


def test_neither_address_nor_notes_nor_tags_leave() -> None:
    written = "".join(one.event.model_dump_json() for one in case("order_created_not_paid_yet").orders)
    assert "Musterweg" not in written
    assert "ring twice" not in written
    assert "VIP" not in written


def test_contacts_are_no_part_of_an_identity() -> None:
    ids = [one.id for one in told(order(), "orders/updated").orders]
    assert ids == [
        one.id for one in told(order(contact_email="other@example.org", email=None), "orders/updated").orders
    ]


# --- fulfilments -----------------------------------------------------------------------------------------------------


def test_a_number_that_comes_later_is_the_parcels_number_whichever_body_comes_first() -> None:
    early = told(fulfillment(tracking_number=None, tracking_numbers=[], tracking_company=None), "fulfillments/create")
    late = told(fulfillment(updated_at="2026-11-20T16:30:00+01:00"), "fulfillments/update")
    for orders in ((*early.orders, *late.orders), (*late.orders, *early.orders)):
        (parcel,) = facts(orders).parcels.values()
        assert (parcel.carrier, parcel.number) == ("dpd", "01234567890123")
        assert parcel.references == {"shopify_fulfillment": FULFILLMENT}


def test_a_cancelled_fulfilment_is_voided_even_when_nothing_came_before() -> None:
    (parcel,) = facts(case("fulfillment_cancelled").orders).parcels.values()
    assert parcel.voided is not None


def test_what_nobody_will_scan_left_when_the_shop_says_so_and_a_number_waits_for_its_scan() -> None:
    assert "dispatched" in kinds(case("fulfillment_without_number"))
    assert "dispatched" not in kinds(case("fulfillment_with_one_number"))


def test_a_fulfilment_of_gift_cards_is_no_parcel() -> None:
    line = {**fulfillment()["line_items"][0], "requires_shipping": False}
    assert told(fulfillment(line_items=[line]), "fulfillments/create").ignored == "nothing_to_ship"


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 7))
def test_dealing_neither_loses_nor_invents_a_unit(quantities: list[int], parcels: int) -> None:
    units = [(str(line), quantity) for line, quantity in enumerate(quantities)]
    shares = deal(units, parcels)
    assert len(shares) == parcels
    named = sum(quantity for share in shares for _, quantity in share)
    assert named in (0, sum(quantities))
    assert named or sum(quantities) < parcels
