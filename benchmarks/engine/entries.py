"""The designs that are run: where each stands, and how large its load is.

Their libraries are imported when they run: the peers' are only in the benchmark's own environment.
"""

import importlib
from dataclasses import dataclass, replace
from typing import Final

from benchmarks.engine.designs.design import Design

_PACKAGE: Final = "benchmarks.engine.designs."


@dataclass(frozen=True, slots=True)
class Entry:
    """A design in the list."""

    file: str
    orders: int
    """The size of its load: about ten seconds of work. An order has some 24 records."""
    variable: str = "DESIGN"

    @property
    def module(self) -> str:
        """Its whole name."""
        return _PACKAGE + self.file


@dataclass(frozen=True, slots=True)
class Runnable:
    """A design and the module that is its program."""

    design: Design
    module: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for."""

    designs: tuple[str, ...]
    rounds: int
    seconds_at_most: float
    scale: float
    repeating: bool
    write: bool
    as_json: bool


ENTRIES: Final = {
    "naive": Entry("naive", 120),
    "naive_per_partition": Entry("naive_per_partition", 250),
    "textbook_batch": Entry("textbook_batch", 3_000),
    "quixstreams": Entry("quixstreams_", 1_500),
    "bytewax": Entry("bytewax_", 2_000),
    "trackfold_1": Entry("trackfold", 4_500, "ONE"),
    "trackfold_2": Entry("trackfold", 4_500, "TWO"),
    "limit": Entry("limit", 4_500),
}


def design_of(name: str) -> Runnable:
    """Import a design of the list."""
    entry = ENTRIES[name]
    design = getattr(importlib.import_module(entry.module), entry.variable)
    if not isinstance(design, Design):
        raise TypeError(f"{entry.module}.{entry.variable} is no design")
    return Runnable(replace(design, name=name), entry.module)
