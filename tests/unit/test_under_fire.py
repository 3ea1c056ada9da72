"""The load and its ledger: the same seed is the same load, and what was written down outlives a death on the way."""

import itertools
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.oracle_evidence import ORDER_EVENTS, SCANS, WEBHOOKS, Answer, Event, Expected, Sent
from tests.stack.processes import Processes
from tests.under_fire import ledger
from tests.under_fire.ledger import Ledger
from tests.under_fire.load import Plan, make_plan
from tests.under_fire.poison import poison
from tests.under_fire.scenarios import SCENARIOS
from tests.under_fire.stories import CANARIES, Story
from tests.under_fire.supervising import FOR_GOOD, Supervisor
from tests.waiting import eventually

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
RECORD = Sent("k1", SCANS, "royal-mail:AB1", "ab12", (Event("royal-mail:AB1", "k1"),))
WEBHOOK = Sent("w1", WEBHOOKS, "AB1", "cd34")
END = Expected("main:1", "delivered", {"A": "delivered"}, "a@example.com", {"delivered": 1}, {"shipped": 1}, ("AB1",))


def plan(seed: int, orders: int = 22, *, webhook_share: float = 0.5) -> Plan:
    return make_plan(seed, orders=orders, webhook_share=webhook_share, poison_share=0.2, now=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_what_is_read_is_what_was_written(path: Path) -> None:
    with Ledger(path) as book:
        book.expect([END])
        book.intend([RECORD, WEBHOOK])
        book.acknowledged("k1", 2, 7)
        book.acknowledged("k1", 2, 8)
        book.answered("w1", Answer(503, retry_after=True))
        book.answered("w1", Answer(202))
    sent, expected = ledger.read(path)
    assert expected == (END,)
    assert [(one.id, one.acks, one.answers, one.promised) for one in sent] == [
        ("k1", ((2, 7), (2, 8)), (), True),
        ("w1", (), (Answer(503, retry_after=True), Answer(202)), True),
    ]
    assert sent[0].events == RECORD.events


def test_an_intent_is_on_the_disk_before_anything_is_sent_and_promises_nothing(path: Path) -> None:
    book = Ledger(path)
    book.intend([RECORD])
    assert [one.promised for one in ledger.read(path)[0]] == [False]
    book.close()


def test_half_a_line_at_the_end_is_passed_over_wherever_it_was_torn(path: Path) -> None:
    with Ledger(path) as book:
        book.intend([RECORD])
        whole = path.read_bytes()
        book.acknowledged("k1", 0, 1)
    last = path.read_bytes()[len(whole) :]
    for cut in range(len(last)):
        path.write_bytes(whole + last[:cut])
        assert [one.acks for one in ledger.read(path)[0]] == [()]


def test_a_refusal_is_no_promise() -> None:
    assert not Sent("w", WEBHOOKS, "", "", answers=(Answer(503),)).promised
    assert Sent("w", WEBHOOKS, "", "", answers=(Answer(503), Answer(202))).promised


def test_the_same_seed_is_the_same_load_and_another_seed_another_one() -> None:
    assert plan(5) == plan(5)
    assert [one.sent.id for one in plan(5).letters] != [one.sent.id for one in plan(6).letters]


def test_a_load_tells_every_scenario_by_both_ways_and_with_poison_in_between() -> None:
    made = plan(5)
    assert len(made.expected) == 22
    assert {one.state for one in made.expected} >= {"delivered", "returned", "cancelled", "in_transit"}
    assert {one.sent.topic for one in made.letters} == {ORDER_EVENTS, SCANS, WEBHOOKS}
    assert sum(one.sent.poison for one in made.letters) > 10


def test_what_is_repeated_is_the_same_bytes_under_the_same_id() -> None:
    made = plan(5, webhook_share=0)
    bytes_of = {(one.sent.id, one.value, one.headers) for one in made.letters}
    counts = Counter(one.sent.id for one in made.letters)
    assert len(bytes_of) == len(counts)
    assert max(counts.values()) >= 3


def test_scans_that_must_come_before_their_order_do() -> None:
    made = make_plan(5, orders=4, scenarios=("scans_before_their_order",), repeat_share=0, poison_share=0, now=NOW)
    topics = [one.sent.topic for one in made.letters]
    assert topics == sorted(topics, key=(SCANS, ORDER_EVENTS).index)


def test_no_two_orders_share_a_number_a_customer_or_an_event() -> None:
    stories = [Story(f"F{mark}-{n}", NOW) for mark, n in itertools.product((1, 11), (1, 11))]
    ends = [SCENARIOS["plain_delivery"](story) for story in stories]
    assert len({end.recipient for end in ends}) == len({end.tokens for end in ends}) == 4
    events = [event for story in stories for one in story.letters for event in one.sent.events]
    assert len(events) == len(set(events))


def test_every_customer_is_a_canary_and_nobody_else_of_the_scan_is() -> None:
    story = Story("1", NOW)
    SCENARIOS["plain_delivery"](story)
    for one in story.letters:
        quoted = any(word.encode() in one.value for word in CANARIES)
        assert quoted == (b'"placed"' in one.value)


def test_poison_is_of_many_kinds_and_no_event_of_anybody() -> None:
    made = [poison(random.Random(n), n, "F1", by_webhook=True) for n in range(200)]  # noqa: S311 - a seed
    assert {one.sent.topic for one in made} == {ORDER_EVENTS, SCANS, WEBHOOKS}
    assert all(one.sent.poison and not one.sent.events for one in made)
    assert len({one.value[:8] for one in made}) >= 5


def test_a_person_must_look_after_a_78_and_nobody_starts_what_was_told_to_stop() -> None:
    assert set(FOR_GOOD) == {0, 78}


async def test_a_member_has_the_same_ports_in_all_its_lives(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    member = Supervisor(processes).add("status", {"PATH": str(Path(sys.executable).parent)}, {})
    try:
        for life in (1, 2):
            await member.start(wait_ready=False)
            assert member.life.admin_url.endswith(f":{member.env['TRACKFOLD_ADMIN__PORT']}")
            member.kill()
            await eventually(lambda: not member.running)
            assert member.note_end() == -9
            assert [end.wanted for end in member.ends] == [True] * life
            assert member.note_end() is None
    finally:
        processes.stop()
