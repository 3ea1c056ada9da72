"""What is to be done about a parcel next, when, and why. Pure: no clock, and chance is an argument.

A table of rules, each of which says when its duty is due, or None. The earliest wins; of equal ones, the first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from schemas.vocabulary import Stage
from services.ingest.apis.base import Traits
from services.ingest.poller.watched import Registration, Watched
from services.runtime import backoff

ALONE_AFTER: Final = 3
"""Failures after which a parcel is asked for alone: if it is what the provider stumbles over, it stops nobody else."""

DONE: Final = frozenset({Stage.DELIVERED, Stage.RETURNED, Stage.CANCELLED, Stage.DISPOSED, Stage.LOST})
"""Nothing is expected of a parcel in these stages."""

_NEAR: Final = frozenset({Stage.OUT_FOR_DELIVERY, Stage.ATTEMPTED, Stage.AVAILABLE_FOR_PICKUP})
_EARLY: Final = frozenset({Stage.NOT_FOUND, Stage.ANNOUNCED})


class Duty(StrEnum):
    """Why a parcel is due."""

    END = "end"
    REGISTER = "register"
    RENEW = "renew"
    HINT = "hint"
    POLL = "poll"
    SILENT = "silent"


class Operation(StrEnum):
    """What an API is asked to do."""

    READ = "read"
    REGISTER = "register"
    END = "end"


OPERATIONS: Final[dict[Duty, Operation]] = {
    Duty.END: Operation.END,
    Duty.REGISTER: Operation.REGISTER,
    Duty.RENEW: Operation.REGISTER,
    Duty.HINT: Operation.READ,
    Duty.POLL: Operation.READ,
    Duty.SILENT: Operation.READ,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long each thing waits."""

    poll: timedelta
    poll_near: timedelta
    poll_early: timedelta
    silent: timedelta
    silent_again: timedelta
    leave: timedelta
    end: timedelta
    refused_again: timedelta
    hint: timedelta


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done, and when."""

    duty: Duty
    at: datetime


def due(row: Watched, traits: Traits | None, pace: Pace) -> Due | None:
    """Return what is to be done next about a parcel; None: nothing, until something happens to it."""
    if traits is None or row.provider != traits.provider:
        return None
    found = [Due(duty, at) for duty, rule in _RULES if (at := rule(row, traits, pace)) is not None]
    first = min(found, key=lambda one: one.at, default=None)
    if first is None or row.retry_at is None:
        return first
    return Due(first.duty, max(first.at, row.retry_at))


def retry_delay(attempts: int, random: Callable[[], float], *, first_s: float, longest_s: float) -> float:
    """Return how long a parcel (or a provider) is left alone after so many failures, this one not counted.

    Half of the growing limit is certain and half is chance: at once again is never right.
    """
    half = backoff.full_jitter(attempts, lambda: 1.0, first_s=first_s, longest_s=longest_s) / 2
    return half + half * random()


def _end(row: Watched, traits: Traits, pace: Pace) -> datetime | None:
    """Some time after nobody waits for it any more: carriers take a delivery back."""
    ends = traits.ends and row.registration == Registration.REGISTERED
    return row.closed_at + pace.end if ends and row.closed_at is not None else None


def _register(row: Watched, traits: Traits, pace: Pace) -> datetime | None:
    """At once; and after a refusal a day later again, because accounts and providers' lists change."""
    if row.closed_at is not None or not traits.registers:
        return None
    if row.registration == Registration.WAITING:
        return row.opened_at
    if row.registration == Registration.REFUSED and row.refused_at is not None:
        return row.refused_at + pace.refused_again
    return None


def _renew(row: Watched, traits: Traits, pace: Pace) -> datetime | None:  # noqa: ARG001 - all rules look alike
    """Before the registration expires."""
    if row.closed_at is not None or row.registration != Registration.REGISTERED:
        return None
    if traits.renew_after is None or row.registered_at is None:
        return None
    return row.registered_at + traits.renew_after


def _hint(row: Watched, traits: Traits, pace: Pace) -> datetime | None:
    """Soon after a webhook that nobody signed; several within that time cost one read."""
    if row.closed_at is not None or not traits.reads or row.hinted_at is None:
        return None
    return row.hinted_at + pace.hint if row.asked_at is None or row.asked_at < row.hinted_at else None


def _poll(row: Watched, traits: Traits, pace: Pace) -> datetime | None:
    """Again and again, where there are no webhooks: often when it is near, seldom before it moves."""
    if row.closed_at is not None or traits.pushes or not traits.reads:
        return None
    every = pace.poll_near if row.stage in _NEAR else pace.poll_early if row.stage in _EARLY else pace.poll
    return _unless_left(row.opened_at if row.asked_at is None else row.asked_at + every, row, pace)


def _silent(row: Watched, traits: Traits, pace: Pace) -> datetime | None:
    """Once when webhooks have been silent for long; while the silence lasts, again only after a much longer time."""
    if row.closed_at is not None or not traits.pushes or not traits.reads:
        return None
    since = max(one for one in (row.opened_at, row.registered_at, row.told_at) if one is not None)
    if row.asked_at is not None and row.asked_at > since:  # what a read told ends the silence at that very instant
        return _unless_left(row.asked_at + pace.silent_again, row, pace)
    return _unless_left(since + pace.silent, row, pace)


def _unless_left(at: datetime, row: Watched, pace: Pace) -> datetime | None:
    """Return None for a parcel of which nothing was heard for so long that nobody asks any more."""
    return at if at <= max(row.opened_at, row.told_at or row.opened_at) + pace.leave else None


_RULES: Final[tuple[tuple[Duty, Callable[[Watched, Traits, Pace], datetime | None]], ...]] = (
    (Duty.END, _end),
    (Duty.REGISTER, _register),
    (Duty.RENEW, _renew),
    (Duty.HINT, _hint),
    (Duty.POLL, _poll),
    (Duty.SILENT, _silent),
)
