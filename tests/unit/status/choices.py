"""Choices read off drawn bytes, one byte a choice: one draw in place of thirty, and it shrinks to the first options."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Choices:
    """A stream of bytes that chooses; where it ends, the first option is chosen."""

    def __init__(self, drawn: bytes) -> None:
        self._drawn = iter(drawn)

    def number(self, below: int) -> int:
        """Choose a number from 0 on."""
        return next(self._drawn, 0) % below

    def one(self, options: Sequence[T]) -> T:
        """Choose one of at most 256."""
        return options[self.number(len(options))]

    def some(self, options: Sequence[T], *, most: int) -> list[T]:
        """Choose up to so many; one can stand twice."""
        return [self.one(options) for _ in range(self.number(most + 1))]


Maker = Callable[[Choices], Any]


def among(*options: Any) -> Maker:
    """Return what chooses one of these."""
    return lambda choose: choose.one(options)


@st.composite
def drawn(draw: st.DrawFn, make: Callable[[Choices], T], *, size: int) -> T:
    """Draw what is made from so many choices; a failing example shows what was made, not the bytes."""
    return make(Choices(draw(st.binary(min_size=size, max_size=size))))
