"""Time as events on real Kafka and Postgres: fired once, twice, late or by a dying worker, the state is the same."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY
from pydantic import SecretStr

from services.runtime import failpoints
from services.runtime.consume import Batch
from services.runtime.kafka import Record, open_producer
from services.runtime.life import Life
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import KafkaSettings, PostgresSettings, ServiceSettings
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from services.status.timers import Timers
from tests import shown
from tests.pipeline import Pipeline, of_order, status_of
from tests.records import ORDER_EVENTS, SCANS, at, event, placed, record, scan, shipment
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.waiting import eventually

ORDER = "main:1001"
#: Years before every clock that a test may run on, and years after it.
LONG_AGO = -5_000_000
FAR_OFF = 40_000_000
STORY = (placed(minutes=LONG_AGO), shipment(minutes=LONG_AGO), scan("in_transit", minutes=LONG_AGO + 60))
HANDLER = Handler(Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1}))
TABLES = "status.outbox, status.ledger, status.shipment, status.order_event, status.orders, status.timer"


class Stage:
    """A database, a broker with the input topics, and timer workers between them."""

    def __init__(self, kafka: Kafka, settings: KafkaSettings, pool: Pool, producer: AIOKafkaProducer) -> None:
        self.kafka = kafka
        self.settings = settings
        self.pool = pool
        self.producer = producer

    def worker(self) -> Timers:
        """Return a worker as another process would have it."""
        life = Life("status", ServiceSettings(kafka=self.settings))
        return Timers(life, self.settings, self.pool, self.producer)

    async def commit(self, *bodies: dict[str, Any]) -> None:
        """Apply a batch as the consumer does."""
        await self.commit_records([record(body) for body in bodies])

    async def commit_records(self, records: Sequence[Record]) -> None:
        """Apply a batch of records."""
        async with self.pool.transaction() as connection:
            await HANDLER.apply(Batch(connection, tuple(records)))

    async def sent(self, topic: str) -> list[Record]:
        """Return all that is in a topic of one partition: up to a mark that is written now."""
        wire = self.settings.topic(topic)
        mark = f"mark-{next(_marks)}".encode()
        await self.producer.send_and_wait(wire, mark)
        found = await topics.read_until(self.kafka, wire, lambda read: any(one.value == mark for one in read))
        return [
            Record(topic, 0, one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
            for one in found
            if not one.value.startswith(b"mark-")
        ]

    async def value(self, query: str) -> Any:
        """Ask the database for one value."""
        async with self.pool.acquire() as connection:
            return await connection.fetchval(query)

    async def execute(self, statement: str) -> None:
        """Change something behind the worker's back."""
        async with self.pool.acquire() as connection:
            await connection.execute(statement)

    async def document(self) -> dict[str, Any]:
        """Return what the order shows."""
        async with self.pool.acquire() as connection:
            return await shown.document(connection)


_marks = itertools.count()


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)
    async with (
        open_pool(PostgresSettings(url=SecretStr(database)), "test") as pool,
        open_producer(settings, "test") as producer,
    ):
        for name in (SCANS, ORDER_EVENTS):
            await topics.create(kafka, settings.topic(name))
        yield Stage(kafka, settings, pool, producer)
    failpoints.arm("")


def rules(records: Sequence[Record]) -> list[str]:
    """Return the rules of time events."""
    return [json.loads(one.value or b"")["rule"] for one in records]


def conditions(document: dict[str, Any]) -> list[str]:
    """Return the names of the first parcel's conditions."""
    return [condition["name"] for condition in document["parcels"][0]["conditions"]]


def overdue_s() -> float:
    """Return what operators see."""
    found = REGISTRY.get_sample_value("trackfold_status_timers_overdue_seconds")
    assert found is not None
    return found


