"""Bad records on `carrier.webhooks.v1` through a running normaliser: whoever may write there needs no signature."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio

from schemas.scans import SCAN, Scan
from schemas.webhooks import DELIVERY, PROVIDER, TOLD_AT, VIA
from tests.integration.bad_records import CANARY, Case, Lane, Wire, check_letter, check_logs, lane
from tests.integration.webhook_door import SCANS, WEBHOOKS, scan_body
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka

HUGE: Final = 1_000_000
YEAR_3000_MS: Final = 32_503_680_000_000
META: Final = {PROVIDER: "standard", TOLD_AT: "2026-11-19T10:00:00+00:00", DELIVERY: "d-1"}


def good(number: str, **fields: Any) -> Wire:
    """Return a webhook as the door writes it."""
    body = scan_body(number, **fields)
    headers = tuple((name, value.encode()) for name, value in META.items())
    return Wire(number.encode(), json.dumps(body).encode(), headers)


def with_value(value: bytes | None) -> Callable[[str], Wire]:
    """Return a maker of records with this value and good headers."""
    return lambda number: replace(good(number), value=value)


def with_header(name: str, value: bytes | None) -> Callable[[str], Wire]:
    """Return a maker of good records but for one header."""
    return lambda number: good(number).with_headers((name, value))


BAD_HEADERS, NO_JSON, NO_VALUE = {"ingest": "bad_headers"}, {"ingest": "not_json"}, {"ingest": "no_value"}
MANY: Final = tuple((f"name-{number}", b"\xff" * 20) for number in range(1000))

CASES: Final[dict[str, Case]] = {
    "a tombstone": Case(with_value(None), NO_VALUE),
    "neither key nor value nor headers": Case(lambda _: Wire(None, None), BAD_HEADERS),
    "nothing": Case(with_value(b""), NO_JSON),
    "a megabyte that is no JSON": Case(with_value(CANARY.encode() * (HUGE // len(CANARY))), NO_JSON),
    "a megabyte of a field that nobody knows": Case(lambda number: good(number, padding="x" * HUGE)),
    "no JSON": Case(with_value(b"\xff\xfe" + CANARY.encode()), NO_JSON),
    "no headers": Case(lambda number: replace(good(number), headers=()), BAD_HEADERS),
    "no provider": Case(lambda number: good(number).without(PROVIDER), BAD_HEADERS),
    "a provider that nobody knows": Case(with_header(PROVIDER, b"nobody"), {"ingest": "unknown_provider"}),
    "a provider that is no text": Case(with_header(PROVIDER, b"\xff\xfe"), BAD_HEADERS),
    "a provider that is null": Case(with_header(PROVIDER, None), BAD_HEADERS),
    "told at no time": Case(with_header(TOLD_AT, b"yesterday"), BAD_HEADERS),
    "told at no offset": Case(with_header(TOLD_AT, b"2026-11-19T10:00:00"), BAD_HEADERS),
    "told in the year 3000": Case(with_header(TOLD_AT, b"3000-01-01T00:00:00+00:00"), BAD_HEADERS),
    "told in the year 99999": Case(with_header(TOLD_AT, b"99999-01-01T00:00:00+00:00"), BAD_HEADERS),
    "a way that is none": Case(with_header(VIA, CANARY.encode()), BAD_HEADERS),
    "header values that are no text": Case(with_header("trackfold_http_x", b"\xff\xfe")),
    "header values that are null": Case(with_header("trackfold_http_x", None)),
    "a header name that is no text": Case(lambda number: replace(good(number), header_name=b"\xff\xfe\xfd\xfc")),
    "a thousand headers": Case(lambda number: good(number).with_headers(*MANY)),
    "a thousand headers, and no JSON": Case(
        lambda number: replace(good(number), value=b"?").with_headers(*MANY), NO_JSON
    ),
    "a wish for an answer": Case(
        lambda number: good(number).with_headers(("reply_to", b"dead-letters.v1"), ("correlation_id", b"1\r\n{}\r\n"))
    ),
    "no key": Case(lambda number: replace(good(number), key=None)),
    "another parcel's key": Case(lambda number: replace(good(number), key=b"OTHER")),
    "a key that is no text": Case(lambda number: replace(good(number), key=b"\xff")),
    "written in 1970": Case(lambda number: replace(good(number), timestamp_ms=0)),
    "written at no time": Case(lambda number: replace(good(number), timestamp_ms=-1)),
    "written in the year 3000": Case(lambda number: replace(good(number), timestamp_ms=YEAR_3000_MS)),
    "no headers, written in the year 3000": Case(
        lambda number: replace(good(number), headers=(), timestamp_ms=YEAR_3000_MS), BAD_HEADERS
    ),
    "no headers, written at no time": Case(
        lambda number: replace(good(number), headers=(), timestamp_ms=-1), BAD_HEADERS
    ),
}  # fmt: skip
REFUSED: Final = [name for name, case in CASES.items() if case.reasons]
APPLIED: Final = [name for name, case in CASES.items() if not case.reasons]


def around(number: str) -> tuple[Wire, Wire]:
    """Return the neighbours of a case: two scans of a parcel that nothing else tells of."""
    return good(f"N{number}"), good(f"N{number}", stage="delivered", occurred_at="2026-11-19T09:59:00+00:00")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def read(
    kafka: Kafka, postgres_server: PostgresServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Lane, Sequence[Scan]]]:
    """Ingest, at the end of a partition full of bad webhooks, and the scans that it made of them."""
    async with lane(
        kafka=kafka, server=postgres_server, template=template, folder=tmp_path_factory.mktemp("webhooks"),
        topic=WEBHOOKS, services={"ingest": {}}, cases=CASES, around=around,
    ) as made:  # fmt: skip
        wanted = 2 * len(CASES) + len(APPLIED)
        found = await made.pipeline.messages(SCANS, lambda records: len(records) >= wanted)
        yield made, [SCAN.validate_json(one.value) for one in found]


@pytest.fixture
def road(read: tuple[Lane, Sequence[Scan]]) -> Lane:
    """What the normaliser made of all of it."""
    return read[0]


@pytest.fixture
def scans(read: tuple[Lane, Sequence[Scan]]) -> dict[str, list[str | None]]:
    """The stages that were told, by number."""
    told: dict[str, list[str | None]] = {}
    for one in read[1]:
        told.setdefault(str(one.number), []).append(one.stage)
    return told


Stages = dict[str, list[str | None]]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_webhook_is_set_aside_with_its_place_its_reason_and_its_bytes(
    road: Lane, scans: Stages, name: str
) -> None:
    check_letter(road, name, "ingest", topic=WEBHOOKS, reason=CASES[name].reasons["ingest"])
    assert road.subjects[name] not in scans


@pytest.mark.parametrize("name", APPLIED)
def test_what_is_strange_and_not_wrong_is_read(road: Lane, scans: Stages, name: str) -> None:
    assert road.letters_of(name) == {}
    assert scans[road.subjects[name]] == ["in_transit"]


@pytest.mark.parametrize("name", CASES)
def test_the_neighbours_of_a_bad_webhook_are_read(road: Lane, scans: Stages, name: str) -> None:
    assert scans[f"N{road.subjects[name]}"] == ["in_transit", "delivered"]


async def test_nothing_else_is_set_aside_and_each_line_of_the_log_is_whole(road: Lane) -> None:
    assert len(road.letters) == len(REFUSED)
    assert await road.metric("ingest", "trackfold_dead_letters_total", service="ingest") == len(REFUSED)
    check_logs(road)
    assert CANARY not in await road.metrics("ingest")
