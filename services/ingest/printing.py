"""How ingest's commands print: data on stdout, as a table for people or as one JSON document."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

_PIPED_WIDTH: Final = 200
"""Columns where nobody says how many there are: a pipe or a file has no edge at 80."""


def console() -> Console:
    """Return a console that takes no text for markup: texts come from strangers."""
    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _PIPED_WIDTH)


def table(*names: str, title: str | None = None) -> Table:
    """Return a table that breaks what is too long and never cuts it: half a number or half a reason helps nobody."""
    made = Table(title=title)
    for name in names:
        made.add_column(name, overflow="fold")
    return made


def print_json(value: object) -> None:
    """Print one document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far long work is, on a terminal; the callable takes what is done and of how much."""
    bar = Progress(console=Console(stderr=True, highlight=False), transient=True)
    with bar:
        task = bar.add_task(what, total=None)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield tell
