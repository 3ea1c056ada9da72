"""Time text from a carrier to an instant, with how exactly and how surely it was told (rule R14).

Keeps the carrier's wall clock and offset. A naive time gets the zone that the caller derived from place or carrier;
without one it stands at `+00:00` and says so. Pure: a future time is clamped later, against `told_at`.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from schemas.vocabulary import TimeKind, TimePrecision

_EARLIEST: Final = datetime(1990, 1, 1)  # noqa: DTZ001 - compared with naive times
_LATEST: Final = datetime(2200, 1, 1)  # noqa: DTZ001 - as above
_TIME: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:[.,]\d{1,9})?)?"
    r"\s?(?P<zone>[Zz]|[+-]\d\d:?\d\d|[+-]\d\d)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Told:
    """An instant as a carrier told it."""

    at: datetime
    precision: TimePrecision
    kind: TimeKind
    text: str
    date_only: bool = False
    """The text holds no time of day. A midnight that is only read as a day is still an instant for the identity."""


def read_time(text: str, *, zone: str | None = None, midnight_is_day: bool = False) -> Told:
    """Return what a time text says; ValueError when it is no time between 1990 and 2200.

    `zone` is the IANA name to assume for a naive time. `midnight_is_day` reads an exact midnight with an offset as a
    date only: for providers that fill a missing time of day with zeros. A naive midnight always is.
    """
    match = _TIME.fullmatch(text.strip())
    if match is None:
        message = "no time"
        raise ValueError(message)
    naive = datetime.fromisoformat(f"{match['day']}T{match['minute'] or '00:00'}{match['second'] or ':00'}")
    _check_range(naive)  # before any arithmetic: moving the year 1 or 9999 between zones overflows
    at, kind = _placed(naive, match["zone"], zone)
    _check_range(at.astimezone(UTC).replace(tzinfo=None))
    midnight = (naive.hour, naive.minute, naive.second) == (0, 0, 0)
    if match["minute"] is None or (midnight and (midnight_is_day or match["zone"] is None)):
        return Told(at, TimePrecision.DAY, kind, text, date_only=match["minute"] is None)
    return Told(at, TimePrecision.SECOND if match["second"] else TimePrecision.MINUTE, kind, text)


def _check_range(naive: datetime) -> None:
    if not _EARLIEST <= naive <= _LATEST:
        message = "a time lies between 1990 and 2200"
        raise ValueError(message)


def _placed(naive: datetime, written: str | None, zone: str | None) -> tuple[datetime, TimeKind]:
    if written is not None:
        offset = _offset(written)
        kind = TimeKind.UTC if written in "Zz" else TimeKind.OFFSET
        return naive.replace(tzinfo=offset), kind
    known = None if zone is None else zone_info(zone)
    if known is None:
        return naive.replace(tzinfo=UTC), TimeKind.UNKNOWN_ZONE
    return _local(naive, known), TimeKind.ASSUMED_ZONE


def _offset(written: str) -> timezone:
    if written in "Zz":
        return UTC
    sign = -1 if written[0] == "-" else 1
    digits = written[1:].replace(":", "").ljust(4, "0")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))


def _local(naive: datetime, zone: ZoneInfo) -> datetime:
    """Return the local time with a fixed offset: the first of a repeated hour, a missing one moved by the gap."""
    local = naive.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return local.replace(tzinfo=timezone(local.utcoffset() or timedelta(0)))


def zone_info(name: str) -> ZoneInfo | None:
    """Return the zone of that IANA name, or None: the name may come from a stranger."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # OSError: a name such as "Europe" is a folder
        return None
