"""What a kind of fault is: a block that breaks something when it is entered and heals it when it is left."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

from services.runtime.errors import ExitCode
from tests.chaos.schedule import Area, Card
from tests.chaos.world import World

#: The watchdog ends what stands still (rule E12): a process that is frozen, blocked or starved, or whose client is
#: wedged, by a storm of resets or by connections that stay open and silent about as long as a test's watchdog waits.
STANDS_STILL: Final = frozenset({int(ExitCode.WATCHDOG)})
#: A loop that fails on purpose where nobody tries it again ends its process.
FAILS: Final = frozenset({int(ExitCode.TRY_AGAIN)})


@dataclass
class Blow:
    """One fault, struck."""

    detail: str = ""
    struck: bool = True
    """Whether it happened; some know that only when they are healed."""


Strike = Callable[[World, random.Random], AbstractAsyncContextManager[Blow]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault; how it is struck chance decides, by the run's seed."""

    name: str
    area: Area
    strike: Strike
    hold_s: tuple[float, float] = (2.0, 6.0)
    """How long it lasts."""
    most: int | None = None
    """It comes so often at most in a run."""
    may_end_with: frozenset[int] = frozenset()
    """Exit codes with which it lets processes end by themselves; any other is a finding (`endings.py`)."""

    @property
    def card(self) -> Card:
        """What the schedule needs of it."""
        return Card(self.name, self.area, self.most)
