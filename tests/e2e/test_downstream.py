"""A downstream team's program (examples/consumer.py), killed as the status service is: it ends equal to the API."""

import signal
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from tests.e2e.reader import Documents, Reader, ended, said, whole
from tests.pipeline import SNAPSHOTS, STATUS, Pipeline
from tests.records import event, placed, scan, shipment
from tests.stack import topics
from tests.stack.processes import Process
from tests.waiting import eventually

API_KEY = "an-api-key-of-the-test"
SIGKILLED = -9
REOPENED = "1001"
ERASED = "1006"
MARKER = "1007"
ORDERS = [REOPENED, "1002", "1003", "1004", "1005", ERASED]


def beginning() -> list[dict[str, Any]]:
    """Return the first half of every order's story."""
    bodies = [placed(order=order) for order in ORDERS]
    bodies += [shipment(f"N{order}", order=order) for order in ORDERS]
    return bodies + [scan("in_transit", minutes=60, number=f"N{order}") for order in ORDERS]


def ending() -> list[dict[str, Any]]:
    """Return the other half: one delivery told too early and taken back, one order erased, all others delivered."""
    early = [scan("delivered", minutes=300, number=f"N{REOPENED}")]
    out = [scan("out_for_delivery", minutes=1500, number=f"N{order}") for order in ORDERS]
    there = [scan("delivered", minutes=1700, number=f"N{order}") for order in ORDERS]
    return [*early, *out, event("erased", order=ERASED, minutes=1600), *there]


async def ask_api(status: Process, order: str) -> dict[str, Any]:
    """Return what the API says of an order."""
    async with httpx2.AsyncClient(trust_env=False) as client:
        url = f"{status.http_url}/v1/orders/main/{order}"
        answer = await client.get(url, headers={"Authorization": f"Bearer {API_KEY}"})
    assert answer.status_code == 200, answer.text
    return whole(answer.json())


async def api_says(status: Process, orders: list[str]) -> Documents:
    """Return what the API says of all orders that were not erased."""
    found = {f"main:{order}": await ask_api(status, order) for order in orders}
    return {key: document for key, document in found.items() if document["state"] != "erased"}


async def start_and_die(pipeline: Pipeline, failpoint: str) -> None:
    """Start a status process that kills itself at a fail-point."""
    doomed = await pipeline.start("status", wait_ready=False, TRACKFOLD_FAILPOINTS=f"{failpoint}:kill")
    assert await doomed.wait(40) == SIGKILLED


async def until_all_are_delivered(status: Process) -> None:
    """Wait until the API shows the end of every story."""

    async def delivered() -> bool:
        shown = await api_says(status, ORDERS)
        return set(shown) == {f"main:{one}" for one in ORDERS if one != ERASED} and all(
            document["state"] == "delivered" for document in shown.values()
        )

    await eventually(delivered, 60, what="the end of every order's story")


async def same(reader: Reader, status: Process, orders: list[str]) -> bool:
    """Check that the reader holds what the API says, no more and no less."""
    expected = await api_says(status, orders)
    assert reader.documents() == expected
    return True


async def test_through_kills_on_both_sides_and_replays_the_reader_ends_equal_to_the_api(
    pipeline: Pipeline, make_reader: Callable[[str], Reader]
) -> None:
    reader = make_reader("orders")
    first = reader.start()
    await eventually(lambda: any(one["event"] == "snapshots read" for one in said(first)), what="a first start")
    await pipeline.produce(beginning())
    await start_and_die(pipeline, "relay.after_send")
    await eventually(reader.documents, what="the first orders")
    first.process.kill()
    await start_and_die(pipeline, "relay.after_send")  # sends again what it had sent
    second = reader.start()
    await pipeline.produce(ending())
    await start_and_die(pipeline, "relay.before_send")
    status = await pipeline.start("status", TRACKFOLD_STATUS__API_KEYS=API_KEY)
    await eventually(lambda: reader.counts().get("next", 0) > len(ORDERS), what="the reader amid its work")
    second.process.kill()
    third = reader.start()
    await until_all_are_delivered(status)
    await eventually(lambda: same(reader, status, ORDERS), what="the reader equal to the API")
    assert said(third)[0]["from"] == "its offsets"

    await pipeline.produce([*beginning(), *ending(), placed(order=MARKER)])
    await eventually(lambda: same(reader, status, [*ORDERS, MARKER]), 40, what="the marker behind the replay")
    third.process.kill()
    records = await every_version_counted_once(reader, status)
    await a_late_beginner_ends_equal(make_reader("late"), status)
    await reading_all_again_brings_only_repeats(reader, records)


async def every_version_counted_once(reader: Reader, status: Process) -> int:
    """Check the reader's counts against the API and the topic; return how many status messages there are."""
    await reader.run()
    counts = reader.counts()
    versions = [(await ask_api(status, order))["change"]["version"] for order in [*ORDERS, MARKER]]
    assert counts["next"] == sum(versions)
    assert not {"gap", "differs", "unreadable"} & set(counts)
    assert counts["correction"] == counts["erased"] == 1
    assert counts["repeat"] > 0, "nothing was sent twice: the test shows nothing"
    return counts["next"] + counts["repeat"]


