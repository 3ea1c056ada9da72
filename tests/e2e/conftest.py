"""What several end-to-end tests stand on."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.reader import Reader
from tests.pipeline import Pipeline
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes


@pytest.fixture
async def pipeline(
    kafka: Kafka, prefix: str, processes: Processes, environment: Callable[..., dict[str, str]]
) -> Pipeline:
    """Topics are there, no service runs yet."""
    made = Pipeline(kafka, prefix, processes, environment)
    await made.apply_topics()
    return made


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
