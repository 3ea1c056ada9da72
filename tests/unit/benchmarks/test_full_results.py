"""What `make bench-full` was asked for, what it keeps of earlier runs, and what it has still to measure."""

from pathlib import Path

import pytest

from benchmarks.engine.machine import CHANGED
from benchmarks.full import recorded
from benchmarks.full.recorded import Run
from benchmarks.full.run import PARTS, asked, left, limit_minutes, module_of, settings_of

RUN = Run("c1", "2 cores", "Apache Kafka")
LATER = Run("c2", "2 cores", "Apache Kafka")


def done(name: str = "latency", commit: str = "c1") -> recorded.Recorded:
    part = {"settings": settings_of(asked([]).options, name), "figures": {}}
    return recorded.merged({}, Run(commit, "2 cores", "Apache Kafka"), name, part)


def test_each_part_says_of_which_commit_it_is() -> None:
    both = recorded.merged(done(), LATER, "growth", {"figures": {}})
    assert {name: part["commit"] for name, part in both["parts"].items()} == {"latency": "c1", "growth": "c2"}


@pytest.mark.parametrize("other", [Run("c1", "4 cores", "Apache Kafka"), Run("c1", "2 cores", "another broker")])
def test_on_another_machine_or_broker_the_file_begins_anew(other: Run) -> None:
    found = recorded.merged(done(), other, "growth", {"figures": {}})
    assert (found["machine"], found["broker"], list(found["parts"])) == (other.machine, other.broker, ["growth"])


def test_a_part_that_is_measured_again_takes_the_place_of_the_old_one() -> None:
    again = recorded.merged(done(), RUN, "latency", {"without_figures": "too slow"})
    assert again["parts"] == {"latency": {"commit": "c1", "without_figures": "too slow"}}


def test_what_is_measured_at_this_commit_is_left_out_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "results" / "full.json"
    recorded.write(path, done())
    wanted = asked(["--results", str(path)])
    assert left(wanted, commit="c1") == [name for name in PARTS if name != "latency"]
    assert left(wanted, commit="c2") == list(PARTS)
    assert left(asked(["--results", str(path), "--again"]), commit="c1") == list(PARTS)
    assert left(asked(["--results", str(path), "--parts", "latency"]), commit="c1") == ["latency"]


def test_another_length_is_another_measurement(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    recorded.write(path, done("memory"))
    assert "memory" not in left(asked(["--results", str(path)]), commit="c1")
    assert "memory" in left(asked(["--results", str(path), "--memory-minutes", "60"]), commit="c1")
    assert "memory" in left(asked(["--results", str(path), "--scale", "0.1"]), commit="c1")


def test_what_was_measured_of_changed_files_is_never_left_out(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    recorded.write(path, done(commit="c1" + CHANGED))
    assert left(asked(["--results", str(path)]), commit="c1" + CHANGED) == list(PARTS)


def test_a_part_without_figures_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    found = done()
    del found["parts"]["latency"]["figures"]
    recorded.write(path, found)
    assert "latency" in left(asked(["--results", str(path)]), commit="c1")


@pytest.mark.parametrize("wrong", [["--parts", "latency,speed"], ["--scale", "0"], ["--processes", "0"]])
def test_what_cannot_be_measured_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        asked(wrong)


def test_a_whole_run_is_over_within_ninety_minutes() -> None:
    assert sum(limit_minutes(name, asked([]).options) for name in PARTS) <= 90


def test_every_part_has_its_module() -> None:
    assert [name for name in PARTS if not callable(module_of(name).measure)] == []
