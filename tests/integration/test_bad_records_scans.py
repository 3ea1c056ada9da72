"""Bad records on `carrier.scans.v1` through a running status: set aside one by one, or applied as far as they go."""

import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer

from tests.integration.bad_records import CANARY, Case, Lane, Wire, check_letter, check_logs, lane, wire
from tests.records import placed, scan
from tests.stack import topics
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka

SCANS: Final = "carrier.scans.v1"
STOLEN: Final = f"stolen-{uuid.uuid4().hex}"
HUGE: Final = 1_000_000
YEAR_3000_MS: Final = 32_503_680_000_000
RIGHT_TO_LEFT, EMOJI, SCRIPT = "\u202egnp.exe", "\N{PACKAGE}\N{THUMBS UP SIGN}", "<script>alert(1)</script>"


def body(number: str, stage: str = "in_transit", **fields: Any) -> dict[str, Any]:
    """Return a good scan of a case's own number."""
    return scan(stage, minutes=60, number=number, **fields)


def good(number: str, **fields: Any) -> Wire:
    """Return it as a record."""
    return wire(body(number, **fields))


def with_value(value: bytes | None) -> Callable[[str], Wire]:
    """Return a maker of records with this value under the key of a good one."""
    return lambda number: replace(good(number), value=value)


def with_field(name: str, raw: bytes) -> Callable[[str], Wire]:
    """Return a maker of records in which a field has a value that only JSON can write."""
    return lambda number: replace(good(number), value=json.dumps(body(number))[:-1].encode() + b', "%s": %s}' % (
        name.encode(), raw
    ))  # fmt: skip


def text(**fields: Any) -> Callable[[str], Wire]:
    """Return a maker of good scans with these fields."""
    return lambda number: good(number, **fields)


INVALID, WRONG_KEY = {"status": "invalid"}, {"status": "key_mismatch"}
MANY_HEADERS: Final = tuple((f"name-{number}", b"\xff" * 20) for number in range(1000))

