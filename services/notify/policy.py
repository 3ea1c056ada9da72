"""Who is told what: which milestones, which people, for how long it is worth telling. Pure: no clock, no I/O.

`plan` gives the messages that a status message calls for, each with its identity; called by the handler for every new
status message and again when a person is named. A new status starts with a line in `POLICY`: told, or SILENT. What
speaks against a message once it is due stands in `verdict.py`.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Final

from schemas.order_status import OrderStatus, ReachedMilestone
from schemas.vocabulary import Milestone
from services.notify.contacts import Book

#: Never change: identities, and with them Message-IDs, are derived from it.
_NAMESPACE: Final = uuid.UUID("6f0d3c52-6a0b-5b3e-9a53-2f4f0e0f7c11")

BUYER: Final = "buyer"
RECIPIENT: Final = "recipient"
COLLECTOR: Final = "collector"


class Silence(Enum):
    """The answer for milestones nobody gets a message about."""

    SILENT = "silent"


SILENT: Final = Silence.SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How a milestone is told."""

    roles: tuple[str, ...]
    """Who: the first always, the others where the shop named them. A person with two roles gets one message."""
    max_age: timedelta
    """Older news is not told: it would only confuse."""
    overtaken_by: frozenset[Milestone] = frozenset()
    """Milestones that make this one pointless when they came with it or after it."""


_AT_THE_DOOR: Final = frozenset(
    {Milestone.ATTEMPTED, Milestone.AVAILABLE_FOR_PICKUP, Milestone.DELIVERED, Milestone.RETURNED, Milestone.LOST}
)
_PARCEL_ENDS: Final = frozenset({Milestone.DELIVERED, Milestone.RETURNED, Milestone.LOST})

POLICY: Final[dict[Milestone, Told | Silence]] = {
    Milestone.CONFIRMED: SILENT,
    Milestone.SHIPPED: Told(
        roles=(BUYER, RECIPIENT),
        max_age=timedelta(days=3),
        overtaken_by=_AT_THE_DOOR | {Milestone.OUT_FOR_DELIVERY, Milestone.CANCELLED},
    ),
    Milestone.OUT_FOR_DELIVERY: Told(
        roles=(BUYER, RECIPIENT),
        max_age=timedelta(hours=12),
        overtaken_by=_AT_THE_DOOR | {Milestone.OUT_FOR_DELIVERY},
    ),
    Milestone.ATTEMPTED: SILENT,
    Milestone.AVAILABLE_FOR_PICKUP: Told(
        roles=(BUYER, RECIPIENT), max_age=timedelta(days=3), overtaken_by=_PARCEL_ENDS | {Milestone.OUT_FOR_DELIVERY}
    ),
    Milestone.DELIVERED: Told(roles=(BUYER, RECIPIENT), max_age=timedelta(days=2)),
    Milestone.RETURNED: SILENT,
    Milestone.LOST: SILENT,
    Milestone.READY_TO_COLLECT: Told(
        roles=(BUYER, COLLECTOR),
        max_age=timedelta(days=3),
        overtaken_by=frozenset({Milestone.COLLECTED, Milestone.CANCELLED}),
    ),
    Milestone.COLLECTED: SILENT,
    Milestone.CANCELLED: SILENT,
}


class Reason(StrEnum):
    """Why a message is not sent, or waits. A mark of the status message (`reread`, `remap`, `restored`) is one too."""

    INFERRED = "inferred"
    WAITING_FOR_CONTACT = "waiting_for_contact"
    CONTRADICTION = "contradiction"
    NO_CONTACT = "no_contact"
    INVALID_CONTACT = "invalid_contact"
    SAME_CONTACT = "same_contact"
    NOT_WANTED = "not_wanted"
    MUTED = "muted"
    OVERTAKEN = "overtaken"
    WITHDRAWN = "withdrawn"
    TOO_OLD = "too_old"
    ERASED = "erased"


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """What makes two messages the same one. Never the version, never an address: a changed address is not new news."""

    order_key: str
    parcel: str
    """The shop's shipment id; empty for the whole order."""
    milestone: str
    occasion: str
    channel: str
    role: str

    @property
    def id(self) -> uuid.UUID:
        """The id of row and message, the same on every machine and after every restore."""
        parts = (self.order_key, self.parcel, self.milestone, self.occasion, self.channel, self.role)
        return uuid.uuid5(_NAMESPACE, json.dumps(parts, ensure_ascii=True))


@dataclass(frozen=True, slots=True)
class Planned:
    """A message that is called for; with `withheld` it is only written down, not to be told later either."""

    identity: Identity
    reached_at: str
    withheld: str | None


def told(name: str) -> Told | None:
    """Return how a milestone is told, or None when it is silent, or unknown to this version."""
    if name not in Milestone.__members__.values():
        return None
    answer = POLICY[Milestone(name)]
    return answer if isinstance(answer, Told) else None


def reached(status: OrderStatus) -> Iterator[tuple[str, ReachedMilestone]]:
    """Give every milestone of the message with its parcel (empty: the whole order)."""
    for milestone in status.milestones:
        yield "", milestone
    for parcel in status.parcels:
        for milestone in parcel.milestones:
            yield parcel.shipment, milestone


def plan(order_key: str, status: OrderStatus, book: Book, *, channels: Sequence[str]) -> list[Planned]:
    """Return every message this state calls for, told before or not: the rows that exist tell the difference."""
    planned: dict[Identity, Planned] = {}
    for parcel, milestone in reached(status):
        how = told(milestone.name)
        if how is None:
            continue
        withheld = Reason.INFERRED.value if milestone.inferred else status.change.marked
        for role in _roles(how, milestone, book):
            for channel in channels:
                identity = Identity(order_key, parcel, milestone.name, milestone.occasion, channel, role)
                planned.setdefault(identity, Planned(identity, milestone.at, withheld))
    return sorted(planned.values(), key=lambda one: one.identity)


def _roles(how: Told, milestone: ReachedMilestone, book: Book) -> Iterator[str]:
    yield how.roles[0]
    at = instant(milestone.at)
    for role in how.roles[1:]:
        entry = book.entries.get(role)
        if entry is not None and entry.named_since is not None and at is not None and entry.named_since <= at:
            yield role


def instant(text: str) -> datetime | None:
    """Return a time of a status message, or None when it is not readable or says no offset."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else None
