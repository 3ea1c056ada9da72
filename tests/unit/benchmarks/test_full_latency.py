"""Latencies and loads of `make bench-full`: percentiles, moments, and whether the driver kept up."""

import asyncio

import pytest

from benchmarks.full import open_loop
from benchmarks.full.failures import DriverTooSlowError
from benchmarks.full.latencies import latency, percentile
from benchmarks.full.open_loop import Drive, drive
from benchmarks.full.reader import cause_of


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1)) == (50, 99, 100)
    assert percentile([7.0], 0.99) == 7
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)


def test_a_latency_says_of_how_many_it_is() -> None:
    found = latency([0.003, 0.001, 0.002])
    assert found.document() == {"count": 3, "p50_ms": 2, "p99_ms": 3, "highest_ms": 3}


def test_moments_are_evenly_spread() -> None:
    assert open_loop.times(4, 3, begin=10) == [10, 10.25, 10.5]


class Clock:
    """Time that passes only where somebody waits or works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.done: list[tuple[str, float]] = []

    async def pause(self, seconds: float) -> None:
        self.now += seconds

    def working(self, seconds: float) -> "Working":
        return Working(self, seconds)


class Working:
    """Takes its time for each thing."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    async def __call__(self, what: str) -> None:
        self.clock.done.append((what, self.clock.now))
        self.clock.now += self.seconds


def driven(clock: Clock, seconds: float) -> Drive:
    planned = [(0.0, "a"), (1.0, "b"), (2.0, "c")]
    return asyncio.run(drive(planned, clock.working(seconds), now=lambda: clock.now, pause=clock.pause))


def test_each_thing_is_done_at_its_moment() -> None:
    clock = Clock()
    found = driven(clock, 0.01)
    assert clock.done == [("a", 0), ("b", 1), ("c", 2)]
    assert list(found.lateness_s) == [0, 0, 0]
    found.check()


def test_what_is_late_is_done_at_once_and_counted_from_its_moment() -> None:
    clock = Clock()
    found = driven(clock, 1.5)
    assert [at for _, at in clock.done] == [0, 1.5, 3]
    assert list(found.lateness_s) == [0, 0.5, 1]
    with pytest.raises(DriverTooSlowError, match="500 ms too late"):
        found.check()


def test_a_load_that_took_longer_than_planned_has_no_figure() -> None:
    Drive(10, 10.1, [0.0]).check()
    with pytest.raises(DriverTooSlowError, match=r"10.0 s took 12.0 s"):
        Drive(10, 12, [0.0]).check()


def test_a_load_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nothing to drive"):
        asyncio.run(drive([], Clock().working(0)))


def test_the_cause_of_a_message_is_read_from_its_end() -> None:
    value = (
        b'{"lines":[{"name":"\\"change\\":{\\"cause\\":{"}],"truncated":false,"change":{"version":3,"previous":"x",'
        b'"cause":{"topic":"carrier.scans.v1","type":"scan","event":"e1","at":"2026-11-22T20:00:00+00:00"},"reason":""}}'
    )
    assert cause_of(value) == (b"e1", b"2026-11-22T20:00:00+00:00")
    assert cause_of(b'{"event":"e2"}') == (b"", b"")
