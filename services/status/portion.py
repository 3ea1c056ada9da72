"""How many records a batch takes: all that were polled, and fewer while others change what it folds. Pure.

A large batch shares its statements, and writes an order once that many records changed. But the longer it is folded
ahead of its orders' locks, the more of it has moved by then and is folded twice
(docs/decisions/0025-folded-ahead-of-the-locks.md). How much that is depends on how close together in time the records
of an order lie: it is found by trying.
"""

from dataclasses import dataclass
from typing import Final

MOST: Final = 5_000
LEAST: Final = 250
#: Of what is folded: more than one in `_TOO_MUCH` twice, and batches get smaller; less than one in `_LITTLE`, larger.
_TOO_MUCH: Final = 10
_LITTLE: Final = 40


@dataclass(slots=True)
class Portion:
    """The size of the next batch of one consumer."""

    records: int = MOST

    def note(self, records: int, *, folded_again: int) -> None:
        """Learn from a batch; down by half, up by a quarter: what is too large costs more than what is too small."""
        if folded_again * _TOO_MUCH > records:
            self.records = max(LEAST, self.records // 2)
        elif folded_again * _LITTLE < records:
            self.records = min(MOST, self.records * 5 // 4)
