"""`POST /webhooks/{provider}`: limits, then the signature, then Kafka, and only then 202.

The status says one thing: shall the sender repeat? Everything but 2xx means that nothing was kept. A raw ASGI route,
because the signature is over the bytes as they came and the limits must hold while they come. Wired by `app.py`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import uuid_utils
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from services.ingest import dry_run
from services.ingest.carriers.base import Carrier, RawHeaders, Request
from services.ingest.carriers.registry import WEBHOOK_CARRIERS
from services.ingest.handler import Intake
from services.ingest.settings import IngestSection
from services.ingest.tokens import PATH as TOKEN_PATH
from services.ingest.tokens import Tokens
from services.runtime import clock, metrics
from services.runtime.errors import Poison, Transient
from services.runtime.http import problem, unavailable

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_CLOSE: Final = {"connection": "close"}
_DISCARDED: Final = 4
"""A body over the limit is read on to this multiple of it: closing at once would hide the answer behind a reset."""


class _GoneError(Exception):
    """The sender has hung up: nobody is there to answer."""


class _RefusedError(Exception):
    """The request ends with this response; nothing was kept."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Webhooks:
    """The route as an ASGI application."""

    def __init__(
        self,
        intake: Intake,
        section: IngestSection,
        *,
        carriers: Mapping[str, Carrier] = WEBHOOK_CARRIERS,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._intake = intake
        self._section = section
        self._carriers = carriers
        self._now = now
        #: By provider: requests whose body is there, and bytes of bodies on their way. Two counts, because anybody can
        #: send slowly: a sender without a signature must not use up the places of those who have one.
        self._at_work = Counter[str]()
        self._arriving = Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        carrier = self._carriers.get(scope["path_params"]["provider"])
        label = "unknown" if carrier is None else carrier.provider
        try:
            response = await self._respond(carrier, scope, receive)
        except _GoneError:
            metrics.WEBHOOKS.labels(label, "gone").inc()
            return
        except _RefusedError as refused:
            response = refused.response
        metrics.WEBHOOKS.labels(label, str(response.status_code)).inc()
        response.headers["x-request-id"] = request_id(scope["headers"])
        await response(scope, receive, send)

    async def _respond(self, carrier: Carrier | None, scope: Scope, receive: Receive) -> Response:
        if carrier is None:
            return problem(404, "Unknown provider", headers=_CLOSE)
        limit = self._section.max_body_bytes.get(carrier.provider, carrier.max_body_bytes)
        self._check_head(scope)
        body = await self._body(receive, carrier.provider, limit=limit)
        self._check_room(carrier.provider)
        self._at_work[carrier.provider] += 1
        try:
            request = _request(scope, body)
            if dry_run.is_asked_for(request.query):
                return await self._try(carrier, request)
            return await self._take(carrier, request)
        except Transient:
            return unavailable("please send it again")
        except Poison:
            return problem(413, "The body is too large")
        finally:
            self._at_work[carrier.provider] -= 1

    def _check_head(self, scope: Scope) -> None:
        if scope["method"] != "POST":
            raise _RefusedError(problem(405, "Method not allowed", headers={"allow": "POST", **_CLOSE}))
        encodings = [value for name, value in scope["headers"] if name == b"content-encoding"]
        if any(value.strip().lower() not in (b"", b"identity") for value in encodings):
            # A compressed body would be signed or unsigned at the sender's choice, and may be a bomb.
            raise _RefusedError(problem(415, "Content-Encoding is not supported", headers=_CLOSE))

    def _check_room(self, provider: str) -> None:
        if self._at_work.total() >= self._section.max_requests:
            raise _RefusedError(unavailable("too many requests at once", retry_after_s=1))
        if self._at_work[provider] >= self._section.max_requests_per_provider:
            raise _RefusedError(problem(429, "Too many requests at once", headers={"retry-after": "1"}))

    async def _body(self, receive: Receive, provider: str, *, limit: int) -> bytes:
        try:
            async with asyncio.timeout(self._section.receive_timeout_s):
                body = await self._read(receive, provider, limit=limit)
        except TimeoutError:
            raise _RefusedError(problem(408, "The body took too long", headers=_CLOSE)) from None
        if body is None:
            raise _RefusedError(problem(413, "The body is too large", f"the limit is {limit} bytes", headers=_CLOSE))
        if not body:
            raise _RefusedError(problem(400, "The body is empty"))
        return body

    async def _read(self, receive: Receive, provider: str, *, limit: int) -> bytes | None:
        """Return the body; None when it is longer than the limit, whatever its Content-Length claimed."""
        body = bytearray()
        size, held, more = 0, 0, True
        try:
            while more and size <= limit * _DISCARDED:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _GoneError
                part = message.get("body", b"")
                size += len(part)
                if size <= limit:
                    body += part
                else:
                    body.clear()
                self._arriving[provider] += len(body) - held
                held = len(body)
                if self._arriving.total() > self._section.max_arriving_bytes:
                    raise _RefusedError(unavailable("too many bodies at once", retry_after_s=1, headers=_CLOSE))
                if self._arriving[provider] > self._section.max_requests_per_provider * limit:
                    headers = {"retry-after": "1", **_CLOSE}
                    raise _RefusedError(problem(429, "Too many bodies at once", headers=headers))
                more = message.get("more_body", False)
        finally:
            self._arriving[provider] -= held
        return bytes(body) if size <= limit else None

    async def _take(self, carrier: Carrier, request: Request) -> Response:
        told_at = self._now()
        if not await self._is_authentic(carrier, request, told_at):
            return problem(401, "The signature does not fit")
        await self._intake.keep(carrier, request, told_at=told_at)
        return JSONResponse({"status": "accepted"}, 202)

    async def _is_authentic(self, carrier: Carrier, request: Request, now: datetime) -> bool:
        """Tell whether a key that is known fits; only where none does, one that was published since is asked for."""
        if self._intake.is_authentic(carrier, request, now=now):
            return True
        return await self._intake.learn_keys(carrier, request) and self._intake.is_authentic(carrier, request, now=now)

    async def _try(self, carrier: Carrier, request: Request) -> Response:
        if not dry_run.is_operator(request.headers, [one.get_secret_value() for one in self._section.operator_tokens]):
            detail = "send `Authorization: Bearer` and one of TRACKFOLD_INGEST__OPERATOR_TOKENS"
            return problem(401, "A dry run needs an operator's token", detail)
        now = self._now()
        authentic = await self._is_authentic(carrier, request, now)
        allow_test = self._section.allow_test_trackers
        said = dry_run.answer(carrier, request, authentic=authentic, told_at=now, allow_test=allow_test)
        return JSONResponse(said, 200)


def _request(scope: Scope, body: bytes) -> Request:
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    return Request(
        method=scope["method"],
        path=raw_path.decode("latin-1"),
        headers=scope["headers"],
        body=body,
        query=scope.get("query_string", b""),
    )


def request_id(headers: RawHeaders) -> str:
    """Return the sender's X-Request-Id where it is a harmless one, else one of ours."""
    given = [value for name, value in headers if name == b"x-request-id"]
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0].decode()
    return str(uuid_utils.uuid7())


async def _on_http_exception(request: StarletteRequest, exc: Exception) -> Response:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    response = problem(status, "Not found" if status == 404 else "Not possible")  # noqa: PLR2004 - the status itself
    response.headers["x-request-id"] = request_id(request.headers.raw)
    return response


async def _on_failure(request: StarletteRequest, _: Exception) -> Response:
    # Ours to mend, and nothing was kept: a sender that is told when to come back loses nothing.
    response = unavailable("please send it again")
    response.headers["x-request-id"] = request_id(request.headers.raw)
    return response


def make_app(webhooks: Webhooks, tokens: Tokens | None = None) -> Starlette:
    """Return the public application."""
    routes = [Route("/webhooks/{provider}", webhooks)]
    if tokens is not None:
        routes.append(Route(TOKEN_PATH, tokens))
    app = Starlette(
        routes=routes,
        exception_handlers={HTTPException: _on_http_exception, Exception: _on_failure},
    )
    app.router.redirect_slashes = False  # a sender that follows a redirect would lose its body
    return app
