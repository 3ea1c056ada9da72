"""HTTP to a provider's API: limits on time and size, no redirects, certificates checked, no proxy from the environment.

What failed as a whole becomes `Trouble` here and nowhere else. Texts made here never quote an answer.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

import httpx2

from services.ingest.apis.base import KEY_REFUSED_S, MAX_ANSWER_BYTES, Callback, Credentials, Reply, Token, Trouble
from services.runtime import clock

_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_BROKEN: Final = range(500, 600)
_UNAUTHORIZED: Final = 401
#: The key is wrong, or the contract has ended.
_KEY_REFUSED: Final = frozenset({_UNAUTHORIZED, 402, 403})
#: Not about a number: that, or there were too many requests.
_NOT_NOW: Final = _KEY_REFUSED | {407, 408, 425, 429}
_CONNECT_S: Final = 5.0
_LONGEST_WISH_S: Final = 3600.0
_TOKEN_MARGIN_S: Final = 60.0


class HttpClient:
    """The `Client` of one provider; made by `open_client`."""

    def __init__(
        self, http: httpx2.AsyncClient, *, credentials: Credentials, callback: Callback, timeout_s: float
    ) -> None:
        """Take the connections; `timeout_s` is for one call from connecting to the last byte."""
        self._http = http
        self._credentials = credentials
        self._callback = callback
        self._timeout_s = timeout_s
        self._token: tuple[str, float] | None = None
        self._fetching = asyncio.Lock()

    @property
    def credentials(self) -> Credentials:
        """What the operator configured."""
        return self._credentials

    @property
    def callback(self) -> Callback:
        """Where webhooks shall go."""
        return self._callback

    async def call(  # noqa: PLR0913 - a request, by name
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        basic: tuple[str, str] | None = None,
        allow: Sequence[int] = (),
    ) -> Reply:
        """Send one request, as `Client.call` says."""
        request = self._http.build_request(
            method, path, params=params, headers=headers, json=json, data=form, content=content
        )
        auth = None if basic is None else httpx2.BasicAuth(*basic)
        try:
            # httpx limits each step only; a server that drips would hold the call for ever.
            async with asyncio.timeout(self._timeout_s):
                reply = await self._send(request, auth)
        except (httpx2.TimeoutException, TimeoutError):
            raise Trouble("timeout") from None
        except httpx2.HTTPError:
            raise Trouble("not_connected") from None
        if reply.status not in allow:
            self._check(reply)
        return reply

    async def token(self, fetch: Callable[[], Awaitable[Token]]) -> str:
        """Return the access token, as `Client.token` says; several callers at once fetch it once."""
        async with self._fetching:
            if self._token is None or self._token[1] <= clock.monotonic():
                token = await fetch()
                self._token = (token.value, clock.monotonic() + max(0.0, token.lives_s - _TOKEN_MARGIN_S))
            return self._token[0]

    async def _send(self, request: httpx2.Request, auth: httpx2.BasicAuth | None) -> Reply:
        response = await self._http.send(request, auth=auth, stream=True)
        try:
            body = await _bounded(response)
        finally:
            await response.aclose()
        return Reply(response.status_code, {name.lower(): value for name, value in response.headers.items()}, body)

    def _check(self, reply: Reply) -> None:
        wish = _wish(reply.headers)
        if reply.status == _UNAUTHORIZED and self._token is not None:
            self._token = None  # it may have ended early; whether the key itself is refused, the next one tells
        elif reply.status in _KEY_REFUSED:
            wish = max(wish or 0.0, KEY_REFUSED_S)
        if reply.status in _NOT_NOW or reply.status in _BROKEN:
            raise Trouble(f"http_{reply.status}", wish)
        if reply.status in _REDIRECT or reply.status < _OK.start:
            raise Trouble(f"http_{reply.status}")


@asynccontextmanager
async def open_client(
    base_url: str, *, credentials: Credentials, callback: Callback, timeout_s: float, connections: int = 8
) -> AsyncIterator[HttpClient]:
    """Open the connections to one provider; closed at the end."""
    async with httpx2.AsyncClient(
        base_url=base_url,
        follow_redirects=False,
        trust_env=False,
        limits=httpx2.Limits(max_connections=connections),
        timeout=httpx2.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        headers={"user-agent": "trackfold"},
    ) as http:
        yield HttpClient(http, credentials=credentials, callback=callback, timeout_s=timeout_s)


async def _bounded(response: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise Trouble("too_large", of_the_batch=True)
    return bytes(body)


def _wish(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After; a date in it is left to our own back-off."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), _LONGEST_WISH_S) if text.isascii() and text.isdigit() else None
