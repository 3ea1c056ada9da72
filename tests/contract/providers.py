"""The other side of each channel, as a real server on a real socket that behaves as told."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import parse_qs

from aiosmtpd.smtp import SMTP

from services.notify.channels.base import Channel, Message
from services.notify.channels.email import EmailChannel
from services.notify.channels.sms import SmsChannel
from services.notify.settings import NotifySection

HOST = "127.0.0.1"
AT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
MODES = ("takes", "refuses", "busy", "drops_after_body", "silent_after_body", "drops_before", "silent_before")

#: Modes of the mail server that show before it has a mail's body.
AT_THE_ADDRESS = frozenset({"drops_before", "silent_before", "refuses", "busy"})

#: Modes in which it has the whole mail, and never says in order that it took it.
WITHOUT_ANSWER = frozenset({"drops_after_body", "silent_after_body", "thanks_in_no_encoding", "data_garbage"})


class Provider(Protocol):
    """A server and a channel that is set up for it."""

    mode: str
    taken: list[Any]
    """What it has taken, whether or not the answer arrived."""
    channel: Channel

    def message(self, **fields: Any) -> Message:
        """Return a message for the channel."""


def _abort(server: SMTP) -> None:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()


class SmtpProvider:
    """aiosmtpd, told how to behave."""

    def __init__(self) -> None:
        self.mode = "takes"
        self.taken: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.senders: list[str] = []
        self.thanks = "250 queued as 4F2A9C"
        self.met: Counter[str] = Counter()
        """How many mails came to the place where a mode shows."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        del session, options
        if self.mode in AT_THE_ADDRESS:
            self.met[self.mode] += 1
        if self.mode == "drops_before":
            _abort(server)
        if self.mode == "silent_before":
            await asyncio.Event().wait()
        if self.mode == "refuses":
            return f"550 no such mailbox: {address}"
        if self.mode == "busy":
            return "451 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        del session
        self.met[self.mode] += 1
        if self.mode == "data_451":
            return "451 not now"
        if self.mode == "data_554":
            return "554 looks like spam"
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.taken.append(mail)
        self.recipients.append(list(envelope.rcpt_tos))
        self.senders.append(envelope.mail_from)
        if self.mode == "drops_after_body":
            _abort(server)
        if self.mode == "silent_after_body":
            await asyncio.Event().wait()
        if self.mode == "thanks_in_no_encoding":
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.write(b"250 queued as 4F2A9C \xff\x00\r\n")
            await asyncio.Event().wait()
        return {"data_garbage": "OK, I have it", "data_251": "251 will forward"}.get(self.mode, self.thanks)


class SmtpSetup:
    """The provider `smtp` with its channel."""

    def __init__(self, handler: SmtpProvider, port: int, **settings: Any) -> None:
        self.handler = handler
        self.port = port
        section = NotifySection(smtp_host=HOST, smtp_port=port, smtp_tls="none", **settings)
        self.channel: Channel = EmailChannel(section)

    @property
    def taken(self) -> list[Any]:
        return self.handler.taken

    @property
    def mode(self) -> str:
        return self.handler.mode

    @mode.setter
    def mode(self, mode: str) -> None:
        self.handler.mode = mode

    def message(self, **fields: Any) -> Message:
        given: dict[str, Any] = {
            "at": AT,
            "to": "ada@example.com",
            "subject": "Shipped",
            "text": "Hello,\n",
            "html": "<p>Hello,</p>",
        }
        return Message(**(given | fields))


@asynccontextmanager
async def smtp(**settings: Any) -> AsyncIterator[SmtpSetup]:
    """Run an SMTP server; settings are the channel's."""
    handler = SmtpProvider()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, hostname="localhost", loop=loop), HOST, 0)
    setup = SmtpSetup(handler, server.sockets[0].getsockname()[1], **settings)
    try:
        yield setup
    finally:
        await setup.channel.close()
        server.close()


class SmsProvider:
    """A Twilio-compatible gateway on a bare socket, told how to behave; a number as mode is a status code."""

    def __init__(self) -> None:
        self.mode = "takes"
        self.taken: list[dict[str, str]] = []
        self.requests: list[str] = []
        self.answer_headers = ""
        self.code = 21211
        self.channel: Channel
        self.port = 0

    def message(self, **fields: Any) -> Message:
        given: dict[str, Any] = {"at": AT, "to": "+447700900123", "text": "Hello\n"}
        return Message(**(given | fields))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        length = next(
            int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")
        )
        form = parse_qs((await reader.readexactly(length)).decode())
        code = {"takes": 201, "refuses": 400, "busy": 429}.get(self.mode)
        code = int(self.mode) if self.mode.isdigit() else code
        if code is None or code == 201:
            self.taken.append({name: values[0] for name, values in form.items()})
        if self.mode == "silent_after_body":
            await reader.read()
        if code is None:
            return
        body = json.dumps(
            {"sid": "SM42"} if code == 201 else {"code": self.code, "message": "not +447700900123"}
        ).encode()
        writer.write(f"HTTP/1.1 {code} X\r\nContent-Length: {len(body)}\r\n{self.answer_headers}\r\n".encode() + body)
        await writer.drain()


@asynccontextmanager
async def sms(**settings: Any) -> AsyncIterator[SmsProvider]:
    """Run an SMS gateway; settings are the channel's."""
    provider = SmsProvider()
    server = await asyncio.start_server(provider.serve, HOST, 0)
    provider.port = server.sockets[0].getsockname()[1]
    section = NotifySection(
        sms_base_url=f"http://{HOST}:{provider.port}", sms_sid="AC1", sms_from="+447700900000",
        **({"sms_token": "canary-token"} | settings),
    )  # fmt: skip
    provider.channel = SmsChannel(section)
    try:
        yield provider
    finally:
        await provider.channel.close()
        server.close()


SERVERS: dict[str, Callable[..., AbstractAsyncContextManager[Any]]] = {"email": smtp, "sms": sms}
