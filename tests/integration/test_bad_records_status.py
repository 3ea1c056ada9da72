"""Bad records on `order.status.v1` through a running notify: it tells of what is newer, and of nothing else."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio

from schemas.envelope import event_type
from tests.integration.bad_records import CANARY, Case, Lane, Wire, check_letter, check_logs, lane, write
from tests.integration.notify_desk import reached
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka
from tests.waiting import eventually

STATUS: Final = "order.status.v1"
HUGE: Final = 1_000_000
LIMIT_S: Final = 60.0
YEAR_3000_MS: Final = 32_503_680_000_000


def good(order: str, version: int = 1, **fields: Any) -> Wire:
    """Return a status message of an order as status writes it."""
    value = json.dumps(reached("shipped", version=version, order=order, **fields)).encode()
    headers = (("ce_id", f"{order}/{version}".encode()), ("ce_type", event_type(STATUS, "changed").encode()))
    return Wire(f"main:{order}".encode(), value, headers)


def with_value(value: bytes | None) -> Callable[[str], Wire]:
    """Return a maker of records with this value under the key of a good one."""
    return lambda order: replace(good(order), value=value)


def with_field(name: str, raw: bytes) -> Callable[[str], Wire]:
    """Return a maker of records in which a field has a value that only JSON can write."""
    return lambda order: replace(
        good(order), value=(good(order).value or b"")[:-1] + b', "%s": %s}' % (name.encode(), raw)
    )


def version_of(raw: bytes) -> Callable[[str], Wire]:
    """Return a maker of records with this version."""
    return lambda order: replace(
        good(order), value=(good(order).value or b"").replace(b'"version": 1', b'"version": ' + raw)
    )


BAD, WRONG_KEY, EMPTY = {"notify": "unreadable"}, {"notify": "wrong_key"}, {"notify": "empty"}

CASES: Final[dict[str, Case]] = {
    "a tombstone": Case(with_value(None), EMPTY),
    "neither key nor value": Case(lambda _: Wire(None, None), EMPTY),
    "nothing": Case(with_value(b""), BAD),
    "a megabyte that is no JSON": Case(with_value(CANARY.encode() * (HUGE // len(CANARY))), BAD),
    "a megabyte of a field that nobody knows": Case(lambda order: good(order, padding="x" * HUGE)),
    "no JSON": Case(with_value(b"\xff\xfe"), BAD),
    "cut off in the middle": Case(lambda order: replace(good(order), value=(good(order).value or b"")[:-9]), BAD),
    "a state of a later time": Case(lambda order: good(order, state="teleported")),
    "no change": Case(with_field("change", b"null"), BAD),
    "header values that are no text": Case(lambda order: good(order).with_headers(("ce_id", b"\xff"), ("x", None))),
    "no headers": Case(lambda order: replace(good(order), headers=())),
    "a header name that is no text": Case(lambda order: replace(good(order), header_name=b"\xff\xfe\xfd\xfc")),
    "a thousand headers": Case(
        lambda order: good(order).with_headers(*((f"name-{number}", b"x" * 20) for number in range(1000)))
    ),
    "a wish for an answer": Case(
        lambda order: good(order).with_headers(("reply_to", b"dead-letters.v1"), ("correlation_id", b"1\r\n{}\r\n"))
    ),
    "no key": Case(lambda order: replace(good(order), key=None), WRONG_KEY),
    "another order's key": Case(lambda order: replace(good(order), key=b"main:other"), WRONG_KEY),
    "a key that is no text": Case(lambda order: replace(good(order), key=b"\xff" + order.encode()), WRONG_KEY),
    "written in 1970": Case(lambda order: replace(good(order), timestamp_ms=0)),
    "written at no time": Case(lambda order: replace(good(order), timestamp_ms=-1)),
    "written in the year 3000": Case(lambda order: replace(good(order), timestamp_ms=YEAR_3000_MS)),
    "placed in the year 3000": Case(with_field("placed_at", b'"3000-01-01T00:00:00Z"')),
    "a zero byte in a text": Case(lambda order: good(order, printed="#7\x007")),
    "half a pair of surrogates": Case(with_field("printed", b'"\\ud800"'), BAD),
    "a zero byte in an identifier": Case(with_field("replaces", b'"a\\u0000b"'), BAD),
    "no version": Case(version_of(b"null"), BAD),
    "version nought": Case(version_of(b"0"), BAD),
    "a version below nought": Case(version_of(b"-1"), BAD),
    "a version of 5,000 digits": Case(version_of(b"9" * 5000), BAD),
    "a version of thirty decimals": Case(version_of(b"1.123456789012345678901234567890"), BAD),
    "a version that is no number": Case(version_of(b"NaN"), BAD),
    "a hundred thousand brackets": Case(with_field("conditions", b"[" * 100_000), BAD),
}  # fmt: skip
#: What only the database can refuse: found by trying one by one (rule E10).
CASES["a version beyond int8"] = Case(version_of(b"9223372036854775808"), {"notify": "postgres_22000"})
REFUSED: Final = [name for name, case in CASES.items() if case.reasons]
APPLIED: Final = [name for name, case in CASES.items() if not case.reasons]


def around(order: str) -> tuple[Wire, Wire]:
    """Return the neighbours of a case: two versions of an order that nothing else tells of."""
    return good(f"N{order}"), good(f"N{order}", version=2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def road(
    kafka: Kafka, postgres_server: PostgresServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lane]:
    """Notify, at the end of a partition full of bad status messages."""
    async with lane(
        kafka=kafka, server=postgres_server, template=template, folder=tmp_path_factory.mktemp("status"),
        topic=STATUS, services={"notify": {}}, cases=CASES, around=around,
    ) as made:  # fmt: skip
        yield made


async def version(road: Lane, order: str) -> int | None:
    """Return the version that notify knows of an order."""
    rows = await road.ask("select version from notify.customer_order where order_key = $1", f"main:{order}")
    return rows[0]["version"] if rows else None


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_status_message_is_set_aside_with_its_place_its_reason_and_its_bytes(road: Lane, name: str) -> None:
    check_letter(road, name, "notify", topic=STATUS, reason=CASES[name].reasons["notify"])


@pytest.mark.parametrize("name", REFUSED)
async def test_nothing_of_a_bad_status_message_is_applied(road: Lane, name: str) -> None:
    assert await version(road, road.subjects[name]) is None


@pytest.mark.parametrize("name", APPLIED)
async def test_what_is_strange_and_not_wrong_is_applied(road: Lane, name: str) -> None:
    assert road.letters_of(name) == {}
    assert await version(road, road.subjects[name]) == 1


@pytest.mark.parametrize("name", CASES)
async def test_the_neighbours_of_a_bad_status_message_are_applied(road: Lane, name: str) -> None:
    assert await version(road, f"N{road.subjects[name]}") == 2


async def test_versions_that_come_again_or_go_back_are_ignored_and_a_gap_is_told(road: Lane) -> None:
    def told(version: int, *names: str) -> Wire:
        return replace(good("told"), value=json.dumps(reached(*names, version=version, order="told")).encode())

    async def at_version(number: int) -> bool:
        return await version(road, "told") == number

    jumps = await road.metric("notify", "trackfold_notify_version_jumps_total")
    back = [told(2, "shipped"), told(2, "shipped", "delivered"), told(1, "shipped", "attempted"), told(3, "shipped")]
    await write(road.pipeline.kafka, road.pipeline.prefix + STATUS, back)
    await eventually(lambda: at_version(3), LIMIT_S)
    assert await road.metric("notify", "trackfold_notify_version_jumps_total") == jumps
    later = [told(7, "shipped", "out_for_delivery"), told(5, "shipped", "delivered"), told(8, "shipped")]
    await write(road.pipeline.kafka, road.pipeline.prefix + STATUS, later)
    await eventually(lambda: at_version(8), LIMIT_S)
    assert await road.metric("notify", "trackfold_notify_version_jumps_total") == jumps + 1
    rows = await road.ask("select distinct milestone from notify.notification where order_key = 'main:told' order by 1")
    assert [row["milestone"] for row in rows] == ["out_for_delivery", "shipped"]
    assert "status versions are missing" in road.processes["notify"].log()


async def test_nothing_else_is_set_aside_and_each_line_of_the_log_is_whole(road: Lane) -> None:
    assert len(road.letters) == len(REFUSED)
    assert await road.metric("notify", "trackfold_dead_letters_total", service="notify") == len(REFUSED)
    check_logs(road)
    assert "anary" not in await road.metrics("notify")
