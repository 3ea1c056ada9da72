"""A load that does not wait for answers: each thing has its time, and is done then, or late, which is noted.

Latencies are counted from the times that were planned: a system that stands still does not spare itself the waiting of
those that would have come meanwhile (coordinated omission). Whether the driver kept up is judged from what it noted.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from benchmarks.full.failures import DriverTooSlowError
from benchmarks.full.latencies import percentile

T = TypeVar("T")

#: What still counts as the rate that was wanted.
RATE_KEPT: Final = 0.98
#: Half of all may be later than that: more, and what is measured is the driver.
LATE_AT_MOST_S: Final = 0.025


@dataclass(frozen=True, slots=True)
class Drive:
    """How a load was driven."""

    planned_s: float
    """From the first to the last planned moment."""
    took_s: float
    lateness_s: Sequence[float]

    def check(self) -> None:
        """Raise DriverTooSlowError where the driver did not keep up."""
        late = percentile(sorted(self.lateness_s), 0.5)
        if late > LATE_AT_MOST_S:
            raise DriverTooSlowError(f"half of the load came more than {late * 1000:.0f} ms too late")
        if self.planned_s < RATE_KEPT * self.took_s - LATE_AT_MOST_S:
            raise DriverTooSlowError(f"a load of {self.planned_s:.1f} s took {self.took_s:.1f} s")


class Driver(Protocol):
    """Who does a load."""

    async def at_rate(self, rate: float, *, warm_s: float, seconds: float) -> Drive:
        """Do it at a rate, warming up first."""

    async def settle(self) -> None:
        """Return when all of it has been worked off."""


async def driven(driver: Driver, rate: float, *, warm_s: float, seconds: float) -> tuple[Drive, float]:
    """Drive a load to its end; return how it went, and how many seconds it took to be worked off after that.

    Raises DriverTooSlowError.
    """
    gc.collect()
    gc.freeze()  # a driver that collects is late
    try:
        drive = await driver.at_rate(rate, warm_s=warm_s, seconds=seconds)
    finally:
        gc.unfreeze()
    ended = time.time()
    await driver.settle()
    drained_s = time.time() - ended
    drive.check()
    return drive, drained_s


def times(rate: float, count: int, *, begin: float) -> list[float]:
    """Return the moments of so many things, evenly spread."""
    return [begin + index / rate for index in range(count)]


async def drive(
    planned: Iterable[tuple[float, T]],
    act: Callable[[T], Awaitable[object]],
    *,
    now: Callable[[], float] = time.time,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Drive:
    """Do each thing at its moment, in the order given; `act` must not wait for an answer."""
    lateness: list[float] = []
    first = last = None
    for moment, what in planned:
        if (left := moment - now()) > 0:
            await pause(left)
        lateness.append(max(0.0, now() - moment))
        await act(what)
        first, last = moment if first is None else first, moment
    if first is None or last is None:
        raise ValueError("there is nothing to drive")
    return Drive(last - first, now() - first, lateness)
