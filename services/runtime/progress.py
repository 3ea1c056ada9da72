"""How far one polled batch has come, and how many of its records are tried at once.

Pure. Conflicts halve what is tried; a refusal by the database means going one by one until the record that it refuses
is found. Nothing leaves the batch but by `done` (its effect is committed) or `drop` (it will be read again).
"""

from collections.abc import Iterable, Sequence

from services.runtime.kafka import Record


class Progress:
    """The records that are left, and how to go on with them."""

    def __init__(self, records: list[Record]) -> None:
        """Take one polled batch, sorted."""
        self.left = records
        self.limit = len(records)
        self.conflicts = 0
        self.reason = ""
        """Why the next record, alone, must be set aside; empty otherwise."""
        self._singles = 0

    def chunk(self) -> list[Record]:
        """Return what to try next."""
        return self.left[: 1 if self._singles else self.limit]

    def done(self, chunk: Sequence[Record]) -> None:
        """Leave the records behind whose effect is committed."""
        self.left = self.left[len(chunk) :]
        self._singles = max(0, self._singles - len(chunk))
        self.reason = ""

    def drop(self, gone: Iterable[Record]) -> None:
        """Take records out that Kafka will hand over again."""
        places = {one.place for one in gone}
        self.left = [one for one in self.left if one.place not in places]
        self.reason = ""

    def conflict(self) -> None:
        """Try half as many."""
        self.conflicts += 1
        self.smaller()

    def smaller(self) -> None:
        """Try half as many, without blaming another writer."""
        self.limit = max(1, self.limit // 2)

    def refused(self, reason: str) -> None:
        """One record of the chunk is bad: go one by one to find it, then set it aside."""
        if self._singles or self.limit == 1:
            self.reason = reason
        else:
            self._singles = len(self.chunk())
