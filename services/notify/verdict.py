"""What speaks against a message when it is due. Pure: the time is the database's, given as an argument.

Asked by the sender after the claim, with notify's newest row of the order and its newest contacts; answers deliver to
this address, withhold for good, or hold until something changes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schemas.order_events import Contact, Preferences
from schemas.order_status import OrderStatus, Parcel, ReachedMilestone
from schemas.vocabulary import Condition, Milestone, OrderState
from services.notify.addresses import Refused
from services.notify.contacts import Book, Entry
from services.notify.policy import Identity, Reason, Told, instant, told

AddressOf = Callable[[str, Contact, str | None], str | Refused | None]
"""(channel, contact, country) -> the address, why it is refused, or None where the contact has none for the channel."""

EMAIL: Final = "email"
SMS: Final = "sms"


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send it, to this address."""

    address: str


@dataclass(frozen=True, slots=True)
class Withhold:
    """Not to be sent, for good."""

    reason: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now; asked again when a contact or a status comes, or when waiting has an end."""

    reason: str
    until: datetime


Verdict = Deliver | Withhold | Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the settings say about messages."""

    address_of: AddressOf
    age_scale: float = 1.0
    """Multiplies every maximum age."""
    sms_beside_email: bool = False
    """Whether a customer who did not choose gets SMS beside e-mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The times of one row, by the database's clock."""

    now: datetime
    contact_by: datetime
    """Until when a missing contact is waited for."""
    reached_at: str
    """When the milestone was reached, as it stood when the message was planned."""


def verdict(identity: Identity, status: OrderStatus, book: Book, *, moment: Moment, rules: Rules) -> Verdict:
    """Return what becomes of a message that is due."""
    how = told(identity.milestone)
    found = _find(identity, status, reached_at=moment.reached_at)
    if how is None or found is None:
        return Withhold(Reason.ERASED if status.state == OrderState.ERASED else Reason.WITHDRAWN)
    against = _against_the_news(identity, status, found, how=how, moment=moment, rules=rules)
    if against is not None:
        return against
    answer = _to_whom(identity, book, moment=moment, rules=rules)
    held = _held_back(identity, status, found, how=how, rules=rules)
    return held if held is not None and isinstance(answer, Deliver) else answer


def _find(identity: Identity, status: OrderStatus, *, reached_at: str) -> ReachedMilestone | None:
    if _left_out(identity, status):
        return ReachedMilestone(
            name=identity.milestone, occasion=identity.occasion, event_key="truncated", at=reached_at
        )
    for milestone in _milestones(identity, status):
        if milestone.name == identity.milestone and milestone.occasion == identity.occasion:
            return milestone
    return None


def _left_out(identity: Identity, status: OrderStatus) -> bool:
    """Tell whether the parcel was left out for size, which only finished ones are: nothing of it was taken back."""
    return status.truncated and bool(identity.parcel) and _parcel(identity, status) is None


def _parcel(identity: Identity, status: OrderStatus) -> Parcel | None:
    return next((parcel for parcel in status.parcels if parcel.shipment == identity.parcel), None)


def _milestones(identity: Identity, status: OrderStatus) -> tuple[ReachedMilestone, ...]:
    if not identity.parcel:
        return status.milestones
    parcel = _parcel(identity, status)
    return () if parcel is None else parcel.milestones


def _against_the_news(
    identity: Identity, status: OrderStatus, found: ReachedMilestone, *, how: Told, moment: Moment, rules: Rules
) -> Withhold | None:
    if status.state == OrderState.ERASED:
        return Withhold(Reason.ERASED)
    at = instant(found.at)
    if at is None or moment.now - at > how.max_age * rules.age_scale:
        return Withhold(Reason.TOO_OLD)
    others = (*_milestones(identity, status), *status.milestones)
    finished = bool(how.overtaken_by) and _left_out(identity, status)
    if finished or any(_overtakes(other, found, at, how=how) for other in others):
        return Withhold(Reason.OVERTAKEN)
    return None


def _overtakes(other: ReachedMilestone, found: ReachedMilestone, at: datetime, *, how: Told) -> bool:
    if other.name not in how.overtaken_by or (other.name, other.occasion) == (found.name, found.occasion):
        return False
    when = instant(other.at)
    return when is not None and when >= at


def _held_back(
    identity: Identity, status: OrderStatus, found: ReachedMilestone, *, how: Told, rules: Rules
) -> Hold | None:
    """R4 (b): "delivered" waits while the carrier contradicts itself; it grows too old, or the doubt goes away."""
    parcel = _parcel(identity, status)
    at = instant(found.at)
    if identity.milestone != Milestone.DELIVERED or parcel is None or at is None:
        return None
    # One that was there before is about something else: the parcel has arrived for all that.
    doubts = (instant(one.since) for one in parcel.conditions if one.name == Condition.CONTRADICTION)
    if not any(since is None or since >= at for since in doubts):
        return None
    return Hold(Reason.CONTRADICTION, at + how.max_age * rules.age_scale)


def _to_whom(identity: Identity, book: Book, *, moment: Moment, rules: Rules) -> Verdict:
    if identity.milestone in book.preferences.muted:
        return Withhold(Reason.MUTED)
    if _choice(identity.channel, book.preferences) is False:
        return Withhold(Reason.NOT_WANTED)
    entry = book.entries.get(identity.role)
    named = entry is not None and bool(entry.contact.email or entry.contact.phone)
    # Before `placed` is read, a contact that changed may be known without wishes, country and the other roles.
    if not (named and book.profile is not None) and moment.now < moment.contact_by:
        return Hold(Reason.WAITING_FOR_CONTACT, moment.contact_by)
    if entry is None or not named:
        return Withhold(Reason.NO_CONTACT)
    return _to_entry(identity, entry, book, rules=rules)


def _to_entry(identity: Identity, entry: Entry, book: Book, *, rules: Rules) -> Verdict:
    address = rules.address_of(identity.channel, entry.contact, book.country)
    if address is None:
        return Withhold(Reason.NO_CONTACT)
    if isinstance(address, Refused):
        return Withhold(Reason.INVALID_CONTACT, address.reason)
    if not _chosen(identity.channel, entry, book, rules=rules):
        return Withhold(Reason.NOT_WANTED)
    if _told_in_another_role(identity, address, book, rules=rules):
        return Withhold(Reason.SAME_CONTACT)
    return Deliver(address)


def _choice(channel: str, preferences: Preferences) -> bool | None:
    """Return what the customer said of a channel: yes, no, or nothing."""
    return {EMAIL: preferences.email, SMS: preferences.sms}.get(channel)


def _chosen(channel: str, entry: Entry, book: Book, *, rules: Rules) -> bool:
    if channel != SMS or _choice(SMS, book.preferences) or rules.sms_beside_email:
        return True
    by_mail = rules.address_of(EMAIL, entry.contact, book.country)
    return not isinstance(by_mail, str)  # only a phone, or no usable e-mail address


def _told_in_another_role(identity: Identity, address: str, book: Book, *, rules: Rules) -> bool:
    how = told(identity.milestone)
    before = how.roles[: how.roles.index(identity.role)] if how is not None and identity.role in how.roles else ()
    others = (book.entries.get(role) for role in before)
    theirs = (rules.address_of(identity.channel, entry.contact, book.country) for entry in others if entry is not None)
    return any(isinstance(their, str) and their.casefold() == address.casefold() for their in theirs)
