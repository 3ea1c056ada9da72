"""Time text from a carrier to an instant, with how exactly and how surely it was told (rule R14).

Keeps the carrier's wall clock and offset. A naive time gets the zone that the caller derived from place or carrier;
without one it stands at `+00:00` and says so. Pure: a future time is clamped later, against `told_at`.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from schemas.vocabulary import TimeKind, TimePrecision

_EARLIEST: Final = datetime(1990, 1, 1)  # noqa: DTZ001 - compared with naive times
_LATEST: Final = datetime(2200, 1, 1)  # noqa: DTZ001 - as above
_TIME: Final = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<minute>\d\d:\d\d)(?P<second>:\d\d(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s?(?P<zone>[Zz]|[+-]\d\d:?\d\d|[+-]\d\d)?",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DIGITS: Final = re.compile(r"[0-9]{1,13}", re.ASCII)
_QUARTER: Final = timedelta(minutes=15)
_MINUTE: Final = timedelta(minutes=1)
_WEST: Final = timedelta(hours=-12)
_EAST: Final = timedelta(hours=14)
_ABBREVIATIONS: Final = {
    "UTC": "+00:00", "GMT": "+00:00", "NST": "-03:30", "NDT": "-02:30", "AST": "-04:00", "ADT": "-03:00",
    "EST": "-05:00", "EDT": "-04:00", "CST": "-06:00", "CDT": "-05:00", "MST": "-07:00", "MDT": "-06:00",
    "PST": "-08:00", "PDT": "-07:00", "AKST": "-09:00", "AKDT": "-08:00", "HST": "-10:00",
}  # fmt: skip


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
    naive = datetime.fromisoformat(f"{match['day']}T{match['minute'] or '00:00'}{(match['second'] or ':00')[:3]}")
    naive += timedelta(microseconds=int((match["fraction"] or "")[:6].ljust(6, "0")))
    _check_range(naive)  # before any arithmetic: moving the year 1 or 9999 between zones overflows
    at, kind = _placed(naive, match["zone"], zone)
    _check_range(at.astimezone(UTC).replace(tzinfo=None))
    midnight = naive.time() == time()
    if match["minute"] is None or (midnight and (midnight_is_day or match["zone"] is None)):
        return Told(at, TimePrecision.DAY, kind, text, date_only=match["minute"] is None)
    return Told(at, TimePrecision.SECOND if match["second"] else TimePrecision.MINUTE, kind, text)


def epoch_time(text: str, *, per_second: int = 1) -> Told:
    """Return an instant told as a whole number since 1970, `per_second` units to a second; ValueError for any other."""
    if not _EPOCH_DIGITS.fullmatch(text):
        message = "no number of seconds"
        raise ValueError(message)
    try:
        at = _EPOCH + timedelta(microseconds=int(text) * 1_000_000 // per_second)
    except OverflowError as error:
        message = "a time lies between 1990 and 2200"
        raise ValueError(message) from error
    _check_range(at.replace(tzinfo=None))
    return Told(at, TimePrecision.SECOND, TimeKind.UTC, text)


def with_wall_clock(told: Told, local: str) -> Told:
    """Return an instant told in UTC on the wall clock that was told beside it, where both differ by a real offset.

    Carriers send both (UPS, USPS); the local day of a scan is then known without the zone of its place. A local time
    that no zone could show is not believed: samples of UPS's own have one a day off.
    """
    try:
        wall = read_time(local).at.replace(tzinfo=None)
    except ValueError:
        return told
    ahead = wall - told.at.astimezone(UTC).replace(tzinfo=None)
    quarters = round(ahead / _QUARTER)
    offset = quarters * _QUARTER
    if not _WEST <= offset <= _EAST or abs(ahead - offset) > _MINUTE:
        return told
    return replace(told, at=told.at.astimezone(timezone(offset)))


def offset_of(abbreviation: str) -> str | None:
    """Return the offset of a North American zone's abbreviation as in `-05:00`; None for any other.

    Only those with one meaning where they are used: Canada Post and the US carriers write them.
    """
    return _ABBREVIATIONS.get(abbreviation.strip().upper())


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
