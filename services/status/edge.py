"""Around every request of the public port: path segments kept whole, HEAD, a request id, and the safe headers.

It knows no route. Servers decode `%2F` in a path before routing, which would cut an order number with a slash in two:
here each segment keeps its slashes encoded, and `segment()` gives it back as it was meant.
"""

import re
from typing import Final
from urllib.parse import unquote

import structlog
import uuid_utils
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID: Final = "x-request-id"
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")

SAFE_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",  # tokens stand in URLs
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_HTTPS_ONLY: Final = {"strict-transport-security": "max-age=31536000"}


class Edge:
    """Wraps the application; `https` says whether customers reach it so."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._headers = SAFE_HEADERS | (_HTTPS_ONLY if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        request_id = _request_id(scope)
        inner = {
            **scope,
            "method": "GET" if is_head else scope["method"],
            "path": _kept_whole(scope),
            "state": {**scope.get("state", {}), "request_id": request_id},
        }

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**self._headers, REQUEST_ID: request_id}.items():
                    headers.setdefault(name, value)
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(inner, receive, send_on)


def segment(kept: str) -> str:
    """Return a path parameter as it was meant."""
    return unquote(kept)


def _kept_whole(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    meant = [unquote(part) for part in raw.partition(b"?")[0].decode("latin-1").split("/")]
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in meant)


def _request_id(scope: Scope) -> str:
    """Return the caller's id of the request if it is a harmless one, else a new one."""
    for name, value in scope["headers"]:
        given: str = value.decode("latin-1")
        if name == REQUEST_ID.encode() and _REQUEST_ID.fullmatch(given):
            return given
    return str(uuid_utils.uuid7())
