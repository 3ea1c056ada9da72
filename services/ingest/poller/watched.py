"""One watched parcel, and what each thing that happens to it changes. Pure: times are arguments.

`schedule.py` says from it what is to be done next; `repository.py` keeps it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.ingest.apis.base import Subject, Traits

SEEN: Final = 300
"""Event keys remembered of one parcel: more than any parcel's history that is still interesting."""
_LONGEST_WHY: Final = 200


class Registration(StrEnum):
    """How we come to hear of a parcel."""

    NONE = "none"
    """Nobody serves its carrier here."""
    WAITING = "waiting"
    """To be registered."""
    REGISTERED = "registered"
    REFUSED = "refused"
    NOT_NEEDED = "not_needed"
    """Its provider sends webhooks without being asked."""
    PULL = "pull"
    """Its provider sends none: it is polled."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order waits for this parcel."""

    order: str
    shipment: str
    stage: str


@dataclass(frozen=True, slots=True)
class Telling:
    """One scan of this parcel by its own provider, as far as the poller cares."""

    told_at: datetime
    occurred_at: datetime
    event: int
    """A hash of its event key."""
    pulled: bool
    """It stands in an answer of the API, not in a webhook."""
    counts: bool = True
    """It is a scan: a summary or an estimate that nobody told is no webhook missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One parcel; the meaning of each field stands in migrations/0001_ingest.sql."""

    shipment: str
    carrier: str
    number: str
    provider: str | None
    registration: str
    stage: str
    opened_at: datetime
    why: str | None = None
    reference: str | None = None
    closed_at: datetime | None = None
    registered_at: datetime | None = None
    refused_at: datetime | None = None
    told_at: datetime | None = None
    event_at: datetime | None = None
    asked_at: datetime | None = None
    hinted_at: datetime | None = None
    retry_at: datetime | None = None
    attempts: int = 0
    missed: int = 0
    seen: tuple[int, ...] = ()

    @property
    def subject(self) -> Subject:
        """What an API client is asked about."""
        return Subject(self.shipment, self.carrier, self.number, self.reference)


def first_registration(traits: Traits | None) -> Registration:
    """Return how a parcel begins that this provider serves."""
    if traits is None:
        return Registration.NONE
    if not traits.pushes:
        return Registration.PULL
    return Registration.WAITING if traits.registers else Registration.NOT_NEEDED


def served(row: Watched, traits: Traits | None) -> Watched:
    """Return the row given to another provider: what the last one knew of it counts no more."""
    return replace(
        row,
        provider=None if traits is None else traits.provider,
        registration=first_registration(traits),
        why=None,
        reference=None,
        registered_at=None,
        refused_at=None,
        asked_at=None,
        hinted_at=None,
        retry_at=None,
        attempts=0,
    )


def wanted(row: Watched, stage: str | None, *, at: datetime, traits: Traits | None) -> Watched:
    """Return the row as orders want it now: at a stage, or (None) no more."""
    if stage is None:
        return row if row.closed_at is not None else replace(row, closed_at=at, retry_at=None, attempts=0)
    if row.closed_at is None:
        return replace(row, stage=stage)
    again = replace(row, stage=stage, closed_at=None, opened_at=at, retry_at=None, attempts=0)
    ended = row.registration == Registration.ENDED
    return replace(again, registration=first_registration(traits)) if ended else again


def told(row: Watched, tellings: Iterable[Telling], *, hint: bool, grace: timedelta) -> Watched:
    """Return the row after its provider told something; what was told before changes nothing.

    A scan that a read brought, that no webhook had told and that is no longer on its way (`grace`), was missed. What
    happened before we were to be told is history and misses nothing.
    """
    known, seen = set(row.seen), list(row.seen)
    pushed, since, missed = row.registration != Registration.PULL, row.registered_at or row.opened_at, 0
    for one in tellings:
        if hint and not one.pulled:
            row = replace(row, hinted_at=_later(row.hinted_at, one.told_at))
        if one.event in known:
            continue
        known.add(one.event)
        seen.append(one.event)
        missed += pushed and one.counts and one.pulled and since <= one.occurred_at <= one.told_at - grace
        row = replace(row, told_at=_later(row.told_at, one.told_at), event_at=_later(row.event_at, one.occurred_at))
    return replace(row, seen=tuple(seen[-SEEN:]), missed=row.missed + missed)


def answered(row: Watched, *, at: datetime) -> Watched:
    """Return the row after its provider answered a read that began at `at`.

    What the answer tells carries the same instant: so a read that brought something new is told from one that did not.
    """
    why = row.why if row.registration == Registration.REFUSED else None
    return replace(row, asked_at=at, why=why, retry_at=None, attempts=0)


def unknown(row: Watched, why: str, *, at: datetime) -> Watched:
    """Return the row after its provider said that it cannot read this number: asked, and asked again in its time."""
    return replace(row, asked_at=at, why=why[:_LONGEST_WHY], retry_at=None, attempts=0)


def registered(row: Watched, reference: str | None, *, at: datetime) -> Watched:
    """Return the row after it was registered, or renewed."""
    return replace(
        row,
        registration=Registration.REGISTERED,
        reference=reference or row.reference,
        registered_at=at,
        refused_at=None,
        why=None,
        retry_at=None,
        attempts=0,
    )


def refused(row: Watched, why: str, *, at: datetime) -> Watched:
    """Return the row after its provider would not take the number."""
    return replace(
        row,
        registration=Registration.REFUSED,
        refused_at=at,
        why=why[:_LONGEST_WHY],
        retry_at=None,
        attempts=0,
    )


def ended(row: Watched) -> Watched:
    """Return the row after its registration was ended."""
    return replace(row, registration=Registration.ENDED, why=None, reference=None, retry_at=None, attempts=0)


def failed(row: Watched, why: str, *, retry_at: datetime) -> Watched:
    """Return the row after a try that came to nothing."""
    return replace(row, why=why[:_LONGEST_WHY], retry_at=retry_at, attempts=row.attempts + 1)


def _later(known: datetime | None, new: datetime) -> datetime:
    return new if known is None else max(known, new)
