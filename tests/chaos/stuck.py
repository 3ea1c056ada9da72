"""Says when nothing moves any more: each mark must rise in time, counted from its last rise or the last heal. Pure."""

from collections.abc import Mapping


class Detector:
    """Knows when each mark last rose."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._highest: dict[str, int] = {}
        self._rose_at: dict[str, float] = {}

    def saw(self, at: float, marks: Mapping[str, int]) -> None:
        """Take note of the marks; one that could not be read now is left out and keeps its clock."""
        for name, mark in marks.items():
            if mark > self._highest.get(name, -1):
                self._highest[name] = mark
                self._rose_at[name] = at

    def forgive(self, at: float) -> None:
        """Begin all clocks anew: a fault has healed, and from now on they have their time."""
        self._rose_at = dict.fromkeys(self._rose_at, at)

    def stuck(self, at: float) -> tuple[str, ...]:
        """Name the marks that stand still for longer than the limit."""
        return tuple(
            f"{name} stands at {self._highest[name]} for {at - since:.0f} s"
            for name, since in self._rose_at.items()
            if at - since > self._limit_s
        )
