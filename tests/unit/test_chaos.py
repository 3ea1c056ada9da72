"""The pure parts of the chaos runner: which faults come when, when nothing moves any more, what a run writes down."""

from dataclasses import replace
from itertools import islice

import pytest

from services.runtime import failpoints
from tests.chaos import guarantees, schedule, timeline
from tests.chaos.kinds import KINDS
from tests.chaos.schedule import Area, Card
from tests.chaos.strikes_points import POINTS
from tests.chaos.stuck import Detector
from tests.chaos.timeline import Outcome, Struck

CARDS = [kind.card for kind in KINDS.values()]
WELL = Struck(1.0, "kill_status", "status 1", 3.0, 4.25)


def drawn(seed: int, cards: list[Card], count: int) -> list[tuple[str, ...]]:
    return list(islice(schedule.rounds(seed, cards), count))


def test_the_same_seed_draws_the_same_faults_and_another_seed_others() -> None:
    assert drawn(7, CARDS, 200) == drawn(7, CARDS, 200)
    assert drawn(7, CARDS, 200) != drawn(8, CARDS, 200)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_before_any_comes_twice(seed: int) -> None:
    flat = [name for names in drawn(seed, CARDS, 400) for name in names]
    first, rest = flat[: len(CARDS)], flat[len(CARDS) :]
    assert sorted(first) == sorted(KINDS)
    assert len(set(rest[: len(CARDS) // 2])) == len(CARDS) // 2


def test_a_kind_that_may_come_twice_at_most_comes_twice() -> None:
    cards = [Card("often", Area.OURS), Card("seldom", Area.ALONE, most=2)]
    flat = [name for names in drawn(1, cards, 50) for name in names]
    assert flat.count("seldom") == 2
    assert flat.count("often") == 48
    assert drawn(1, [cards[1]], 50) == [("seldom",), ("seldom",)]


@pytest.mark.parametrize("seed", range(20))
def test_two_at_once_are_one_of_ours_and_then_one_around_us(seed: int) -> None:
    pairs = [names for names in drawn(seed, CARDS, 400) if len(names) == 2]
    assert len(pairs) > 20
    for names in pairs:
        assert [KINDS[name].area for name in names] == [Area.OURS, Area.AROUND]


def test_there_are_as_many_kinds_as_a_long_run_must_have_and_more() -> None:
    assert len(KINDS) >= 60
    assert all(kind.strike.__doc__ is not None or kind.strike.__qualname__.count("<locals>") for kind in KINDS.values())


def test_the_points_at_which_chaos_strikes_are_fail_points() -> None:
    named = {point for points in POINTS.values() for point in points}
    assert named <= failpoints.POINTS.keys()


def test_what_stands_still_longer_than_the_limit_is_stuck() -> None:
    detector = Detector(60)
    detector.saw(0, {"sent": 10, "done": 5})
    detector.saw(50, {"sent": 11, "done": 5})
    assert detector.stuck(60) == ()
    assert detector.stuck(61) == ("done stands at 5 for 61 s",)
    detector.saw(62, {"done": 6})
    assert detector.stuck(110) == ()
    assert detector.stuck(111) == ("sent stands at 11 for 61 s",)


def test_what_cannot_be_read_or_goes_back_keeps_its_clock() -> None:
    detector = Detector(60)
    detector.saw(0, {"done": 5})
    detector.saw(40, {})
    detector.saw(50, {"done": 4})
    assert detector.stuck(61) == ("done stands at 5 for 61 s",)


def test_after_a_heal_everything_has_its_time_again() -> None:
    detector = Detector(60)
    detector.saw(0, {"done": 5})
    detector.forgive(50)
    assert detector.stuck(110) == ()
    assert detector.stuck(111) == ("done stands at 5 for 61 s",)


def test_a_fault_that_did_not_happen_counts_for_nothing() -> None:
    outcome = Outcome(7, 20, [WELL, Struck(5.0, "deadlocks", missed="none")])
    assert outcome.struck == [WELL]
    assert outcome.kinds == {"kill_status"}
    assert outcome.slowest_s == 4.25
    assert "did not happen: none" in "\n".join(outcome.lines())
    assert outcome.as_json()["struck"] == 1


@pytest.mark.parametrize("broken", [Outcome(1, 2, findings=["I1 x: gone"]), Outcome(1, 2, stuck="stuck: all")])
def test_a_run_with_a_finding_or_without_progress_is_not_clean(broken: Outcome) -> None:
    assert Outcome(1, 2).clean
    assert not broken.clean
    assert "FAILED" in "\n".join(broken.lines())


def test_a_run_in_which_no_fault_happened_shows_nothing() -> None:
    nothing = Outcome(1, 20, [Struck(5.0, "deadlocks", missed="none")])
    assert list(timeline.too_little(nothing, chosen=True)) == ["no fault did happen: the run shows nothing"]
    assert list(timeline.too_little(Outcome(1, 20, [WELL]), chosen=False)) == []


def test_a_long_run_must_have_sixty_faults_of_thirty_kinds_unless_its_kinds_were_chosen() -> None:
    def run(faults: int, kinds: int, seconds: float = 1200.0) -> Outcome:
        return Outcome(1, seconds, [replace(WELL, kind=f"kind {n % kinds}") for n in range(faults)])

    (few,) = timeline.too_little(run(59, 59), chosen=False)
    (same,) = timeline.too_little(run(80, 29), chosen=False)
    assert few == "59 faults of 59 kinds: a long run must have 60 of 30 at least"
    assert same.startswith("80 faults of 29 kinds")
    assert not list(timeline.too_little(run(60, 30), chosen=False))
    assert not list(timeline.too_little(run(59, 2), chosen=True))
    assert not list(timeline.too_little(run(10, 10, seconds=1199), chosen=False))


def test_a_run_that_stood_still_is_never_written_as_one_without_findings() -> None:
    stuck = Outcome(1, 1200, [WELL], stuck="stuck: all")
    assert guarantees.row(stuck).endswith("| **stuck** |")
    assert guarantees.row(replace(stuck, findings=["I1 x: gone"])).endswith("| **stuck, 1 findings** |")
    assert guarantees.row(Outcome(1, 1200, [WELL], findings=["a", "b"])).endswith("| **2 findings** |")


def test_the_page_has_the_newest_runs_first_each_seed_once_and_keeps_its_rest() -> None:
    page = f"before\n{guarantees.BEGIN}\n{guarantees.END}\nafter\n"
    for seed in (1, 2, 3, 2, 4):
        page = guarantees.placed(page, guarantees.row(Outcome(seed, 1200, [WELL], {"mails": 70 + seed})))
    rows = [line for line in page.splitlines() if line.startswith("| ") and line != guarantees.HEAD[0]]
    assert [row.split("|")[1].strip() for row in rows] == ["4", "2", "3"]
    assert rows[0] == "| 4 | 1200 | 1 | 1 | 0 | 0 | 0 | 74 | 4 s | clean |"
    assert page.startswith(f"before\n{guarantees.BEGIN}\n\n| seed")
    assert page.endswith(f"{guarantees.END}\nafter\n")


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks its marks"):
        guarantees.placed("nothing", guarantees.row(Outcome(1, 2)))


def test_the_page_of_guarantees_has_the_marks() -> None:
    assert guarantees.BEGIN in guarantees.PAGE.read_text()
    assert guarantees.END in guarantees.PAGE.read_text()
