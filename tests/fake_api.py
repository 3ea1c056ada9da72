"""A provider's API as tests have it: a real server that notes every request and answers what it is told to."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from services.runtime.server import Listener, bind


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    at: float


@dataclass
class FakeApi:
    """What came in, and what is answered."""

    answer: Callable[[Seen], Response]
    port: int = 0
    seen: list[Seen] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note a request and answer it."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        seen = Seen(
            request.method,
            request.url.path,
            dict(request.query_params),
            dict(request.headers),
            await request.body(),
            time.monotonic(),
        )
        self.seen.append(seen)
        await self.answer(seen)(scope, receive, send)


def says(body: Any, status: int = 200, **headers: str) -> Callable[[Seen], Response]:
    """Return an answer that is always the same."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: JSONResponse(body, status, headers=named)


@asynccontextmanager
async def serving(answer: Callable[[Seen], Response]) -> AsyncIterator[FakeApi]:
    """Run a fake API."""
    fake = FakeApi(answer)
    listener = Listener(fake, bind("127.0.0.1", 0))
    await listener.start()
    fake.port = listener.port
    try:
        yield fake
    finally:
        await listener.stop(1)
