"""Part `latency`: from when a scan should be produced to when its status event can be read, at three rates.

The highest rate is measured first, with the same processes, reader and driver; then come 10 %, 50 % and 80 % of it,
each with a warm-up that is not counted. Orders of all ages live beside each other all the time (`lives.py`); rates are
of all records, an eighth of which the shop tells.
"""

from typing import Final

from benchmarks.full.bench import Bench, Figures
from benchmarks.full.engine import engine
from benchmarks.full.failures import DriverTooSlowError
from benchmarks.full.latencies import latency
from benchmarks.full.open_loop import Drive, driven
from benchmarks.full.reader import Reader, reading
from benchmarks.full.scans import Sender, sending

SHARES: Final = (0.1, 0.5, 0.8)
_HIGHEST_S: Final = 30.0
_WARM_S: Final = 15.0
_MEASURED_S: Final = 60.0


async def measure(bench: Bench) -> Figures:
    """Return the highest rate, and the latencies at its shares."""
    prefix = bench.prefix("latency")
    async with (
        engine(bench.stack, prefix, processes=bench.options.processes) as one,
        reading(bench.stack, prefix) as reader,
        sending(one) as sender,
    ):
        await sender.begin()
        highest = await sender.highest_rate(bench.seconds(_HIGHEST_S))
        bench.say(f"  the highest rate: {highest:,.0f}/s")
        shares = [await at_share(bench, sender, reader, rate=highest * share, share=share) for share in SHARES]
    return {"highest_per_second": round(highest), "processes": bench.options.processes, "shares": shares}


async def at_share(bench: Bench, sender: Sender, reader: Reader, *, rate: float, share: float) -> Figures:
    """Return the latencies at one rate; without figures where the driver did not keep up."""
    told: Figures = {"share": share, "per_second": round(rate)}
    warm_s, seconds = bench.seconds(_WARM_S, least=3), bench.seconds(_MEASURED_S)
    try:
        drive, drained_s = await driven(sender, rate, warm_s=warm_s, seconds=seconds)
    except DriverTooSlowError as error:
        bench.say(f"  {share:.0%}: {error}")
        return told | {"without_figures": str(error)}
    await reader.caught_up()
    return told | figures(bench, sender, reader, drive=drive, drained_s=drained_s)


def figures(bench: Bench, sender: Sender, reader: Reader, *, drive: Drive, drained_s: float) -> Figures:
    """Match what was read with what was sent."""
    reader.take()
    found = (one.at - sender.planned[one.cause] for one in reader.seen if one.cause in sender.planned)
    told = latency(found)
    late = latency(drive.lateness_s)
    bench.say(f"  {told.p50_ms:,.0f} ms, p99 {told.p99_ms:,.0f} ms of {told.count:,}; driver late {late.p99_ms:.0f} ms")
    return {
        "status_event": told.document(),
        "driver_late": late.document(),
        "drained_s": round(drained_s, 2),
    }
