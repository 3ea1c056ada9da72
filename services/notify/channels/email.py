"""E-mail by SMTP: one message, one recipient, one connection.

Step by step instead of aiosmtplib's `send()`, because the step in which it fails decides: before DATA nothing was
taken, inside DATA only an answer tells. Fixed From, Message-ID from the notification's id, so that a mail server or a
person sees the same message when it comes twice.
"""

import asyncio
import re
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr
from typing import Final

import aiosmtplib

from schemas.order_events import Contact
from services.notify.addresses import Refused, email_address
from services.notify.channels.base import GiveUp, Message, Result, Sent, TryLater, Unknown
from services.notify.settings import NotifySection
from services.runtime.errors import Misconfigured

_REFUSED: Final = range(400, 600)
_PERMANENT: Final = 500
_QUIT_S: Final = 2.0
#: Of what a server says only this is kept: the rest may quote the address.
_QUEUE_NUMBER: Final = re.compile(r"(?:id=)?((?=\S*[0-9])[A-Za-z0-9._-]{6,64})")


def address(contact: Contact, country: str | None) -> str | Refused | None:  # noqa: ARG001 - the form of all channels
    """Return where a contact gets its e-mails."""
    return None if contact.email is None or not contact.email.strip() else email_address(contact.email)


class EmailChannel:
    """Sends through one SMTP server."""

    provider = "smtp"

    def __init__(self, settings: NotifySection) -> None:
        """Check what can be checked without a connection; raises Misconfigured."""
        name, sender = parseaddr(settings.from_address)
        checked = email_address(sender)
        if isinstance(checked, Refused):
            raise Misconfigured(
                "smtp_from", "notify.from_address is not an address", hint="TRACKFOLD_NOTIFY__FROM_ADDRESS"
            )
        self._settings = settings
        self._sender = checked
        self._from = Address(display_name=name, addr_spec=checked)
        self._tls = _tls_context(settings)

    async def send(self, message: Message) -> Result:
        """Hand over one e-mail."""
        mail = self._compose(message)
        if mail is None:
            return GiveUp("smtp_bad_header")
        dialogue = _Dialogue(self._settings, self._tls)
        try:
            async with asyncio.timeout(self._settings.call_timeout_s):
                result = await dialogue.run(self._sender, message.to, mail)
        except TimeoutError:
            result = dialogue.broken("timeout")
        # Outside the limit: what happens after the server's last word changes nothing.
        await dialogue.end()
        return result

    async def close(self) -> None:
        """Nothing is kept open between messages."""

    def _compose(self, message: Message) -> bytes | None:
        """Return the mail's bytes, or None when its headers would not be exactly the ones meant."""
        try:
            mail = self._headers(message)
        except ValueError:  # a line break in a header
            return None
        mail.set_content(message.text, cte="quoted-printable")
        if message.html is not None:
            mail.add_alternative(message.html, subtype="html", cte="quoted-printable")
            # The boundary is random otherwise: a repeat shall be the same bytes.
            mail.set_boundary(f"=_{message.id.hex}")
        raw = mail.as_bytes()
        return raw if _header_names(raw) == mail.keys() else None

    def _headers(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP_POLICY)
        mail["From"] = self._from
        mail["To"] = Address(addr_spec=message.to)
        # An encoded word in the text would be decoded, line breaks and all: it must not look like one.
        mail["Subject"] = (message.subject or "").replace("=?", "= ?")
        mail["Date"] = message.at
        mail["Message-ID"] = self.message_id(message)
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        return mail

    def message_id(self, message: Message) -> str:
        """Return the Message-ID of a message, the same at every try."""
        return f"<{message.id}@{self._sender.rpartition('@')[2]}>"


class _Dialogue:
    """One conversation with the server, and how far it got."""

    def __init__(self, settings: NotifySection, tls: ssl.SSLContext | None) -> None:
        self._in_data = False
        self._broken = False
        self._user = settings.smtp_username
        self._password = settings.smtp_password.get_secret_value()
        self._client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=settings.call_timeout_s,
            use_tls=settings.smtp_tls == "tls",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=tls,
        )

    async def run(self, sender: str, recipient: str, mail: bytes) -> Result:
        refused = await self._prepare(sender, recipient)
        if refused is not None:
            return refused
        self._in_data = True
        try:
            answer = await self._client.data(mail)
        except aiosmtplib.SMTPResponseException as exc:
            # Words that are no answer come as one with the code -1.
            return _refused(exc, "data") if exc.code in _REFUSED else Unknown("smtp_data_no_answer")
        except (aiosmtplib.SMTPException, OSError):
            return self.broken("connection_lost")
        return Sent(_queue_number(answer.message, recipient))

    async def _prepare(self, sender: str, recipient: str) -> Result | None:
        step = "connect"
        try:
            await self._client.connect()
            if self._user:
                step = "login"
                await self._client.login(self._user, self._password)
            step = "mail"
            await self._client.mail(sender)
            step = "rcpt"
            await self._client.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as exc:
            # Until a recipient is refused for good, it is the server that refuses, and that can be mended.
            return _refused(exc, step) if step == "rcpt" else TryLater(f"smtp_{step}_{exc.code}")
        except (aiosmtplib.SMTPException, OSError):
            return self.broken(f"{step}_failed")
        return None

    def broken(self, reason: str) -> Result:
        """Return the result of a conversation that ended without an answer."""
        self._broken = True
        return Unknown(f"smtp_{reason}") if self._in_data else TryLater(f"smtp_{reason}")

    async def end(self) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            if self._client.is_connected and not self._broken:
                await self._client.quit(timeout=_QUIT_S)
        self._client.close()


def _queue_number(words: str, recipient: str) -> str | None:
    found = (_QUEUE_NUMBER.fullmatch(word) for word in words.split())
    numbers = [match[1] for match in found if match is not None and match[1].casefold() not in recipient.casefold()]
    return numbers[-1] if numbers else None


def _header_names(raw: bytes) -> list[str]:
    head = raw.partition(b"\r\n\r\n")[0]
    lines = head.decode("ascii", "replace").split("\r\n")
    return [line.partition(":")[0] for line in lines if not line.startswith((" ", "\t"))]


def _refused(exc: aiosmtplib.SMTPResponseException, step: str) -> Result:
    # The server's words may quote the address: only its number is kept.
    if exc.code >= _PERMANENT:
        return GiveUp(f"smtp_{step}_{exc.code}")
    return TryLater(f"smtp_{step}_{exc.code}")


def _tls_context(settings: NotifySection) -> ssl.SSLContext | None:
    if settings.smtp_tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.smtp_cafile or None)
    except (OSError, ssl.SSLError) as exc:
        raise Misconfigured("smtp_ca_file", "notify.smtp_cafile cannot be read") from exc
