"""Part `replay`: the p99 of live scans while `trackfold rebuild` publishes old orders anew, beside that without it.

Live scans come at half of the highest rate, measured just before. The old orders' histories tell other places than the
orders show, so that every one of them differs and is published. Stretches without and with a rebuild take turns.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.full import seeding
from benchmarks.full.bench import Bench, Figures
from benchmarks.full.engine import Engine, database, serving
from benchmarks.full.failures import ReplayTooShortError
from benchmarks.full.latencies import latency
from benchmarks.full.reader import Reader, reading
from benchmarks.full.scans import Sender, sending
from services.local.child import Child, ChildFailedError
from services.status.messages import SOURCE
from tests.stack.processes import service_environment

_PATTERN: Final = 100
_ORDERS_PER_S: Final = 200
"""The rate at which a rebuild goes if nobody says another."""
_ROUNDS: Final = 2
_SHARE: Final = 0.5
_HIGHEST_S: Final = 20.0
_WARM_S: Final = 8.0
_MEASURED_S: Final = 40.0
_SPARE_S: Final = 10.0
_BEGIN_LIMIT_S: Final = 60.0
_STOP_LIMIT_S: Final = 30.0
_POLL_S: Final = 0.1


async def measure(bench: Bench) -> Figures:
    """Return the latencies without and with a replay, and the ratio of their p99."""
    made = (await seeding.pattern(bench.stack, bench.prefix("pattern"), _PATTERN)).moved()
    warm_s, seconds = bench.seconds(_WARM_S, least=4), bench.seconds(_MEASURED_S, least=8)
    portion = round(_ORDERS_PER_S * (warm_s + seconds + _SPARE_S))
    prefix = bench.prefix("replay")
    async with database(bench.stack, prefix) as dsn:
        await seeding.seed(dsn, made, portion * _ROUNDS)
        async with (
            serving(bench.stack, prefix, dsn, processes=bench.options.processes) as one,
            reading(bench.stack, prefix) as reader,
            sending(one, first_order=seeding.LAST + 1) as sender,
        ):
            live = _Live(bench, one, sender, reader, warm_s, seconds)
            await live.begin()
            for number in range(_ROUNDS):
                await live.stretch(())
                first = seeding.FIRST + number * portion
                await live.stretch(range(first, first + portion))
    return live.figures()


class _Live:
    """The live scans, with and without."""

    def __init__(
        self, bench: Bench, one: Engine, sender: Sender, reader: Reader, warm_s: float, seconds: float
    ) -> None:
        self._bench = bench
        self._engine = one
        self._sender = sender
        self._reader = reader
        self._warm_s = warm_s
        self._seconds = seconds
        self._rate = 0.0
        self._taken: dict[bool, list[float]] = {False: [], True: []}
        self._replayed: list[float] = []

    async def begin(self) -> None:
        """Look for the highest rate."""
        seconds = self._bench.seconds(_HIGHEST_S, least=8)
        await self._sender.begin()
        self._rate = await self._sender.highest_rate(seconds) * _SHARE
        self._bench.say(f"  live: {self._rate:,.0f} scans/s")

    async def stretch(self, orders: Sequence[int]) -> None:
        """Measure once, with a replay of these orders where there are any."""
        async with _rebuilding(self._engine, self._reader, orders):
            before = self._replays()
            drive = await self._sender.at_rate(self._rate, warm_s=self._warm_s, seconds=self._seconds)
            self._reader.take()
            replayed = (self._replays() - before) / (self._warm_s + self._seconds)
        await self._sender.settle()
        drive.check()
        await self._reader.caught_up()
        planned = self._sender.planned
        found = [one.at - planned[one.cause] for one in self._reader.seen if one.cause in planned]
        told = latency(found)
        self._bench.say(f"  {replayed:,.0f} orders/s replayed: p50 {told.p50_ms:,.0f} ms, p99 {told.p99_ms:,.0f} ms")
        self._taken[bool(orders)] += found
        if orders:
            self._replayed.append(replayed)

    def figures(self) -> Figures:
        """Return what was found."""
        without, during = latency(self._taken[False]), latency(self._taken[True])
        return {
            "live_per_second": round(self._rate),
            "replay_at_most_per_second": _ORDERS_PER_S,
            "replayed_per_second": round(sum(self._replayed) / len(self._replayed)),
            "without": without.document(),
            "during": during.document(),
            "p99_ratio": round(during.p99_ms / without.p99_ms, 2),
        }

    def _replays(self) -> int:
        """Return how many messages were read that a replay led to."""
        return sum(one.cause == SOURCE for one in self._reader.seen)


@asynccontextmanager
async def _rebuilding(one: Engine, reader: Reader, orders: Sequence[int]) -> AsyncIterator[None]:
    """Run a rebuild of these orders meanwhile, from its first message on; it is broken off at the end."""
    if not orders:
        yield
        return
    env = service_environment(kafka=one.stack.bootstrap, database=one.dsn, prefix=one.prefix)
    argv = [sys.executable, "-m", "services.cli", "rebuild", *map(str, orders)]
    options = ["--apply", "--yes", "--json", "--rate", str(_ORDERS_PER_S)]
    child = Child.start("a rebuild", [*argv, *options], log=one.stack.folder / f"{one.prefix}{orders[0]}.log", env=env)
    try:
        await _begun(child, reader)
        yield
        if child.process.poll() is not None:
            raise ReplayTooShortError(f"the rebuild ended too early, with {child.process.returncode}\n{child.tail()}")
    finally:
        await asyncio.to_thread(child.stop, signal.SIGINT, grace_s=_STOP_LIMIT_S)


async def _begun(child: Child, reader: Reader) -> None:
    reader.take()
    before = len(reader.seen)
    async with asyncio.timeout(_BEGIN_LIMIT_S):
        while not any(seen.cause == SOURCE for seen in reader.seen[before:]):
            if child.process.poll() is not None:
                raise ChildFailedError(f"the rebuild ended\n{child.tail()}")
            await asyncio.sleep(_POLL_S)
            reader.take()
