"""What notify reads and writes, as plain values between its handler, its sender and its repository."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from services.notify.policy import Identity


@dataclass(frozen=True, slots=True)
class OrderRow:
    """Notify's own row of an order: who its people are, and the last state it was told. `book` is personal data."""

    order_key: str
    shop: str
    order: str
    book: str
    version: int
    status: str | None
    revision: int

    def __repr__(self) -> str:
        return f"OrderRow({self.order_key!r}, version={self.version})"


@dataclass(frozen=True, slots=True)
class NewRow:
    """A message to be written down: due after the settle time, or withheld at once."""

    identity: Identity
    version: int
    reached_at: str
    withheld: str | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process may work on until its lease ends."""

    id: uuid.UUID
    token: uuid.UUID
    identity: Identity
    version: int
    reached_at: str
    attempt: int
    due_at: datetime
    since: float
    """When it was about to be claimed, by this process' monotonic clock: its lease ends no earlier than that later."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a message ended, as its row will say."""

    state: str
    reason: str | None = None
    detail: str | None = None
    recipient_hash: str | None = None
    provider: str | None = None
    provider_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A message with an outcome, as its row says."""

    id: uuid.UUID
    shop: str
    order: str
    identity: Identity
    version: int
    ending: Ending
    changed_at: datetime
    outcome_no: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be applied, on its way to the dead letters."""

    key: str
    content: str
    at: datetime