CASES: Final[dict[str, Case]] = {
    "a tombstone": Case(with_value(None), {"status": "no_value"}),
    "neither key nor value": Case(lambda _: Wire(None, None), {"status": "no_value"}),
    "nothing": Case(with_value(b""), INVALID),
    "a megabyte that is no JSON": Case(with_value(b"x" * HUGE), INVALID),
    "a megabyte of a field that nobody knows": Case(text(padding="x" * HUGE)),
    "no JSON": Case(with_value(b"\xff\xfe{"), INVALID),
    "cut off in the middle": Case(
        lambda number: replace(good(number), value=json.dumps(body(number)).encode()[:60]), INVALID
    ),
    "a list": Case(lambda number: replace(good(number), value=json.dumps([body(number)]).encode()), INVALID),
    "only null": Case(with_value(b"null"), INVALID),
    "UTF-16": Case(lambda number: replace(good(number), value=json.dumps(body(number)).encode("utf-16")), INVALID),
    "another topic's event": Case(
        lambda number: replace(wire(placed(order=number)), key=good(number).key), INVALID
    ),
    "a later version of the schema": Case(
        lambda number: good(number).with_headers(("ce_type", b"trackfold.carrier.scans.scan.v2")),
        {"status": "type_mismatch"},
    ),
    "a kind of a later time": Case(lambda number: good(number, kind="teleported").without("ce_type")),
    "fields of a later time": Case(text(stage="in_orbit", altitude={"km": [408]})),
    "header values that are no text": Case(
        lambda number: good(number).with_headers(("ce_id", b"\xff\xfe"), ("ce_type", b"\xff"), ("traceparent", b"\x00"))
    ),
    "header values that are null": Case(lambda number: good(number).with_headers(("ce_id", None), ("ce_type", None))),
    "no headers": Case(lambda number: replace(good(number), headers=())),
    "a header name that is no text": Case(lambda number: replace(good(number), header_name=b"\xff\xfe\xfd\xfc")),
    "a header name that is no text, and no JSON": Case(
        lambda number: replace(good(number), value=b"?", header_name=b"\xc3\x28\xa0\xa1"), INVALID
    ),
    "a thousand headers": Case(lambda number: good(number).with_headers(*MANY_HEADERS)),
    "a thousand headers, and no JSON": Case(
        lambda number: replace(good(number), value=b"?").with_headers(*MANY_HEADERS), INVALID
    ),
    "a wish for an answer": Case(
        lambda number: good(number).with_headers(("reply_to", STOLEN.encode()), ("correlation_id", b"1\r\n{}\r\n2"))
    ),
    "a wish for an answer, and no JSON": Case(
        lambda number: replace(good(number), value=b"?").with_headers(
            ("reply_to", STOLEN.encode()), ("correlation_id", b"\r\nlevel=info canary\r\n")
        ),
        INVALID,
    ),
    "no key": Case(lambda number: replace(good(number), key=None), WRONG_KEY),
    "an empty key": Case(lambda number: replace(good(number), key=b""), WRONG_KEY),
    "another parcel's key": Case(lambda number: replace(good(number), key=b"royal-mail:OTHER1"), WRONG_KEY),
    "a key that is no text": Case(lambda number: replace(good(number), key=b"\xff" + number.encode()), WRONG_KEY),
    "written in 1970": Case(lambda number: replace(good(number), timestamp_ms=0)),
    "written at no time": Case(lambda number: replace(good(number), timestamp_ms=-1)),
    "written in the year 3000": Case(lambda number: replace(good(number), timestamp_ms=YEAR_3000_MS)),
    "no JSON, written in 1970": Case(lambda number: replace(good(number), value=b"?", timestamp_ms=0), INVALID),
    "no JSON, written in the year 3000": Case(
        lambda number: replace(good(number), value=b"?", timestamp_ms=YEAR_3000_MS), INVALID
    ),
    "happened in the year 3000": Case(with_field("occurred_at", b'"3000-01-01T00:00:00Z"'), INVALID),
    "happened in 1970": Case(with_field("occurred_at", b"0"), INVALID),
    "happened at no offset": Case(with_field("occurred_at", b'"2026-11-20T10:00:00"'), INVALID),
    "a zero byte in a text": Case(text(description="left\x00 the depot")),
    "a hundred kilobytes of text": Case(text(description="x" * 100_000)),
    "emoji": Case(text(description=EMOJI)),
    "text that turns its direction": Case(text(description=RIGHT_TO_LEFT)),
    "markup": Case(text(description=SCRIPT)),
    "half a pair of surrogates": Case(with_field("description", b'"\\ud800"'), INVALID),
    "a zero byte in an identifier": Case(with_field("unique_id", b'"a\\u0000b"'), INVALID),
    "a hundred kilobytes of identifier": Case(with_field("event_key", b'"%s"' % (b"x" * 100_000)), INVALID),
    "a person's words where a word belongs": Case(with_field("substatus", json.dumps(CANARY).encode()), INVALID),
    "a number beyond int4": Case(with_field("map_version", b"2147483648"), INVALID),
    "a number beyond int8": Case(with_field("map_version", b"9223372036854775808"), INVALID),
    "a number of 5,000 digits": Case(with_field("map_version", b"9" * 5000), INVALID),
    "a number beyond all floats": Case(with_field("map_version", b"1e999"), INVALID),
    "thirty decimals": Case(with_field("map_version", b"1.123456789012345678901234567890"), INVALID),
    "not a number": Case(with_field("map_version", b"NaN"), INVALID),
    "a hundred thousand brackets": Case(with_field("place", b"[" * 100_000), INVALID),
}  # fmt: skip
APPLIED: Final = [name for name, case in CASES.items() if not case.reasons]
REFUSED: Final = [name for name, case in CASES.items() if case.reasons]


