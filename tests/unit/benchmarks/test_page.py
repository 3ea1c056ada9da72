"""The page of figures: written by the run, between its marks, and the same as the file that lies beside it."""

import json
from xml.etree import ElementTree as ET

import pytest

from benchmarks.engine import page

FOUND = {
    "commit": "0123456789abcdef",
    "machine": "2 cores",
    "broker": "Apache Kafka",
    "designs": {
        name: {
            "events_per_second": rate,
            "rounds": [rate, rate],
            "cpu_us_per_event": {"service": 1.5, "postgres": 2, "broker": 3},
            "oracle": "clean",
        }
        for name, rate in {"naive": 50, "trackfold_2": 5_000}.items()
    },
    "ratios": {"trackfold_2 / naive": 100.0},
    "notes": {
        "wal_bytes_per_event": {"naive": 2_000, "trackfold_2": 700},
        "messages_per_event": {"naive": 0.9, "trackfold_2": 0.9},
        "run": ["2 interleaved rounds"],
    },
}


def test_each_design_and_each_ratio_has_its_row() -> None:
    text = page.section(FOUND)
    assert "| `trackfold_2` | 5,000 | 5,000 5,000 | 1.5 / 2 / 3 | 700 | 0.9 |" in text
    assert "| trackfold_2 / naive | 100 |" in text


def test_the_figures_stand_between_their_marks_and_nowhere_else() -> None:
    before = f"head\n{page.BEGIN}\nold\n{page.END}\ntail\n"
    assert page.placed(before, "new") == f"head\n{page.BEGIN}\n\nnew\n\n{page.END}\ntail\n"
    with pytest.raises(ValueError, match="marks"):
        page.placed("a page without marks", "new")


def test_the_bars_are_as_long_as_the_rates_are_large() -> None:
    root = ET.fromstring(page.bars(FOUND))  # noqa: S314 - our own
    widths = [int(one.attrib["width"]) for one in root.iter("{http://www.w3.org/2000/svg}rect")][1:]
    assert widths == sorted(widths)
    assert len(widths) == len(FOUND["designs"])


def test_what_is_written_is_what_was_measured() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    if not page.LATEST.exists():
        assert page.placed(text, page.NOTHING) == text
        return
    found = json.loads(page.LATEST.read_text(encoding="utf-8"))
    assert page.placed(text, page.section(found)) == text
    assert page.BARS.read_text(encoding="utf-8") == page.bars(found)
