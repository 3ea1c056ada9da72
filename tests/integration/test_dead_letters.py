"""`trackfold dead-letters`, typed by an operator: what it shows, what it hides, what it does and never does."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from schemas.dead_letters import quarantine
from services.runtime import clock
from tests.integration.dead_letter_desk import DEAD_LETTERS, ORDER_EVENTS, WEBHOOKS, WHY, Desk
from tests.pipeline import Pipeline

CANARY = "ada.canary@example.com"
BODY = f'{{"to": "{CANARY}"'.encode()
STRANGE = (("trackfold_provider", b"\xff\xfe"), ("again", None), ("again", b""), ("naïve", b"1"))

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def desk(pipeline: Pipeline) -> Desk:
    return Desk(pipeline)


async def as_it_lies(desk: Desk, topic: str, enough: int) -> list[tuple[Any, ...]]:
    """Return all of each record that a reader can see."""
    found = await desk.read(topic, enough)
    return [(one.partition, one.key, one.value, tuple(one.headers), one.timestamp) for one in found]


async def test_where_nothing_was_set_aside_the_list_says_so(desk: Desk) -> None:
    assert "no dead letters of this kind" in await desk.type("list")
    assert (await desk.ask("list"))["letters"] == []


async def test_letters_are_counted_and_listed_by_what_is_asked_for_and_never_with_what_they_hold(desk: Desk) -> None:
    webhook = await desk.set_aside(await desk.write(WEBHOOKS, key=b"AB1", value=BODY))
    event = await desk.write(ORDER_EVENTS, key=b"main:1", value=BODY)
    for service in ("status", "notify"):
        await desk.set_aside(event, service=service, reason="unreadable")

    shown = await desk.type("list")
    assert "3 dead letters" in shown
    assert webhook in shown
    assert CANARY not in shown
    assert base64.b64encode(BODY).decode() not in shown
    listed = await desk.ask("list")
    assert [(one["service"], one["letters"]) for one in listed["counts"]] == [
        ("ingest", 1),
        ("notify", 1),
        ("status", 1),
    ]
    assert CANARY not in json.dumps(listed)
    assert (await desk.ask("list", "--limit", "1"))["total"] == 3
    for options, number in (
        (("--reason", "unreadable", "--topic", ORDER_EVENTS), 2),
        (("--service", "notify", "--since", "1h"), 1),
        (("--since", "2190-01-01"), 0),
    ):
        assert (await desk.ask("list", *options))["total"] == number, options


async def test_nothing_is_written_without_approval_or_without_a_reason(desk: Desk) -> None:
    key = await desk.set_aside(await desk.write(WEBHOOKS, key=None, value=BODY))
    assert "why?" in await desk.type("replay", key, "--reason", "  ", "--yes", exit_code=2)
    assert "nothing was done: --yes does it" in await desk.type("replay", key, *WHY)
    assert "nothing was done: --yes does it" in await desk.type("discard", key, *WHY)
    assert "nothing was done" in await desk.type("replay", key, f"{WEBHOOKS}/2/99", *WHY, "--yes", exit_code=1)
    assert "no dead letters of this kind" in await desk.type("discard", "--reason-is", "x", *WHY, "--yes", exit_code=1)
    assert (await desk.count(WEBHOOKS), await desk.count(DEAD_LETTERS)) == (1, 1)


@pytest.mark.parametrize("key", [None, b"\xff", b"AB1"])
@pytest.mark.parametrize("value", [BODY, b"", b"\x00\xff" * 1000])
async def test_a_replayed_record_is_the_same_in_every_byte(desk: Desk, key: bytes | None, value: bytes) -> None:
    letter = await desk.set_aside(await desk.write(WEBHOOKS, key=key, value=value, headers=STRANGE))
    (done,) = (await desk.ask("replay", letter, *WHY, "--yes"))["done"]
    was, now = await as_it_lies(desk, WEBHOOKS, 2)
    assert now == was
    assert was[3] == STRANGE

    _, mark = await desk.letters(2)
    assert (mark.action, mark.author, mark.note, mark.key) == ("replayed", "kim", "the map was mended", letter)
    assert mark.replayed_to == done["replayed_to"] == f"{WEBHOOKS}/1/1"
    assert mark.value_base64 is None


async def test_an_order_event_and_what_its_letter_cannot_hold_are_read_from_their_topic(desk: Desk) -> None:
    event = await desk.write(ORDER_EVENTS, key=b"main:1", value=BODY, headers=STRANGE)
    many = await desk.write(WEBHOOKS, key=None, value=BODY, headers=[("h", b"1")] * 150)
    tombstone = await desk.write(ORDER_EVENTS, key=b"main:1", value=None, headers=STRANGE)
    for record in (event, many, tombstone):
        await desk.set_aside(record, service="status")

    planned = await desk.ask("replay", "--service", "status", *WHY)
    assert {one["record_from"] for one in planned["todo"]} == {"its topic"}
    assert len((await desk.ask("replay", "--service", "status", *WHY, "--yes"))["done"]) == 3
    events = await as_it_lies(desk, ORDER_EVENTS, 4)
    assert (events[2:], events[0][2:4]) == (events[:2], (BODY, STRANGE))
    before, after = await as_it_lies(desk, WEBHOOKS, 2)
    assert (before, len(after[3])) == (after, 150)


@pytest.mark.needs("delete_records")
async def test_what_is_gone_was_changed_or_would_do_harm_is_not_written_and_said(desk: Desk) -> None:
    gone, event = [await desk.write(ORDER_EVENTS, key=b"main:1", value=BODY) for _ in range(2)]
    letter = quarantine("status", event, reason="invalid", detail=None, at=clock.now())
    forged = letter.model_copy(update={"value_sha256": hashlib.sha256(b"another").hexdigest()})
    snapshot = await desk.write("order.snapshots.v1", key=b"main:1", value=b"{")
    empty = await desk.write(WEBHOOKS, key=b"AB1", value=None)
    nothing = replace(empty, key=None, headers=(("a", b"1"),))
    await desk.letter(forged)
    for one in (gone, snapshot, nothing):
        await desk.set_aside(one, service="status")
    await desk.delete_before(event)
    topics = (ORDER_EVENTS, WEBHOOKS, "order.snapshots.v1", DEAD_LETTERS)
    before = [await desk.count(topic) for topic in topics]

    for options in ((), ("--yes",)):
        told = await desk.ask("replay", "--since", "1h", *WHY, *options, exit_code=1)
        why = {one["key"]: one["why"] for one in told["refused"]}
        assert "another record lies at its place" in why[event.place]
        assert "retention took it" in why[gone.place]
        assert "an older one would take its place" in why[snapshot.place]
        assert "neither key nor value" in why[nothing.place]
    assert "record   gone: its dead letter does not hold it" in await desk.type("show", gone.place)
    assert [await desk.count(topic) for topic in topics] == before


async def test_what_a_letter_holds_is_shown_for_a_reason_only_and_that_is_kept(desk: Desk) -> None:
    key = await desk.set_aside(await desk.write(WEBHOOKS, key=b"AB1", value=BODY, headers=[("a", b"\xff\x1b")]))
    assert CANARY not in await desk.type("show", key)
    assert CANARY not in await desk.type("show", key, "--json")
    assert "why?" in await desk.type("show", key, "--reveal", exit_code=2)
    assert await desk.count(DEAD_LETTERS) == 1

    assert CANARY in await desk.type("show", key, "--reveal", *WHY)
    told = (await desk.ask("show", key, "--reveal", *WHY))["letters"][0]
    assert told["record"]["value"] == {"encoding": "utf-8", "content": BODY.decode()}
    assert told["record"]["headers"] == [{"name": "a", "encoding": "base64", "content": "/xs="}]
    marks = (await desk.letters(3))[1:]
    assert {(one.action, one.author, one.note) for one in marks} == {("revealed", "kim", "the map was mended")}
    assert all(one.value_base64 is None for one in marks)
    assert (await desk.ask("list"))["total"] == 1
    assert "no dead letter has the key" in await desk.type("show", f"{WEBHOOKS}/2/99", exit_code=1)


async def test_a_discarded_letter_is_listed_no_more_and_comes_back_by_a_replay(desk: Desk) -> None:
    key = await desk.set_aside(await desk.write(WEBHOOKS, key=None, value=BODY))
    await desk.type("discard", key, "--reason", "the sender's test", "--author", "kim", "--yes")
    assert (await desk.ask("list"))["total"] == 0
    (kept,) = (await desk.ask("list", "--state", "discarded"))["letters"]
    assert (kept["last"]["author"], kept["last"]["note"]) == ("kim", "the sender's test")

    assert "1 left out, for they were discarded before" in await desk.type("replay", key, *WHY, "--yes")
    assert await desk.count(WEBHOOKS) == 1
    await desk.type("replay", key, *WHY, "--again", "--yes")
    assert await desk.count(WEBHOOKS) == 2
    history = (await desk.ask("show", key))["letters"][0]["history"]
    assert [(one["action"], one["replayed_to"]) for one in history] == [
        ("discarded", None),
        ("replayed", f"{WEBHOOKS}/1/1"),
    ]


async def test_many_are_taken_oldest_first_and_no_more_at_once_than_was_said(desk: Desk) -> None:
    for number in range(5):
        await desk.set_aside(await desk.write(WEBHOOKS, key=None, value=str(number).encode()))
    options = ("--reason-is", "not_json", *WHY, "--yes", "--limit", "3")
    told = await desk.ask("replay", *options)
    assert ([one["key"] for one in told["done"]], told["left"]) == ([f"{WEBHOOKS}/1/{at}" for at in range(3)], 2)
    assert (await desk.ask("replay", *options))["left"] == 0
    assert [one.value for one in await desk.read(WEBHOOKS, 10)][5:] == [b"0", b"1", b"2", b"3", b"4"]


async def test_what_is_no_dead_letter_is_passed_over_and_counted(desk: Desk) -> None:
    await desk.write(DEAD_LETTERS, key=b"x", value=b"garbage")
    await desk.write(DEAD_LETTERS, key=b"x", value=None)
    await desk.set_aside(await desk.write(WEBHOOKS, key=None, value=BODY))
    listed = await desk.ask("list")
    assert (listed["total"], listed["unreadable"]) == (1, 2)


async def test_a_giant_that_was_compressed_is_not_written_again_and_the_others_are(desk: Desk) -> None:
    giant = await desk.write(
        WEBHOOKS, key=None, value=b"x" * 6_000_000, compression_type="gzip", max_request_size=8_000_000
    )
    for record in (giant, await desk.write(WEBHOOKS, key=None, value=BODY)):
        await desk.set_aside(record)
    told = await desk.ask("replay", "--reason-is", "not_json", *WHY, "--yes", exit_code=1)
    assert [(one["key"], "larger than" in one["why"]) for one in told["refused"]] == [(giant.place, True)]
    assert len(told["done"]) == 1
    assert [one["key"] for one in (await desk.ask("list"))["letters"]] == [giant.place]
