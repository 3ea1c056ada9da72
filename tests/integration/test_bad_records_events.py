"""Bad records on `order.events.v1` through running services: status and notify each set aside what they cannot read.

Neither leaves a byte of an order event in the dead letters: those hold contacts.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.integration.bad_records import CANARY, Case, Lane, Wire, check_letter, check_logs, lane, wire
from tests.pipeline import judge
from tests.records import event, placed, scan, shipment
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka

EVENTS: Final = "order.events.v1"
SERVICES: Final[dict[str, dict[str, str]]] = {"status": {}, "notify": {}}
HUGE: Final = 1_000_000
YEAR_3000_MS: Final = 32_503_680_000_000
PEOPLE: Final = [{"role": "buyer", "name": "Canary Person", "email": CANARY}]


def body(order: str, **fields: Any) -> dict[str, Any]:
    """Return a good *placed* of a case's own order."""
    return placed(order=order, contacts=PEOPLE, **fields)


def good(order: str, **fields: Any) -> Wire:
    """Return it as a record."""
    return wire(body(order, **fields))


def with_value(value: bytes | None) -> Callable[[str], Wire]:
    """Return a maker of records with this value under the key of a good one."""
    return lambda order: replace(good(order), value=value)


def with_field(name: str, raw: bytes) -> Callable[[str], Wire]:
    """Return a maker of records in which a field has a value that only JSON can write."""

    def make(order: str) -> Wire:
        start = json.dumps({key: value for key, value in body(order).items() if key != name})
        return replace(good(order), value=start[:-1].encode() + b', "%s": %s}' % (name.encode(), raw))

    return make


def with_line(**fields: Any) -> Callable[[str], Wire]:
    """Return a maker of records whose only line has these fields."""
    return lambda order: replace(good(order), value=json.dumps(body(order, lines=[LINE | fields])).encode())


LINE: Final = {"line": "1", "name": "Lamp", "quantity": 1}
BAD: Final = {"status": "invalid", "notify": "unreadable"}
EMPTY: Final = {"status": "no_value", "notify": "empty"}
WRONG_KEY: Final = {"status": "key_mismatch", "notify": "wrong_key"}
NAMELESS: Final = {"status": "no_event_id", "notify": "no_identity"}

