"""The fenced consumer with a database that refuses: a few records are set aside, very many end the process (E10)."""

from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from services.runtime.consume import Batch
from services.runtime.errors import Poison
from services.runtime.refusals import MOST_AT_FIRST
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

LIMIT_S = 60.0
BEYOND = MOST_AT_FIRST + 30


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench with one partition."""
    await topics.create(kafka, prefix + TOPIC, partitions=1)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


def refused() -> float:
    return REGISTRY.get_sample_value("trackfold_refused_records_total", {"group": GROUP}) or 0


async def test_beyond_the_limit_the_process_ends_with_75_and_sets_nothing_more_aside(on: Bench) -> None:
    before = refused()
    await on.send(*("bad\0" for _ in range(BEYOND)))
    await on.life.consume(on.consumer())
    await eventually(lambda: on.life.ended is not None, LIMIT_S)
    assert on.life.ended is not None
    code, why = on.life.ended
    assert code == 75
    assert f"refused {MOST_AT_FIRST + 1} of the last minute's {MOST_AT_FIRST + 1} records" in why
    letters = await on.letters()
    assert [offset for offset, _ in letters] == list(range(MOST_AT_FIRST))
    assert await on.next_offset() == MOST_AT_FIRST, "the record that was one too many is not written, and not passed"
    assert refused() == before + MOST_AT_FIRST + 1


async def test_among_ten_times_as_many_good_records_all_bad_ones_are_set_aside(on: Bench) -> None:
    good = [str(number) for number in range(10 * BEYOND)]
    await on.send_all(*good)
    consumer = on.consumer()
    await on.life.consume(consumer)
    await eventually(on.effects, LIMIT_S)
    await on.send_all(*("bad\0" for _ in range(BEYOND)))

    async def all_aside() -> bool:
        return len(await on.letters()) == BEYOND

    await eventually(all_aside, LIMIT_S)
    assert on.life.ended is None


async def test_what_the_service_itself_refuses_is_never_too_much(on: Bench) -> None:
    async def apply(_: Batch) -> None:
        raise Poison("made_up")

    before = refused()
    await on.send_all(*("unreadable" for _ in range(BEYOND)))
    await on.life.consume(on.consumer(apply))

    async def all_aside() -> bool:
        return len(await on.letters()) == BEYOND

    await eventually(all_aside, LIMIT_S)
    assert on.life.ended is None
    assert refused() == before