async def a_late_beginner_ends_equal(late: Reader, status: Process) -> None:
    """Check that a reader which begins with the snapshots holds the same, and missed nothing."""
    events = await late.run()
    assert events[0] == {"event": "started", "from": "snapshots", "why": "nothing was read before"}
    assert await same(late, status, [*ORDERS, MARKER])
    assert "gap" not in late.counts()


async def reading_all_again_brings_only_repeats(reader: Reader, records: int) -> None:
    """Check that the whole topic, read once more, is nothing but repeats, and that so are the snapshots."""
    before, counts = reader.documents(), reader.counts()
    reader.go_back_to(0)
    events = await reader.run()
    assert [one["event"] for one in events] == ["started", "stopped"]
    assert reader.counts() == counts | {"repeat": counts["repeat"] + records}
    events = await reader.run("--reread")
    assert [one["event"] for one in events] == ["started", "snapshots read", "stopped"]
    assert reader.documents() == before


@pytest.mark.needs("delete_records")
async def test_a_reader_whose_next_message_has_left_the_topic_begins_with_the_snapshots_again(
    pipeline: Pipeline, make_reader: Callable[[str], Reader]
) -> None:
    orders = ["1002", ERASED]
    reader = make_reader("orders")
    await pipeline.produce([placed(order=order) for order in orders])
    status = await pipeline.start("status", TRACKFOLD_STATUS__API_KEYS=API_KEY)
    for order in orders:
        await pipeline.until_version(f"main:{order}", 1)
    await reader.run()
    await pipeline.produce([shipment("N1002", order="1002"), event("picking_started", order="1002", minutes=5)])
    await pipeline.until_version("main:1002", 3)
    async with topics.producer(pipeline.kafka) as producer:  # as after an erasure long ago
        await producer.send_and_wait(pipeline.prefix + SNAPSHOTS, None, key=f"main:{ERASED}".encode())
    await forget_all(pipeline)

    events = await reader.run()

    assert events[0] == {"event": "started", "from": "snapshots", "why": "retention took what comes next"}
    assert await same(reader, status, ["1002"])
    assert "gap" not in reader.counts()


@pytest.mark.needs("idempotence")
async def test_ends_that_hold_no_record_are_reached(pipeline: Pipeline, make_reader: Callable[[str], Reader]) -> None:
    reader = make_reader("orders")
    for topic in (STATUS, SNAPSHOTS):  # a marker takes an offset, and here it is the last one
        await give_up_a_transaction(pipeline, pipeline.prefix + topic)
    assert [one["event"] for one in await reader.run()] == ["started", "snapshots read", "stopped"]
    assert [one["from"] for one in await reader.run() if "from" in one] == ["its offsets"]
    assert reader.counts() == {}


async def give_up_a_transaction(pipeline: Pipeline, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=pipeline.kafka.bootstrap_servers, transactional_id=topic)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"never", key=b"never", partition=0)
        await producer.abort_transaction()
    finally:
        await producer.stop()


@pytest.mark.needs("end_offsets")
async def test_a_topic_that_is_shorter_than_what_was_read_is_not_read(make_reader: Callable[[str], Reader]) -> None:
    reader = make_reader("orders")
    await reader.run()
    reader.go_back_to(1_000)
    child = reader.start()
    assert await eventually(lambda: ended(child), what="the end of the program") == "ended with 1"
    assert "new --database" in child.tail()
    assert "Traceback" not in child.tail()


async def forget_all(pipeline: Pipeline) -> None:
    """Take everything out of the status topic, as retention does."""
    name = pipeline.prefix + STATUS
    async with topics.admin(pipeline.kafka) as client:
        parts = (await client.describe_topics([name]))[0]["partitions"]
        everything = {TopicPartition(name, part["partition"]): RecordsToDelete(before_offset=-1) for part in parts}
        await client.delete_records(everything)


@pytest.mark.parametrize(
    ("options", "word"), [(["--prefix", "nowhere."], "no topic"), (["--bootstrap", "127.0.0.1:1"], "Is it there?")]
)
async def test_what_is_missing_is_said_and_ends_the_program(
    pipeline: Pipeline, make_reader: Callable[[str], Reader], options: list[str], word: str
) -> None:
    child = make_reader("orders").start(*options)
    assert await eventually(lambda: ended(child), what="the end of the program") == "ended with 1"
    assert word in child.tail()
    assert "Traceback" not in child.tail()
    if word == "no topic":
        assert await nobody_made_the_topic(pipeline)


async def nobody_made_the_topic(pipeline: Pipeline) -> bool:
    """Check that asking for a topic did not create it."""
    async with topics.admin(pipeline.kafka) as client:
        return not [name for name in await client.list_topics() if name.startswith("nowhere.")]


async def test_ctrl_c_ends_the_program_cleanly(make_reader: Callable[[str], Reader]) -> None:
    child = make_reader("orders").start()
    await eventually(lambda: any(one["event"] == "snapshots read" for one in said(child)), what="its start")
    child.process.send_signal(signal.SIGINT)
    assert await eventually(lambda: ended(child), what="the end of the program") == "ended with 0"
    assert said(child)[-1]["event"] == "stopped"
    assert "Traceback" not in child.tail()
