"""Writes the table of all faults into docs/guarantees.md: `python -m tests.nemesis.table RESULTS` (see results.py)."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from tests.nemesis import catalog, results
from tests.nemesis.results import Result

PAGE: Final = Path(__file__).parents[2] / "docs" / "guarantees.md"
BEGIN: Final = "<!-- the table of faults: written by `make faults` -->"
END: Final = "<!-- end of the table of faults -->"


def rows(found: Iterable[Result], not_run: dict[str, str]) -> list[str]:
    """Return the lines of the table: every fault of the catalog, what came of it, and how long it took to recover."""
    by_fault: dict[str, list[Result]] = {}
    for one in found:
        by_fault.setdefault(one.fault, []).append(one)
    lines = ["| fault | what is done | result | all well again after |", "|---|---|---|---|"]
    for fault in catalog.FAULTS:
        known = by_fault.get(fault.name, [])
        if fault.name in not_run:
            said, took = f"not run: {not_run[fault.name]}", ""
        elif not known:
            said, took = "not run in that round", ""
        else:
            said = "holds" if all(one.passed for one in known) else "**fails**"
            seconds = [one.recovered_s for one in known if one.recovered_s is not None]
            took = f"{max(seconds):.1f} s" if seconds else ""
        lines.append(f"| `{fault.name}` | {fault.done} | {said} | {took} |")
    return lines


def placed(page: str, lines: Sequence[str]) -> str:
    """Return the page with these lines between its two marks; raises ValueError where it lacks them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page lacks its marks {BEGIN!r} and {END!r}")
    return before + "\n".join((BEGIN, "", *lines, "", END)) + after


def main(arguments: Sequence[str]) -> int:
    """Write the table from the file of a run."""
    (path,) = arguments
    not_run = catalog.not_run(catalog.NOT_RUN.read_text())
    PAGE.write_text(placed(PAGE.read_text(), rows(results.read(Path(path)), not_run)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
