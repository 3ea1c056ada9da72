"""Days, times and windows in words, each in the zone in which it happened, and said so. Pure.

A time whose zone the carrier did not tell is shown as its wall clock and called "local time": never guessed. Which
language variant (24 hours, day before month) follows the customer's country.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_timezone_location

from schemas.order_events import Placed, Window
from schemas.scans import Scan
from schemas.vocabulary import TimeKind, TimePrecision
from services.status.machine import instant

LANGUAGE: Final = "en"
LOCAL_TIME: Final = "local time"
#: The carrier told no zone; its place, or where the carrier works, says which it must be (R14).
ASSUMED: Final = " (assumed)"


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as people read it."""

    day: str
    clock: str | None
    """None where only the day is known."""
    zone: str | None
    """As in `London time`, or `local time` where the carrier did not tell the zone."""
    machine: str
    """For the attribute `datetime`."""

    @property
    def text(self) -> str:
        """Day, time and zone in one line."""
        if self.clock is None:
            return self.day
        return f"{self.day}, {self.clock} {self.zone}" if self.zone else f"{self.day}, {self.clock}"


@dataclass(frozen=True, slots=True)
class Clock:
    """How this customer reads times: the language variant, the order's zone, and what time it is."""

    locale: Locale
    zone: ZoneInfo | None
    now: datetime

    def of(self, at: datetime) -> Moment:
        """Return a time of ours or of the shop: in the order's zone, else as it was sent."""
        if self.zone is not None:
            return self._moment(at.astimezone(self.zone), zone=self._zone_name(self.zone), machine=at.isoformat())
        return self._moment(at, zone=_offset_name(at), machine=at.isoformat())

    def of_text(self, at: str) -> Moment:
        """Return a stored RFC 3339 time."""
        return self.of(datetime.fromisoformat(at))

    def of_scan(self, scan: Scan) -> Moment:
        """Return when a scan happened: in the zone of its place, else as the carrier told it."""
        at = instant(scan)
        if scan.time_precision == TimePrecision.DAY:
            return Moment(self.short_day(at.date()), None, None, at.date().isoformat())
        named = zone_of(scan.place.time_zone if scan.place is not None else None)
        if scan.time_kind == TimeKind.UNKNOWN_ZONE and scan.occurred_at <= scan.told_at:
            return self._moment(at, zone=LOCAL_TIME, machine=at.replace(tzinfo=None).isoformat())
        if named is not None:
            assumed = ASSUMED if scan.time_kind == TimeKind.ASSUMED_ZONE else ""
            zone = f"{self._zone_name(named)}{assumed}"
            return self._moment(at.astimezone(named), zone=zone, machine=at.isoformat())
        if scan.time_kind in {TimeKind.UTC, TimeKind.UNKNOWN_ZONE}:
            return self.of(at)
        return self._moment(at, zone=LOCAL_TIME, machine=at.isoformat())

    def near_day(self, day: date) -> str:
        """Return a day that is awaited: `Today, Tuesday 24 November`."""
        if self.zone is None:
            return self.day(day)
        away = (day - self._local(self.now).date()).days
        near = {0: "Today, ", 1: "Tomorrow, ", -1: "Yesterday, "}.get(away, "")
        return near + self.day(day)

    def day(self, day: date) -> str:
        """Return a day: `Tuesday 24 November`; with its year where that is not this one's."""
        skeleton = "MMMMd" if day.year == self._local(self.now).year else "yMMMMd"
        rest = format_skeleton(skeleton, day, locale=self.locale)
        comma = "," if rest[0].isalpha() else ""
        return _plain(f"{format_date(day, 'EEEE', locale=self.locale)}{comma} {rest}")

    def short_day(self, day: date) -> str:
        """Return a day for a list: `Tue 24 Nov`; with its year where that is not this one's."""
        skeleton = "MMMEd" if day.year == self._local(self.now).year else "yMMMEd"
        return _plain(format_skeleton(skeleton, day, locale=self.locale))

    def shortest_day(self, at: datetime) -> str:
        """Return a day for a narrow place: `24 Nov`."""
        return _plain(format_skeleton("MMMd", self._local(at).date(), locale=self.locale))

    def window(self, window: Window) -> str:
        """Return an expected or promised time: a day, `by` a time, or from when to when."""
        if window.ends is None:
            return self.near_day(window.day) if window.day is not None else ""
        starts, ends = window.starts, self._local(window.ends)
        zone = self._zone_name(self.zone) if self.zone is not None else _offset_name(window.ends)
        if starts is None:
            return f"{self.near_day(ends.date())}, by {self._time(ends)} {zone}"
        starts = self._local(starts)
        if starts.date() == ends.date():
            return f"{self.near_day(ends.date())}, {self._time(starts)} to {self._time(ends)} {zone}"
        return f"{self.day(starts.date())} to {self.day(ends.date())}"

    def is_over(self, window: Window) -> bool:
        """Tell whether an expected time has passed."""
        if window.ends is not None:
            return window.ends < self.now
        return window.day is not None and window.day < self._local(self.now).date()

    def ago(self, at: datetime) -> str:
        """Return how long ago something was: `3 days ago`."""
        past = max(self.now - at, timedelta(0))
        if past < timedelta(minutes=1):
            return "just now"
        return format_timedelta(-past, add_direction=True, granularity="minute", locale=self.locale)

    def _local(self, at: datetime) -> datetime:
        return at if self.zone is None else at.astimezone(self.zone)

    def _moment(self, local: datetime, *, zone: str, machine: str) -> Moment:
        return Moment(self.short_day(local.date()), self._time(local), zone, machine)

    def _time(self, local: datetime) -> str:
        # Babel would move the time into its default zone: give it the wall clock, without an offset.
        return _plain(format_time(local.time(), "short", locale=self.locale))

    def _zone_name(self, zone: ZoneInfo) -> str:
        name = get_timezone_location(zone, locale=self.locale, return_city=True)
        return name if name == "UTC" else f"{name.rsplit('/', 1)[-1]} time"


def make_clock(placed: Placed | None, zone: str | None, *, now: datetime) -> Clock:
    """Return how the customer of an order reads times."""
    spoken = (placed.locale if placed is not None else None) or ""
    parts = spoken.replace("_", "-").split("-")
    named = next((part.upper() for part in parts[1:] if len(part) == len("GB")), None)
    destination = placed.destination if placed is not None else None
    return Clock(_locale(named, destination.country if destination is not None else None), zone_of(zone), now)


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return an IANA zone, or None where there is none of that name."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _locale(*territories: str | None) -> Locale:
    """Return the language of the pages as it is written in the first of the countries that CLDR knows."""
    for territory in territories:
        if territory is not None:
            try:
                return Locale(LANGUAGE, territory=territory)
            except (UnknownLocaleError, ValueError):
                continue
    return Locale(LANGUAGE)


def _offset_name(at: datetime) -> str:
    offset = at.utcoffset() or timedelta(0)
    if not offset:
        return "UTC"
    minutes = int(abs(offset).total_seconds()) // 60
    return f"UTC{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


def _plain(text: str) -> str:
    """Return CLDR's text with ordinary spaces."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")
