"""The times of a USPS tracking answer: an event told three ways at once, and a delivery expected in four.

Pure. Called by `usps.py`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final

from schemas.order_events import Window
from schemas.vocabulary import TimePrecision
from services.ingest.carriers.documents import child, day, text
from services.ingest.carriers.times import Told, read_time, with_wall_clock
from services.ingest.carriers.zones import zone_of

_OFFSET: Final = re.compile(r"([+-]?)(\d{1,2}):?(\d\d)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::\d\d)?(?:\s*([ap])\.?m\.?)?", re.IGNORECASE | re.ASCII)
_DAY: Final = timedelta(days=1)
_SLACK: Final = timedelta(minutes=1)
_NOON: Final = 12
_LAST_HOUR: Final = 23
_LAST_MINUTE: Final = 59
#: Later ones only where the earlier ones are missing: what USPS shows, what it computes, what it guarantees.
_EXPECTED: Final = ("expectedDeliveryDate", "expectedDeliveryTimeStamp")
_PREDICTED: Final = ("predictedDeliveryDate", "predictedDeliveryTimeStamp")
_GUARANTEED: Final = ("guaranteedDeliveryDate", "guaranteedDeliveryTimeStamp")


def event_time(event: object, zone: str | None) -> Told:
    """Return the time of an event: the instant of `GMTTimestamp`, on the wall clock of `eventTimestamp`.

    Where only the wall clock is told it stands in `zone`. Raises ValueError where neither can be read.
    """
    local, gmt, offset = (text(event, name) for name in ("eventTimestamp", "GMTTimestamp", "GMTOffset"))
    written = " ".join(part for part in (local, gmt, offset) if part)
    if gmt is None:
        placed = (local or "") + (_offset_text(offset) if _is_naive(local) else "")
        told = read_time(placed, zone=zone)
        # The wall clock is cut to the minute, whatever its seconds say.
        exact = TimePrecision.MINUTE if told.precision == TimePrecision.SECOND else told.precision
        return replace(told, text=written, precision=exact)
    told = read_time(gmt if not _is_naive(gmt) else gmt + "Z")
    told = _of_the_right_day(told, local, offset)
    return replace(told if local is None else with_wall_clock(told, local), text=written)


def _of_the_right_day(told: Told, local: str | None, offset: str | None) -> Told:
    """Return an instant on the day its wall clock says.

    USPS writes the local day before the hour of Greenwich: 18:31 at -06:00 comes as 00:31:21Z of the same day. The
    offset beside it proves which day is meant; an instant that is not whole days away from it is left as it was told.
    """
    try:
        meant = read_time((local or "") + _offset_text(offset)).at if _is_naive(local) and offset else None
    except ValueError:
        return told
    if meant is None:
        return told
    days = round((meant - told.at) / _DAY)
    moved = told.at + days * _DAY
    return replace(told, at=moved) if days and abs(moved - meant) <= _SLACK else told


def _offset_text(offset: str | None) -> str:
    """Return `-7:00` as `-07:00`; nothing for what is no offset."""
    match = _OFFSET.fullmatch((offset or "").strip())
    return "" if match is None else f"{match[1] or '+'}{match[2]:0>2}:{match[3]}"


def _is_naive(written: str | None) -> bool:
    return written is not None and re.search(r"(?:[Zz]|[+-]\d\d:?\d\d)$", written.strip()) is None


def expected_delivery(answer: Mapping[str, object]) -> Window | None:
    """Return the expected delivery: a day, or the predicted window of that day where its end can be placed."""
    # Version 3.2 puts it all under one name.
    told = {**answer, **child(answer, "deliveryDateExpectation")}
    on = next(_days(told), None)
    if on is None:
        return None
    zone = zone_of("usps", country=None, region=text(told, "destinationState"))
    predicted = _first_day(told, _PREDICTED)
    ends = _at(on, text(told, "predictedDeliveryWindowEndTime"), zone) if predicted == on else None
    if ends is None:
        return Window(day=on)
    starts = _at(on, text(told, "predictedDeliveryWindowStartTime"), zone)
    return Window(day=on, starts=starts if starts is not None and starts < ends else None, ends=ends)


def _days(told: dict[str, object]) -> Iterator[date]:
    return (found for names in (_EXPECTED, _PREDICTED, _GUARANTEED) if (found := _first_day(told, names)) is not None)


def _first_day(told: dict[str, object], names: tuple[str, ...]) -> date | None:
    return next((found for name in names if (found := day(told, name)) is not None), None)


def _at(on: date, clock: str | None, zone: str | None) -> datetime | None:
    """Return `18:00`, `18:00:00` or `9:00pm` on a day in a zone; None where zone or day are none we know."""
    match = _CLOCK.fullmatch((clock or "").strip())
    if match is None or zone is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    if match[3] is not None:
        hour = hour % _NOON + (_NOON if match[3].lower() == "p" else 0)
    if hour > _LAST_HOUR or minute > _LAST_MINUTE:
        return None
    try:
        return read_time(f"{on.isoformat()}T{hour:02}:{minute:02}", zone=zone).at
    except ValueError:  # a day like 0001-01-01, which stands for none
        return None
