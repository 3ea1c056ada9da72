"""Bounds: nothing that parses can be refused by Postgres later, break a display, or grow without end."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.base import FilledText, Identifier, Instant, LongText, Quantity, ShortText, Word, clean_text

IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)
SHORT: TypeAdapter[str] = TypeAdapter(ShortText)
LONG: TypeAdapter[str] = TypeAdapter(LongText)
FILLED: TypeAdapter[str] = TypeAdapter(FilledText)
WORD: TypeAdapter[str] = TypeAdapter(Word)
INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
QUANTITY: TypeAdapter[int] = TypeAdapter(Quantity)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a\x00b", "ab"),
        ("a\r\nb\tc", "a  b c"),
        ("\u202eevil\u202c", "evil"),
        ("a\u200bb\ufeff", "ab"),
        ("a\ud800b", "ab"),
        ("\u061ca\u2066b\u2069", "ab"),
        ("Österreich 📦 京都", "Österreich 📦 京都"),
        ("  padded  ", "padded"),
        ("\x7f\x1b[31mred", "[31mred"),
    ],
)
def test_text_loses_what_has_no_meaning_and_keeps_the_rest(sent: str, kept: str) -> None:
    assert clean_text(sent) == kept


def test_free_text_is_cut_and_not_refused() -> None:
    assert SHORT.validate_python("x" * 300) == "x" * 200
    assert LONG.validate_python("x" * 3000) == "x" * 1000
    assert SHORT.validate_python("\x00" * 300 + "x") == "x"


@given(st.text(max_size=400))
@example("x" * 199 + " y")
@example("x\ud800")
def test_free_text_that_was_read_reads_the_same_again(text: str) -> None:
    once = SHORT.validate_python(text)
    assert SHORT.validate_python(once) == once
    assert "\x00" not in once
    once.encode()


@given(st.text(st.characters(codec="ascii"), max_size=210) | st.text(max_size=210))
@example("")
@example(" ")
@example("x")
@example("x\n")
@example("x\x7f")
@example("\tx")
@example("é")
@example("x" * 200)
@example("x" * 201)
@example("x" * 199 + " y")
def test_what_is_recognized_as_clean_is_what_cleaning_would_leave(text: str) -> None:
    assert SHORT.validate_python(text) == clean_text(text)[:200].rstrip()


@pytest.mark.parametrize("text", [SHORT, LONG, FILLED])
def test_what_is_no_text_is_refused_with_one_cause(text: TypeAdapter[str]) -> None:
    with pytest.raises(ValidationError) as refused:
        text.validate_python(["a"])
    assert [(one["loc"], one["type"]) for one in refused.value.errors()] == [((), "string_type")]


@pytest.mark.parametrize("text", ["", "  ", "\x00\u200b"])
def test_a_text_that_must_be_filled_is_refused_where_cleaning_leaves_nothing(text: str) -> None:
    assert FILLED.validate_python("x" * 1001) == "x" * 1000
    with pytest.raises(ValidationError, match="at least 1 character"):
        FILLED.validate_python(text)


@pytest.mark.parametrize(
    "value", ["", "   ", "a\x00", "a\nb", "\u202eb", "a\u200bb", "x" * 129, "\ud800", 7, None, ["a"]]
)
def test_an_identifier_that_does_not_fit_is_refused_and_never_cut(value: Any) -> None:
    with pytest.raises(ValidationError):
        IDENTIFIER.validate_python(value)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(" 1001 ", "1001"), ("x" * 128, "x" * 128), ("Ü-1/é", "Ü-1/é"), ("0001", "0001"), ("a  b", "a  b")],
)
def test_an_identifier_is_kept_letter_for_letter(sent: str, kept: str) -> None:
    assert IDENTIFIER.validate_python(sent) == kept


@pytest.mark.parametrize("value", ["", "Big", "a b", "-a", "a" * 65, "wörd", "a\n", "a:b"])
def test_a_word_is_short_plain_and_lower_case(value: str) -> None:
    with pytest.raises(ValidationError):
        WORD.validate_python(value)


@pytest.mark.parametrize(
    "value",
    [
        "1989-12-31T23:59:59Z", "2200-01-01T00:00:01Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
        "2026-11-20T09:00:00", "2026-11-20", "yesterday", "", 1e30, -1, float("nan"), "1990-01-01T00:00:00+01:00",
        10**30,
    ],
)  # fmt: skip
def test_a_time_out_of_range_or_without_an_offset_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(value)


def test_a_time_keeps_the_offset_it_was_told_with() -> None:
    told = INSTANT.validate_python("2026-11-20T10:00:00+05:45")
    assert told.isoformat() == "2026-11-20T10:00:00+05:45"


@pytest.mark.parametrize("value", [-1, 1_000_001, 1.5, "many", 10**400])
def test_a_quantity_is_a_whole_number_within_bounds(value: Any) -> None:
    with pytest.raises(ValidationError):
        QUANTITY.validate_python(value)


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"'])
def test_a_lone_surrogate_or_bytes_that_are_not_utf_8_never_get_in(text: bytes) -> None:
    for model in (IDENTIFIER, WORD, SHORT):
        with pytest.raises(ValidationError):
            model.validate_json(text)
