"""The stage as a fixture: `stage` on the run's broker, `stage3` on three brokers (tests/faults/brokers.py).

`own_stage` is as `stage`, its database on a server of the test's own (tests/faults/own_postgres.py).

Nobody is on it yet; see tests/under_fire/stage.py for what to do with it.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from tests.faults.brokers import Brokers
from tests.faults.own_postgres import OwnPostgres
from tests.stack.kafka import Kafka
from tests.stack.processes import Processes
from tests.under_fire.stage import Stage, open_stage


@pytest.fixture
async def stage(
    kafka: Kafka, prefix: str, processes: Processes, environment: Callable[..., dict[str, str]], tmp_path: Path
) -> AsyncIterator[Stage]:
    """A stage on the run's broker, and a database of this test's own."""
    async with open_stage(kafka, prefix, processes, environment, tmp_path) as made:
        yield made


@pytest.fixture
async def stage3(
    cluster3: Brokers, prefix3: str, processes: Processes, environment3: Callable[..., dict[str, str]], tmp_path: Path
) -> AsyncIterator[Stage]:
    """A stage on three brokers, three replicas of everything."""
    async with open_stage(cluster3.kafka, prefix3, processes, environment3, tmp_path) as made:
        yield made


@pytest.fixture
async def own_stage(
    kafka: Kafka,
    prefix: str,
    processes: Processes,
    environment: Callable[..., dict[str, str]],
    tmp_path: Path,
    own_postgres: OwnPostgres,
) -> AsyncIterator[Stage]:
    """A stage on the run's broker, and a database server of this test's own."""
    on_it = partial(environment, DATABASE_URL=own_postgres.database_url)
    async with open_stage(kafka, prefix, processes, on_it, tmp_path) as made:
        yield made
