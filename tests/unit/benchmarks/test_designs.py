"""What a design's process is told, and what the list of designs says of each."""

import sys
from pathlib import Path

import pytest

from benchmarks.engine import entries
from benchmarks.engine.designs import design
from benchmarks.engine.designs.design import Config, arguments
from benchmarks.engine.entries import ENTRIES, design_of
from services.status import packed

CONFIG = Config(bootstrap="127.0.0.1:9092", dsn="postgresql://", prefix="p.", group="p.g", workers=2, worker=1)
#: The peers' libraries are in the benchmark's own environment only.
OURS = ("naive", "naive_per_partition", "trackfold_1", "trackfold_2", "limit")


@pytest.mark.parametrize("options", [[], ["--prepare"]])
def test_a_process_reads_what_the_runner_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    path = tmp_path / "config.json"
    CONFIG.write(path)
    monkeypatch.setattr(sys, "argv", ["design", str(path), *options])
    assert arguments() == (CONFIG, options == ["--prepare"])


def test_every_design_of_the_list_is_a_file() -> None:
    folder = Path(design.__file__).parent
    assert [entry.file for entry in ENTRIES.values() if not (folder / f"{entry.file}.py").is_file()] == []


@pytest.mark.parametrize("name", OURS)
def test_a_design_carries_the_name_of_the_list_and_its_processes(name: str) -> None:
    found = design_of(name)
    assert found.design.name == name
    assert found.design.processes == (2 if name in {"trackfold_2", "limit"} else 1)


def test_a_module_without_a_design_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "ENTRIES", {"none": entries.Entry("naive", 1, "Application")})
    with pytest.raises(TypeError, match="is no design"):
        design_of("none")


def test_an_order_of_ours_is_read_out_of_its_packed_message() -> None:
    read = design_of("trackfold_1").design.order_of
    message = packed.pack(b'{"state":"shipped","truncated":false,"change":{"version":2}}')
    assert read(("main:1", 2, None, message)) == ("main:1", 2, '{"state": "shipped"}')
    assert design_of("naive").design.order_of(("main:1", 2, "{}")) == ("main:1", 2, "{}")
