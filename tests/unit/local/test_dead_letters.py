"""What becomes of dead letters: the fold of their records, and which of them somebody asked for."""

import getpass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.dead_letters import DEAD_LETTER, Action, DeadLetter, quarantine
from services import cli
from services.ingest.tools import UsageError
from services.local.dead_letters import work
from services.local.dead_letters.deciding import steps, timestamp
from services.local.dead_letters.letters import TOPIC, Letters, Place, State, Wanted, counts, read_place
from services.local.dead_letters.work import approval
from services.runtime.kafka import Record

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def letter(action: Action = Action.QUARANTINED, *, minutes: int = 0, **fields: Any) -> DeadLetter:
    told: dict[str, Any] = {"service": "status", "topic": "order.events.v1", "partition": 3, "offset": 17}
    told |= {"reason": "invalid", "value_sha256": "ab", "at": NOW + timedelta(minutes=minutes)}
    return DeadLetter(action=action.value, **(told | fields))


def folded(*records: DeadLetter, wanted: Wanted | None = None, limit: int = 100) -> Letters:
    letters = Letters(wanted or Wanted(), limit=limit)
    for number, one in enumerate(records):
        letters.add(one, Place(TOPIC, 0, number))
    return letters


def states(letters: Letters) -> list[tuple[str, str]]:
    return [(one.service, one.state.value) for one in letters.chosen()]


@pytest.mark.parametrize(
    ("done", "state"),
    [
        ([], "open"),
        ([Action.REPLAYED], "replayed"),
        ([Action.DISCARDED], "discarded"),
        ([Action.DISCARDED, Action.REPLAYED], "replayed"),
        ([Action.REVEALED], "open"),
        ([Action.DISCARDED, Action.REVEALED], "discarded"),
    ],
)
def test_the_last_decision_says_what_became_of_a_letter(done: list[Action], state: str) -> None:
    records = [letter(), *(letter(action, minutes=number) for number, action in enumerate(done, 1))]
    assert states(folded(*records)) == [("status", state)]


def test_a_record_that_is_set_aside_again_at_its_old_place_opens_nothing_anew() -> None:
    repeated = folded(letter(), letter(Action.REPLAYED, minutes=1), letter(minutes=2), letter(minutes=3))
    assert states(repeated) == [("status", "replayed")]
    assert repeated.chosen()[0].at == NOW


def test_what_is_done_about_one_service_says_nothing_of_the_other() -> None:
    both = folded(letter(), letter(service="notify"), letter(Action.DISCARDED, minutes=1))
    assert sorted(states(both)) == [("notify", "open"), ("status", "discarded")]


def test_another_record_at_the_same_place_is_another_letter() -> None:
    anew = folded(letter(), letter(Action.DISCARDED, minutes=1), letter(minutes=2, value_sha256="cd"))
    assert sorted(one.state.value for one in anew.chosen()) == ["discarded", "open"]


def test_a_word_of_a_later_version_decides_nothing() -> None:
    assert states(folded(letter(), letter().model_copy(update={"action": "teleported"}))) == [("status", "open")]


def test_a_replay_that_fails_again_is_linked_to_its_letter_even_where_that_was_not_asked_for() -> None:
    records = [letter(), letter(Action.REPLAYED, replayed_to="order.events.v1/3/40"), letter(offset=40, reason="x")]
    letters = folded(*records, wanted=Wanted(reason="x"))
    (again,) = letters.chosen()
    assert letters.replay_of(again) == "order.events.v1/3/17"


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (Wanted(), 3),
        (Wanted(reason="invalid"), 2),
        (Wanted(topic="carrier.scans.v1"), 1),
        (Wanted(service="notify"), 1),
        (Wanted(keys=frozenset({"order.events.v1/3/17"})), 2),
        (Wanted(keys=frozenset({"order.events.v1/3/17"}), service="status"), 1),
        (Wanted(reason="nothing"), 0),
    ],
)
def test_only_what_was_asked_for_is_chosen(wanted: Wanted, number: int) -> None:
    scan = letter(topic="carrier.scans.v1", offset=1, reason="key_mismatch")
    assert len(folded(letter(), letter(service="notify"), scan, wanted=wanted).chosen()) == number


def test_letters_are_counted_by_service_topic_and_reason_most_first() -> None:
    letters = folded(letter(offset=1, reason="x"), letter(offset=2), letter(offset=3))
    assert counts(letters.chosen()) == [
        ("status", "order.events.v1", "invalid", 2),
        ("status", "order.events.v1", "x", 1),
    ]


