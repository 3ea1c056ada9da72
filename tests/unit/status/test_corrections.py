"""What the fold takes back: premature deliveries (R4), withdrawn scans (R15), agents' overrides (R17)."""

from dataclasses import replace
from typing import Any

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Leg, Milestone, Stage
from services.status.corrections import apart
from services.status.machine import Override, ShipmentState
from tests.builders import after, make_scan
from tests.unit.status.parcels import at, fold, in_any_order, reached, reasons, staged, times

DELIVERED = staged("delivered", 2, pod=["photo"], **at("Bath"))


def void(key: str, hours: float, event_key: str = "void") -> Scan:
    return staged(None, hours, kind="void", event_key=event_key, voids=key)


def word(stage: str | None, hours: float, key: str = "desk#1", **rest: Any) -> Override:
    return Override(key, after(hours=hours), None if stage is None else Stage(stage), **rest)


def expired(key: str, hours: float) -> Scan:
    return staged(
        None, hours, kind="time", event_key="t", rule="override_expired", basis=key, due_at=after(hours=hours)
    )


def test_r4c_out_again_on_a_later_day_reopens_and_the_true_delivery_is_told_again() -> None:
    again = staged("out_for_delivery", 24, pod=[])
    state = in_any_order(DELIVERED, again)
    assert (state.stage, reasons(state)[1], state.pod) == (Stage.OUT_FOR_DELIVERY, "reopened", ())
    assert [(one.key, one.reason) for one in state.corrections] == [(again.event_key, "reopened")]
    state = in_any_order(DELIVERED, again, staged("delivered", 27))
    assert state.stage is Stage.DELIVERED
    assert times(state, Milestone.DELIVERED) == [None, "correction:1"]


@pytest.mark.parametrize("stage", ["out_for_delivery", "attempted"])
def test_r4c_a_new_cycle_counts_wherever_it_is(stage: str) -> None:
    assert fold(DELIVERED, staged(stage, 24, **at("Bath"))).stage == stage


def test_r4c_a_new_cycle_needs_a_later_day_and_more_than_two_hours() -> None:
    midnight = staged("delivered", 14.5, **at("Bath"))
    assert reasons(fold(midnight, staged("out_for_delivery", 15.5)))[1] == "batch_noise"
    assert reasons(fold(DELIVERED, staged("out_for_delivery", 8)))[1] == "contradiction"


def test_r4c_two_scans_at_other_places_reopen() -> None:
    one, two = staged("in_transit", 30, **at("Leeds")), staged("in_transit", 40, **at("York"))
    first = in_any_order(DELIVERED, one)
    assert (first.stage, set(first.conditions), reasons(first)[1]) == (
        Stage.DELIVERED,
        {"contradiction"},
        "contradiction",
    )
    state = in_any_order(DELIVERED, one, two)
    assert (state.stage, set(state.conditions)) == (Stage.IN_TRANSIT, {"contradiction"})
    state = in_any_order(DELIVERED, one, two, staged("delivered", 50))
    assert (state.stage, state.conditions) == (Stage.DELIVERED, {})
    assert times(state, Milestone.DELIVERED) == [None, "correction:1"]


def test_r4a_within_two_hours_or_at_the_same_place_it_is_the_drivers_device() -> None:
    for noise in (staged("out_for_delivery", 2.1, conditions_set=["held"]), staged("in_transit", 30, **at("bath"))):
        state = in_any_order(DELIVERED, noise)
        assert (state.stage, state.conditions, state.last) == (Stage.DELIVERED, {}, DELIVERED)
        assert reasons(state)[1] == "batch_noise"
        assert reached(state) == [(Milestone.SHIPPED, None), (Milestone.DELIVERED, None)]


def test_r4b_else_it_stays_delivered_and_is_flagged_until_delivered_again() -> None:
    doubt = staged("in_transit", 30)
    state = in_any_order(DELIVERED, doubt, staged("in_transit", 40))
    assert (state.stage, state.conditions["contradiction"]) == (Stage.DELIVERED, doubt)
    state = in_any_order(DELIVERED, doubt, staged("delivered", 50, pod=["signature"]))
    assert (state.conditions, state.pod) == ({}, ("photo", "signature"))
    assert times(state, Milestone.DELIVERED) == [None]
    assert fold(DELIVERED, doubt, staged("delivered", 50, kind="summary")).conditions


