"""What is brought beside live traffic keeps to its rate, whatever the clock does. Nothing sleeps here."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.pacing import TURNS_A_SECOND, Pacing
from services.runtime.rate import Rate
from tests.clocks import SleptClock

RATES = st.one_of(st.integers(1, 5_000).map(float), st.floats(0.2, 300))
#: Sums of floats: a second is not told more finely.
TICK = 1e-6


def most_in_a_second(done: list[tuple[float, int]]) -> int:
    """Return the most things that any second held that begins with one of them."""
    return max(sum(many for at, many in done if start <= at < start + 1 - TICK) for start, _ in done)


@given(
    rate=RATES,
    at_once=st.integers(1, 500),
    work=st.lists(
        st.tuples(st.sampled_from([0.0, 0.003, 0.2, 4.0]), st.integers(1, 600), st.integers(1, 40)), max_size=12
    ),
)
def test_no_second_ever_holds_more_than_the_rate(rate: float, at_once: int, work: list[tuple[float, int, int]]) -> None:
    pacing, now, done = Pacing(rate, at_once), 0.0, [(-10.0, 0)]
    for pause_s, wanted, turns in work:
        for _ in range(turns):
            now += pacing.wait_s(now)
            done.append((now, pacing.take(wanted, now)))
        now += pause_s
    assert most_in_a_second(done) <= math.ceil(rate)
    assert all(0 < many <= at_once for _, many in done[1:])


@given(rate=RATES, at_once=st.integers(1, 500))
def test_who_always_wants_more_gets_the_rate_on_average(rate: float, at_once: int) -> None:
    pacing, now, done = Pacing(rate, at_once), 0.0, 0
    while now < 20:
        done += pacing.take(10_000, now)
        now += pacing.wait_s(now)
    assert done == pytest.approx(rate * now, abs=at_once + 1)


def test_a_pause_is_not_made_up_for_by_a_burst() -> None:
    pacing = Pacing(100, 10)
    assert pacing.take(10, 0.0) == 10
    assert pacing.take(10, 60.0) == 10
    assert pacing.take(10, 60.05) == 0
    assert pacing.wait_s(60.05) == pytest.approx(0.05)


def test_a_second_is_shared_out_evenly() -> None:
    pacing = Pacing(200, 500)
    assert [pacing.take(500, at / TURNS_A_SECOND + TICK * at) for at in range(5)] == [20] * 5


def test_less_than_one_a_second_is_one_now_and_then() -> None:
    pacing = Pacing(0.5, 20)
    assert pacing.take(20, 0.0) == 1
    assert pacing.wait_s(0.0) == pytest.approx(2.0)


def test_without_a_bound_nothing_waits() -> None:
    pacing = Pacing(0, 20)
    assert [pacing.take(30, 0.0), pacing.take(30, 0.0), pacing.take(7, 0.0)] == [20, 20, 7]
    assert pacing.wait_s(0.0) == 0


@pytest.mark.parametrize(("rate", "at_once"), [(-1, 1), (math.nan, 1), (math.inf, 1), (1, 0)])
def test_what_is_no_rate_is_refused(rate: float, at_once: int) -> None:
    with pytest.raises(ValueError, match="no rate"):
        Pacing(rate, at_once)


@pytest.mark.parametrize("late_s", [0.0, 0.04])
async def test_all_things_pass_in_order_each_in_its_turn(late_s: float) -> None:
    clock, done = SleptClock(late_s), list[tuple[float, int]]()
    rate = Rate(100, at_once=20, now=clock.now, sleep=clock.sleep)
    seen: list[int] = []
    async for part in rate.parts(range(250)):
        seen += part
        done.append((clock.at, len(part)))
    assert seen == list(range(250))
    assert most_in_a_second(done) <= 100
    assert clock.at - 1_000 == pytest.approx(2.4 + 24 * late_s)


async def test_a_sleep_that_ends_too_early_is_slept_on() -> None:
    clock = SleptClock(late_s=-0.01)
    rate = Rate(10, at_once=1, now=clock.now, sleep=clock.sleep)
    assert [await rate.turn(5) for _ in range(2)] == [1, 1]
    assert len(clock.slept) > 1


async def test_nothing_is_nothing_to_wait_for() -> None:
    clock = SleptClock()
    none: tuple[int, ...] = ()
    assert [part async for part in Rate(1, at_once=1, now=clock.now, sleep=clock.sleep).parts(none)] == []
    assert clock.slept == []


@pytest.mark.parametrize(
    ("rate", "words"), [(200, "at most 200 a second"), (0.5, "at most 0.5 a second"), (0, "as fast as it goes")]
)
def test_it_says_what_it_is(rate: float, words: str) -> None:
    assert str(Rate(rate, at_once=1)) == words
