"""Contacts as strangers type them: one recipient in a normal form, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.addresses import Refused, email_address, masked, phone_number, recipient_hash


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada.B+x@EXAMPLE.com ", "Ada.B+x@example.com"),
        ("a@bücher.de", "a@xn--bcher-kva.de"),
    ],
)
def test_an_address_has_one_form(text: str, address: str) -> None:
    assert email_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com,eve@example.com",
        "ada@example.com; eve@example.com",
        "Ada <ada@example.com>",
        "a@b@example.com",
        '"a b"@example.com',
        "ü@example.com",
        "ada@localhost",
        "ada@[127.0.0.1]",
        f"{'a' * 330}@example.com",
        "ada@-example.com",
    ],
)
def test_what_is_not_exactly_one_address_is_refused(text: str) -> None:
    assert email_address(text) == Refused("not_an_email_address")


@given(st.text(max_size=400))
def test_no_text_becomes_two_recipients_or_a_header(text: str) -> None:
    answer = email_address(text)
    if isinstance(answer, str):
        assert answer.isascii()
        assert answer.isprintable()
        assert not set(answer) & set(' ,;<>"()\\')
        assert answer.count("@") == 1


@pytest.mark.parametrize("text", ["07700 900123", "+44 (0)7700-900123", "0044 7700 900 123", "+447700900123"])
def test_a_number_has_one_form(text: str) -> None:
    assert phone_number(text, country="GB") == "+447700900123"


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("07700 900123", None),  # whose plan?
        ("+1-900-555-0100", None),  # premium
        ("+881612345678", None),  # satellite
        ("60012", "US"),  # short code
        ("1-800-FLOWERS", "US"),
        ("+49 30 123456", None),  # landline
        ("+44 7700 900123 ext. 4", None),
        ("9" * 30, "GB"),
        ("+", "GB"),
        ("", "GB"),
        ("+447700900123,+447700900124", "GB"),
    ],
)
def test_what_no_sms_should_go_to_is_refused(text: str, country: str | None) -> None:
    assert isinstance(phone_number(text, country=country), Refused)


@given(st.text(max_size=60), st.sampled_from([None, "GB", "US", "XX", ""]))
def test_any_text_is_a_number_or_refused(text: str, country: str | None) -> None:
    answer = phone_number(text, country=country)
    if isinstance(answer, str):
        assert answer.startswith("+")
        assert answer[1:].isdigit()


def test_outcomes_tell_recipients_apart_without_naming_them() -> None:
    ada = recipient_hash("buyer", "ada@example.com", key_id="k1", secret=b"s" * 16)
    assert ada == recipient_hash("buyer", "Ada@Example.com", key_id="k1", secret=b"s" * 16)
    assert ada != recipient_hash("buyer", "eve@example.com", key_id="k1", secret=b"s" * 16)
    assert ada.startswith("buyer:k1:")
    assert "ada" not in ada


def test_a_masked_address_cannot_be_written_to() -> None:
    assert masked("ada@example.com") == "a…@e…"
    assert masked("+447700900123") == "+44…23"
