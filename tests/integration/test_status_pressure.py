"""The bound of the outbox: consumption pauses above it and begins again below it, by itself (E12)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import REGISTRY

from services.status.pressure import WAITS_FOR, Pressure
from tests.integration.runtime_consuming import TOPIC, Bench, bench
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

LIMIT_S = 60.0
ROW_BYTES = 100_000
FILL = """
insert into status.outbox (topic, part, key, value, headers, timestamp_ms, created_at)
select 't', 0, 'k', noise, '[]', 0, now() - make_interval(secs => $3) from generate_series(1, $1::int),
    (select decode(string_agg(md5(n::text), ''), 'hex') as noise from generate_series(1, $2 / 16) as n) as hard_to_pack
"""
EMPTY = "delete from status.outbox"


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose database has an outbox."""
    await topics.create(kafka, prefix + TOPIC, partitions=1)
    async with bench(kafka, database, prefix) as made:
        yield made


@pytest.fixture(name="pressure")
async def pressure_fixture(on: Bench) -> AsyncIterator[Pressure]:
    """The bounds, looked after by their loop."""
    made = Pressure(on.life, on.pool, max_bytes=10 * ROW_BYTES, max_age_s=3600)
    loop = asyncio.create_task(made.run())
    yield made
    on.life.stopping.set()
    await loop


async def fill(on: Bench, rows: int, *, age_s: float = 0) -> None:
    await on.connection.execute(FILL, rows, ROW_BYTES, age_s)


async def test_above_its_size_nothing_more_is_consumed_until_the_relay_has_emptied_it(
    on: Bench, pressure: Pressure
) -> None:
    await fill(on, 11)
    await eventually(lambda: not pressure.may_take(), LIMIT_S)
    await on.life.consume(on.consumer(may_take=pressure.may_take))
    await on.send("0")
    await eventually(lambda: on.life.health.is_waiting(WAITS_FOR), LIMIT_S)
    assert await on.effects() == []
    # The files stay as large as they were: what counts is what lies in them.
    await on.connection.execute(EMPTY)
    await eventually(on.effects, LIMIT_S)
    assert not on.life.health.is_waiting(WAITS_FOR)
    # Where the server has cut the files meanwhile, it is their size, which is within the bound as well.
    assert (REGISTRY.get_sample_value("trackfold_outbox_bytes") or 0) <= pressure.max_bytes


async def test_the_age_of_the_oldest_message_is_a_bound_too(on: Bench, pressure: Pressure) -> None:
    await fill(on, 1, age_s=3500)
    await fill(on, 1)
    await eventually(lambda: (REGISTRY.get_sample_value("trackfold_outbox_oldest_seconds") or 0) > 3499, LIMIT_S)
    assert pressure.may_take()
    await on.connection.execute("update status.outbox set created_at = created_at - interval '1 hour'")
    await eventually(lambda: not pressure.may_take(), LIMIT_S)
    assert "oldest 7" in str(on.life.health.report())
    await on.connection.execute(EMPTY)
    await eventually(pressure.may_take, LIMIT_S)


async def test_an_outbox_within_its_bounds_stops_nobody(on: Bench, pressure: Pressure) -> None:
    await fill(on, 5)
    await pressure.look()
    assert pressure.may_take()
    await on.life.consume(on.consumer(may_take=pressure.may_take))
    await on.send("0")
    await on.has("0")
