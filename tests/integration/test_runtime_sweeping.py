"""The consumer puts off the look for garbage while its transaction is at work, and only then."""

import gc
from collections.abc import Iterator

import pytest

from services.runtime import sweeping
from services.runtime.consume import Batch
from services.runtime.sweeping import MOST, USUAL, Sweeping
from tests.integration.runtime_consuming import TOPIC, bench, write_down
from tests.stack import topics
from tests.stack.kafka import Kafka


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Go about it as the status service does, and as ever afterwards."""
    before = gc.get_threshold()
    ours = Sweeping()
    ours.begin()
    monkeypatch.setattr(sweeping, "OURS", ours)
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


async def test_while_a_batch_is_applied_nobody_looks_for_garbage(
    kafka: Kafka, empty_database: str, prefix: str
) -> None:
    during = []

    async def apply(batch: Batch) -> None:
        during.append(gc.get_threshold())
        await write_down(batch)

    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as on:
        await on.send("1", "2")
        await on.life.consume(on.consumer(apply))
        await on.has("1", "2")
    assert set(during) == {(MOST, *USUAL[1:])}
    assert gc.get_threshold() == USUAL
    assert gc.get_freeze_count()
