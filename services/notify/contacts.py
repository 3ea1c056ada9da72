"""The book: whom an order's messages go to, folded from its order events in whatever order they come. Pure.

Per role the contact that was told last counts, by (`occurred_at`, `ce_source`, `ce_id`); so with the preferences,
and with the locale, zone and country of the order. Holds personal data: stored in notify's schema only, never logged.
"""

import hashlib
from datetime import datetime
from typing import Final

from pydantic import Field, TypeAdapter

from schemas.base import Instant, Model
from schemas.order_events import Contact, ContactChanged, OrderEvent, Placed, PreferenceChanged, Preferences


class Stamp(Model):
    """Where an event stands among the others of its order; nothing in it depends on arrival."""

    at: Instant
    source: str
    event: str
    digest: str
    """Of the content: two contents under one id, the smaller counts (docs/engine-rules.md, step 2)."""

    def beats(self, other: "Stamp") -> bool:
        """Tell whether what bears this stamp replaces what bears the other."""
        mine, theirs = (self.at, self.source, self.event), (other.at, other.source, other.event)
        return mine > theirs or (mine == theirs and self.digest < other.digest)


class Entry(Model):
    """The contact of one role."""

    contact: Contact = Field(repr=False)
    stamp: Stamp
    named_since: Instant | None = None
    """When the role was first given an address: a person named later is told of later milestones only."""


class Profile(Model):
    """How the customer reads: from the event `placed`."""

    locale: str | None = None
    time_zone: str | None = None
    country: str | None = None
    stamp: Stamp


class Wishes(Model):
    """The customer's preferences."""

    preferences: Preferences
    stamp: Stamp


class Book(Model):
    """All that notify knows of the people of one order."""

    entries: dict[str, Entry] = Field(default_factory=dict, repr=False)
    profile: Profile | None = None
    wishes: Wishes | None = None

    @property
    def preferences(self) -> Preferences:
        """The customer's preferences; where nothing was said, everything is left to the shop's default."""
        return self.wishes.preferences if self.wishes is not None else Preferences()

    @property
    def country(self) -> str | None:
        """The country whose numbering plan a phone number without country code belongs to."""
        return self.profile.country if self.profile is not None else None


EMPTY: Final = Book()
BOOK: Final[TypeAdapter[Book]] = TypeAdapter(Book)

#: The events the book is made of; all others are not notify's.
READ: Final = (Placed, ContactChanged, PreferenceChanged)


def stamp(event: OrderEvent, *, source: str, event_id: str) -> Stamp:
    """Return the stamp of an order event."""
    digest = hashlib.sha256(event.model_dump_json().encode()).hexdigest()
    return Stamp(at=event.occurred_at, source=source, event=event_id, digest=digest)


def fold(book: Book, event: OrderEvent, at: Stamp) -> Book:
    """Return the book with one more event in it."""
    if isinstance(event, Placed):
        book = _with_contacts(book, event.contacts, at)
        book = _with_profile(book, event, at)
        return book if event.preferences is None else _with_preferences(book, event.preferences, at)
    if isinstance(event, ContactChanged):
        return _with_contacts(book, event.contacts, at)
    if isinstance(event, PreferenceChanged):
        return _with_preferences(book, event.preferences, at)
    return book


def _with_contacts(book: Book, contacts: tuple[Contact, ...], at: Stamp) -> Book:
    # One contact per role: of several in one event the first counts.
    first = {contact.role: contact for contact in reversed(contacts)}
    entries = dict(book.entries)
    for role, contact in first.items():
        entries[role] = _entry(entries.get(role), contact, at)
    return book.model_copy(update={"entries": dict(sorted(entries.items()))})


def _entry(known: Entry | None, contact: Contact, at: Stamp) -> Entry:
    since = at.at if contact.email or contact.phone else None
    if known is None:
        return Entry(contact=contact, stamp=at, named_since=since)
    since = _earlier(since, known.named_since)
    if at.beats(known.stamp):
        return Entry(contact=contact, stamp=at, named_since=since)
    return known.model_copy(update={"named_since": since})


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    # Equal instants may be told with different offsets: keep the smaller text, so that arrival does not decide.
    times = [time for time in (one, other) if time is not None]
    return min(times, key=lambda time: (time, time.isoformat()), default=None)


def _with_profile(book: Book, placed: Placed, at: Stamp) -> Book:
    if book.profile is not None and not at.beats(book.profile.stamp):
        return book
    destination = placed.destination
    zone = placed.time_zone or (destination.time_zone if destination is not None else None)
    profile = Profile(
        locale=placed.locale,
        time_zone=zone,
        country=destination.country if destination is not None else None,
        stamp=at,
    )
    return book.model_copy(update={"profile": profile})


def _with_preferences(book: Book, preferences: Preferences, at: Stamp) -> Book:
    if book.wishes is not None and not at.beats(book.wishes.stamp):
        return book
    return book.model_copy(update={"wishes": Wishes(preferences=preferences, stamp=at)})