def test_r4_is_measured_from_the_newest_word_of_the_delivery() -> None:
    second = staged("delivered", 24)
    assert reasons(in_any_order(DELIVERED, second, staged("out_for_delivery", 25)))[2] == "batch_noise"


def test_r4_a_summary_of_a_provider_without_scans_reopens_too() -> None:
    state = fold(staged("delivered", 2, kind="summary"), staged("attempted", 30, kind="summary"))
    assert (state.stage, reasons(state)[1]) == (Stage.ATTEMPTED, "reopened")


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        (None, {"city": "Bath"}, None),
        ({"city": "Bath"}, {"city": "BATH", "postcode": "BA1"}, False),
        ({"city": "Bath"}, {"city": "Leeds"}, True),
        ({"city": "Bath", "country": "GB"}, {"city": "Bath", "country": "US"}, True),
        ({"country": "GB"}, {"country": "gb"}, None),
        ({"postcode": "BA1"}, {"postcode": "LS1", "city": "Leeds"}, True),
        ({"postcode": "BA1"}, {"postcode": "ba1"}, False),
    ],
)
def test_two_places_differ_only_where_that_is_known(one: Any, other: Any, *, differ: bool | None) -> None:
    assert apart(make_scan(place=one).place, make_scan(place=other).place) is differ


def test_r15_a_withdrawn_scan_moves_nothing_and_the_true_delivery_is_told_again() -> None:
    withdrawn = void(DELIVERED.event_key, 3)
    state = in_any_order(staged("in_transit", 1), DELIVERED, withdrawn)
    assert (state.stage, state.pod, reasons(state)) == (Stage.IN_TRANSIT, (), ["moved", "voided", "void"])
    assert [(one.key, one.reason) for one in state.corrections] == [("void", "voided")]
    state = in_any_order(staged("in_transit", 1), DELIVERED, withdrawn, staged("delivered", 30))
    assert times(state, Milestone.DELIVERED) == ["correction:1"]


def test_r15_a_delivery_told_twice_stands_when_one_telling_is_withdrawn() -> None:
    state = in_any_order(DELIVERED, staged("delivered", 2.5), void(DELIVERED.event_key, 3))
    assert (state.stage, state.corrections) == (Stage.DELIVERED, [])


def test_r15_a_withdrawal_of_what_is_no_delivery_corrects_nothing() -> None:
    one = staged("in_transit", 1)
    assert in_any_order(one, void(one.event_key, 3)).corrections == []
    assert in_any_order(DELIVERED, void(DELIVERED.event_key, 1)).corrections == []


def test_r15_a_withdrawal_of_nothing_or_of_a_withdrawal_moves_nothing() -> None:
    state = in_any_order(DELIVERED, void("nobody", 3), void("void", 4, "other"))
    assert (state.stage, reasons(state)) == (Stage.DELIVERED, ["moved", "voids_nothing", "voids_nothing"])
    assert reasons(fold(void("void", 3))) == ["voids_nothing"]


def test_r15_a_withdrawn_scan_silences_no_summary() -> None:
    one = staged("in_transit", 1)
    state = in_any_order(one, void(one.event_key, 2), staged("out_for_delivery", 3, kind="summary"))
    assert state.stage is Stage.OUT_FOR_DELIVERY


def overridden(*scans: Scan, words: list[Override]) -> ShipmentState:
    state = in_any_order(*scans, overrides=words)
    assert fold(*scans, overrides=words[::-1]) == state
    return state


def test_r17_an_agents_word_stands_over_the_scans_until_one_moves_it() -> None:
    seen, late = staged("in_transit", 1), staged("accepted", 0.5)
    state = overridden(seen, late, words=[word("lost", 5, reason="never came")])
    assert (state.stage, state.beneath) == (Stage.LOST, Stage.IN_TRANSIT)
    assert times(state, Milestone.LOST) == [None]
    state = overridden(seen, staged("out_for_delivery", 9), words=[word("lost", 5)])
    assert (state.stage, state.override, state.beneath) == (Stage.OUT_FOR_DELIVERY, None, None)
    assert times(state, Milestone.LOST) == []


