"""The envelope: headers other CloudEvents readers understand, and readers that no header can stop."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import ce_headers, event_type, header, trace_parent, utc_text
from tests.builders import START


def test_our_headers_read_as_cloudevents_to_another_library() -> None:
    headers = ce_headers(
        "order.events.v1",
        "placed",
        event_id="e1",
        source="oms",
        subject="main:1001",
        time=START,
        traceparent="00-1-2-01",
    )
    message = KafkaMessage(headers=dict(headers), key=b"main:1001", value=b'{"type": "placed"}')
    event = from_binary(message, JSONFormat(), CloudEvent)
    assert event.get_id() == "e1"
    assert event.get_source() == "oms"
    assert event.get_type() == "trackfold.order.events.placed.v1"
    assert event.get_subject() == "main:1001"
    assert event.get_time() == START
    assert event.get_specversion() == "1.0"
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"type": "placed"}


@pytest.mark.parametrize(
    ("topic", "event", "told"),
    [
        ("order.events.v1", "placed", "trackfold.order.events.placed.v1"),
        ("carrier.scans.v1", "summary", "trackfold.carrier.scans.summary.v1"),
        ("dead-letters.v1", "quarantined", "trackfold.dead-letters.quarantined.v1"),
        ("order.status.v12", "changed", "trackfold.order.status.changed.v12"),
    ],
)
def test_an_event_type_names_topic_event_and_version(topic: str, event: str, told: str) -> None:
    assert event_type(topic, event) == told


def test_repeats_have_the_same_headers_in_the_same_order() -> None:
    def made() -> list[tuple[str, bytes]]:
        extra = {"trackfold_b": "1", "trackfold_a": "2"}
        return ce_headers("order.status.v1", "changed", event_id="1", source="s", subject="k", time=START, extra=extra)

    assert made() == made()
    assert [name for name, _ in made()][-2:] == ["trackfold_b", "trackfold_a"]


def test_a_time_is_told_in_utc_with_milliseconds() -> None:
    east = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    assert utc_text(east) == "2026-11-20T09:00:00.123Z"
    assert utc_text(datetime(2026, 11, 20, 9, tzinfo=UTC)) == "2026-11-20T09:00:00.000Z"


@pytest.mark.parametrize(
    "value",
    [None, b"", b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"a" * 257, b"a\x00b", b"a\r\nb", b" a", "\u202ea".encode()],
)
def test_a_header_that_is_no_clean_text_reads_as_none(value: bytes | None) -> None:
    assert header([("ce_id", value)], "ce_id") is None


def test_an_absent_header_reads_as_none_and_the_first_of_two_counts() -> None:
    assert header([], "ce_id") is None
    assert header([("ce_id", b"one"), ("ce_id", b"two")], "ce_id") == "one"
    assert header([("ce_id", b"\xff"), ("ce_id", b"two")], "ce_id") is None
    assert header([("ce_id", "größe".encode())], "ce_id") == "größe"


@given(st.lists(st.tuples(st.text(max_size=20), st.none() | st.binary(max_size=300)), max_size=6), st.text(max_size=20))
def test_no_header_of_a_stranger_stops_the_reader(headers: list[tuple[str, bytes | None]], name: str) -> None:
    told = header([*headers, ("ce_id", b"\xff")], name)
    assert told is None or told.isprintable()


def test_only_a_w3c_trace_context_is_passed_on() -> None:
    good = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert trace_parent([("traceparent", good)]) == good.decode()
    assert trace_parent([("traceparent", b"ada@example.com")]) is None
    assert trace_parent([]) is None
