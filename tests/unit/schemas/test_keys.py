"""Keys: two different things never share one, and one thing has only one."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from schemas.keys import clean_number, order_key, reference_key, shipment_key, split_order_key

SHOPS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
ORDERS = st.text(min_size=1, max_size=64)


@pytest.mark.parametrize(
    ("carrier", "number", "provider", "key"),
    [
        ("UPS", "1Z9999999999999999", "easypost", "ups:1Z9999999999999999"),
        ("UPS", "1z 9999 9999 9999 9999", None, "ups:1Z9999999999999999"),
        ("stamps_com", "9400 1000 0000 0000 0000 00", "shipengine", "usps:9400100000000000000000"),
        ("3011", "LX123456785CN", "track17", "china-post:LX123456785CN"),
        ("Royal Mail", "ab 1234 5678 5gb", None, "royal-mail:AB123456785GB"),
        ("royal_mail", "AB123456785GB", None, "royal-mail:AB123456785GB"),
        ("Owl Post", "7", None, "owl-post:7"),
        ("fedex", "000123", None, "fedex:000123"),
    ],
)
def test_a_shop_and_a_provider_make_the_same_key(carrier: str, number: str, provider: str | None, key: str) -> None:
    assert shipment_key(carrier, number, provider=provider) == key


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("AB 1234\u00a05678\u20095 GB", "AB123456785GB"),
        ("\u202eAB123456785GB\u202c", "AB123456785GB"),
        ("\u200f1Z999\u200e", "1Z999"),
        ("1Z\u200b99\ufeff9", "1Z999"),
        ("\uff11\uff12\uff13\uff14", "1234"),
        ("\u0660\u0661\u0662\u0663", "0123"),
        ("\u0661Z\u096f", "1Z9"),
        ("ab-12/3_4.5+6", "AB-12/3_4.5+6"),
        ("\t12\r\n34 ", "1234"),
        ("007", "007"),
    ],
)
def test_a_number_is_read_through_its_decoration(written: str, meant: str) -> None:
    assert clean_number(written) == meant


@pytest.mark.parametrize(
    "number",
    [
        "", "   ", "\u200f", "1" * 65, "1" * 300, "9" * 100_000, "1'; drop table status.orders; --", "a:b", "<b>1</b>",
        "-1", "../etc/passwd", "1Z\ud800", "ß1", "1\x00;", "\u0410\u041212",
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ValueError, match="tracking number"):
        clean_number(number)


def test_a_number_is_refused_rather_than_cut_to_another_parcels() -> None:
    with pytest.raises(ValueError, match="tracking number"):
        clean_number("1Z" + " " * 600 + "99")


@given(SHOPS, ORDERS)
@example("main", "a:b")
@example("main", ":")
@example("main", "1001\n")
def test_an_order_key_tells_its_shop_and_order(shop: str, order: str) -> None:
    assert split_order_key(order_key(shop, order)) == (shop, order)


@given(SHOPS, ORDERS, SHOPS, ORDERS)
@example("a", "b:1", "a-b", "1")
def test_two_orders_never_share_a_key(shop: str, order: str, other_shop: str, other_order: str) -> None:
    assume((shop, order) != (other_shop, other_order))
    assert order_key(shop, order) != order_key(other_shop, other_order)


def test_two_shops_with_the_same_order_number_have_two_keys() -> None:
    assert order_key("main", "1001") != order_key("books", "1001")


@pytest.mark.parametrize("shop", ["", "Main", "a:b", "-a", "a" * 64, "main\n", "ma in", "größe", "main "])
def test_a_shop_that_could_be_mistaken_is_refused(shop: str) -> None:
    with pytest.raises(ValueError, match="shop"):
        order_key(shop, "1")


@pytest.mark.parametrize("key", ["", "main", "main:", ":1", "Main:1", "a b:1"])
def test_what_is_no_order_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="order key"):
        split_order_key(key)


def test_an_order_without_a_number_has_no_key() -> None:
    with pytest.raises(ValueError, match="not empty"):
        order_key("main", "")


@given(st.text(max_size=300), st.text(max_size=700), st.sampled_from([None, "easypost", "track17"]))
@example("UPS", "1" * 300, None)
@example("\ud800", "\ud800", None)
@example("UPS", "ﷺ" * 512, None)
def test_a_shipment_key_is_made_or_refused_whatever_is_sent(carrier: str, number: str, provider: str | None) -> None:
    try:
        key = shipment_key(carrier, number, provider=provider)
    except ValueError:
        return
    slug, _, cleaned = key.partition(":")
    assert key.isascii()
    assert len(cleaned) <= 64
    assert shipment_key(slug, cleaned) == key
    assert not key.startswith("ref:") or key.count(":") == 1


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_reference_key_is_made_or_refused_and_is_never_a_shipment_key(kind: str, value: str) -> None:
    try:
        key = reference_key(kind, value)
    except ValueError:
        return
    assert key.startswith("ref:")
    assert key.count(":") >= 2


def test_a_reference_keeps_its_value_letter_for_letter() -> None:
    assert reference_key("Shopify-Fulfillment", " gid://4321/aB ") == "ref:shopify-fulfillment:gid://4321/aB"


@pytest.mark.parametrize(("kind", "value"), [("", "1"), ("a:b", "1"), ("a", ""), ("a", "1\n2"), ("a", "1" * 129)])
def test_what_is_no_reference_is_refused(kind: str, value: str) -> None:
    with pytest.raises(ValueError, match="reference"):
        reference_key(kind, value)


@pytest.mark.parametrize("typed", ["N/A", "n/a", "TBC", "pending", " Unknown ", "none", "0", "0000"])
def test_a_placeholder_is_no_number_and_ties_no_orders_together(typed: str) -> None:
    with pytest.raises(ValueError, match="placeholder"):
        clean_number(typed)
