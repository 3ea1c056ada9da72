"""What an order's row keeps of its message: little, to the byte the same again, and what cannot be read says whose."""

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from services.runtime.errors import Misconfigured
from services.status import packed

ORDER = "main:1001"
DOCUMENT: dict[str, Any] = {"order": "1001", "state": "in_transit", "lines": [], "parcels": [{"change": 1}]}
MESSAGE = json.dumps({**DOCUMENT, "truncated": False, "change": {"version": 3}}, separators=(",", ":")).encode()
#: Never another: rows that were packed with these words lie in databases.
FROZEN = "148fa85409db9fbf4ce7f0e824df28e43cc264bbe6b44f410d134c9b18dd8674"
#: As the first program that packed did it; whatever packs now, this is read for ever.
STORED = base64.b64decode("AWhiaSA8O6vG1UlGGVyHVS+gZIrkAlj8gRMqUdFrXFsLAEV8Jfc=")


def test_the_words_never_change() -> None:
    assert hashlib.sha256(packed.WORDS_1).hexdigest() == FROZEN


@given(value=some.binary(max_size=4000))
def test_whatever_is_packed_comes_back_to_the_byte(value: bytes) -> None:
    stored = packed.pack(value)
    assert stored[:1] == b"\x01"
    assert packed.unpack(ORDER, stored) == value


def test_the_words_make_a_message_a_fifth_of_itself() -> None:
    example = packed.WORDS_1.splitlines()[-1].replace(b"Lamp", b"Chair").replace(b"AB1", b"XY987654321GB")
    assert len(packed.pack(example)) < len(example) / 5


def test_what_an_older_program_stored_is_read_as_it_is() -> None:
    assert packed.unpack(ORDER, MESSAGE) == MESSAGE


@pytest.mark.parametrize("stored", [b"", b"\x00", b"\x02" + STORED[1:], b"[]"])
def test_a_first_byte_that_nobody_knows_is_an_error_that_names_the_order(stored: bytes) -> None:
    with pytest.raises(Misconfigured, match=f"message of {ORDER} begins with") as raised:
        packed.unpack(ORDER, stored)
    assert raised.value.reason == "message_unknown"
    assert "newer" in raised.value.hint


@pytest.mark.parametrize(
    "stored",
    [
        STORED[:1], STORED[:9], STORED[:-1], STORED + b"\x00",
        STORED[:20] + bytes([STORED[20] ^ 1]) + STORED[21:], STORED[:-1] + bytes([STORED[-1] ^ 1]),
    ],
)  # fmt: skip
def test_damaged_bytes_are_an_error_that_names_the_order_and_where_they_are_whole(stored: bytes) -> None:
    with pytest.raises(Misconfigured, match=f"message of {ORDER} is damaged") as raised:
        packed.unpack(ORDER, stored)
    assert raised.value.reason == "message_damaged"
    assert "order.snapshots.v1" in raised.value.hint


def test_the_document_is_the_message_without_what_only_a_message_says() -> None:
    assert packed.document(ORDER, None, STORED) == DOCUMENT
    assert packed.document(ORDER, None, MESSAGE) == DOCUMENT


def test_a_document_of_its_own_comes_before_the_message() -> None:
    assert packed.document(ORDER, '{"state":"lost"}', b"not read") == {"state": "lost"}
    assert packed.document(ORDER, None, None) is None


def test_only_a_message_that_says_so_is_shortened() -> None:
    assert packed.is_shortened(MESSAGE.replace(b'"truncated":false', b'"truncated":true'))
    assert not packed.is_shortened(MESSAGE)
    names = json.dumps({"lines": [{"name": '"truncated":true'}], "truncated": False}, separators=(",", ":")).encode()
    assert not packed.is_shortened(names)
