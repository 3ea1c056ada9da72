"""When a part of much work may begin, so that never more than so many things are done in any second. Pure.

Work is done in turns, evenly spaced: in so many consecutive turns as a second has there are just as many things as the
rate says, whole or rounded up. A turn that was late puts off those behind it, so that a pause is never made up for by a
burst.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

#: At least: a second's work at once would be a burst to whoever works beside it.
TURNS_A_SECOND: Final = 10
#: Of a rate's denominator: finer than that nobody types it.
_FINEST: Final = 1_000_000


@dataclass(slots=True)
class Pacing:
    """The turns of one piece of work; whoever asks tells the time, in seconds that never go back."""

    per_second: float
    """0: without a bound."""
    at_once: int
    """So many things in one turn at most."""
    _turn: int = 0
    _free_at: float = -math.inf

    def __post_init__(self) -> None:
        """Refuse what is no rate."""
        if not 0 <= self.per_second < math.inf or self.at_once < 1:
            message = f"no rate: {self.per_second} a second, {self.at_once} at once"
            raise ValueError(message)

    @property
    def turns(self) -> int:
        """How many turns a second has."""
        return max(TURNS_A_SECOND, math.ceil(self.per_second / self.at_once))

    def wait_s(self, now: float) -> float:
        """Return how long it is to the next turn."""
        return max(0.0, self._free_at - now)

    def take(self, wanted: int, now: float) -> int:
        """Return how many of those wanted may be done now: 0 before the turn; what a turn leaves over is gone."""
        if not self.per_second:
            return min(wanted, self.at_once)
        if self.wait_s(now):
            return 0
        a_turn = Fraction(self.per_second).limit_denominator(_FINEST) / self.turns
        before, after = math.ceil(self._turn * a_turn), math.ceil((self._turn + 1) * a_turn)
        # At a low rate many turns have nothing to give: the next one that has is the one that passes a whole number.
        following = math.floor(after / a_turn)
        self._free_at = now + (following - self._turn) / self.turns
        self._turn = following
        return min(wanted, after - before)
