"""Every reason that the machine can give has a sentence, every rule a line, and every row of an order's fold a word."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from schemas.order_events import EVENT_TYPES
from schemas.scans import Scan
from schemas.vocabulary import Condition, Milestone, ScanKind
from schemas.words import ORDER_CONDITION_WORDS
from services.status import machine, reasons
from services.status.changes import UNITS_MOVED
from services.status.expectations import Rule
from services.status.explain_parcel import because
from services.status.order_verdicts import set_aside
from tests.unit.status.generating import Telling, histories, overrides, tellings
from tests.unit.status.making import replayed
from tests.unit.status.test_properties import folded

ROOT = Path(reasons.__file__).parent
TABLES = (
    reasons.REASONS, reasons.CORRECTIONS, reasons.RAISED_BY, reasons.ROWS, reasons.EVENTS, reasons.RULES,
    reasons.CHANGES,
)  # fmt: skip


@given(histories(), st.lists(overrides, max_size=2))
def test_every_verdict_has_a_sentence_and_a_rule(found: list[Scan], words: list[machine.Override]) -> None:
    state = machine.fold(found, overrides=words)
    for verdict in state.verdicts:
        assert verdict.reason in reasons.REASONS
        assert verdict.rule in reasons.RULES
    assert {one.reason for one in state.corrections} <= set(reasons.REASONS)


@given(tellings())
def test_every_reason_of_a_document_and_of_a_change_has_a_sentence(telling: Telling) -> None:
    for document in folded(telling.once).values():
        told = [*document["set_aside"], *(one for parcel in document["parcels"] for one in parcel["set_aside"])]
        told += [parcel["set_by"] for parcel in document["parcels"] if parcel["set_by"] is not None]
        assert {one["why"] for one in told} <= set(reasons.REASONS)
        assert {one["rule"] for one in told} <= set(reasons.RULES)
    for change in (one.change for one in replayed(telling.otherwise).published):
        assert change["reason"] in (reasons.CORRECTIONS if change["correction"] else reasons.CHANGES)


@given(tellings())
def test_every_order_event_that_was_set_aside_says_why(telling: Telling) -> None:
    for verdict in set_aside(one[1] for one in telling.once if not isinstance(one, Scan)):
        assert verdict.reason in reasons.REASONS
        assert verdict.rule in reasons.RULES


def test_every_word_that_a_change_can_say_of_its_cause_has_a_sentence() -> None:
    causes = {*EVENT_TYPES, *(kind.value for kind in ScanKind)}
    beside = {*reasons.REASONS, *Condition, *ORDER_CONDITION_WORDS, *Milestone, UNITS_MOVED}
    assert causes | beside == set(reasons.CHANGES)


def test_every_kind_of_order_event_says_what_it_does() -> None:
    assert set(reasons.EVENTS) == set(EVENT_TYPES)


def test_every_row_of_the_orders_fold_says_why() -> None:
    rows = set(re.findall(r'Row\(OrderState\.\w+, "(\w+)"\)', (ROOT / "units.py").read_text()))
    assert len(rows) > 15
    assert set(reasons.ROWS) == rows | {"erased"}


def test_every_rule_of_time_that_raises_a_condition_says_so() -> None:
    of_orders = {Rule.PROMISE_MISSED, Rule.NEVER_DISPATCHED, Rule.OVERRIDE_EXPIRED}
    assert {rule.value for rule in Rule} - {rule.value for rule in of_orders} <= set(reasons.RAISED_BY)


def test_every_rule_of_the_state_model_has_its_line() -> None:
    numbered = re.findall(r"^\| (R\d+) \|", (ROOT.parents[1] / "docs" / "state-model.md").read_text(), re.MULTILINE)
    assert set(numbered) <= set(reasons.RULES)
    assert len(numbered) > 20


def test_sentences_are_whole_and_no_two_words_of_a_table_read_the_same() -> None:
    for table in TABLES:
        assert all(text.endswith(".") and text[0].isupper() and "_" not in text for text in table.values())
    assert len(set(reasons.REASONS.values())) == len(reasons.REASONS)
    assert len(set(reasons.ROWS.values())) == len(reasons.ROWS)


def test_a_word_of_a_later_version_stands_for_itself() -> None:
    said = because("k1", "R99", "teleported")
    assert (said.sentence, said.rule_says) == ("“teleported”.", "“R99”.")


def test_what_no_message_was_sent_for_says_so() -> None:
    assert all("nobody was told" in reasons.CORRECTIONS[mark] for mark in ("reread", "remap", "restored"))
