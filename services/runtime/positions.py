"""What this process knows of the places between its batches: is a hole in the offsets harmless, or were records missed?

Pure. A batch that starts above the stored offset may follow transaction markers (harmless), a poll whose batch failed
(must be read again) or retention (must be alarmed). Only an unbroken memory of this very process tells them apart.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from services.runtime.errors import Transient


class Partition(NamedTuple):
    """One partition by its name on the wire; sorts as the fence locks."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Hole:
    """A partition's first record lies above the stored offset."""

    partition: Partition
    stored: int
    first: int


class Holes(Exception):  # noqa: N818 - control flow: the transaction must roll back first
    """A batch starts above where the database stands."""

    def __init__(self, holes: Sequence[Hole]) -> None:
        """Take the partitions' holes."""
        super().__init__(len(holes))
        self.holes = holes


class Late(Transient):
    """Partitions whose log cannot be asked for now, though others can: theirs is to wait, and nobody else's."""

    def __init__(self, partitions: Collection[Partition]) -> None:
        """Take the partitions, at least one."""
        first = min(partitions)
        more = f" (and {len(partitions) - 1} more)" if len(partitions) > 1 else ""
        super().__init__("partition_late", f"{first.topic}/{first.number}{more} cannot be asked for now")
        self.partitions = frozenset(partitions)


class Verdict(Enum):
    """What a hole means so far."""

    SEEK = "seek"
    """Nothing is known: go back to the stored offset and poll again."""
    ASK = "ask"
    """This is what the log has from the stored offset on: the log's start says whether something is missing."""


class Positions:
    """Where this process left each partition, and where it has gone back to; forgotten at the slightest doubt."""

    def __init__(self) -> None:
        self._left: dict[Partition, int] = {}
        self._sought: dict[Partition, int] = {}
        self.epoch = 0

    def rebalanced(self) -> None:
        """Forget everything: the partitions may have been somebody else's meanwhile."""
        self._left.clear()
        self._sought.clear()
        self.epoch += 1

    def left(self, offsets: Mapping[Partition, int], *, epoch: int) -> None:
        """Remember where a committed batch left its rows, unless there was a rebalance since it began."""
        if epoch == self.epoch:
            self._left.update(offsets)
            for partition in offsets:
                self._sought.pop(partition, None)

    def sought(self, partition: Partition, offset: int) -> None:
        """Remember that the next records of a partition are the first the log has from this offset on."""
        self._left.pop(partition, None)
        self._sought[partition] = offset

    def doubt(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions whose batch failed or ended unknown."""
        for partition in partitions:
            self._left.pop(partition, None)
            self._sought.pop(partition, None)

    def below(self, firsts: Mapping[Partition, int]) -> set[Partition]:
        """Return partitions that begin below where this process left them, though nobody went back: its log did."""
        return {one for one, first in firsts.items() if first < self._left.get(one, first)}

    def judge(self, hole: Hole) -> Verdict:
        """Say what a hole means."""
        known = (self._left.get(hole.partition), self._sought.get(hole.partition))
        return Verdict.ASK if hole.stored in known else Verdict.SEEK
