"""When days and windows end on the clocks of a place. Pure; dates from strangers can be any."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from schemas.order_events import Window

#: Our calendar, as the contract's instants have it: a day outside it says nothing.
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def window_end(window: Window, zone: tzinfo) -> datetime | None:
    """Return when a window has passed: its end, or the end of its local day; None outside our calendar."""
    if window.ends is not None:
        return window.ends.astimezone(UTC)
    assert window.day is not None  # noqa: S101 - a window has one of both
    return next_day(window.day, zone, timedelta(0))


def next_day(day: date, zone: tzinfo, hours: timedelta) -> datetime | None:
    """Return that time of the day after `day`; a time that the zone skips moves forward. None outside our calendar."""
    if not EARLIEST.year <= day.year < LATEST.year:
        return None
    clock = (datetime.combine(day, time()) + timedelta(days=1) + hours).time()
    return datetime.combine(day + timedelta(days=1), clock, tzinfo=zone).astimezone(UTC)


def whole_second(moment: datetime) -> datetime:
    """Return the first whole second that is not earlier."""
    return moment if not moment.microsecond else moment.replace(microsecond=0) + timedelta(seconds=1)
