"""The life of one process: what it has opened, what runs in it, what it waits for, and in which order it all ends.

A service's `start(life)` uses it: serve first, then enter what it needs (waiting as long as it takes), then consume and
spawn. `process.main` drives it; it decides nothing about failures (`delivery.py` does).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import Final, Protocol, TypeVar

import structlog
from starlette.types import ASGIApp

from services.runtime import clock, delivery, metrics
from services.runtime.errors import ExitCode, Stopping
from services.runtime.health import Health
from services.runtime.http import Admin, Door
from services.runtime.server import Listener, bind
from services.runtime.settings import AdminSettings, HttpSettings, ServiceSettings
from services.runtime.watchdog import Heart, Watchdog

T = TypeVar("T")
log = structlog.stdlib.get_logger("trackfold.life")

_BEAT_S: Final = 1.0
_LEAST_S: Final = 0.5


class Consumer(Protocol):
    """Something that reads from Kafka until it is stopped (`consume.FencedConsumer`, `plain_consume.PlainConsumer`)."""

    name: str

    async def start(self) -> None:
        """Join the group; may be called again after it failed."""

    async def stop(self) -> None:
        """Finish the batch at work and leave the group."""


class Life:
    """One process. `draining` is set when it has been told to stop, `stopping` when the loops shall end."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        """Take the service's name and its settings; nothing runs yet."""
        self.name = name
        self.settings = settings
        self.health = Health()
        self.watchdog = Watchdog(settings.process.watchdog_s)
        self.draining = asyncio.Event()
        self.stopping = asyncio.Event()
        self.ended: tuple[ExitCode, str] | None = None
        self._stack = AsyncExitStack()
        self._listeners: list[Listener] = []
        self._admin: Listener | None = None
        self._consumers: list[Consumer] = []
        self._loops: set[asyncio.Task[None]] = set()

    async def serve(self, http: HttpSettings, app: ASGIApp | None = None) -> Door:
        """Open the public port at once; until `door.open(app)` every request is told to come back."""
        door = Door(app)
        listener = Listener(
            door,
            bind(http.host, http.port),
            header_timeout_s=http.header_timeout_s,
            keep_alive_s=http.keep_alive_s,
            max_connections=http.max_connections,
        )
        await listener.start()
        self._listeners.append(listener)
        log.info("listening", port=listener.port)
        return door

    async def serve_admin(self, admin: AdminSettings) -> None:
        """Open the admin port; called by `process.main` before anything else."""
        self._admin = Listener(Admin(self.health), bind(admin.host, admin.port))
        await self._admin.start()
        log.info("admin port", port=self._admin.port)

    async def enter(self, what: str, make: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """Open something the service needs, trying until it is there; closed at the end, last first."""

        async def attempt() -> T:
            return await self._stack.enter_async_context(make())

        return await delivery.persist(attempt, life=self, what=what)

    async def consume(self, consumer: Consumer) -> None:
        """Start a consumer, trying until Kafka is there; it is stopped after HTTP and before the loops."""
        await delivery.persist(consumer.start, life=self, what=consumer.name)
        self._consumers.append(consumer)

    def spawn(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop beside the rest; it returns soon after `stopping` is set. One that raises ends the process."""
        self._loops.add(asyncio.create_task(self._run(name, loop), name=name))

    def heart(self, name: str, limit_s: float | None = None) -> Heart:
        """Register something that must turn."""
        return self.watchdog.heart(name, limit_s)

    async def pause(self, seconds: float) -> bool:
        """Sleep inside a loop; True when the loop shall end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        return self.stopping.is_set()

    async def rest(self, seconds: float) -> None:
        """Sleep between two tries; raises Stopping when the process drains: the work can wait for the next one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.draining.wait()
        if self.draining.is_set():
            raise Stopping

    def exit(self, code: ExitCode, why: str) -> None:
        """End the process in good order with this code; the first caller decides the code."""
        if self.ended is None:
            self.ended = (code, why)
            log.log(20 if code is ExitCode.OK else 40, "ending", code=int(code), why=why)
        self.draining.set()

    async def beat(self) -> None:
        """Be the heart of the event loop: a loop that is blocked does not come back here."""
        heart = self.heart("event loop")
        while True:
            before = clock.monotonic()
            await asyncio.sleep(_BEAT_S)
            metrics.LOOP_LAG.set(max(0.0, clock.monotonic() - before - _BEAT_S))
            heart.beat()

    async def drain(self) -> bool:
        """Stop in order: public HTTP, consumers, loops, then what was opened. True when all made it in time."""
        end = clock.monotonic() + self.settings.process.drain_s
        self.health.drain()
        self.draining.set()
        steps: tuple[tuple[str, Callable[[float], Awaitable[None]]], ...] = (
            ("http", self._stop_http),
            ("consumers", self._stop_consumers),
            ("loops", self._stop_loops),
            ("connections", self._close),
        )
        in_time = [await self._step(name, stop, end=end) for name, stop in steps]
        if self._admin is not None:
            await self._admin.stop(_LEAST_S)
        return all(in_time)

    async def _step(self, name: str, stop: Callable[[float], Awaitable[None]], *, end: float) -> bool:
        left = max(_LEAST_S, end - clock.monotonic())
        try:
            async with asyncio.timeout(left):
                await stop(left)
        except TimeoutError:
            log.warning("the drain limit has passed", step=name, limit_s=self.settings.process.drain_s)
            return False
        except Exception:  # the end goes on: what follows must be stopped as well
            log.exception("could not stop in order", step=name)
            return False
        return True

    async def _stop_http(self, left: float) -> None:
        await asyncio.gather(*(listener.stop(left - _LEAST_S / 2) for listener in self._listeners))

    async def _stop_consumers(self, _: float) -> None:
        await asyncio.gather(*(consumer.stop() for consumer in self._consumers))

    async def _stop_loops(self, left: float) -> None:
        self.stopping.set()
        if not self._loops:
            return
        _, late = await asyncio.wait(self._loops, timeout=left - _LEAST_S / 2)
        for task in late:
            log.error("a loop did not end", loop=task.get_name())
            task.cancel()
        if late:
            raise TimeoutError

    async def _close(self, _: float) -> None:
        await self._stack.aclose()

    async def _run(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        try:
            await loop()
        except Stopping:
            return
        except Exception as exc:
            code = delivery.exit_code(exc)
            log.exception("a loop failed", loop=name)
            self.exit(code, f"{name}: {delivery.describe(exc)}")
        else:
            if not self.stopping.is_set():
                self.exit(ExitCode.TRY_AGAIN, f"{name} ended by itself")
