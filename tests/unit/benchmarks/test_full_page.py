"""The section of latency, growth and memory: from what was recorded, part by part, and the pictures beside it."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from benchmarks.engine.page import PAGE
from benchmarks.full import page, recorded
from benchmarks.full.memory import thinned
from benchmarks.full.plots import nice, number
from benchmarks.full.resident import slope

EVENT = {"count": 1_000, "p50_ms": 20.0, "p99_ms": 50.0, "highest_ms": 60.0}
SHARES = [{"share": 0.5, "per_second": 1_000, "status_event": EVENT, "claimed": EVENT}]
SLOW = {"share": 0.8, "per_second": 1_600, "without_figures": "half of the load came too late"}
COST = {"us": 500.0, "cpu_us": 400.0}
FIGURES: dict[str, dict[str, Any]] = {
    "latency": {"highest_per_second": 2_000, "processes": 2, "shares": [*SHARES, SLOW]},
    "chain": {"highest_per_second": 100, "shares": [*SHARES, SLOW]},
    "growth": {
        "rounds": 3,
        "sizes": [{"rows": 0, "new": COST, "old": None}, {"rows": 5_000_000, "new": COST, "old": COST}],
        "ratios": {"new at 5,000,000 / at 0, cpu_us": 1.02, "old / new at 5,000,000, cpu_us": 2.5},
    },
    "catch-up": {
        "records": 1_000_000, "per_second": 2_000, "highest_mib": 400.5, "steady_per_second": 1_000,
        "steady_highest_mib": 380.0, "ratio": 1.05,
    },
    "replay": {
        "live_per_second": 1_000, "replayed_per_second": 200, "replay_at_most_per_second": 200, "without": EVENT,
        "during": EVENT, "p99_ratio": 1.0,
    },
    "memory": {
        "minutes": 15, "webhooks_per_second": 50,
        "services": {
            "status": {
                "first_half_mib": 200, "second_half_mib": 210, "mib_an_hour_in_the_second_half": 3.5,
                "highest_mib": 220,
            }
        },
        "samples": [[0.0, {"status": 100}], [900.0, {"status": 210}]],
    },
    "webhooks": {
        "ours_per_s": 3_000, "ours_cpu_us": 200, "naive_per_s": 1_500, "naive_cpu_us": 400, "times": 2, "cpu_times": 2,
    },
}  # fmt: skip


def found(**changed: dict[str, Any]) -> recorded.Recorded:
    same = {"commit": "0123456789abcdef", "settings": {"scale": 1.0}}
    parts: recorded.Recorded = {name: {**same, "figures": figures} for name, figures in FIGURES.items()}
    others = {name: {**same, **part} for name, part in changed.items()}
    return {"machine": "2 cores", "broker": "Apache Kafka", "parts": parts | others}


def test_it_says_which_part_was_measured_at_which_commit() -> None:
    text = page.section(found(growth={"commit": "f" * 40, "figures": FIGURES["growth"]}))
    assert text.splitlines()[0] == (
        "2 cores; Apache Kafka. Commit `0123456789ab`: `latency`, `chain`, `catch-up`, `replay`, `memory`, `webhooks`; "
        "Commit `ffffffffffff`: `growth`."
    )


def test_each_part_has_its_figures() -> None:
    text = page.section(found())
    for row in (
        "| 50% | 1,000 | 20 | 50 | 2.5 | 1,000 |",
        "| 50% | 1,000 | 20 / 50 | 20 / 50 | 1,000 |",
        "| 5,000,000 | 400 | 2,000 | 400 | 2,000 |",
        "| 0 | 400 | 2,000 | - | - |",
        "| old / new at 5,000,000, cpu_us | 2.5 | 3 |",
        "Ratio 1.05 (to reach: 1.3)",
        "Ratio of p99 1 (to reach: 2)",
        "| status | 200 | 210 | 3.5 | 220 |",
        "2 times as many",
    ):
        assert row in text


def test_what_the_driver_could_not_keep_up_with_says_so() -> None:
    assert page.section(found()).count("| 80% | 1,600 | half of the load came too late |") == 2


def test_a_part_that_went_wrong_says_why_and_has_no_picture() -> None:
    wrong = found(growth={"without_figures": "it took too long"})
    assert "**growth**: no figures, because it took too long" in page.section(wrong)
    assert set(page.plots(wrong)) == {"latency", "memory"}


def test_a_part_of_another_length_says_so() -> None:
    short = found(webhooks={"settings": {"scale": 0.1}, "figures": FIGURES["webhooks"]})
    assert page.section(short).count("(The following at 0.1 of the full length.)") == 1


def test_every_picture_is_whole_and_has_a_ground_of_its_own() -> None:
    for plot in page.plots(found()).values():
        root = ET.fromstring(plot.svg())  # noqa: S314 - our own
        first, *_ = root
        assert first.tag.endswith("rect")
        assert first.attrib["fill"] == "#ffffff"
        width, height = (float(root.attrib["viewBox"].split()[place]) for place in (2, 3))
        lines = [one.attrib["points"] for one in root.iter("{http://www.w3.org/2000/svg}polyline")]
        assert len(lines) == len(plot.lines)
        for x, y in (point.split(",") for line in lines for point in line.split()):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height


def test_section_and_pictures_are_written_and_old_pictures_go(tmp_path: Path) -> None:
    (tmp_path / "performance.md").write_text(f"head\n{page.BEGIN}\nold\n{page.END}\ntail\n", encoding="utf-8")
    page.write(found(), tmp_path)
    assert sorted(one.name for one in tmp_path.glob("*.svg")) == [
        "performance-growth.svg", "performance-latency.svg", "performance-memory.svg",
    ]  # fmt: skip
    page.write(found(memory={"without_figures": "it took too long"}), tmp_path)
    assert not page.picture("memory", tmp_path).exists()
    assert (tmp_path / "performance.md").read_text(encoding="utf-8").startswith(f"head\n{page.BEGIN}\n\n2 cores")


def test_what_is_written_in_the_documentation_is_what_was_recorded() -> None:
    text = PAGE.read_text(encoding="utf-8")
    known = recorded.read(recorded.FULL)
    assert page.placed(text, page.section(known) if known else page.NOTHING) == text
    for name, plot in (page.plots(known) if known else {}).items():
        assert page.picture(name).read_text(encoding="utf-8") == plot.svg()


@pytest.mark.parametrize(("highest", "end"), [(93, 100), (100, 100), (101, 120), (0.33, 0.4), (900, 1_000), (15, 16)])
def test_an_axis_ends_at_a_number_that_can_be_read(highest: float, end: float) -> None:
    assert nice(highest) == pytest.approx(end)


def test_numbers_at_an_axis_are_short() -> None:
    assert [number(value) for value in (0, 0.625, 2.5, 5, 1250)] == ["0", "0.625", "2.5", "5", "1,250"]


def test_a_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([(0, 10), (1, 12), (2, 14)]) == pytest.approx(2)
    assert slope([(0, 10), (1, 11), (2, 10)]) == pytest.approx(0)
    assert slope([(1, 5)]) == 0


def test_thinned_samples_keep_the_first_and_the_last() -> None:
    samples: list[tuple[float, dict[str, float]]] = [(float(at), {}) for at in range(1_000)]
    found = thinned(samples)
    assert (len(found), found[0], found[-1]) == (60, samples[0], samples[-1])
    assert thinned(samples[:5]) == samples[:5]
