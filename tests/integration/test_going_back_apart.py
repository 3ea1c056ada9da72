"""Rule E7 with a broker away: each partition is judged by itself, and one without a leader holds up no other."""

from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaTimeoutError

from services.runtime import going_back, log_reading
from services.runtime.errors import ExitCode
from services.runtime.going_back import GoingBack
from services.runtime.marks import Refusal
from services.runtime.positions import Partition
from services.runtime.settings import KafkaSettings
from tests.integration.runtime_consuming import GROUP, TOPIC, Bench, bench
from tests.integration.test_going_back import FIVE, applied
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

pytestmark = [pytest.mark.needs("end_offsets"), pytest.mark.timeout(240)]


@pytest.fixture(name="on")
async def bench_fixture(kafka: Kafka, empty_database: str, prefix: str) -> AsyncIterator[Bench]:
    """A bench whose topic has two partitions."""
    await topics.create(kafka, prefix + TOPIC, partitions=2)
    async with bench(kafka, empty_database, prefix) as made:
        yield made


class OneAway:
    """A broker that is away: no question about partition 1 is answered until it is back."""

    def __init__(self, check: GoingBack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.back = False
        self._look = check._look  # noqa: SLF001 - a broker cannot be taken from a cluster of one
        self._leaders = log_reading.read_leaders
        monkeypatch.setattr(check, "_look", self.look)
        monkeypatch.setattr(log_reading, "read_leaders", self.leaders)

    async def look(self, partitions: list[Partition]) -> dict[Partition, Refusal]:
        if not self.back and any(one.number == 1 for one in partitions):
            raise KafkaTimeoutError
        return await self._look(partitions)

    async def leaders(self, settings: KafkaSettings, name: str) -> dict[Partition, int]:
        found = await self._leaders(settings, name)
        return {one: leader for one, leader in found.items() if self.back or one.number != 1}


async def test_a_partition_without_a_leader_holds_up_no_other_and_is_judged_when_it_has_one(
    on: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on.send("elsewhere", partition=1)
    await applied(on, *FIVE)
    consumer = on.consumer()
    away = OneAway(consumer._going_back, monkeypatch)  # noqa: SLF001 - as above
    await on.life.consume(consumer)
    await on.send("5")
    await on.has(*FIVE, "5")
    await eventually(lambda: on.life.health.is_waiting(f"{GROUP} log"), 40)
    await on.connection.execute("update probe.consumer_offset set last_hash = 'unlike' where part = 1")
    away.back = True
    await eventually(lambda: on.life.ended is not None, 40)
    assert on.life.ended is not None
    assert on.life.ended[0] is ExitCode.CONFIG


async def test_nothing_of_a_partition_without_a_leader_is_applied_before_it_was_judged(
    on: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = on.consumer()
    away = OneAway(consumer._going_back, monkeypatch)  # noqa: SLF001 - as above
    await on.life.consume(consumer)
    await on.send("0", partition=1)
    await on.send("0")
    await on.has("0")
    await eventually(lambda: on.life.health.is_waiting(f"{GROUP} log"), 40)
    assert await on.effects(1) == []
    away.back = True

    async def done() -> bool:
        return await on.effects(1) == ["0"]

    await eventually(done, 40)


async def test_what_was_judged_stays_known_though_a_later_look_fails(
    on: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(going_back, "_TOGETHER", 1)
    consumer = on.consumer()
    check = consumer._going_back  # noqa: SLF001 - as above
    OneAway(check, monkeypatch)
    both = [Partition(on.settings.topic(TOPIC), number) for number in (0, 1)]
    late = await check._know(both)  # noqa: SLF001
    assert list(late) == both[1:]
    assert check._unknown(both) == both[1:]  # noqa: SLF001
