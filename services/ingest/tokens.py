"""`POST /oauth/ups/token`: the token server that UPS Track Alert v2 asks for a bearer token (RFC 6749, section 4.4).

UPS shows the token with every webhook. It is signed and kept nowhere (`carriers/ups_tokens.py`), so any process may
issue one and any other check it. A raw ASGI route beside the webhooks': its limits hold while the body comes. How many
may ask at once is not limited here: anybody can send slowly, and would keep UPS out; 4 KiB a connection are little.
Wired by `app.py` and `http.py`.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, unquote_to_bytes

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from services.ingest.carriers import ups_tokens
from services.ingest.carriers.base import RawHeaders
from services.ingest.carriers.signatures import single
from services.runtime import clock, metrics
from services.runtime.http import problem

PATH: Final = "/oauth/ups/token"
MAX_BODY_BYTES: Final = 4096

_FORM: Final = b"application/x-www-form-urlencoded"
_CLOSE: Final = {"connection": "close"}
_NEVER_STORED: Final = {"cache-control": "no-store", "pragma": "no-cache"}
_MAX_FIELDS: Final = 10


class Tokens:
    """The route as an ASGI application."""

    def __init__(
        self, keys: Sequence[bytes], *, receive_timeout_s: float, now: Callable[[], datetime] = clock.now
    ) -> None:
        """Take the configured secrets of UPS; those of the form `CLIENT-ID:CLIENT-SECRET` are clients."""
        self._keys = tuple(keys)
        self._receive_timeout_s = receive_timeout_s
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        refused = _check_head(scope)
        response = await self._respond(scope["headers"], receive) if refused is None else refused
        metrics.TOKENS.labels("gone" if response is None else str(response.status_code)).inc()
        if response is not None:
            await response(scope, receive, send)

    async def _respond(self, headers: RawHeaders, receive: Receive) -> Response | None:
        try:
            async with asyncio.timeout(self._receive_timeout_s):
                body = await _read(receive)
        except TimeoutError:
            return problem(408, "The body took too long", headers=_CLOSE)
        except ConnectionResetError:
            return None
        if body is None:
            return problem(413, "The body is too large", f"the limit is {MAX_BODY_BYTES} bytes", headers=_CLOSE)
        return self._issue(headers, body)

    def _issue(self, headers: RawHeaders, body: bytes) -> Response:
        """Return a token, or the same refusal for every client that is not ours: it says nothing of what was wrong."""
        form = _fields(body)
        found = [ups_tokens.owner(*pair, self._keys) for pair in _credentials(headers, form)]
        key = next((one for one in found if one is not None), None)
        if key is None:
            return _error(401, "invalid_client", {"www-authenticate": 'Basic realm="trackfold"'})
        if form.get("grant_type") != b"client_credentials":
            return _error(400, "unsupported_grant_type")
        answer = {
            "access_token": ups_tokens.issue(key, at=self._now()),
            "token_type": "Bearer",
            "expires_in": int(ups_tokens.LIFETIME.total_seconds()),
        }
        return JSONResponse(answer, headers=_NEVER_STORED)


def _check_head(scope: Scope) -> Response | None:
    if scope["method"] != "POST":
        return problem(405, "Method not allowed", headers={"allow": "POST", **_CLOSE})
    encodings = [value.strip().lower() for name, value in scope["headers"] if name == b"content-encoding"]
    if any(value not in (b"", b"identity") for value in encodings):
        return problem(415, "Content-Encoding is not supported", headers=_CLOSE)
    kind = (single(scope["headers"], "content-type") or _FORM).partition(b";")[0]
    if kind.strip().lower() != _FORM:
        return problem(415, "The body must be a form", headers=_CLOSE)
    return None


async def _read(receive: Receive) -> bytes | None:
    """Return the body; None when it is longer than the limit, whatever its Content-Length claimed."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        more = message.get("more_body", False)
    return body


def _fields(body: bytes) -> dict[str, bytes]:
    """Return the form; empty where it is none, or names a field twice."""
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        return {}
    twice = any(len(values) != 1 for values in fields.values())
    return {} if twice else {name: values[0].encode() for name, values in fields.items()}


def _credentials(headers: RawHeaders, form: dict[str, bytes]) -> list[tuple[bytes, bytes]]:
    """Return client id and secret as they were sent: by Basic, else in the form.

    By Basic both are to be form-encoded first (RFC 6749, 2.3.1); many senders do not, so both readings are tried.
    """
    sent = single(headers, "authorization")
    if sent is None:
        return [(form.get("client_id", b""), form.get("client_secret", b""))] * 2
    scheme, _, encoded = sent.partition(b" ")
    try:
        plain = base64.b64decode(encoded.strip(), validate=True) if scheme.lower() == b"basic" else b""
    except binascii.Error:
        plain = b""
    client, _, secret = plain.partition(b":")
    return [(client, secret), (_decoded(client), _decoded(secret))]


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def _error(status: int, error: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error}, status, headers=_NEVER_STORED | (headers or {}))
