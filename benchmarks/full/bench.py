"""What every part gets: the stack, the options of the run, and names that no other part has."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.engine.stack import Stack

Figures = dict[str, Any]
"""What a part measured, as it stands in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says about sizes."""

    scale: float = 1.0
    """Of numbers of records and of seconds."""
    memory_minutes: float = 15.0
    processes: int = 2
    """Of the status service, where a part does not say otherwise."""


@dataclass(slots=True)
class Bench:
    """One run."""

    stack: Stack
    options: Options
    say: Callable[[str], None]
    _count: int = field(default=0)

    def prefix(self, name: str) -> str:
        """Return a prefix of topics that nobody has."""
        self._count += 1
        return f"full{self._count}.{name}."

    def sized(self, number: float, *, least: int = 1) -> int:
        """Return a number of the full length at the scale of this run."""
        return max(least, round(number * self.options.scale))

    def seconds(self, full: float, *, least: float = 5.0) -> float:
        """Return seconds at the scale of this run: below a few nothing can be measured."""
        return max(least, full * self.options.scale)


Part = Callable[[Bench], Awaitable[Figures]]
