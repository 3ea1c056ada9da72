"""What of the status topic is taken for a message of ours when a restored database is compared (rule E7)."""

import json
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from services.status.reading_back import Seen, _seen


def raw(version: Any, *, key: bytes | None = b"main:1001", headers: Any = (("ce_id", b"main:1001/7"),)) -> Any:
    """Return a record as aiokafka has it."""
    value = json.dumps({"change": {"version": version}}).encode()
    return ConsumerRecord("t", 0, 7, 1_700_000_000_000, 0, key, value, None, 0, len(value), tuple(headers))


def test_a_message_of_ours_is_taken_as_it_lies_there() -> None:
    one = raw(2**63 - 1)
    assert _seen(one) == Seen(2**63 - 1, one.value, [("ce_id", "main:1001/7")], 1_700_000_000_000)


@pytest.mark.parametrize(
    "one",
    [
        raw(2**63), raw(0), raw(-1), raw(version=True), raw(7.0), raw("7"), raw(None),
        raw(7, key=None), raw(7, key=b"\xff"), raw(7, key=b"main:\x00"),
        raw(7, headers=[("ce_id", b"\x00")]), raw(7, headers=[("\0", b"")]), raw(7, headers=[("ce_id", None)]),
    ],
)  # fmt: skip
def test_what_the_database_could_never_have_stored_is_none_of_ours_and_holds_up_nobody(one: Any) -> None:
    assert _seen(one) is None
