"""What the catcher caught: mails and text messages in memory, newest first, bounded. No I/O."""

import email
import email.policy
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from typing import Final

KEEP: Final = 500
_SHOWN_HEADERS: Final = ("Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "Auto-Submitted")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail as the SMTP server took it."""

    id: str
    at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str | None
    html: str | None
    headers: Mapping[str, str]
    message_id: str | None
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sms:
    """One text message as the gateway took it."""

    id: str
    at: datetime
    sender: str
    recipient: str
    text: str


class Outbox:
    """The newest mails and text messages; older ones are forgotten."""

    def __init__(self, keep: int = KEEP) -> None:
        self._kept: deque[Mail | Sms] = deque(maxlen=keep)
        self.mails_taken = 0
        self.sms_taken = 0

    @property
    def messages(self) -> list[Mail | Sms]:
        """All that is kept, newest first."""
        return list(reversed(self._kept))

    @property
    def mails(self) -> list[Mail]:
        """The mails, oldest first."""
        return [message for message in self._kept if isinstance(message, Mail)]

    @property
    def sms(self) -> list[Sms]:
        """The text messages, oldest first."""
        return [message for message in self._kept if isinstance(message, Sms)]

    def take_mail(self, raw: bytes, *, sender: str, recipients: tuple[str, ...], at: datetime) -> Mail:
        """Keep one mail."""
        parsed = email.message_from_bytes(raw, policy=email.policy.default)
        headers = {name: str(parsed[name]) for name in _SHOWN_HEADERS if parsed[name]}
        mail = Mail(
            id=secrets.token_hex(8),
            at=at,
            sender=sender,
            recipients=recipients,
            subject=str(parsed["Subject"] or ""),
            text=_body(parsed, "plain"),
            html=_body(parsed, "html"),
            headers=headers,
            message_id=headers.get("Message-ID"),
            raw=raw,
        )
        self._kept.append(mail)
        self.mails_taken += 1
        return mail

    def take_sms(self, text: str, *, sender: str, recipient: str, at: datetime) -> Sms:
        """Keep one text message, under an id as the gateway gives them."""
        sms = Sms(f"SM{secrets.token_hex(16)}", at, sender, recipient, text)
        self._kept.append(sms)
        self.sms_taken += 1
        return sms


def as_json(message: Mail | Sms) -> dict[str, object]:
    """Give one message as `/outbox.json` shows it."""
    if isinstance(message, Sms):
        recipients: tuple[str, ...] = (message.recipient,)
        rest: dict[str, object] = {"text": message.text}
    else:
        recipients = message.recipients
        rest = {
            "subject": message.subject,
            "text": message.text,
            "html": message.html,
            "headers": dict(message.headers),
            "message_id": message.message_id,
        }
    return {
        "kind": "mail" if isinstance(message, Mail) else "sms",
        "id": message.id,
        "at": message.at.isoformat(),
        "from": message.sender,
        "to": list(recipients),
        **rest,
    }


def _body(parsed: EmailMessage, kind: str) -> str | None:
    part = parsed.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, ValueError):  # an unknown charset: show what can be read
        payload = part.get_payload(decode=True)
        return payload.decode("latin-1") if isinstance(payload, bytes) else None
