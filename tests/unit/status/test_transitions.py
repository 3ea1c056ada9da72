"""The transition table (R21): every pair of stages, written out by hand from docs/state-model.md."""

import itertools

import pytest

from schemas.scans import Scan
from schemas.vocabulary import Leg, Stage
from services.status.transitions import PHYSICAL, RANK, ROWS, Position, answer
from tests.unit.status.parcels import fold, in_any_order, reasons, staged

PAIRS = list(itertools.product(Stage, Stage))

#: From each stage, what a later outbound scan may lead to without a flag.
LEGAL = {
    "not_found": "announced accepted in_transit out_for_delivery attempted available_for_pickup delivered",
    "announced": "accepted in_transit out_for_delivery attempted available_for_pickup delivered lost cancelled",
    "accepted": "in_transit out_for_delivery attempted available_for_pickup delivered lost disposed",
    "in_transit": "accepted out_for_delivery attempted available_for_pickup delivered lost disposed",
    "out_for_delivery": "accepted in_transit attempted available_for_pickup delivered lost disposed",
    "attempted": "accepted in_transit out_for_delivery available_for_pickup delivered lost disposed",
    "available_for_pickup": "in_transit out_for_delivery attempted delivered lost",
    "delivered": "lost",
    "returned": "",
    "cancelled": "",
    "disposed": "",
    "lost": "accepted in_transit out_for_delivery attempted available_for_pickup delivered",
}

#: Physical scans that are followed though the table does not lead there, and the flag they raise.
FLAGGED = {
    ("available_for_pickup", "accepted"): {"contradiction"},
    **{
        ("cancelled", stage): {"contradiction", "action_required"}
        for stage in [
            "accepted", "in_transit", "out_for_delivery", "attempted", "available_for_pickup", "delivered", "returned"
        ]
    },
}  # fmt: skip

#: After these a physical scan is set aside and flagged.
FINAL = ("returned", "disposed")


def _way_to(stage: Stage) -> list[Scan]:
    """Return what must have been told before: nobody disposes of a label."""
    return [staged("in_transit", 0.5)] if stage is Stage.DISPOSED else []


@pytest.mark.parametrize(("before", "then"), PAIRS)
def test_r21_every_pair_of_stages_has_the_answer_of_the_state_model(before: Stage, then: Stage) -> None:
    if before is Stage.DELIVERED and then in PHYSICAL:
        return  # R4 and R6 have their own tests
    state = fold(*_way_to(before), staged(before, 1), staged(then, 30))
    physical = then in PHYSICAL
    back = then is Stage.RETURNED and before not in FINAL
    followed = then == before or then in LEGAL[before].split() or (before, then) in FLAGGED or back
    assert state.stage == (then if followed else before)
    again = then == before or (before, then) == ("returned", "delivered")  # R6: delivered to the sender once more
    flags = FLAGGED.get((before, then), {"contradiction"} if before in FINAL and physical and not again else set())
    assert set(state.conditions) == flags


def test_the_same_stage_again_is_always_legal() -> None:
    for stage in Stage:
        state = fold(*_way_to(stage), staged(stage, 1), staged(stage, 2))
        assert (state.stage, state.conditions, reasons(state)[-1]) == (stage, {}, "same_stage")


def test_every_position_answers_every_other() -> None:
    positions = [Position(stage, leg) for stage, leg in itertools.product(Stage, Leg)]
    for (now, then), first, summary in itertools.product(
        itertools.product(positions, positions), (True, False), (True, False)
    ):
        given = answer(now, then, first=first, summary=summary)
        assert given.reason
        assert given.rule
        assert given.follows or given.reason in {"illegal", "contradiction", "return_announced"}


def test_every_row_says_its_rule_and_why_and_no_pair_stands_twice() -> None:
    pairs = [(row.source, target) for row in ROWS for target in row.targets]
    assert len(pairs) == len(set(pairs))
    assert all(row.rule and row.why for row in ROWS)
    assert set(RANK) == set(Stage)
    assert list(RANK)[-1] is Stage.RETURNED


def test_r21_available_for_pickup_then_accepted_is_followed_and_flagged() -> None:
    state = in_any_order(staged("available_for_pickup", 1), staged("accepted", 30))
    assert (state.stage, set(state.conditions)) == (Stage.ACCEPTED, {"contradiction"})
    assert (state.verdicts[1].moved, state.verdicts[1].reason, state.verdicts[1].rule) == (True, "contradiction", "R21")


def test_r21_a_void_label_that_moves_is_followed_and_somebody_must_look() -> None:
    state = in_any_order(staged("announced", 1), staged("cancelled", 2), staged("in_transit", 3))
    assert state.stage is Stage.IN_TRANSIT
    assert set(state.conditions) == {"contradiction", "action_required"}
    assert {one.reason for one in state.episodes} == {"shipped_although_cancelled"}


def test_r21_lost_and_found_is_not_flagged() -> None:
    state = in_any_order(staged("in_transit", 1), staged("lost", 50), staged("in_transit", 90))
    assert (state.stage, state.conditions) == (Stage.IN_TRANSIT, {})


@pytest.mark.parametrize("end", ["returned", "disposed"])
def test_r21_after_a_last_end_a_physical_scan_is_set_aside_and_flagged(end: str) -> None:
    state = in_any_order(staged("in_transit", 1), staged(end, 2), staged("out_for_delivery", 30))
    assert (state.stage, set(state.conditions)) == (Stage(end), {"contradiction"})
    assert reasons(state)[2] == "contradiction"


def test_a_number_the_carrier_does_not_know_comes_first_or_not_at_all() -> None:
    assert fold(staged("not_found", 1)).stage is Stage.NOT_FOUND
    assert fold(staged("not_found", 1), staged("announced", 2)).stage is Stage.ANNOUNCED
    assert fold(staged("announced", 1), staged("not_found", 2)).stage is Stage.ANNOUNCED


@pytest.mark.parametrize("end", ["delivered", "returned", "lost", "cancelled", "disposed"])
def test_r23_a_summary_ends_a_number_nobody_knew(end: str) -> None:
    assert fold(staged("not_found", 1), staged(end, 2, kind="summary")).stage == end
