"""Rule E7 with a database that becomes an older one while a consumer works: it goes back without any new record."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from pydantic import SecretStr

from services.runtime import consume
from services.runtime.positions import Partition
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import PostgresSettings
from tests.integration.runtime_consuming import DDL, TOPIC, Bench, bench
from tests.integration.test_going_back import FIVE, applied
from tests.stack import topics
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka
from tests.waiting import eventually, never

if TYPE_CHECKING:
    from services.runtime.going_back import GoingBack

pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(240)]


class Standby:
    """A copy from before anything was applied, and how it takes the place of the database."""

    def __init__(self, pool: Pool, connection: Any) -> None:
        self._pool = pool
        self._connection = connection

    def takes_over(self, on: Bench) -> None:
        """Have it answer at the database's address; all that was committed since the copy is lost."""
        on.pool._pool = self._pool._pool  # noqa: SLF001 - as a name does that leads to another server
        on.connection = self._connection


@pytest.fixture
async def standby(postgres_server: PostgresServer) -> AsyncIterator[Standby]:
    """A standby of the bench's database; there as long as its consumers are."""
    name = await postgres_server.create()
    url = postgres_server.database_url(name)
    connection = await asyncpg.connect(url)
    await connection.execute(DDL)
    async with open_pool(PostgresSettings(url=SecretStr(url)), "trackfold-test", schema="probe") as pool:
        yield Standby(pool, connection)
    await connection.close()
    await postgres_server.drop(name)


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str, standby: Standby) -> AsyncIterator[Bench]:  # noqa: ARG001 - it is to outlive the bench
    """A bench whose topic has two partitions."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


async def test_a_failover_under_a_running_consumer_is_noticed_though_no_record_comes(
    on: Bench, standby: Standby
) -> None:
    await on.send(*FIVE)
    await on.life.consume(on.consumer())
    await on.has(*FIVE)
    standby.takes_over(on)
    await on.has(*FIVE)
    assert await on.next_offset() == len(FIVE)
    assert await on.gaps() == []


async def test_a_failover_between_the_assignment_and_the_first_look_is_noticed_as_well(
    on: Bench, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on.send(*FIVE)
    consumer = on.consumer()
    check: GoingBack = consumer._going_back  # noqa: SLF001 - `follow` begins when this has returned
    know = check.know

    async def know_and_fail_over(assigned: Callable[[], set[Partition]]) -> None:
        await know(assigned)
        await on.has(*FIVE)
        standby.takes_over(on)

    monkeypatch.setattr(check, "know", know_and_fail_over)
    await on.life.consume(consumer)
    await on.has(*FIVE)


async def test_where_the_database_could_not_be_asked_at_the_assignment_it_is_gone_back_to_later(
    on: Bench, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the consumer stays where Kafka says, and that is where the lost database was."""
    await applied(on, *FIVE)
    standby.takes_over(on)
    monkeypatch.setattr(consume, "_SEEK_LIMIT_S", 0.5)
    locked = on.connection.transaction()
    await locked.start()
    await on.connection.execute("lock table probe.consumer_offset in access exclusive mode")
    consumer = on.consumer()
    starting = asyncio.create_task(on.life.consume(consumer))
    await eventually(lambda: on.life.health.is_waiting(f"{consumer.name} log"), 40)
    await locked.rollback()
    await starting
    await on.has(*FIVE)


async def test_the_same_database_is_not_gone_back_to(on: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = on.consumer()
    went: list[str] = []

    async def go_back() -> None:
        went.append("back")

    monkeypatch.setattr(consumer, "_go_back", go_back)
    await on.life.consume(consumer)
    await on.send(*FIVE)
    await on.has(*FIVE)
    await never(lambda: went, for_s=3)
