"""How fresh a provider's webhooks are: the last one, the delay from scan to webhook, and silence against the usual.

Pure: the clock is an argument. A provider is silent when so much more would have come since its last word, judged by
what came at the same hours of the weeks before, that chance does not explain it.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

BOUNDS_S: Final = (60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 172_800)
"""Upper ends of the classes of delays; one more class is open."""
CLASSES: Final = len(BOUNDS_S) + 1

KEPT: Final = timedelta(weeks=5)
SILENT_AT: Final = 5.0
"""So many webhooks expected and none come: by chance that happens less than once in a hundred hours."""

_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(weeks=1)
_WEEKS: Final = 4
_LEAST_WEEKS: Final = 2
_DAYS: Final = 7
_LEAST_DAYS: Final = 3
_ENOUGH_DELAYS: Final = 200


@dataclass(frozen=True, slots=True)
class Hour:
    """What one provider told in one hour."""

    events: int = 0
    missed: int = 0
    delays: tuple[int, ...] = (0,) * CLASSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What is known of one provider."""

    provider: str
    told_at: datetime | None
    event_at: datetime | None
    missed: int
    paused_until: datetime | None = None
    paused_why: str | None = None
    hours: Mapping[datetime, Hour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The verdict on one provider."""

    provider: str
    told_at: datetime | None
    event_at: datetime | None
    delay_median_s: float | None
    """To the tenth: a place inside a class of delays says nothing finer."""
    delay_p90_s: float | None
    this_hour: int
    usual: float | None
    """What usually comes in this hour, as a whole; None: too little is known yet."""
    expected: float | None
    """What would usually have come since the last webhook."""
    silent: bool
    missed: int
    missed_week: int
    paused_why: str | None


def judge(heard: Heard, *, now: datetime) -> Freshness:
    """Return the verdict on a provider."""
    delays = _newest_delays(heard.hours)
    this = hour_of(now)
    expected = None if heard.told_at is None else _expected(heard, now)
    paused = heard.paused_why if heard.paused_until is not None and heard.paused_until > now else None
    return Freshness(
        provider=heard.provider,
        told_at=heard.told_at,
        event_at=heard.event_at,
        delay_median_s=_tenths(quantile(delays, 0.5)),
        delay_p90_s=_tenths(quantile(delays, 0.9)),
        this_hour=heard.hours.get(this, Hour()).events,
        usual=None if heard.told_at is None else _usual(heard, this),
        expected=expected,
        silent=expected is not None and expected >= SILENT_AT,
        missed=heard.missed,
        missed_week=sum(one.missed for hour, one in heard.hours.items() if hour > now - _WEEK),
        paused_why=paused,
    )


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour."""
    return at.replace(minute=0, second=0, microsecond=0)


def delay_class(delay: timedelta) -> int:
    """Return which class a delay belongs to."""
    return bisect_left(BOUNDS_S, delay.total_seconds())


def quantile(delays: Sequence[int], part: float) -> float | None:
    """Return the delay below which this part of them lies, in seconds; inside its class they are taken as even."""
    total = sum(delays)
    if total == 0:
        return None
    wanted, below = part * total, 0
    for count, (low, high) in zip(delays, pairwise((0, *BOUNDS_S, BOUNDS_S[-1])), strict=True):
        if count and below + count >= wanted:
            return low + (high - low) * (wanted - below) / count
        below += count
    return float(BOUNDS_S[-1])


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)


def _newest_delays(hours: Mapping[datetime, Hour]) -> list[int]:
    found = [0] * CLASSES
    for hour in sorted(hours, reverse=True):
        found = [a + b for a, b in zip(found, hours[hour].delays, strict=True)]
        if sum(found) >= _ENOUGH_DELAYS:
            break
    return found


def _expected(heard: Heard, now: datetime) -> float | None:
    """Return what usually comes in the time since the provider's last word; at most a week of it counts."""
    start = max(heard.told_at or now, now - _WEEK)
    total, known, hour = 0.0, False, hour_of(start)
    while hour < now:
        usual = _usual(heard, hour)
        if usual is not None:
            known = True
            total += usual * ((min(now, hour + _HOUR) - max(start, hour)) / _HOUR)
        hour += _HOUR
    return total if known else None


def _usual(heard: Heard, hour: datetime) -> float | None:
    """Return what usually comes in this hour: of the week, or where that is not known yet, of the day.

    Only hours from the first word to the last count: before there was nothing to hear, and silence is not usual.
    """
    if not heard.hours or heard.told_at is None:
        return None
    first, last = min(heard.hours), hour_of(heard.told_at)

    def samples(step: timedelta, times: int) -> list[int]:
        back = (hour - step * number for number in range(1, times + 1))
        return [heard.hours.get(one, Hour()).events for one in back if first <= one <= last]

    weeks, days = samples(_WEEK, _WEEKS), samples(_DAY, _DAYS)
    if len(weeks) >= _LEAST_WEEKS:
        return float(median(weeks))
    return float(median(days)) if len(days) >= _LEAST_DAYS else None