async def test_a_parcel_that_fell_silent_is_said_to_be_silent_once(stage: Stage) -> None:
    await stage.commit(*STORY)
    assert await stage.worker().fire_once() == 1
    sent = await stage.sent(SCANS)
    assert sorted(rules(sent)) == ["expired_tracking", "silent"]
    assert {one.key for one in sent} == {b"royal-mail:AB1"}
    await stage.commit_records(sent)
    assert conditions(await stage.document()) == ["expired_tracking", "silent"]
    assert await stage.worker().fire_once() == 0
    assert await stage.value("select count(*) from status.timer") == 0
    assert len(await stage.sent(SCANS)) == 2


async def test_nothing_is_fired_before_its_time(stage: Stage) -> None:
    await stage.commit(placed(minutes=FAR_OFF), shipment(minutes=FAR_OFF), scan("in_transit", minutes=FAR_OFF + 60))
    assert await stage.worker().fire_once() == 0
    assert await stage.value("select due_at > now() from status.timer")


async def test_a_time_event_says_the_same_whenever_it_is_fired(stage: Stage) -> None:
    await stage.commit(*STORY)
    await stage.worker().fire_once()
    await stage.execute("insert into status.timer select order_key, now() from status.orders")
    await stage.worker().fire_once()
    sent = await stage.sent(SCANS)
    assert len(sent) == 4
    assert len({(one.key, one.value, one.headers) for one in sent}) == 2
    await stage.commit_records(sent[:2])
    once = await stage.document()
    await stage.commit_records(sent[2:])
    assert await stage.document() == once
    assert await stage.value("select version from status.orders") <= 5


async def test_two_workers_at_once_fire_one_order_once(stage: Stage) -> None:
    await stage.commit(*STORY)
    looked = await asyncio.gather(stage.worker().fire_once(), stage.worker().fire_once())
    assert sorted(looked) == [0, 1]
    assert len(await stage.sent(SCANS)) == 2


@pytest.mark.parametrize(("failpoint", "sent"), [("timers.before_send", 2), ("timers.after_send", 4)])
async def test_a_worker_that_dies_leaves_its_timers_due_again(stage: Stage, failpoint: str, sent: int) -> None:
    await stage.commit(*STORY)
    failpoints.arm(f"{failpoint}:raise*1")
    with pytest.raises(failpoints.FailpointError):
        await stage.worker().fire_once()
    assert await stage.worker().fire_once() == 0, "taken for a while"
    assert await stage.value("select due_at < now() + interval '61 s' from status.timer")
    await stage.execute("update status.timer set due_at = now()")
    assert await stage.worker().fire_once() == 1
    records = await stage.sent(SCANS)
    assert len(records) == sent
    await stage.commit_records(records)
    assert conditions(await stage.document()) == ["expired_tracking", "silent"]


async def test_a_timer_in_hand_that_never_fires_is_overdue_since_it_was_due_first(stage: Stage) -> None:
    await stage.commit(*STORY)
    await stage.execute("update status.timer set due_at = now() - interval '100 s'")
    failpoints.arm("timers.before_send:raise*2")
    for _ in range(2):
        with pytest.raises(failpoints.FailpointError):
            await stage.worker().fire_once()
        await stage.execute("update status.timer set due_at = now()")
    await stage.execute("update status.timer set due_at = now() + interval '60 s'")
    assert await stage.worker().fire_once() == 0
    assert overdue_s() > 100
    await stage.execute("update status.timer set due_at = now()")
    assert await stage.worker().fire_once() == 1
    assert await stage.worker().fire_once() == 0
    assert overdue_s() == 0


async def test_a_time_event_in_any_order_with_late_scans_ends_in_the_same_state(stage: Stage) -> None:
    await stage.commit(*STORY)
    await stage.worker().fire_once()
    late = record(scan("out_for_delivery", minutes=LONG_AGO + 2000))
    documents = []
    for arrival in itertools.permutations([*await stage.sent(SCANS), late]):
        await stage.execute(f"truncate {TABLES}")
        await stage.commit(*STORY)
        for one in arrival:
            await stage.commit_records([one])
        documents.append(await stage.document())
    assert all(document == documents[0] for document in documents)
    assert "silent" not in conditions(documents[0]), "a scan before it was due took its ground away"


