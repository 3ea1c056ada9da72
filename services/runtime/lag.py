"""How far a consumer is behind the log, and whether it stands still although there is something to read (rule E12).

Pure; the clock is passed in. The end is the log's own, asked apart from the consumer: what aiokafka knows of it freezes
with a fetcher that died. What is done is the larger of the stored offset and the position after a poll that brought
nothing: the markers of transactions take offsets and are never handed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.runtime.positions import Partition

HANGING_AFTER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """One partition that this process owns."""

    done: int
    """Everything below has had its effect."""
    stable: int
    """Below it no transaction is open: a consumer that reads what is committed gets no further."""
    end: int
    """The next record written gets this offset."""

    @property
    def lag(self) -> int:
        """How many offsets are not done."""
        return max(0, self.end - self.done)

    @property
    def can_move(self) -> bool:
        """Whether there is something to read."""
        return self.done < self.stable


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at all partitions says."""

    turns: bool
    """There is nothing to do, or something was done since the look before."""
    hanging: frozenset[Partition]
    """Where a producer left a transaction open, so that nobody can read on."""


class Standing:
    """Remembers the look before."""

    def __init__(self, *, hanging_after_s: float = HANGING_AFTER_S) -> None:
        self._hanging_after_s = hanging_after_s
        self._places: Mapping[Partition, Place] = {}
        self._open_since: dict[Partition, tuple[int, float]] = {}

    def look(self, places: Mapping[Partition, Place], *, now: float) -> Look:
        """Judge what is seen now."""
        before, self._places = self._places, places
        moved = before.keys() != places.keys() or any(place.done > before[one].done for one, place in places.items())
        turns = moved or not any(place.can_move for place in places.values())
        return Look(turns, self._hanging(places, now))

    def _hanging(self, places: Mapping[Partition, Place], now: float) -> frozenset[Partition]:
        known, self._open_since = self._open_since, {}
        for one, place in places.items():
            if place.stable < place.end:
                stood = known.get(one)
                self._open_since[one] = stood if stood and stood[0] == place.stable else (place.stable, now)
        return frozenset(one for one, (_, since) in self._open_since.items() if now - since >= self._hanging_after_s)