def test_more_letters_than_there_is_room_for_are_refused_and_those_not_asked_for_take_no_room() -> None:
    letters = Letters(Wanted(service="status"), limit=2)
    taken = [letters.add(letter(offset=offset, service="notify"), Place(TOPIC, 0, offset)) for offset in range(9)]
    taken += [letters.add(letter(offset=offset), Place(TOPIC, 0, offset)) for offset in range(3)]
    assert taken == [True] * 11 + [False]


def test_two_services_of_one_record_are_one_step_and_what_was_decided_is_left_out_unless_asked_for_again() -> None:
    letters = folded(letter(), letter(service="notify"), letter(offset=1), letter(Action.DISCARDED, offset=1)).chosen()
    todo, before = steps(letters, again=False)
    assert [(str(one.source), len(one.letters)) for one in todo] == [("order.events.v1/3/17", 2)]
    assert [one.state for one in before] == [State.DISCARDED]
    assert [str(one.source) for one in steps(letters, again=True)[0]] == ["order.events.v1/3/1", "order.events.v1/3/17"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order.events.v1",
        "order.events.v1/3",
        "order.events.v1/3/-1",
        "nobody.v1/3/1",
        "order.events.v1/3/1/",
        "order.events.v1/\u0663/1",
        "order.events.v1/3/1\n",
        "order.events.v1/3/" + "9" * 40,
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    assert read_place(text) is None
    with pytest.raises(UsageError):
        work.Query(keys=(text,)).read()


def test_a_key_is_the_place_of_a_record() -> None:
    assert read_place("order.events.v1/3/17") == Place("order.events.v1", 3, 17)
    assert str(Place("order.events.v1", 3, 17)) == letter().key


@pytest.mark.parametrize(("author", "reason"), [("kim", None), ("kim", ""), ("kim", " \u200b\n"), ("\u200b", "why")])
def test_nobody_decides_without_a_name_and_a_reason(author: str, reason: str | None) -> None:
    with pytest.raises(UsageError):
        approval(author, reason)


def test_a_user_of_the_machine_without_a_name_is_asked_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    with pytest.raises(UsageError, match="who are you"):
        approval(None, "why")


def test_a_record_keeps_its_timestamp_unless_kafka_would_refuse_or_soon_delete_it() -> None:
    day, now_ms = 86_400_000, int(NOW.timestamp() * 1000)
    kept = {days: timestamp("carrier.webhooks.v1", now_ms - days * day, now=NOW) for days in (-1, 0, 28, 30, 20_000)}
    assert kept == {-1: None, 0: now_ms, 28: now_ms - 28 * day, 30: None, 20_000: None}
    assert timestamp("carrier.webhooks.v1", None, now=NOW) is None


def record(**fields: Any) -> Record:
    told: dict[str, Any] = {"topic": "carrier.scans.v1", "partition": 0, "offset": 1, "timestamp_ms": 5}
    return Record(**(told | {"key": b"k", "value": b"v", "headers": ()} | fields))


@pytest.mark.parametrize(
    ("one", "whole"),
    [
        (record(), True),
        (record(value=None), True),
        (record(key=None, value=b""), True),
        (record(key=None, value=None, headers=(("a", None),)), True),
        (record(topic="order.events.v1"), False),
        (record(topic="order.events.v1", value=None), False),
        (record(value=b"x" * 3_000_001), False),
        (record(headers=(("a", b"1"),) * 101), False),
        (record(headers=(("a" * 201, b"1"),)), False),
        (record(headers=(("a\u200b", b"1"),)), False),
    ],
)
def test_a_letter_knows_whether_it_holds_its_record_whole(one: Record, whole: bool) -> None:  # noqa: FBT001
    dead = quarantine("status", one, reason="invalid", detail=None, at=NOW)
    for written in (DEAD_LETTER.dump_json(dead), dead.model_dump_json(exclude_none=True).encode()):
        read = DEAD_LETTER.validate_json(written)
        assert (read.holds_record, read) == (whole, dead)


KEY, WHY = "carrier.webhooks.v1/0/1", ("--reason", "mended", "--author", "kim")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *[((command, KEY, *yes), "--reason") for command in ("replay", "discard") for yes in ((), ("--yes",))],
        (("replay", KEY, "--reason", " ", "--yes"), "why?"),
        (("discard", KEY, "--reason", "", "--yes"), "why?"),
        (("show", KEY, "--reveal"), "why?"),
        (("replay", *WHY, "--yes"), "say which"),
        (("discard", *WHY, "--yes"), "say which"),
        (("replay", "17", *WHY, "--yes"), "no key of a dead letter"),
        (("list", "--topic", "order.event.v1"), "did you mean order.events.v1?"),
        (("list", "--service", "nobody"), "known: ingest, status, notify"),
        (("list", "--since", "lately"), "as in 7d"),
        (("list", "--state", "lost"), "--state"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_kafka_is_asked(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(("dead-letters", *words)) == 2
    assert said in capsys.readouterr().err
