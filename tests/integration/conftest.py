"""What several integration tests stand on."""

from collections.abc import Callable

import pytest

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
