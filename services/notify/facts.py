"""The facts of one message, in words and local times: all that a template may use. Pure.

Times keep the carrier's wall clock where it was told; times told in UTC are shown in the order's zone. Dates follow the
customer's country, the words the language of the templates.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time

from schemas.order_events import Window
from schemas.order_status import LineState, OrderStatus, Parcel
from schemas.vocabulary import Milestone, TimePrecision
from schemas.words import MILESTONE_WORDS, NO_NUMBER_YET, ORDER_WORDS, Words
from services.notify.contacts import Profile
from services.notify.policy import Identity, instant

LANGUAGE: Final = "en"
_LONGEST_NAME: Final = 60
_MOST_ITEMS: Final = 10
_YEAR: Final = re.compile(r",?\s*y+")
#: What mail programs make a link of: `evil.example`, `//x`, `a@b`. "J.R. Smith" has no two letters after a dot.
_LINK: Final = re.compile(r"[/\\@<]|\w\.\w{2}")


@dataclass(frozen=True, slots=True)
class Item:
    """So many of an article."""

    quantity: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a template knows. Texts are data, never templates."""

    brand: str
    order: str
    """The number that customers know."""
    name: str | None
    link: str | None
    """The tracking page, by a signed link; None where no signing key is set."""
    when: str | None
    """Day and time of the milestone; the day alone where the carrier told no more."""
    words: Words
    """What the milestone means and what happens next, from the one table."""
    news: str
    """The subject line without its capital: `your order 1001 has been shipped`."""
    steps: tuple[str, ...] = ()
    step: int = 0
    """Which of the steps it stands on, from 1; 0 where it has left the way."""
    carrier: str | None = None
    number: str | None = None
    number_follows: str | None = None
    """What to say where the parcel has no number yet."""
    parcels: int = 0
    items: tuple[Item, ...] = ()
    more_items: int = 0
    expected: str | None = None
    store: str | None = None
    until: str | None = None
    hours: str | None = None


def facts(
    identity: Identity,
    status: OrderStatus,
    *,
    name: str | None,
    profile: Profile | None,
    brand: str,
    link: str | None,
    reached_at: str,
) -> Facts:
    """Return the facts of one message about one order."""
    times = _Times.of(profile, status.time_zone)
    number = status.printed or status.order
    told = MILESTONE_WORDS[Milestone(identity.milestone)]
    parcel = next((one for one in status.parcels if one.shipment == identity.parcel), None)
    at = instant(reached_at)
    items = _ready(status) if not identity.parcel else _items(parcel, status)
    collection = status.collection if not identity.parcel else None
    until = instant(collection.until) if collection is not None and collection.until is not None else None
    return Facts(
        brand=brand,
        order=number,
        name=greeting_name(name),
        link=link,
        when=times.day(at) if _day_only(parcel, at) else times.moment(at),
        words=told.words,
        news=f"{'a parcel of your' if len(status.parcels) > 1 else 'your'} order {number} {told.news}",
        steps=tuple(ORDER_WORDS[state].status for state in told.steps),
        step=told.step,
        carrier=parcel.carrier_name if parcel is not None else None,
        number=parcel.number if parcel is not None else None,
        number_follows=NO_NUMBER_YET if parcel is not None and parcel.number is None else None,
        parcels=len(status.parcels),
        items=items[:_MOST_ITEMS],
        more_items=max(0, len(items) - _MOST_ITEMS),
        expected=times.window(parcel.window or status.promised) if parcel is not None else None,
        store=collection.store if collection is not None else None,
        until=times.moment(until),
        hours=collection.hours if collection is not None else None,
    )


def _day_only(parcel: Parcel | None, at: datetime | None) -> bool:
    """Tell whether the milestone's time is a day: a midnight that nobody told must not be shown as one."""
    scan = parcel.last_scan if parcel is not None else None
    return scan is not None and scan.time_precision == TimePrecision.DAY and instant(scan.at) == at


def greeting_name(name: str | None) -> str | None:
    """Return a name to greet with, or None where it is none: a name is free text that strangers can fill in."""
    if not name or len(name) > _LONGEST_NAME or _LINK.search(name):
        return None
    return name


def _ready(status: OrderStatus) -> tuple[Item, ...]:
    return tuple(Item(ready, _name(line)) for line in status.lines if (ready := line.buckets.get("ready", 0)) > 0)


def _items(parcel: Parcel | None, status: OrderStatus) -> tuple[Item, ...]:
    names = {line.line: _name(line) for line in status.lines}
    lines = parcel.lines if parcel is not None else ()
    return tuple(Item(line.quantity, names[line.line]) for line in lines if line.line in names)


def _name(line: LineState) -> str:
    return line.name or line.sku or "article"


@dataclass(frozen=True, slots=True)
class _Times:
    """Dates and times as this customer reads them."""

    locale: Locale
    zone: ZoneInfo | None

    @classmethod
    def of(cls, profile: Profile | None, zone: str | None) -> "_Times":
        return cls(_locale(profile), _zone(zone) or _zone(profile.time_zone if profile is not None else None))

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone) if self.zone is not None and at.utcoffset() == timedelta(0) else at

    def day(self, at: datetime | None) -> str | None:
        return None if at is None else self.date(self.local(at).date())

    def date(self, day: date) -> str:
        # CLDR's full form without the year: it knows which of day and month comes first.
        pattern = _YEAR.sub("", str(self.locale.date_formats["full"].pattern))
        return _plain(format_date(day, pattern, locale=self.locale))

    def clock(self, at: datetime) -> str:
        # Babel would move the time into its default zone: give it the wall clock, without an offset.
        return _plain(format_time(self.local(at).time(), "short", locale=self.locale))

    def moment(self, at: datetime | None) -> str | None:
        return None if at is None else f"{self.day(at)}, {self.clock(at)}"

    def window(self, window: Window | None) -> str | None:
        if window is None:
            return None
        if window.ends is None:
            return None if window.day is None else self.date(window.day)
        if window.starts is None:
            return f"{self.day(window.ends)}, by {self.clock(window.ends)}"
        starts, ends = window.starts, window.ends
        if self.local(starts).date() == self.local(ends).date():
            return f"{self.day(starts)}, {self.clock(starts)} to {self.clock(ends)}"
        return f"{self.day(starts)} to {self.day(ends)}"


def _locale(profile: Profile | None) -> Locale:
    """Return the language of the templates as it is written in the customer's country."""
    spoken = (profile.locale if profile is not None else None) or ""
    parts = spoken.replace("_", "-").split("-")
    territory = next((part.upper() for part in parts[1:] if len(part) == 2), None)  # noqa: PLR2004 - ISO 3166
    for place in (territory, profile.country if profile is not None else None):
        if place is not None:
            try:
                return Locale(LANGUAGE, territory=place)
            except (UnknownLocaleError, ValueError):
                continue
    return Locale(LANGUAGE)


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _plain(text: str) -> str:
    """Return CLDR's text with ordinary spaces: a narrow one would double the price of an SMS."""
    return text.replace("\u202f", " ").replace("\u00a0", " ")
