"""Part `chain`: from when a webhook should be posted to its status event, and to the claim of the customer's message.

The highest rate is measured first with all services, driver and reader running, then come 10 %, 50 % and 80 % of it,
each with a warm-up that is not counted. Orders are placed meanwhile at a third of the rate.
"""

from typing import Final

from benchmarks.full import flow
from benchmarks.full.bench import Bench, Figures
from benchmarks.full.chain import chain
from benchmarks.full.courier import Courier, carrying
from benchmarks.full.failures import DriverTooSlowError
from benchmarks.full.latencies import latency
from benchmarks.full.latency import SHARES
from benchmarks.full.open_loop import Drive, driven
from benchmarks.full.reader import Reader, reading

HIGHEST_S: Final = 40.0
_WARM_S: Final = 5.0
_MEASURED_S: Final = 60.0


async def measure(bench: Bench) -> Figures:
    """Return the highest rate, and the latencies at its shares."""
    prefix = bench.prefix("chain")
    async with chain(bench.stack, prefix) as one, reading(bench.stack, prefix) as reader, carrying(one) as courier:
        highest = await courier.highest_rate(bench.seconds(HIGHEST_S, least=15))
        bench.say(f"  the highest rate: {highest:,.0f} webhooks/s")
        shares = [await _at_share(bench, courier, reader, rate=highest * share, share=share) for share in SHARES]
    return {"highest_per_second": round(highest), "shares": shares}


async def _at_share(bench: Bench, courier: Courier, reader: Reader, *, rate: float, share: float) -> Figures:
    told: Figures = {"share": share, "per_second": round(rate, 1)}
    try:
        drive, drained_s = await driven(courier, rate, warm_s=_WARM_S, seconds=bench.seconds(_MEASURED_S, least=10))
    except DriverTooSlowError as error:
        bench.say(f"  {share:.0%}: {error}")
        return told | {"without_figures": str(error)}
    await reader.caught_up()
    return told | await _figures(bench, courier, reader, drive=drive) | {"drained_s": round(drained_s, 2)}


async def _figures(bench: Bench, courier: Courier, reader: Reader, *, drive: Drive) -> Figures:
    """Match what was read and claimed with what was posted."""
    planned = courier.planned
    # What was read first counts: a message may be there twice.
    events = {(one.key, courier.story.step_of(one.cause_at)): one.at for one in reversed(reader.seen)}
    event = latency(events[step] - at for step, at in planned.items() if step in events)
    claims = {(order, flow.MILESTONES.index(name)): at for (order, name), at in (await courier.chain.claims()).items()}
    claim = latency(at - planned[step] for step, at in claims.items() if step in planned)
    late = latency(drive.lateness_s)
    bench.say(
        f"  status event {event.p50_ms:,.0f} ms, p99 {event.p99_ms:,.0f} of {event.count:,}; "
        f"claimed {claim.p50_ms:,.0f} ms, p99 {claim.p99_ms:,.0f} of {claim.count:,}; driver late {late.p99_ms:.0f} ms"
    )
    return {"status_event": event.document(), "claimed": claim.document(), "driver_late": late.document()}
