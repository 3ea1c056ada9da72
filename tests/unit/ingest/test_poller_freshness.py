"""How fresh webhooks are: delays, what is usual, and when silence is no chance any more."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.poller.freshness import BOUNDS_S, CLASSES, Heard, Hour, delay_class, judge, quantile
from tests.unit.ingest.watching import START, after

NOW = after(hours=0.5)


def heard(counts: dict[float, int], *, told: float = 0, **own: Any) -> Heard:
    """Return a provider with so many webhooks in hours counted from the start, last heard at `told`."""
    found = {after(hours=number): Hour(events) for number, events in counts.items()}
    fields: dict[str, Any] = {"provider": "easypost", "told_at": after(hours=told), "event_at": None, "missed": 0}
    return Heard(**fields | {"hours": found} | own)


def every_week(events: int, *, weeks: int = 4, at: float = 0) -> dict[float, int]:
    return {at - 168.0 * week: events for week in range(1, weeks + 1)}


def test_a_provider_never_heard_is_not_silent() -> None:
    found = judge(heard({}, told_at=None), now=NOW)
    assert (found.silent, found.usual, found.expected, found.this_hour) == (False, None, None, 0)


def test_with_too_little_history_nothing_is_usual() -> None:
    found = judge(heard(every_week(500, weeks=1), told=-168), now=NOW)
    assert (found.usual, found.silent) == (None, False)


@pytest.mark.parametrize(("usual", "silent"), [(0, False), (4, False), (9, False), (10, True), (400, True)])
def test_silence_is_judged_by_how_much_would_have_come(usual: int, *, silent: bool) -> None:
    # Last heard at the full hour, half an hour ago: half of what is usual should have come since.
    hours = {**every_week(usual), 0.0: 1, **{-float(back): 1 for back in range(1, 2)}}
    found = judge(heard(hours), now=NOW)
    assert (found.usual, found.expected, found.silent) == (usual, usual / 2, silent)


def test_a_quiet_night_is_as_usual_at_night() -> None:
    day = {hour - 168.0 * week: (100 if hour >= 6 else 0) for week in range(1, 5) for hour in range(24)}
    night = judge(heard(day, told=0), now=after(hours=5))
    assert (night.usual, night.expected, night.silent) == (0, 0, False)
    assert judge(heard(day, told=0), now=after(hours=6.1)).silent


def test_before_two_weeks_the_same_hour_of_the_days_before_is_usual() -> None:
    assert judge(heard({-24.0 * day: 30 for day in range(1, 4)}), now=NOW).usual == 30
    assert judge(heard({-24.0 * day: 30 for day in range(1, 3)}), now=NOW).usual is None


def test_a_long_silence_does_not_become_the_usual() -> None:
    hours = {float(-number): 20 for number in range(24 * 21, 24 * 35)}
    found = judge(heard(hours, told=-24 * 21), now=NOW)
    assert found.silent
    assert found.usual == 20


def test_missed_webhooks_of_the_last_week_stand_beside_all() -> None:
    hours = {after(days=-8): Hour(0, 5), after(days=-1): Hour(0, 2), START: Hour(0, 1)}
    found = judge(heard({}, hours=hours, missed=8), now=NOW)
    assert (found.missed, found.missed_week) == (8, 3)


def test_a_pause_is_told_while_it_lasts() -> None:
    paused = heard({}, paused_until=NOW, paused_why="http_401")
    assert judge(paused, now=START).paused_why == "http_401"
    assert judge(paused, now=NOW).paused_why is None


def counted(**classes: int) -> tuple[int, ...]:
    return tuple(classes.get(f"c{number}", 0) for number in range(CLASSES))


def test_delays_are_read_from_their_classes_newest_hours_first() -> None:
    old, new = Hour(900, 0, counted(c13=900)), Hour(200, 0, counted(c0=100, c1=100))
    found = judge(heard({}, hours={after(hours=-1): old, START: new}), now=NOW)
    assert (found.delay_median_s, found.delay_p90_s) == (60, 108)


def test_delays_are_told_in_whole_tenths_of_a_second() -> None:
    found = judge(heard({}, hours={START: Hour(10, 0, counted(c0=3, c2=7))}), now=NOW)
    assert (found.delay_median_s, found.delay_p90_s) == (171.4, 274.3)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 0), (60, 0), (60.001, 1), (172_800, 12), (172_801, 13), (10**9, 13)]
)
def test_a_delay_belongs_to_one_class(seconds: float, expected: int) -> None:
    assert delay_class(timedelta(seconds=seconds)) == expected


def test_without_delays_there_is_no_median() -> None:
    assert quantile([0] * CLASSES, 0.5) is None


@given(st.lists(st.integers(0, 50), min_size=CLASSES, max_size=CLASSES), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_larger_part_never_has_a_smaller_delay(delays: list[int], one: float, other: float) -> None:
    low, high = quantile(delays, min(one, other)), quantile(delays, max(one, other))
    assert (low is None) == (high is None) == (sum(delays) == 0)
    assert low is None or high is None or 0 <= low <= high <= BOUNDS_S[-1]
