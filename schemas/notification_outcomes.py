"""Notification outcomes: what became of each message to a customer (topic `notification.outcomes.v1`). No contacts."""

from enum import StrEnum
from typing import Final

from pydantic import TypeAdapter

from schemas.base import Identifier, Instant, LongText, Model, ShortText, Word


class Outcome(StrEnum):
    """How a message ended, so far as we know."""

    ACCEPTED = "accepted"
    """The provider took it."""
    SUPPRESSED = "suppressed"
    """Not sent on purpose; `reason` says why."""
    FAILED = "failed"
    """The provider refused it for good."""
    UNKNOWN = "unknown"
    """A crash or a lost answer: it may have been taken. Never sent again blindly."""


class NotificationOutcome(Model):
    """One message: identity (order, parcel, milestone, occasion, channel, recipient) and outcome."""

    notification: Identifier
    shop: Word
    order: Identifier
    parcel: Identifier | None
    """The shop's shipment id; None for messages about the whole order."""
    milestone: Word
    occasion: ShortText
    channel: Word
    recipient: ShortText
    """Role and keyed hash, never the address."""
    outcome: Word
    reason: ShortText | None = None
    detail: LongText | None = None
    provider: Word | None = None
    provider_ref: ShortText | None = None
    version: int
    """The status version that led to the message."""
    at: Instant


NOTIFICATION_OUTCOME: Final[TypeAdapter[NotificationOutcome]] = TypeAdapter(NotificationOutcome)
