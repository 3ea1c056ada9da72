"""Part `catch-up`: one million records lie there when a process starts. What does it hold at most, beside steady state?

Both with the cache as delivered, each in a fresh process on a fresh database. First the backlog; then, at half of the
rate at which that was done, the same kind of load for long enough to fill the cache. Of both, so many orders live at
a time that the cache holds them. Highest is highest since the
process began (`VmHWM`).
"""

import time
from itertools import islice
from typing import Final

from benchmarks.full.bench import Bench, Figures
from benchmarks.full.engine import AS_DELIVERED, Engine, engine
from benchmarks.full.lives import stream
from benchmarks.full.resident import HIGHEST, resident_bytes
from benchmarks.full.scans import sending

_RECORDS: Final = 1_000_000
_ORDERS: Final = 16
"""So many begin together: some 600 live at a time, which the cache holds."""
_PORTION: Final = 20_000
"""Records that the driver holds at once."""
_STEADY_SHARE: Final = 0.5
_STEADY_S: Final = 180.0
_MIB: Final = 1024**2


async def measure(bench: Bench) -> Figures:
    """Return the highest resident memory of both, and the ratio."""
    async with engine(bench.stack, bench.prefix("backlog"), module=AS_DELIVERED) as one:
        count, seconds = await _backlog(bench, one)
        caught_up = resident_bytes(one.workers.pids, HIGHEST)
    rate = count / seconds
    bench.say(f"  {count:,} records in {seconds:,.0f} s, at most {caught_up / _MIB:,.0f} MiB")
    async with engine(bench.stack, bench.prefix("steady"), module=AS_DELIVERED) as one:
        await _steady(bench, one, rate * _STEADY_SHARE)
        steady = resident_bytes(one.workers.pids, HIGHEST)
    bench.say(f"  steady: at most {steady / _MIB:,.0f} MiB")
    return {
        "records": count,
        "seconds": round(seconds, 1),
        "per_second": round(rate),
        "highest_mib": round(caught_up / _MIB, 1),
        "steady_per_second": round(rate * _STEADY_SHARE),
        "steady_highest_mib": round(steady / _MIB, 1),
        "ratio": round(caught_up / steady, 2),
    }


async def _backlog(bench: Bench, one: Engine) -> tuple[int, float]:
    """Lay a backlog in front of a process that is held, and let it go; returns how much it was and how long it took."""
    wanted = bench.sized(_RECORDS, least=20_000)
    with one.workers.held():
        load = islice(stream(_ORDERS), wanted)
        while portion := list(islice(load, _PORTION)):
            await one.filler.send(one.filler.build(portion))
    began = time.perf_counter()
    await one.watch.until_done(wanted)
    return wanted, time.perf_counter() - began


async def _steady(bench: Bench, one: Engine, rate: float) -> None:
    """Send at a rate that the process can hold, for long enough to fill its cache."""
    seconds = bench.seconds(_STEADY_S, least=10)
    async with sending(one, orders=_ORDERS) as sender:
        drive = await sender.at_rate(rate, warm_s=0, seconds=seconds)
        await sender.settle()
        drive.check()
