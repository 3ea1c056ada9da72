"""What `trackfold rebuild` prints while it works: differences as they are found, and how far it is."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

import typer
from rich.console import Console
from rich.progress import Progress

from services.runtime import clock
from services.runtime.rate import Rate
from services.status import rebuild as work
from services.status.rebuild import Difference, Portion

#: How often a log, where no bar can be drawn, is told how far it is.
_TELL_EVERY_S: Final = 10.0

Tell = Callable[[int, int], None]
"""Says how far it is: (read, of at most so many)."""


@dataclass(slots=True)
class Tally:
    """What came of all portions so far."""

    read: int = 0
    differing: int = 0
    same_by_another_machine: int = 0
    published: int = 0
    complete: bool = False

    def add(self, portion: Portion) -> None:
        """Count a portion."""
        self.read += portion.read
        self.differing += len(portion.differing)
        self.same_by_another_machine += len(portion.same_by_another_machine)


class Printing(Protocol):
    """Prints what was found on stdout."""

    def add(self, found: Sequence[Difference]) -> None:
        """Print what differs."""

    def end(self, tally: Tally) -> None:
        """Print what came of all."""


class Nothing:
    """Prints nothing: it was shown already."""

    def add(self, found: Sequence[Difference]) -> None:
        """Print nothing."""

    def end(self, tally: Tally) -> None:
        """Print nothing."""


class Text:
    """A line for each order that differs."""

    def add(self, found: Sequence[Difference]) -> None:
        """Print what differs."""
        for one in found:
            state = one.after if one.before == one.after else f"{one.before} > {one.after}"
            moved = [f"{parcel['shipment']}: {parcel['previous']} > {parcel['stage']}" for parcel in one.parcels]
            typer.echo("  ".join((one.order, state, *moved, f"({', '.join(one.fields)})")))

    def end(self, tally: Tally) -> None:
        """Print what came of all."""
        typer.echo(f"{tally.read:,} orders folded anew: {tally.differing:,} differ from what they show")
        if same := tally.same_by_another_machine:
            typer.echo(f"{same:,} show the same, and another machine version folded them")


class Json:
    """One document, written piece by piece; broken off it is whole as well."""

    def __init__(self, *, applied: bool, rate: float) -> None:
        """Take what it begins with."""
        self._before = f'{{"applied": {json.dumps(applied)}, "rate": {json.dumps(rate)}, "differing": [\n'

    def add(self, found: Sequence[Difference]) -> None:
        """Print what differs."""
        for one in found:
            typer.echo(f"{self._before}{json.dumps(work.plain(one), ensure_ascii=False)}")
            self._before = ","

    def end(self, tally: Tally) -> None:
        """Print what came of all."""
        begun = "" if self._before == "," else self._before
        same = tally.same_by_another_machine
        typer.echo(f'{begun}], "read": {tally.read}, "same_by_another_machine": {same}}}')


@contextmanager
def progress(rate: Rate) -> Iterator[Tell]:
    """Show how far it is, and how fast it may go: a bar on a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(rate)
        return
    # The bar makes room for what is printed to the same terminal; data that goes elsewhere must not pass through it.
    console = Console(stderr=True, highlight=False)
    with Progress(console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as bar:
        task = bar.add_task(f"read, {rate}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(rate: Rate) -> Tell:
    told_at = clock.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        if clock.monotonic() - told_at >= _TELL_EVERY_S:
            told_at = clock.monotonic()
            typer.echo(f"{done:,} of {total:,} orders read, {rate}", err=True)

    return tell
