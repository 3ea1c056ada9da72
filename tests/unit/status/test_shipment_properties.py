"""What holds for any scans of one parcel, over the whole vocabulary: the set decides, never the path."""

import random

from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from schemas.vocabulary import Leg, Milestone, ScanKind, Stage
from services.status import machine
from services.status.machine import MAX_OCCASIONS, Override
from tests.builders import after
from tests.unit.status.generating import histories, overrides, scans

WORDS = st.lists(overrides, max_size=3, unique_by=lambda one: one.key)
#: What ends or overlays a word itself.
OVERLAID = frozenset({ScanKind.TIME, ScanKind.OVERRIDE})
ZONES = st.sampled_from([None, "Australia/Sydney", "Mars/X"])


@given(histories(), WORDS, ZONES, st.randoms(use_true_random=False))
def test_any_order_of_scans_and_words_ends_in_the_same_state(
    told: list[Scan], words: list[Override], zone: str | None, chance: random.Random
) -> None:
    mixed, spoken = chance.sample(told, len(told)), chance.sample(words, len(words))
    assert machine.fold(mixed, zone=zone, overrides=spoken) == machine.fold(told, zone=zone, overrides=words)


@given(histories(), WORDS)
def test_every_event_has_one_verdict_with_its_rule(told: list[Scan], words: list[Override]) -> None:
    state = machine.fold(told, overrides=words)
    assert sorted(one.scan.event_key for one in state.verdicts) == sorted(one.event_key for one in told)
    assert all(one.reason and one.rule for one in state.verdicts)


@given(histories())
def test_when_a_past_scan_was_told_changes_nothing(told: list[Scan]) -> None:
    past = [scan.model_copy(update={"told_at": max(scan.told_at, scan.occurred_at)}) for scan in told]
    later = [scan.model_copy(update={"told_at": after(days=999)}) for scan in past]
    one, other = machine.fold(past), machine.fold(later)
    assert (one.stage, one.leg, one.milestones, one.episodes) == (
        other.stage,
        other.leg,
        other.milestones,
        other.episodes,
    )


@given(histories())
def test_a_state_is_whole_whatever_was_told(told: list[Scan]) -> None:
    state = machine.fold(told)
    assert state.stage is not Stage.RETURNED or state.leg is Leg.RETURN
    assert state.stage is not Stage.DELIVERED or state.leg is Leg.OUTBOUND
    reached = [(one.name, one.occasion) for one in state.milestones]
    assert len(reached) == len(set(reached))
    assert all(sum(name is one for name, _ in reached) <= MAX_OCCASIONS for one in Milestone)
    assert {one.name for one in state.episodes if one.cleared_at is None} == set(state.conditions)
    assert state.attempt_no is None or state.attempt_no > 0


@given(histories(), scans(), st.sampled_from([{"kind": "prophecy"}, {"stage": "teleported"}, {"kind": "remap"}]))
def test_an_unknown_word_never_moves_a_stage(told: list[Scan], then: Scan, changed: dict[str, str]) -> None:
    if then.kind in {ScanKind.VOID, ScanKind.TIME}:
        return
    before = machine.fold(told)
    after_it = machine.fold([*told, then.model_copy(update={"event_key": "new", "substatus": None, **changed})])
    if then.provider in before.tellers or then.kind != ScanKind.SCAN or changed.get("kind"):
        assert (after_it.stage, after_it.leg, after_it.milestones) == (before.stage, before.leg, before.milestones)


@given(histories(), scans())
def test_what_was_delivered_stays_so_unless_a_rule_takes_it_back(told: list[Scan], then: Scan) -> None:
    later = {
        "event_key": "later",
        "occurred_at": after(days=300),
        "told_at": after(days=300),
        "due_at": after(days=300),
    }
    before = machine.fold(told)
    state = machine.fold([*told, then.model_copy(update=later)])
    if before.override is not None or then.kind in {ScanKind.VOID, ScanKind.OVERRIDE}:
        return  # an agent's word ends with the next scan; a withdrawal takes back what it likes
    if before.stage is Stage.DELIVERED and then.time_precision != "day":
        back = state.leg is Leg.RETURN or state.stage is Stage.LOST or len(state.corrections) > len(before.corrections)
        assert back or (state.stage is Stage.DELIVERED and state.milestones == before.milestones)


@given(histories())
def test_a_pinned_word_changes_nothing_beneath_it(told: list[Scan]) -> None:
    bare = [scan for scan in told if not scan.conditions_set and scan.kind not in {ScanKind.TIME, ScanKind.OVERRIDE}]
    word = Override("desk#1", after(days=500), Stage.LOST, pinned=True)
    assert machine.fold(bare, overrides=[word]).beneath == machine.fold(bare).stage
    ended = Override("desk#2", after(days=501), None)
    state, alone = machine.fold(bare, overrides=[word, ended]), machine.fold(bare)
    assert (state.stage, state.leg, state.milestones) == (alone.stage, alone.leg, alone.milestones)
