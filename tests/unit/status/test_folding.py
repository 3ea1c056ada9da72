"""One event on a known state ends where the fold of the whole history ends (R2), and is taken where it can be."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.scans import Scan
from services.status import folding, machine
from services.status.machine import Override, ShipmentState
from tests.builders import KEY, after, make_scan
from tests.unit.status.generating import histories, overrides
from tests.unit.status.making import parcel, replayed, told
from tests.unit.status.parcels import staged

ZONES = st.sampled_from([None, "Australia/Sydney", "Mars/X"])


def one_by_one(told: list[Scan], zone: str | None, words: list[Override]) -> tuple[list[ShipmentState], int]:
    """Return the state after each event, and how many were taken without folding the history again."""
    known = folding.begin([], zone=zone, overrides=words)
    states, taken = [], 0
    for count, scan in enumerate(told, 1):
        if known.take(scan):
            taken += 1
        else:
            known = folding.begin(told[:count], zone=zone, overrides=words)
        states.append(known.state)
        assert states[-1] == machine.fold(told[:count], zone=zone, overrides=words)
    return states, taken


@given(
    histories(),
    st.lists(overrides, max_size=2, unique_by=lambda one: one.key),
    ZONES,
    st.sampled_from([list, machine.sort_scans]),
)
def test_one_event_after_the_other_is_the_fold_of_all(
    told: list[Scan], words: list[Override], zone: str | None, path: Callable[[list[Scan]], list[Scan]]
) -> None:
    one_by_one(path(told), zone, words)


@given(histories(), st.randoms(use_true_random=False))
def test_two_paths_to_one_set_meet_in_one_state(told: list[Scan], chance: random.Random) -> None:
    one, other = one_by_one(told, None, [])[0], one_by_one(chance.sample(told, len(told)), None, [])[0]
    assert one[-1:] == other[-1:]


def test_a_life_told_in_order_is_never_folded_again() -> None:
    life = [
        staged("announced", 0),
        staged("accepted", 1),
        staged("in_transit", 2),
        staged("in_transit", 2.5, kind="estimate", window={"day": "2026-11-21"}),
        staged("out_for_delivery", 20),
        staged("delivered", 22),
        staged("delivered", 23, kind="summary"),
    ]
    assert one_by_one(life, "Europe/London", [])[1] == len(life)


KNOWN = [staged("accepted", 1, event_key="k1"), staged("in_transit", 5, event_key="k5", provider="ups")]


@pytest.mark.parametrize(
    ("why", "then"),
    [
        ("late", staged("accepted", 3)),
        ("of the same instant", staged("out_for_delivery", 5, provider="dhl")),
        ("another reading", staged("in_transit", 9, event_key="k1")),
        ("a withdrawal", staged(None, 9, kind="void", voids="k1")),
        ("a remap", staged("delivered", 9, kind="remap", event_key="k5")),
        ("an agent's word", staged("lost", 9, kind="override")),
        ("a day without a time", staged("delivered", 9, time_precision="day")),
        ("of another box", staged("delivered", 9, unique_id="other")),
        ("of one piece", staged("delivered", 9, piece="1")),
        ("an end told of a provider's earlier scans", staged("returned", 9, kind="summary")),
    ],
)
def test_what_could_change_an_earlier_verdict_is_left_to_the_whole_fold(why: str, then: Scan) -> None:
    known = folding.begin(KNOWN)
    before = machine.fold(KNOWN)
    assert not known.take(then), why
    assert known.state == before, "what is refused changes nothing"


def test_the_first_scan_of_a_provider_that_summed_up_before_is_left_to_the_whole_fold() -> None:
    known = folding.begin([make_scan(kind="summary", stage="delivered")])
    assert not known.take(staged("in_transit", 9))


def test_a_scan_of_the_day_of_a_scan_without_a_time_is_left_to_the_whole_fold() -> None:
    known = folding.begin([staged("accepted", 1, time_precision="day")])
    assert not known.take(staged("in_transit", 9))
    assert known.take(staged("in_transit", 48))


def test_a_scan_that_was_withdrawn_before_it_came_is_left_to_the_whole_fold() -> None:
    known = folding.begin([make_scan(kind="void", stage=None, voids="k9")])
    assert not known.take(staged("in_transit", 9, event_key="k9"))


def test_a_scan_before_an_agents_word_is_left_to_the_whole_fold() -> None:
    word = Override("desk#1", after(hours=8), None)
    assert not folding.begin(KNOWN, overrides=[word]).take(staged("in_transit", 7))
    assert folding.begin(KNOWN, overrides=[word]).take(staged("in_transit", 9))


def test_the_next_scan_of_the_same_box_is_taken() -> None:
    known = folding.begin([staged("accepted", 1, unique_id="box")])
    assert known.take(staged("in_transit", 2, unique_id="box"))
    assert known.take(staged("in_transit", 3))
    assert not known.take(staged("in_transit", 4, unique_id="other"))


def test_r18_while_another_box_is_left_out_it_is_asked_anew_whose_the_next_scan_is() -> None:
    boxes = [
        staged("in_transit", 0.9, event_key="k1", unique_id="one"),
        staged("lost", 2, event_key="k2", unique_id="two"),
    ]
    # A second reading of the other box's scan: told earlier, it brings that box nearer to the claim.
    reading = staged("lost", 1.05, event_key="k2", told_at=after(hours=1.06))
    events = [(KEY, told(event_id="p")), (KEY, told("shipment_created", event_id="s", occurred_at=after(hours=1)))]
    document = replayed([*events, *boxes, reading]).orders[KEY].document
    assert document == replayed([reading, *boxes, *events]).orders[KEY].document
    assert parcel(document or {})["stage"] == "lost"
