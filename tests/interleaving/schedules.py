"""In which order sessions take their steps: all orders, one by name, or a seeded random one."""

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Schedule(Protocol):
    """Says whose turn it is."""

    def choose(self, ready: Sequence[int]) -> int:
        """Return one of the sessions that can take a step; asked before each step, also when only one can."""


@dataclass
class EveryOrder:
    """All orders that differ in effect, one after the other: a search through the choices that there really were.

    Where one session waits for another there is no choice, so that most of the 924 orders of 6 and 6 steps come down
    to the same few runs. Each of them is run once (`test_schedules.py` compares with running all by name).
    """

    _path: list[tuple[tuple[int, ...], int]] = field(default_factory=list)
    """(who was ready, which of them was taken) of every choice of the last run."""
    _depth: int = 0

    def choose(self, ready: Sequence[int]) -> int:
        """Go the way that was planned, then always the first."""
        if self._depth == len(self._path):
            self._path.append((tuple(ready), 0))
        known, taken = self._path[self._depth]
        assert known == tuple(ready), f"not repeatable: step {self._depth} had {known} ready, now {tuple(ready)}"
        self._depth += 1
        return known[taken]

    def __iter__(self) -> Iterator[Schedule]:
        """Give itself once for every order."""
        while True:
            self._depth = 0
            yield self
            del self._path[self._depth :]
            while self._path and self._path[-1][1] == len(self._path[-1][0]) - 1:
                self._path.pop()
            if not self._path:
                return
            known, taken = self._path.pop()
            self._path.append((known, taken + 1))


class Named:
    """One order by name, as (0, 1, 1, 0): who is not ready when it is its turn takes it later."""

    def __init__(self, order: Iterable[int]) -> None:
        self._left = list(order)

    def choose(self, ready: Sequence[int]) -> int:
        """Take the first that can; behind the end of the name, whoever can."""
        for place, session in enumerate(self._left):
            if session in ready:
                del self._left[place]
                return session
        return ready[0]


class Random:
    """A seeded random order."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret

    def choose(self, ready: Sequence[int]) -> int:
        """Take any."""
        return self._random.choice(ready)


def in_turn(sessions: int) -> list[Named]:
    """Return the orders in which each session does all its work before the next one begins."""
    return [Named(one for one in order for _ in range(99)) for order in itertools.permutations(range(sessions))]


def named(steps: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Give the name of every order of so many steps of each session."""
    if not any(steps):
        yield ()
        return
    for session, left in enumerate(steps):
        if left:
            rest = [*steps[:session], left - 1, *steps[session + 1 :]]
            yield from ((session, *order) for order in named(rest))


def count(steps: Sequence[int]) -> int:
    """Return how many orders there are by name: 924 for 6 and 6."""
    return math.factorial(sum(steps)) // math.prod(math.factorial(one) for one in steps)
