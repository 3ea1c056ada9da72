"""What several end-to-end tests stand on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.reader import Reader
from tests.pipeline import Pipeline


@pytest.fixture
def make_reader(pipeline: Pipeline, tmp_path: Path) -> Iterator[Callable[[str], Reader]]:
    """Make readers whose programs end with the test."""
    made: list[Reader] = []

    def make(name: str) -> Reader:
        made.append(Reader(pipeline, tmp_path, tmp_path / f"{name}.sqlite"))
        return made[-1]

    yield make
    for reader in made:
        for child in reader.started:
            child.process.kill()
            child.process.wait()
