"""The relay and snapshots that go: tombstones in their place, acknowledged first, repeated as such (E1, E8, E9)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.runtime.life import Life
from services.runtime.settings import ServiceSettings
from services.status import snapshot_repeats
from services.status.messages import SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.purge import Purge
from tests.integration.test_relay import ORDER, STORY, WAITING, Stage, lost, open_stage
from tests.pipeline import judge, of_order, status_of
from tests.records import event, placed
from tests.stack.kafka import Kafka

ERASED = event("erased", minutes=5000)
PLANNED = "select count(*) from status.snapshot_repeat"


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with open_stage(kafka, prefix, database) as made:
        yield made


async def purge(stage: Stage) -> None:
    """Purge what is finished, as if nothing had changed for long."""
    await stage.execute("update status.orders set updated_at = now() - interval '401 days'")
    life = Life("status", ServiceSettings(kafka=stage.settings))
    assert await Purge(life, stage.pool, stage.outputs, 400, 396).sweep() == 1


async def snapshots(stage: Stage, count: int) -> list[Any]:
    """Read the order's snapshots; there must be so many, and no more."""
    found = of_order(await stage.read(SNAPSHOT_TOPIC, count), ORDER)
    assert len(found) == count
    return found


async def test_the_snapshot_of_an_erased_order_is_a_tombstone_with_the_key_and_headers_of_its_last_message(
    stage: Stage,
) -> None:
    first = stage.relay()
    await stage.commit(*STORY)
    await first.relay_once()
    await stage.commit(ERASED)
    assert await first.relay_once() == 1
    before, gone = await snapshots(stage, 2)
    told = await stage.read(STATUS_TOPIC, 5)
    assert judge(told)[-1].state == "erased"
    assert before.value == told[-2].value
    assert (gone.key, gone.value, gone.headers, gone.timestamp) == (
        told[-1].key, None, told[-1].headers, told[-1].timestamp,
    )  # fmt: skip


async def test_told_in_one_round_with_others_the_tombstone_is_the_only_snapshot(stage: Stage) -> None:
    await stage.commit(*STORY, ERASED)
    assert await stage.relay().relay_once() == 5
    (gone,) = await snapshots(stage, 1)
    assert gone.value is None
    assert [one.state for one in judge(await stage.read(STATUS_TOPIC, 5))][-2:] == ["delivered", "erased"]


async def test_the_tombstone_is_acknowledged_before_the_last_message(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.commit(*STORY, ERASED)
    send, refused = stage.producer.send_batch, stage.settings.topic(STATUS_TOPIC)

    async def only_snapshots(batch: Any, wire: str, *, partition: int) -> Any:
        return await (lost() if wire == refused else send(batch, wire, partition=partition))

    with monkeypatch.context() as broken:
        broken.setattr(stage.producer, "send_batch", only_snapshots)
        with pytest.raises(ConnectionResetError):
            await stage.relay().relay_once()
    (gone,) = await snapshots(stage, 1)
    assert gone.value is None
    assert await stage.value(WAITING) == 5
    await stage.relay().relay_once()
    assert judge(await stage.read(STATUS_TOPIC, 5))[-1].state == "erased"
    assert [one.value for one in await snapshots(stage, 2)] == [None, None]


async def test_a_purge_sends_a_tombstone_and_no_message_and_the_position_stays(stage: Stage) -> None:
    worker = stage.relay()
    await stage.commit(*STORY)
    await worker.relay_once()
    await purge(stage)
    assert await worker.relay_once() == 1
    newest, gone = await snapshots(stage, 2)
    assert (newest.value is None, gone.value, gone.key) == (False, None, ORDER.encode())
    assert dict(gone.headers)["ce_type"] == b"trackfold.order.snapshots.closed.v1"
    assert len(await stage.read(STATUS_TOPIC, 4)) == 4
    assert await stage.value("select next_offset from status.relay_position") == 4
    assert await stage.value("select count(*) from status.outbox") == 0


async def test_a_purge_before_anything_was_relayed_leaves_the_position_at_the_start(stage: Stage) -> None:
    await stage.commit(*STORY)
    await stage.execute("delete from status.outbox")
    await purge(stage)
    assert await stage.relay().relay_once() == 1
    assert await stage.value("select next_offset from status.relay_position") == 0


async def test_a_tombstone_overtakes_nothing_and_is_overtaken_by_nothing(stage: Stage) -> None:
    """One row a round: each must find its place by the queue alone."""
    await stage.commit(*STORY)
    await purge(stage)
    await stage.commit(placed(minutes=60 * 24 * 365 * 20))
    worker = stage.relay()
    worker.limit = 1
    while await worker.relay_once():
        pass
    told = judge(await stage.read(STATUS_TOPIC, 5))
    kept = [None if one.value is None else status_of(one).change.version for one in await snapshots(stage, 3)]
    assert kept == [4, None, 5]
    assert [one.change.version for one in told] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("how", ["erased", "purged"])
async def test_after_a_takeover_the_tombstone_is_repeated_and_not_the_message_before_it(stage: Stage, how: str) -> None:
    await stage.commit(*STORY)
    await stage.relay().relay_once()
    if how == "erased":
        await stage.commit(ERASED)
    else:
        await purge(stage)
    successor = stage.relay()
    await successor.relay_once()
    assert await stage.value(PLANNED) == 1
    await stage.execute("update status.snapshot_repeat set due_at = now()")
    await successor.relay_once()
    _, gone, again = await snapshots(stage, 3)
    assert gone.value is None
    assert (again.key, again.value, again.headers, again.timestamp) == (gone.key, None, gone.headers, gone.timestamp)
    assert await stage.value(PLANNED) == 0


async def test_without_the_closing_in_the_repeat_a_late_snapshot_would_stay_last(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_repeats, "NEWEST", snapshot_repeats.NEWEST.replace("or closed is not null", ""))
    await stage.commit(*STORY, ERASED)
    worker = stage.relay()
    await worker.relay_once()
    await stage.execute("update status.snapshot_repeat set due_at = now()")
    await worker.relay_once()
    assert len(await snapshots(stage, 1)) == 1, "nothing was repeated behind the late one"


async def test_without_the_mark_on_the_row_the_erased_order_would_keep_a_snapshot(stage: Stage) -> None:
    await stage.commit(*STORY, ERASED)
    await stage.execute("update status.outbox set snapshots = null")
    await stage.relay().relay_once()
    (kept,) = await snapshots(stage, 1)
    assert kept.value is not None