CASES: Final[dict[str, Case]] = {
    "a tombstone": Case(with_value(None), EMPTY),
    "neither key nor value": Case(lambda _: Wire(None, None), EMPTY),
    "nothing": Case(with_value(b""), BAD),
    "a megabyte that is no JSON": Case(with_value(CANARY.encode() * (HUGE // len(CANARY))), BAD),
    "a megabyte of a field that nobody knows": Case(lambda order: good(order, padding="x" * HUGE)),
    "no JSON": Case(with_value(b"\xff\xfe" + CANARY.encode()), BAD),
    "cut off in the middle": Case(lambda order: replace(good(order), value=json.dumps(body(order)).encode()[:-9]), BAD),
    "only a text": Case(with_value(json.dumps(CANARY).encode()), BAD),
    "a later version of the schema": Case(
        lambda order: good(order).with_headers(("ce_type", b"trackfold.order.events.placed.v2")),
        {"status": "type_mismatch"},
    ),
    "a type of a later time": Case(lambda order: wire(event("gift_wrapped", order=order, ribbon="red"))),
    "fields of a later time": Case(lambda order: good(order, ribbon={"colour": ["red"]})),
    "a type that is none": Case(with_field("type", json.dumps(CANARY).encode()), BAD),
    "no id": Case(lambda order: good(order).without("ce_id"), NAMELESS),
    "no source": Case(lambda order: good(order).without("ce_source"), NAMELESS),
    "an id that is null": Case(lambda order: good(order).with_headers(("ce_id", None)), NAMELESS),
    "an id that is no text": Case(lambda order: good(order).with_headers(("ce_id", b"\xff\xfe")), NAMELESS),
    "an id of 300 letters": Case(lambda order: good(order).with_headers(("ce_id", b"x" * 300)), NAMELESS),
    "an id with a line break": Case(lambda order: good(order).with_headers(("ce_id", b"a\r\nb")), NAMELESS),
    "a header name that is no text": Case(lambda order: replace(good(order), header_name=b"\xff\xfe\xfd\xfc")),
    "header values that are no text": Case(
        lambda order: good(order).with_headers(("x", b"\xff"), ("traceparent", b"\xff"))
    ),
    "a thousand headers": Case(
        lambda order: good(order).with_headers(*((f"name-{number}", b"x" * 20) for number in range(1000)))
    ),
    "a wish for an answer": Case(
        lambda order: good(order).with_headers(("reply_to", b"dead-letters.v1"), ("correlation_id", b"1\r\n{}\r\n"))
    ),
    "no key": Case(lambda order: replace(good(order), key=None), WRONG_KEY),
    "another order's key": Case(lambda order: replace(good(order), key=b"main:other"), WRONG_KEY),
    "another shop's key": Case(lambda order: replace(good(order), key=b"other:" + order.encode()), WRONG_KEY),
    "a key that is no text": Case(lambda order: replace(good(order), key=b"\xff" + order.encode()), WRONG_KEY),
    "written in 1970": Case(lambda order: replace(good(order), timestamp_ms=0)),
    "written at no time": Case(lambda order: replace(good(order), timestamp_ms=-1)),
    "written in the year 3000": Case(lambda order: replace(good(order), timestamp_ms=YEAR_3000_MS)),
    "happened in the year 3000": Case(with_field("occurred_at", b'"3000-01-01T00:00:00Z"'), BAD),
    "promised for the year 99999": Case(with_field("promised", b'{"day": "99999-01-01"}'), BAD),
    "a zero byte in a text": Case(with_line(name="La\x00mp")),
    "a hundred kilobytes of text": Case(with_line(name="x" * 100_000)),
    "emoji, direction and markup in a text": Case(with_line(name="\N{PACKAGE}\u202e<script>alert(1)</script>")),
    "half a pair of surrogates": Case(with_field("locale", b'"\\udc00"'), BAD),
    "a zero byte in an identifier": Case(with_line(line="1\x00"), BAD),
    "an identifier that turns its direction": Case(with_line(line="1\u202e"), BAD),
    "a hundred kilobytes of identifier": Case(with_line(line="x" * 100_000), BAD),
    "a shop that is none": Case(with_field("shop", b'"Main:Shop"'), BAD),
    "no line": Case(with_field("lines", b"[]"), BAD),
    "five hundred and one lines": Case(
        with_field("lines", json.dumps([{"line": str(number), "quantity": 1} for number in range(501)]).encode()), BAD
    ),
    "one line twice": Case(with_field("lines", json.dumps([LINE, LINE]).encode()), BAD),
    "a quantity beyond int4": Case(with_line(quantity=2**31), BAD),
    "a quantity beyond int8": Case(with_line(quantity=2**63), BAD),
    "a quantity of 400 digits": Case(with_line(quantity=10**400), BAD),
    "less than nothing": Case(with_line(quantity=-1), BAD),
    "half a unit": Case(with_line(quantity=0.5), BAD),
    "thirty decimals": Case(with_field("lines", b'[{"line": "1", "quantity": 1.123456789012345678901234567890}]'), BAD),
    "not a number": Case(with_field("lines", b'[{"line": "1", "quantity": NaN}]'), BAD),
    "a price of thirty decimals, which nobody reads": Case(with_field("total", b"19.999999999999999999999999999999")),
    "a hundred thousand brackets": Case(with_field("destination", b"[" * 100_000), BAD),
}  # fmt: skip
REFUSED: Final = [(name, service) for name, case in CASES.items() for service in case.reasons]
APPLIED: Final = [(name, one) for name, case in CASES.items() for one in SERVICES if one not in case.reasons]
#: Of these notify keeps nothing: they say nothing of people.
NOT_OF_PEOPLE: Final = {"a type of a later time"}


def around(order: str) -> tuple[Wire, Wire]:
    """Return the neighbours of a case: an order that nothing else tells of, and its people."""
    mine = f"N{order}"
    return wire(placed(order=mine)), wire(event("contact_changed", order=mine, minutes=5, contacts=PEOPLE))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def road(
    kafka: Kafka, postgres_server: PostgresServer, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Lane]:
    """Status and notify, at the end of a partition full of bad order events."""
    async with lane(
        kafka=kafka, server=postgres_server, template=template, folder=tmp_path_factory.mktemp("events"),
        topic=EVENTS, services=SERVICES, cases=CASES, around=around,
    ) as made:  # fmt: skip
        yield made


async def kept(road: Lane, service: str, order: str) -> int:
    """Return how many events of an order status has, or how many people notify knows of it."""
    if service == "status":
        found = await road.ask("select id from status.order_event where order_key = $1", f"main:{order}")
        return len(found)
    rows = await road.ask("select book from notify.customer_order where order_key = $1", f"main:{order}")
    return sum(len(json.loads(row["book"]).get("entries", {})) for row in rows)


@pytest.mark.parametrize(("name", "service"), REFUSED)
def test_a_bad_order_event_is_set_aside_with_its_place_and_reason_and_its_hash_alone(
    road: Lane, name: str, service: str
) -> None:
    check_letter(road, name, service, topic=EVENTS, reason=CASES[name].reasons[service])


@pytest.mark.parametrize(("name", "service"), REFUSED)
async def test_nothing_of_a_bad_order_event_is_applied(road: Lane, name: str, service: str) -> None:
    assert await kept(road, service, road.subjects[name]) == 0


@pytest.mark.parametrize(("name", "service"), APPLIED)
async def test_what_is_strange_and_not_wrong_is_applied_once(road: Lane, name: str, service: str) -> None:
    assert service not in road.letters_of(name)
    wanted = 0 if service == "notify" and name in NOT_OF_PEOPLE else 1
    assert await kept(road, service, road.subjects[name]) == wanted


@pytest.mark.parametrize("name", CASES)
async def test_the_neighbours_of_a_bad_order_event_are_applied(road: Lane, name: str) -> None:
    mine = f"N{road.subjects[name]}"
    assert (await kept(road, "status", mine), await kept(road, "notify", mine)) == (2, 1)


async def test_what_was_set_aside_is_counted_by_reason_and_nothing_else_is(road: Lane) -> None:
    assert len(road.letters) == len(REFUSED)
    for service in SERVICES:
        for reason in {CASES[name].reasons[one] for name, one in REFUSED if one == service}:
            wanted = sum(CASES[name].reasons.get(service) == reason for name in CASES)
            told = await road.metric(service, "trackfold_dead_letters_total", service=service, reason=reason)
            assert told == wanted, (service, reason)


async def test_no_word_of_a_person_is_in_a_log_a_metric_or_a_dead_letter(road: Lane) -> None:
    check_logs(road)
    assert CANARY not in str([letter.model_dump_json() for letter in road.letters])
    for service in SERVICES:
        assert "anary" not in await road.metrics(service)


async def test_what_comes_before_its_order_waits_and_joins_it(road: Lane) -> None:
    pipeline = road.pipeline
    late = shipment("PARKED1", order="parked")
    await pipeline.produce([scan("delivered", minutes=60, number="PARKED1"), late])
    await pipeline.produce([placed(order="parked")])
    told = judge(await pipeline.until_state("main:parked", "delivered"))
    assert [parcel.stage for parcel in told[-1].parcels] == ["delivered"]
