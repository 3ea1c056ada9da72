"""The catcher: an SMTP server and a Twilio-compatible SMS gateway that keep everything, and one page that shows it.

For `make run` (a process of its own: `python -m services.local.catcher`) and for tests (`async with Catcher()`).
Loopback only, memory only, bounded; it never passes a message on.
"""

import argparse
import asyncio
import signal
import sys
from typing import Final, Self
from urllib.parse import parse_qsl

from aiosmtpd.smtp import SMTP, Envelope, Session
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from services.local.outbox import KEEP, Outbox, as_json
from services.runtime import clock
from services.runtime.errors import Exit, ExitCode
from services.runtime.server import Listener, bind

HOST: Final = "127.0.0.1"
MAX_MAIL_BYTES: Final = 2 * 1024 * 1024
MAX_SMS_BODY: Final = 64 * 1024
MAX_SMS_CHARACTERS: Final = 1600
STOP_LIMIT_S: Final = 1.0
SHOWN: Final = 100
FRAMES: Final = 20

#: Mails are strangers' HTML: no script, no remote content, nothing but what stands in the page.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; base-uri 'none'"


class Catcher:
    """Both servers on free ports (or the given ones); an asynchronous context manager."""

    def __init__(self, *, smtp_port: int = 0, http_port: int = 0) -> None:
        self.outbox = Outbox()
        self.smtp_port = smtp_port
        self.http_port = http_port
        self._smtp: asyncio.Server | None = None
        self._http: Listener | None = None

    @property
    def url(self) -> str:
        """Where the page is, and what notify takes as the SMS gateway's base URL."""
        return f"http://{HOST}:{self.http_port}"

    async def __aenter__(self) -> Self:
        sock = bind(HOST, self.smtp_port)
        self._smtp = await asyncio.get_running_loop().create_server(self._smtp_session, sock=sock)
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]
        try:
            self._http = Listener(make_app(self.outbox), bind(HOST, self.http_port))
            await self._http.start()
        except BaseException:
            await self.__aexit__()
            raise
        self.http_port = self._http.port
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._smtp is not None:
            self._smtp.close()
        if self._http is not None:
            await self._http.stop(STOP_LIMIT_S)

    def _smtp_session(self) -> SMTP:
        return SMTP(_Keep(self.outbox), data_size_limit=MAX_MAIL_BYTES, enable_SMTPUTF8=True, hostname="localhost")


class _Keep:
    """What aiosmtpd asks for each mail."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's
        del server, session
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        sender, recipients = envelope.mail_from or "", tuple(envelope.rcpt_tos)
        mail = self._outbox.take_mail(raw, sender=sender, recipients=recipients, at=clock.now())
        return f"250 OK kept as {mail.id}"


def make_app(outbox: Outbox) -> Starlette:
    """Give the page, its JSON and the SMS gateway over one outbox."""
    templates = Environment(
        loader=PackageLoader("services.local"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = templates.get_template("outbox.html.j2")

    async def show(request: Request) -> Response:
        html = page.render(
            messages=outbox.messages[:SHOWN],
            mails_taken=outbox.mails_taken,
            sms_taken=outbox.sms_taken,
            live=request.query_params.get("live") != "0",
            keep=KEEP,
            frames=FRAMES,
        )
        return HTMLResponse(html, headers={"content-security-policy": _POLICY, "cache-control": "no-store"})

    async def as_data(request: Request) -> Response:
        limit = request.query_params.get("limit", "")
        messages = [as_json(message) for message in outbox.messages[: int(limit) if limit.isdecimal() else KEEP]]
        counts = {"mails_taken": outbox.mails_taken, "sms_taken": outbox.sms_taken}
        return JSONResponse({**counts, "messages": messages}, headers={"cache-control": "no-store"})

    async def gateway(request: Request) -> Response:
        return await _take_sms(request, outbox)

    routes = [
        Route("/", lambda _: RedirectResponse("/outbox"), methods=["GET"]),
        Route("/outbox", show, methods=["GET"]),
        Route("/outbox.json", as_data, methods=["GET"]),
        Route("/2010-04-01/Accounts/{account}/Messages.json", gateway, methods=["POST"]),
    ]
    # A web page elsewhere could point its own name at this machine: only our names are answered.
    own_names = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(routes=routes, middleware=[own_names])


async def _take_sms(request: Request, outbox: Outbox) -> Response:
    """Answer as Twilio does: 401 without credentials, 400 with its code for a bad message, else 201."""
    account = request.path_params["account"]
    if not request.headers.get("authorization", "").startswith("Basic "):
        return _refuse(401, 20003, "Authenticate")
    body = await request.body()
    if len(body) > MAX_SMS_BODY:
        return _refuse(413, 20413, "Too large")
    fields = dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=50))
    sender = fields.get("From") or fields.get("MessagingServiceSid", "")
    recipient, text = fields.get("To", ""), fields.get("Body", "")
    if not recipient.startswith("+") or not recipient[1:].isdigit():
        return _refuse(400, 21211, "The 'To' number is not a valid phone number.")
    if not sender:
        return _refuse(400, 21603, "A 'From' phone number is required.")
    if not 0 < len(text) <= MAX_SMS_CHARACTERS:
        return _refuse(400, 21602 if not text else 21617, "Message body is required, at most 1600 characters.")
    sms = outbox.take_sms(text, sender=sender, recipient=recipient, at=clock.now())
    answer = {
        "sid": sms.id,
        "account_sid": account,
        "to": sms.recipient,
        "from": sms.sender,
        "body": sms.text,
        "status": "queued",
        "error_code": None,
        "error_message": None,
        "num_segments": "1",
        "direction": "outbound-api",
        "date_created": sms.at.strftime("%a, %d %b %Y %H:%M:%S +0000"),
        "uri": f"/2010-04-01/Accounts/{account}/Messages/{sms.id}.json",
    }
    return JSONResponse(answer, status_code=201)


def _refuse(status: int, code: int, message: str) -> Response:
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return JSONResponse(body, status_code=status)


async def _run(smtp_port: int, http_port: int) -> None:
    stopping = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopping.set)
    async with Catcher(smtp_port=smtp_port, http_port=http_port) as catcher:
        sys.stdout.write(f"mail on {HOST}:{catcher.smtp_port}, texts and the outbox on {catcher.url}\n")
        sys.stdout.flush()
        await stopping.wait()


def main() -> int:
    """Run both servers until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m services.local.catcher", description=__doc__)
    parser.add_argument("--smtp-port", type=int, default=1025)
    parser.add_argument("--http-port", type=int, default=8025)
    ports = parser.parse_args()
    try:
        asyncio.run(_run(ports.smtp_port, ports.http_port))
    except Exit as exc:
        sys.stderr.write(f"catcher: {exc.message}; {exc.hint}\n")
        return int(exc.code)
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main())