def around(number: str) -> tuple[Wire, Wire]:
    """Return the neighbours of a case: two scans of a parcel that nothing else tells of."""
    mine = f"N{number}"
    return wire(scan("in_transit", minutes=5, number=mine)), wire(scan("delivered", minutes=90, number=mine))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def road(
    kafka: Kafka, postgres_server: PostgresServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lane]:
    """Status, at the end of a partition full of bad scans."""
    await topics.create(kafka, STOLEN)
    async with lane(
        kafka=kafka, server=postgres_server, template=template, folder=tmp_path_factory.mktemp("scans"),
        topic=SCANS, services={"status": {}}, cases=CASES, around=around,
    ) as made:  # fmt: skip
        yield made
    await topics.delete(kafka, [STOLEN])


async def ledger(road: Lane, number: str) -> list[dict[str, Any]]:
    """Return what is kept of a number, oldest first."""
    rows = await road.ask("select body from status.ledger where shipment = $1 order by n", f"royal-mail:{number}")
    return [json.loads(row["body"]) for row in rows]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_scan_is_set_aside_with_its_place_its_reason_and_its_bytes(road: Lane, name: str) -> None:
    check_letter(road, name, "status", topic=SCANS, reason=CASES[name].reasons["status"])


@pytest.mark.parametrize("name", REFUSED)
async def test_nothing_of_a_bad_scan_is_applied(road: Lane, name: str) -> None:
    assert await ledger(road, road.subjects[name]) == []


@pytest.mark.parametrize("name", APPLIED)
async def test_what_is_strange_and_not_wrong_is_applied_once(road: Lane, name: str) -> None:
    assert road.letters_of(name) == {}
    assert len(await ledger(road, road.subjects[name])) == 1


@pytest.mark.parametrize("name", CASES)
async def test_the_neighbours_of_a_bad_scan_are_applied(road: Lane, name: str) -> None:
    kept = await ledger(road, f"N{road.subjects[name]}")
    assert [one["stage"] for one in kept] == ["in_transit", "delivered"]


async def test_texts_are_cleaned_and_cut_and_markup_stays_text(road: Lane) -> None:
    async def description(name: str) -> str:
        (found,) = await ledger(road, road.subjects[name])
        return str(found["description"])

    assert await description("a zero byte in a text") == "left the depot"
    assert await description("a hundred kilobytes of text") == "x" * 1000
    assert await description("emoji") == EMOJI
    assert await description("text that turns its direction") == "gnp.exe"
    assert await description("markup") == SCRIPT


async def test_the_time_of_a_record_changes_nothing_of_what_it_says(road: Lane) -> None:
    names = ("written in 1970", "written at no time", "written in the year 3000", "no headers")
    found = [(await ledger(road, road.subjects[name]))[0]["occurred_at"] for name in names]
    assert len(set(found)) == 1


def test_a_dead_letter_says_when_headers_are_missing_in_it(road: Lane) -> None:
    (whole,) = road.letters_of("a wish for an answer, and no JSON").values()
    (cut,) = road.letters_of("a thousand headers, and no JSON").values()
    assert (whole.headers_cut, cut.headers_cut, len(cut.headers)) == (False, True, 100)


async def test_a_wish_for_an_answer_publishes_nothing(road: Lane) -> None:
    broker = road.pipeline.kafka.bootstrap_servers
    consumer = AIOKafkaConsumer(STOLEN, bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    try:
        assert await consumer.getmany(timeout_ms=500) == {}
    finally:
        await consumer.stop()


async def test_what_was_set_aside_is_counted_by_reason_and_nothing_else_is(road: Lane) -> None:
    assert len(road.letters) == len(REFUSED)
    for reason in {CASES[name].reasons["status"] for name in REFUSED}:
        wanted = sum(CASES[name].reasons["status"] == reason for name in REFUSED)
        told = await road.metric("status", "trackfold_dead_letters_total", service="status", reason=reason)
        assert told == wanted, reason
    assert await road.ask("select * from status.offset_gap") == []


def test_each_line_of_the_log_is_whole_and_quotes_no_record(road: Lane) -> None:
    check_logs(road)