def test_r17_a_pinned_word_outlives_scans_which_go_on_beneath_it() -> None:
    pinned = word("returned", 5, pinned=True)
    scans = [staged("in_transit", 1), staged("out_for_delivery", 9), staged("delivered", 10)]
    state = overridden(*scans, words=[pinned])
    assert (state.stage, state.leg, state.beneath) == (Stage.RETURNED, Leg.RETURN, Stage.DELIVERED)
    ended = overridden(*scans, words=[pinned, word(None, 20, "desk#2")])
    assert replace(ended, open_since=None) == fold(*scans)
    assert ended.open_since == after(hours=20), "from here on something is awaited of it again"


def test_r17_of_two_words_at_one_instant_the_one_that_ends_stands_last() -> None:
    moving = staged("in_transit", 1)
    for first, second in (("a", "b"), ("b", "a")):
        state = overridden(moving, words=[word("lost", 5, first), word(None, 5, second)])
        assert (state.stage, state.override) == (Stage.IN_TRANSIT, None)


def test_r17_a_delivery_that_only_an_agent_told_is_told_again_when_it_is_true() -> None:
    scans = [staged("in_transit", 1), staged("in_transit", 9), staged("delivered", 30)]
    state = overridden(*scans, words=[word("delivered", 5)])
    assert times(state, Milestone.DELIVERED) == ["correction:1"]
    right = overridden(scans[0], scans[2], words=[word("delivered", 5)])
    assert times(right, Milestone.DELIVERED) == [None], "the scan says what the agent said: nothing is told again"


def test_r17_a_note_moves_no_word() -> None:
    state = overridden(staged("in_transit", 1), staged(None, 9), words=[word("lost", 5)])
    assert state.stage is Stage.LOST


def test_r17_the_last_word_counts_and_contradictions_end_with_it() -> None:
    doubt = staged("in_transit", 30)
    state = overridden(DELIVERED, doubt, words=[word("lost", 31), word("delivered", 32, "desk#2")])
    assert (state.stage, state.conditions) == (Stage.DELIVERED, {})
    assert state.episodes[0].cleared_by == "desk#1"


def test_r17_an_agents_delivery_of_what_was_reopened_is_told_under_the_correction() -> None:
    again = staged("out_for_delivery", 24)
    state = overridden(DELIVERED, again, words=[word("delivered", 27)])
    assert times(state, Milestone.DELIVERED) == [None, "correction:1"]
    state = overridden(staged("in_transit", 1), words=[word("out_for_delivery", 27)])
    assert times(state, Milestone.OUT_FOR_DELIVERY) == ["2026-11-21"]
    assert times(overridden(words=[word("delivered", 1, leg=Leg.RETURN)]), Milestone.DELIVERED) == []
    assert overridden(words=[word("in_transit", 1)]).milestones == []


def test_r17_an_expired_word_ends_even_if_pinned() -> None:
    scans = [staged("in_transit", 1)]
    words = [word("lost", 5, pinned=True, until=after(hours=10))]
    state = overridden(*scans, expired("desk#1", 10), words=words)
    assert (state.stage, reasons(state)) == (Stage.IN_TRANSIT, ["moved", "override_expired"])
    assert overridden(*scans, expired("desk#9", 10), words=words).stage is Stage.LOST


def test_r4_an_earlier_scan_that_comes_late_does_not_tell_of_the_same_delivery_again() -> None:
    again, late = staged("out_for_delivery", 24), staged("out_for_delivery", 23.5)
    before = in_any_order(DELIVERED, again, staged("delivered", 27))
    after_all = in_any_order(DELIVERED, late, again, staged("delivered", 27))
    assert before.corrections[0].key != after_all.corrections[0].key
    assert times(before, Milestone.DELIVERED) == times(after_all, Milestone.DELIVERED) == [None, "correction:1"]
