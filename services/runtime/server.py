"""Runs uvicorn inside our own process life: sockets bound by us, no signal handling of its own, a limit for headers.

uvicorn has no deadline for receiving a request: a sender that drips its headers would hold a connection
for ever. The deadline for a body belongs to the route that reads it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.runtime.errors import Exit, ExitCode

_BACKLOG: Final = 1024
_LARGEST_HEAD: Final = 64 * 1024


class _GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose headers take too long or too much room, or that talks on when nobody listens.

    uvicorn's timer for idle connections ends with the first byte that comes, be it an empty line between two requests
    or more of a body that was already answered: from there on this deadline runs. Trailers are dropped, because uvicorn
    would add them to the headers behind the back of whoever has looked at those.
    """

    header_timeout_s: float = 10.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # All that is no body counts: head, trailers, the lines between chunks.
        self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > _LARGEST_HEAD:
            self._close()
        elif self._deadline is None and self.cycle.response_complete:
            self._await_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._deadline is None:
            self._await_headers()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._deadline is not None:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._headers_came()

    def on_body(self, body: bytes) -> None:
        self._head_bytes -= len(body)
        super().on_body(body)

    def _await_headers(self) -> None:
        self._deadline = self.loop.call_later(self.header_timeout_s, self._close)

    def _headers_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises Exit (69) with words when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as exc:
        text = f"cannot listen on {host}:{port}: {getattr(exc, 'strerror', None) or type(exc).__name__}"
        raise Exit(
            ExitCode.UNAVAILABLE, "port_taken", text, hint="stop what listens there, or choose another port"
        ) from exc
    sock.setblocking(False)  # noqa: FBT003 - the standard library's
    return sock


class Listener:
    """One port with its application, from bind to drained."""

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        *,
        header_timeout_s: float = 10.0,
        keep_alive_s: int = 15,
        max_connections: int | None = None,
    ) -> None:
        protocol = type("Protocol", (_GuardedProtocol,), {"header_timeout_s": header_timeout_s})
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # URLs hold tokens
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=keep_alive_s,
            limit_concurrency=max_connections,
        )
        self._sock = sock
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that was really taken."""
        return int(self._sock.getsockname()[1])

    async def start(self) -> None:
        """Begin to answer; returns when connections are accepted."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]), name=f"http:{self.port}")
        while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        if self._task.done():
            await self._task

    async def stop(self, limit_s: float) -> None:
        """Take no new connections, finish the requests at work, cut what is left after the limit."""
        if self._task is None:
            self._sock.close()
            return
        self._server.should_exit = True
        done, _ = await asyncio.wait({self._task}, timeout=limit_s)
        if not done:
            self._server.force_exit = True
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1)
