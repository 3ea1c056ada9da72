"""A bound on work that a person brings beside live traffic: rebuilds, imports, remaps, replays of dead letters.

Live events have the first claim on Kafka, Postgres and the customers' attention; what is brought waits for its turn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from services.runtime import clock
from services.runtime.pacing import Pacing

T = TypeVar("T")


class Rate:
    """Lets so many things a second pass, and sleeps in between; Ctrl-C ends a sleep at once."""

    def __init__(
        self,
        per_second: float,
        *,
        at_once: int,
        now: Callable[[], float] = clock.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Take the bound, 0 for none, and how many things are done together at most."""
        self._pacing = Pacing(per_second, at_once)
        self._now = now
        self._sleep = sleep

    def __str__(self) -> str:
        bound = self._pacing.per_second
        return f"at most {bound:,.10g} a second" if bound else "as fast as it goes"

    async def turn(self, wanted: int) -> int:
        """Wait for the next turn; return how many of those wanted may be done in it: one at least."""
        while not (granted := self._pacing.take(wanted, self._now())):
            await self._sleep(self._pacing.wait_s(self._now()))
        return granted

    async def parts(self, items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
        """Give all of them, in parts, each in its turn."""
        done = 0
        while done < len(items):
            part = items[done : done + await self.turn(len(items) - done)]
            done += len(part)
            yield part
