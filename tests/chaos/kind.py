"""What a kind of fault is: a block that breaks something when it is entered and heals it when it is left."""

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.chaos.schedule import Area, Card
from tests.chaos.world import World


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

    @property
    def card(self) -> Card:
        """What the schedule needs of it."""
        return Card(self.name, self.area, self.most)
