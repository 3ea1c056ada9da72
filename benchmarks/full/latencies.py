"""Latencies as people compare them: percentiles by nearest rank, and how many they are of. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    highest_ms: float

    def document(self) -> dict[str, float]:
        """Return what stands in the file."""
        return asdict(self)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of all, which are sorted, does not exceed."""
    if not values:
        raise ValueError("nothing was measured")
    return values[max(0, math.ceil(share * len(values)) - 1)]


def latency(seconds: Iterable[float]) -> Latency:
    """Return the percentiles; ValueError where there is nothing."""
    values = sorted(seconds)
    p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
    return Latency(len(values), *(round(one * 1000, 1) for one in (p50, p99, values[-1])))
