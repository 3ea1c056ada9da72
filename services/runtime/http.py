"""HTTP that every service has: the admin port, problem documents (RFC 9457), and the door that opens when it is time.

It knows no route of any service. `/livez` answers as long as the event loop turns; whether it makes progress is the
watchdog's business, which ends the process.
"""

from collections.abc import Mapping
from types import MappingProxyType

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.runtime.health import Health

RETRY_AFTER_S = 5


def problem(
    status: int,
    title: str,
    detail: str = "",
    *,
    type_: str = "about:blank",
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> JSONResponse:
    """Return an RFC 9457 problem; `detail` and `extra` are for the sender's eyes and never quote what was sent."""
    body: dict[str, object] = {"type": type_, "title": title, "status": status}
    if detail:
        body["detail"] = detail
    fixed = {"cache-control": "no-store", **(headers or {})}
    return JSONResponse({**body, **extra}, status, media_type="application/problem+json", headers=fixed)


def unavailable(
    detail: str = "", *, retry_after_s: int = RETRY_AFTER_S, headers: Mapping[str, str] = MappingProxyType({})
) -> JSONResponse:
    """Return a 503 that tells the sender when to come back."""
    return problem(503, "Not available right now", detail, headers={"retry-after": str(retry_after_s), **headers})


class Door:
    """Stands on the public port from the first moment; until the application is let in, every request gets a 503."""

    def __init__(self, app: ASGIApp | None = None) -> None:
        self._app = app

    def open(self, app: ASGIApp) -> None:
        """Let the application in."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say that it is too early."""
        if self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await unavailable("the service is starting")(scope, receive, send)


class Admin:
    """The admin port: /livez, /readyz, /metrics."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            await self._answer(scope["path"], scope["method"])(scope, receive, send)

    def _answer(self, path: str, method: str) -> Response:
        if method not in {"GET", "HEAD"}:
            return problem(405, "Method not allowed", headers={"allow": "GET, HEAD"})
        match path:
            case "/livez" | "/healthz":
                return PlainTextResponse("alive\n")
            case "/readyz":
                return JSONResponse(self._health.report(), 200 if self._health.ready else 503)
            case "/metrics":
                return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
            case _:
                return problem(404, "Not found")
