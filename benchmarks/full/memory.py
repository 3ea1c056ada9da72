"""Part `memory`: what the three services hold while webhooks come at half of the highest rate, for as long as is asked.

The highest rate is measured just before, by the same services. The cache of status, smaller than as delivered, is full
before the middle: what counts is whether memory still rises in the second half.
"""

import asyncio
import statistics
import time
from typing import Final

from benchmarks.full.bench import Bench, Figures
from benchmarks.full.chain import SERVICES, Chain, chain
from benchmarks.full.chain_latency import HIGHEST_S
from benchmarks.full.courier import carrying
from benchmarks.full.resident import HIGHEST, resident_bytes, slope

_SHARE: Final = 0.5
_EVERY_S: Final = 5.0
_CACHE: Final = str(64 * 1024**2)
"""Of status: at a slow rate the delivered one is not full within an hour, and would look as if memory were lost."""
_POINTS: Final = 60
"""As many stand in the file, evenly spread."""
_MIB: Final = 1024**2

Sample = tuple[float, dict[str, float]]
"""Seconds since the beginning, MiB by service."""


async def measure(bench: Bench) -> Figures:
    """Return the samples, and by service the highest, the median of each half, and how much it rose in the second."""
    seconds = bench.seconds(bench.options.memory_minutes * 60, least=40)
    prefix = bench.prefix("memory")
    async with chain(bench.stack, prefix, TRACKFOLD_STATUS__CACHE_BYTES=_CACHE) as one, carrying(one) as courier:
        highest = await courier.highest_rate(bench.seconds(HIGHEST_S, least=15))
        rate = highest * _SHARE
        bench.say(f"  {rate:,.0f} webhooks/s for {seconds / 60:.1f} minutes")
        samples: list[Sample] = []
        watching = asyncio.create_task(_watch(one, samples, min(_EVERY_S, seconds / 20)))
        try:
            drive = await courier.at_rate(rate, warm_s=seconds, seconds=0)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await courier.settle()
        drive.check()
        peaks = {name: resident_bytes([process.pid], HIGHEST) / _MIB for name, process in one.services.items()}
    services = {name: _figures(samples, name) | {"highest_mib": round(peaks[name], 1)} for name in SERVICES}
    for name, told in services.items():
        bench.say(f"  {name}: {told}")
    return {
        "minutes": round(seconds / 60, 1),
        "webhooks_per_second": round(rate, 1),
        "services": services,
        "samples": thinned(samples),
    }


async def _watch(one: Chain, samples: list[Sample], every_s: float) -> None:
    began = time.monotonic()
    while True:
        held = {name: round(resident_bytes([process.pid]) / _MIB, 1) for name, process in one.services.items()}
        samples.append((round(time.monotonic() - began, 1), held))
        await asyncio.sleep(every_s)


def _figures(samples: list[Sample], name: str) -> Figures:
    """Compare the halves of a run."""
    middle = samples[-1][0] / 2
    halves = [[(at, held[name]) for at, held in samples if (at > middle) == later] for later in (False, True)]
    first, second = (round(statistics.median(held for _, held in half), 1) for half in halves)
    return {
        "first_half_mib": first,
        "second_half_mib": second,
        "mib_an_hour_in_the_second_half": round(slope(halves[1]) * 3600, 1),
    }


def thinned(samples: list[Sample]) -> list[Sample]:
    """Return so few samples that a plot can show them, the first and the last among them."""
    if len(samples) <= _POINTS:
        return samples
    step = (len(samples) - 1) / (_POINTS - 1)
    return [samples[round(place * step)] for place in range(_POINTS)]
