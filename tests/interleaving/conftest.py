"""A stage for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from tests.interleaving.stage import Stage, open_stage


@pytest.fixture
async def stage(database: str) -> AsyncIterator[Stage]:
    """Sessions on a migrated database of this test's own."""
    async with open_stage(database) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep what the services log of their tries out of the report: thousands of lines."""
    with structlog.testing.capture_logs():
        yield
