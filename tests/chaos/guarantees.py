"""Writes the figures of the last long runs into docs/guarantees.md: the newest first, one line for each seed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.chaos.timeline import Outcome

PAGE: Final = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN: Final = "<!-- the last long runs: written by `make chaos` -->"
END: Final = "<!-- end of the last long runs -->"
KEPT: Final = 3
HEAD: Final = (
    "| seed | seconds | faults | kinds | letters | sent again | versions | mails | slowest recovery | oracle |",
    "|---|---|---|---|---|---|---|---|---|---|",
)


def row(outcome: Outcome) -> str:
    """Return a run's line."""
    known = outcome.counts
    said = "clean" if outcome.clean else f"**{_trouble(outcome)}**"
    cells = (
        outcome.seed,
        round(outcome.seconds),
        len(outcome.struck),
        len(outcome.kinds),
        known.get("letters sent", 0),
        known.get("sent more than once", 0),
        known.get("versions published", 0),
        known.get("mails", 0),
        f"{outcome.slowest_s:.0f} s",
        said,
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _trouble(outcome: Outcome) -> str:
    findings = f"{len(outcome.findings)} findings" if outcome.findings else ""
    return ", ".join(filter(None, ("stuck" if outcome.stuck else "", findings)))


def placed(page: str, new: str) -> str:
    """Return the page with this line before the older ones; a seed that ran again stands there once."""
    before, begin, rest = page.partition(BEGIN)
    between, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks its marks {BEGIN!r} and {END!r}")
    seed = new.split("|")[1]
    older = [line for line in _rows(between) if line.split("|")[1] != seed]
    lines = (BEGIN, "", *HEAD, new, *older[: KEPT - 1], "", END)
    return before + "\n".join(lines) + after


def write(outcome: Outcome) -> None:
    """Write the line of a run."""
    PAGE.write_text(placed(PAGE.read_text(), row(outcome)))


def _rows(between: str) -> Iterator[str]:
    for line in between.splitlines():
        if line.startswith("| ") and line not in HEAD:
            yield line
