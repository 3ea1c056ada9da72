"""A relay that dies on its first send, which arrives late: the one before it, which is still there, must know (E1)."""

import asyncio
import random
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import pytest

from services.runtime.kafka import open_producer
from services.runtime.postgres import Connection
from services.status import relay_rows, snapshot_repeats
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.record_batches import MAX_BATCH_BYTES
from services.status.relay import MAX_ROUND_BYTES, Relay
from services.status.relay_rows import Head, Queue
from tests.faults.proxy import Direction, Proxy
from tests.integration.test_relay import PLANNED, STORY, Stage, open_stage
from tests.pipeline import status_of
from tests.stack.kafka import Kafka
from tests.waiting import eventually

#: More than a request without records has.
RECORDS_BYTES = 500


class Measured(Direction):
    """A wire that tells how much has entered it, also while it holds it back."""

    entered = 0

    async def delay(self, size: int, chance: random.Random) -> None:
        """Count, then as ever."""
        self.entered += size
        await super().delay(size, chance)


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with open_stage(kafka, prefix, database) as made:
        yield made


@pytest.fixture
async def far(stage: Stage, kafka_wire: Proxy) -> AsyncIterator[Stage]:
    """The same stage for another process, which reaches Kafka by the wire."""
    kafka_wire.up = Measured()
    settings = stage.settings.model_copy(update={"bootstrap_servers": (kafka_wire.bootstrap,)})
    async with open_producer(settings, "test", max_batch_size=MAX_BATCH_BYTES) as producer:
        made = Stage(stage.kafka, settings, stage.pool, producer)
        made.outputs = stage.outputs
        yield made


async def test_a_first_send_that_arrives_after_its_relay_died_does_not_stay_last(
    stage: Stage, far: Stage, kafka_wire: Proxy
) -> None:
    await die_on_a_first_send(stage, far, kafka_wire)
    assert await versions(stage, 6) == [1, 2, 3, 4, 3, 4]


async def test_without_a_commit_before_the_first_send_the_older_snapshot_stays_last(
    stage: Stage, far: Stage, kafka_wire: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Relay, "_heads", heads_and_take_over_with_the_send)
    await die_on_a_first_send(stage, far, kafka_wire)
    assert await versions(stage, 5) == [1, 2, 3, 4, 3]


async def test_a_relay_that_dies_between_taking_over_and_its_first_send_stops_nobody(stage: Stage) -> None:
    staying = stage.relay()
    await stage.commit(STORY[0])
    await staying.relay_once()
    await stage.execute("delete from status.snapshot_repeat")
    await stage.execute("update status.relay_position set owner = 'dead'")
    await stage.commit(STORY[1])
    assert await staying.relay_once() == 1
    assert await versions(stage, 2) == [1, 2]
    assert await stage.value(PLANNED) == 1
    assert await stage.value("select owner from status.relay_position") == staying.name


async def test_a_repeat_whose_relay_died_on_it_is_repeated_once_more_ten_minutes_later(
    stage: Stage, far: Stage, kafka_wire: Proxy
) -> None:
    dying = far.relay()
    await stage.commit(*STORY)
    await dying.relay_once()
    await stage.execute("update status.snapshot_repeat set due_at = now()")
    await send_and_die(dying.relay_once(), kafka_wire)
    await kafka_wire.heal()
    assert await stage.value(PLANNED) == 1


async def die_on_a_first_send(stage: Stage, far: Stage, wire: Proxy) -> None:
    """Let a relay take over and die on its send, which arrives behind that of the one before it; repeat what is due."""
    staying, dying = stage.relay(), far.relay()
    for relay, news in ((dying, STORY[0]), (staying, STORY[1])):
        await stage.commit(news)
        await relay.relay_once()
    await stage.execute("delete from status.snapshot_repeat")
    await stage.commit(STORY[2])
    await send_and_die(dying.relay_once(), wire)
    await stage.commit(STORY[3])
    assert await staying.relay_once() == 2
    await wire.heal()
    assert await versions(stage, 5) == [1, 2, 3, 4, 3], "the older one lies last"
    await stage.execute("update status.snapshot_repeat set due_at = now()")
    await staying.relay_once()


async def heads_and_take_over_with_the_send(
    relay: Relay, connection: Connection, queues: Sequence[Queue]
) -> Sequence[Head]:
    """Do what `Relay._heads` does, with the takeover in the transaction that a death on the send rolls back."""
    locked = await relay_rows.lock(connection, queues)
    heads = await relay_rows.read(connection, locked, limit=relay.limit, limit_bytes=MAX_ROUND_BYTES)
    for one in heads:
        if one.queue.topic == STATUS_TOPIC and one.owner != relay.name:
            await snapshot_repeats.take_over(connection, *one.queue, keys=one.keys, name=relay.name)
    return heads


async def send_and_die(relaying: Coroutine[Any, Any, int], wire: Proxy) -> None:
    """Cancel a relay, as at the end of its drain, when what it sends has left it and has not arrived."""
    up = wire.up
    assert isinstance(up, Measured)
    up.silent = True
    before = up.entered
    task = asyncio.create_task(relaying)
    await eventually(lambda: up.entered > before + RECORDS_BYTES, what="it has sent")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def versions(stage: Stage, count: int) -> list[int]:
    """Return the versions of the snapshots, in the order in which they lie there, once there are so many."""
    return [status_of(one).change.version for one in await stage.read(SNAPSHOT_TOPIC, count)]