async def test_a_timer_moves_only_to_an_earlier_date_and_an_early_one_costs_one_look(stage: Stage) -> None:
    await stage.commit(*STORY)
    due = await stage.value("select due_at from status.timer")
    await stage.commit(scan("in_transit", minutes=FAR_OFF, told_at=STORY[2]["told_at"]))
    await stage.commit(scan("delivered", minutes=LONG_AGO + 90))
    assert await stage.value("select due_at from status.timer") <= due
    assert await stage.worker().fire_once() == 1
    assert await stage.value("select count(*) from status.timer") == 0
    assert await stage.sent(SCANS) == []


async def test_an_order_that_nobody_sent_is_late_and_its_time_events_are_its_own(stage: Stage) -> None:
    await stage.commit(placed(minutes=LONG_AGO, promised={"day": "2018-01-01"}))
    await stage.worker().fire_once()
    sent = await stage.sent(ORDER_EVENTS)
    assert sorted(rules(sent)) == ["never_dispatched", "promise_missed"]
    assert {one.key for one in sent} == {ORDER.encode()}
    await stage.commit_records(sent)
    assert (await stage.document())["conditions"] == ["delayed"]
    await stage.commit(event("payment_confirmed", minutes=LONG_AGO))
    assert await stage.value("select count(*) from status.outbox where topic = 'dead-letters.v1'") == 0


async def test_an_override_ends_by_a_time_event_of_its_order(stage: Stage) -> None:
    agent = {"kind": "agent", "name": "Ann"}
    word: dict[str, Any] = {"shipment": "S1", "stage": "delivered", "by": agent, "reason": "seen", "pinned": True}
    await stage.commit(*STORY, event("override_set", minutes=LONG_AGO + 70, until=at(LONG_AGO + 500), **word))
    assert (await stage.document())["parcels"][0]["stage"] == "delivered"
    await stage.worker().fire_once()
    sent = await stage.sent(ORDER_EVENTS)
    assert rules(sent) == ["override_expired"]
    await stage.commit_records(sent)
    assert (await stage.document())["parcels"][0]["stage"] == "in_transit"
    assert await stage.worker().fire_once() == 1, "what the scans alone expect is awaited again"
    assert sorted(rules(await stage.sent(SCANS))) == ["expired_tracking", "silent"]


@pytest.mark.parametrize("failpoint", ["timers.before_send", "timers.after_send"])
async def test_a_process_killed_while_it_fires_changes_nothing_of_the_outcome(
    pipeline: Pipeline, database: str, failpoint: str
) -> None:
    await pipeline.produce(STORY)
    doomed = await pipeline.start(
        "status", wait_ready=False, TRACKFOLD_FAILPOINTS=f"{failpoint}:kill", TRACKFOLD_STATUS__TIMER_GRACE_S="0"
    )
    assert await doomed.wait(40) == -9
    connection = await asyncpg.connect(database)
    assert await connection.execute("update status.timer set due_at = now()") == "UPDATE 1"
    await pipeline.start("status", TRACKFOLD_STATUS__TIMER_GRACE_S="0")

    def silent(records: list[Any]) -> bool:
        found = of_order(records, ORDER)
        names = {one.name for one in status_of(found[-1]).parcels[0].conditions} if found else set()
        return names == {"silent", "expired_tracking"}

    await pipeline.messages(STATUS_TOPIC, silent)

    async def nothing_is_awaited() -> bool:
        return bool(await connection.fetchval("select count(*) = 0 from status.timer"))

    await eventually(nothing_is_awaited)
    assert await connection.fetchval("select count(*) from status.ledger where kind = 'time'") == 2
    await connection.close()
