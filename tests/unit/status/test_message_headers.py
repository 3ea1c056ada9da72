"""Headers of an order's newest message: kept as far as they do not follow from its version, and the same again."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.status.messages import Message, headers_again, headers_apart, status_message, tombstone

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KEY = "main:1"
AT = datetime(2026, 11, 20, tzinfo=UTC)
AT_MS = int(AT.timestamp()) * 1000
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - naive by its API


def message(*, at: datetime, version: int = 7, traceparent: str | None = None) -> Message:
    """Return the message of a version."""
    return status_message(KEY, {"state": "shipped"}, {"version": version}, at=at, traceparent=traceparent)


def again(one: Message, *, version: int = 7) -> list[tuple[str, str]]:
    """Return the headers as they are read back, through JSON as a row has them."""
    stored = json.loads(json.dumps(headers_apart(one, key=KEY, version=version)))
    apart = None if stored is None else [(name, value) for name, value in stored]
    return headers_again(apart, key=KEY, version=version, timestamp_ms=one.timestamp_ms)


@given(at=TIMES, version=st.integers(1, 2**40), traced=st.booleans())
def test_headers_that_were_kept_apart_are_the_same_again(at: datetime, version: int, *, traced: bool) -> None:
    one = message(at=at, version=version, traceparent=TRACE if traced else None)

    assert headers_apart(one, key=KEY, version=version) == ([("traceparent", TRACE)] if traced else None)
    assert again(one, version=version) == one.headers


@given(at=TIMES)
def test_the_time_of_a_record_is_that_of_its_header_to_the_millisecond(at: datetime) -> None:
    one = message(at=at)

    assert datetime.fromisoformat(dict(one.headers)["ce_time"]) == datetime.fromtimestamp(0, UTC) + timedelta(
        milliseconds=one.timestamp_ms
    )


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(tombstone(KEY, version=7, at=AT), id="a tombstone"),
        pytest.param(message(at=AT, version=6), id="another version"),
        pytest.param(dataclasses.replace(message(at=AT), timestamp_ms=0), id="another time"),
        pytest.param(dataclasses.replace(message(at=AT), headers=[]), id="none at all"),
        pytest.param(Message("t", b"", b"", [*message(at=AT).headers, ("more", "1")], AT_MS), id="one more"),
    ],
)
def test_headers_that_do_not_follow_from_the_version_are_kept_whole(other: Message) -> None:
    assert headers_apart(other, key=KEY, version=7) == other.headers
    assert again(other) == other.headers
