"""How many records the database refused within the last minute, and whether that is still a matter of bad records.

Pure; the clock is passed in. A few records that the database refuses are their own fault and are set aside. Many of
them mean that the program or the database is wrong, and setting good records aside by the thousand would make it worse
(rule E10). A process that ends over that starts again and has forgotten it: in its first minute few are too many.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from services.runtime.errors import Exit, ExitCode

WINDOW_S: Final = 60
MOST: Final = 100
MOST_AT_FIRST: Final = 10
MOST_SHARE: Final = 0.1
_HINT: Final = "compare the program's version with the database's migrations; the records are still in their topic"


@dataclass(slots=True)
class _Second:
    at: int
    applied: int = 0
    refused: int = 0


class Refusals:
    """A minute that slides by the second; its size does not grow with the number of records."""

    def __init__(self) -> None:
        self._seconds: deque[_Second] = deque(maxlen=WINDOW_S + 1)
        self._began: float | None = None

    def applied(self, count: int, *, now: float) -> None:
        """Count records that went through."""
        self._second(now).applied += count

    def refused(self, reason: str, *, now: float) -> None:
        """Count one record that the database refused, alone, before it is set aside.

        Raises Exit when there are more than bad records explain: then the next one must not be set aside.
        """
        self._second(now).refused += 1
        refused, total = self.count(now)
        if refused > self._most(now) and refused > MOST_SHARE * total:
            text = f"the database refused {refused} of the last minute's {total} records, the last one with {reason}"
            raise Exit(ExitCode.TRY_AGAIN, "too_many_refused", text, hint=_HINT)

    def count(self, now: float) -> tuple[int, int]:
        """Return how many of the last minute's records were refused, and how many there were."""
        recent = [one for one in self._seconds if now - WINDOW_S < one.at <= now]
        refused = sum(one.refused for one in recent)
        return refused, refused + sum(one.applied for one in recent)

    def _most(self, now: float) -> int:
        return MOST_AT_FIRST if self._began is None or now - self._began < WINDOW_S else MOST

    def _second(self, now: float) -> _Second:
        if self._began is None:
            self._began = now
        if not self._seconds or self._seconds[-1].at != int(now):
            self._seconds.append(_Second(int(now)))
        return self._seconds[-1]
