"""What a channel is: it takes one message for one recipient and says what became of it, in one of four ways.

The four results are the whole contract with the sender. The line between `TryLater` and `Unknown` is what keeps a
customer from getting a message twice: whoever is not sure that nothing was taken says Unknown.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message, ready to go. The address and the texts are personal data: never logged."""

    id: uuid.UUID
    """The notification's id, the same at every try."""
    at: datetime
    """When it was first due, the same at every try."""
    to: str
    text: str
    subject: str | None = None
    html: str | None = None

    def __repr__(self) -> str:
        return f"Message(id={self.id})"


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has taken it."""

    reference: str | None = None


@dataclass(frozen=True, slots=True)
class TryLater:
    """It was certainly not taken, and may be another time."""

    reason: str
    after_s: float | None = None
    """The provider's own wish."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It was certainly not taken and never will be."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been taken: never sent again blindly."""

    reason: str


Result = Sent | TryLater | GiveUp | Unknown


class Channel(Protocol):
    """A way to reach a customer. `send` is total: whatever the network does ends in a Result."""

    @property
    def provider(self) -> str:
        """What outcomes call the other side: `smtp`, `sms_gateway`."""

    async def send(self, message: Message) -> Result:
        """Hand over one message; returns within the channel's own time limit."""

    async def close(self) -> None:
        """Let go of connections."""
