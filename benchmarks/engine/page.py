"""The figures of the last run in `docs/performance.md`, as a table and as bars (`docs/performance.svg`).

Written by the run itself; `python -m benchmarks.engine.page` writes them again from `benchmarks/results/latest.json`.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGE: Final = DOCS / "performance.md"
BARS: Final = DOCS / "performance.svg"
LATEST: Final = Path(__file__).parents[1] / "results" / "latest.json"
BEGIN: Final = "<!-- the figures: written by `make bench` -->"
END: Final = "<!-- end of the figures -->"
#: What stands there before the first whole run.
NOTHING: Final = "No whole run is recorded yet."

_WIDTH, _BAR, _LEFT = 760, 26, 190
_INK, _OURS, _THEIRS = "#24292f", "#0969da", "#8c959f"


def section(found: Mapping[str, Any]) -> str:
    """Return the table of designs and that of ratios."""
    notes = found["notes"]
    lines = [
        f"{found['machine']}; {found['broker']}. {'; '.join(notes['run'])}. Commit `{found['commit'][:12]}`.",
        "",
        "| design | events/s | rounds | CPU µs an event: service / Postgres / broker | WAL bytes | messages an event |",
        "|---|---|---|---|---|---|",
        *(_row(name, one, notes) for name, one in found["designs"].items()),
        "",
        "![Events a second by design](performance.svg)",
        "",
        "| ratio of medians | |",
        "|---|---|",
        *(f"| {name} | {value:g} |" for name, value in found["ratios"].items()),
    ]
    return "\n".join(lines)


def _row(name: str, one: Mapping[str, Any], notes: Mapping[str, Any]) -> str:
    cpu = one["cpu_us_per_event"]
    rounds = " ".join(f"{each:,}" for each in one["rounds"])
    costs = " / ".join(f"{cpu[part]:g}" for part in ("service", "postgres", "broker"))
    wal, messages = notes["wal_bytes_per_event"][name], notes["messages_per_event"][name]
    return f"| `{name}` | {one['events_per_second']:,} | {rounds} | {costs} | {wal:,} | {messages:g} |"


def placed(page: str, new: str, *, begin: str = BEGIN, end: str = END) -> str:
    """Return the page with figures between their marks; ValueError where it has none."""
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the page lacks its marks {begin!r} and {end!r}")
    return f"{before}{begin}\n\n{new}\n\n{end}{after}"


def bars(found: Mapping[str, Any]) -> str:
    """Return the designs' rates as an SVG of bars on a logarithmic scale."""
    rates = {name: max(1, one["events_per_second"]) for name, one in found["designs"].items()}
    longest = math.log10(max(rates.values()))
    height = _BAR * (len(rates) + 1)
    root = ET.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH} {height}", role="img",
        attrib={"aria-label": "Events a second by design, on a logarithmic scale", "font-family": "sans-serif"},
    )  # fmt: skip
    ET.SubElement(root, "rect", width=str(_WIDTH), height=str(height), fill="#ffffff")
    for place, (name, rate) in enumerate(rates.items()):
        top = _BAR * place + _BAR // 2
        length = round((_WIDTH - _LEFT - 110) * math.log10(rate) / longest)
        colour = _OURS if name.startswith("trackfold") else _THEIRS
        ET.SubElement(root, "rect", x=str(_LEFT), y=str(top), width=str(length), height=str(_BAR - 8), fill=colour)
        _text(root, _LEFT - 8, top + 13, name, anchor="end")
        _text(root, _LEFT + length + 8, top + 13, f"{rate:,}/s", anchor="start")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _text(root: ET.Element, x: int, y: int, text: str, *, anchor: str) -> None:
    attributes = {"text-anchor": anchor, "font-size": "13"}
    ET.SubElement(root, "text", x=str(x), y=str(y), fill=_INK, attrib=attributes).text = text


def write(found: Mapping[str, Any]) -> None:
    """Write page and picture."""
    PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), section(found)), encoding="utf-8")
    BARS.write_text(bars(found), encoding="utf-8")


if __name__ == "__main__":
    write(json.loads(LATEST.read_text(encoding="utf-8")))
