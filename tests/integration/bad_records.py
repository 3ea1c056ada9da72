"""One running service, one partition, and every bad record of a table in it, each between two good ones.

A file of cases starts its service once (`lane`); its tests then ask what came of each case by name.
"""

import hashlib
import json
import struct
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx2
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from prometheus_client.parser import text_string_to_metric_families

from schemas.dead_letters import BYTES_STAY, DEAD_LETTER, DeadLetter
from tests.pipeline import Pipeline
from tests.records import key_and_headers
from tests.stack import topics
from tests.stack.databases import PostgresServer
from tests.stack.kafka import Kafka
from tests.stack.processes import Process, Processes, service_environment
from tests.waiting import eventually

DEAD_LETTERS: Final = "dead-letters.v1"
PARTITION: Final = 0
LIMIT_S: Final = 60.0
#: Stands in bad records; never in a log, a metric or a dead letter of an order event.
CANARY: Final = "canary.person@example.com"

_MARK: Final = "QQQQ"
_CRC_AT: Final = 17  # in a record batch: base offset 8, length 4, leader epoch 4, magic 1
_BATCH_BYTES: Final = 3_000_000


@dataclass(frozen=True)
class Wire:
    """A record as it goes into Kafka; nothing in it needs to make sense."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp_ms: int | None = None
    header_name: bytes | None = None
    """The name, four bytes long, of one more header: what no Python client would send."""

    def with_headers(self, *more: tuple[str, bytes | None]) -> "Wire":
        """Return it with some headers replaced or added; None takes nothing away, it is a null value."""
        names = {name for name, _ in more}
        return replace(self, headers=(*(pair for pair in self.headers if pair[0] not in names), *more))

    def without(self, *names: str) -> "Wire":
        """Return it without some headers."""
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] not in names))


@dataclass(frozen=True)
class Case:
    """A record that a stranger could write, and what each service must make of it."""

    make: Callable[[str], Wire]
    """From the name of the case's own subject (an order, a number), which nothing else uses."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Service -> reason of its dead letter; a service that is not named applies it."""


@dataclass(frozen=True)
class Lane:
    """What a running service made of all of it."""

    pipeline: Pipeline
    processes: Mapping[str, Process]
    database: str
    offsets: Mapping[str, int]
    sent: Mapping[str, Wire]
    letters: Sequence[DeadLetter]
    subjects: Mapping[str, str]

    def letters_of(self, name: str) -> dict[str, DeadLetter]:
        """Return the dead letters of one case, by service."""
        return {one.service: one for one in self.letters if one.offset == self.offsets[name]}

    async def ask(self, query: str, *values: object) -> list[Any]:
        """Ask the database."""
        connection = await asyncpg.connect(self.database, timeout=10, command_timeout=20)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close(timeout=5)

    async def metric(self, of: str, name: str, /, **labels: str) -> float:
        """Return what a service counts, all samples with these labels together."""
        page = await self.metrics(of)
        samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
        return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())

    async def metrics(self, service: str) -> str:
        """Return its page of metrics."""
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            return (await client.get(f"{self.processes[service].admin_url}/metrics")).text


def wire(body: Mapping[str, Any], *, value: bytes | None = None, **fields: Any) -> Wire:
    """Return a body as a good client would write it."""
    key, headers = key_and_headers(body)
    raw = json.dumps(body).encode() if value is None else value
    return replace(Wire(key.encode(), raw, tuple(headers)), **fields)


@asynccontextmanager
async def lane(
    *,
    kafka: Kafka,
    server: PostgresServer,
    template: str,
    folder: Path,
    topic: str,
    services: Mapping[str, Mapping[str, str]],
    cases: Mapping[str, Case],
    around: Callable[[str], tuple[Wire, Wire]],
) -> AsyncIterator[Lane]:
    """Start the services, write every case between its two neighbours, and wait until all of it was read."""
    prefix, name = f"t{uuid.uuid4().hex[:12]}.", await server.create(template=template)
    processes, database = Processes(folder), server.database_url(name)
    try:
        made = Pipeline(kafka, prefix, processes, lambda **more: _environment(kafka, database, prefix) | more)
        # As a broker without a limit would have it: Kafka 4 refuses what is dated an hour ahead by itself.
        await topics.create(kafka, prefix + topic, partitions=3, configs=ANY_TIME | LARGE)
        await made.apply_topics()
        subjects = {case: f"BAD{number:03d}" for number, case in enumerate(cases)}
        sent = {case: cases[case].make(subjects[case]) for case in cases}
        records = [(one, place) for case in cases for one, place in _between(case, sent[case], around(subjects[case]))]
        offsets = await write(kafka, prefix + topic, [one for one, _ in records])
        places = {case: offset for (_, case), offset in zip(records, offsets, strict=True) if case is not None}
        running = {one: await made.start(one, wait_ready=True, **services[one]) for one in services}
        begun = Lane(made, running, database, places, sent, [], subjects)
        for service in services:
            await _until_read(begun, service, topic, len(records))
        yield replace(begun, letters=await _letters(made))
    finally:
        processes.stop()
        await topics.delete_prefix(kafka, prefix)
        await server.drop(name)


#: Where a service keeps what is on its way to Kafka; ingest keeps nothing.
QUEUES: Final = {"status": "status.outbox", "notify": "notify.quarantine"}
ANY_TIME: Final = {
    "message.timestamp.after.max.ms": str(2**63 - 1),
    "message.timestamp.before.max.ms": str(2**63 - 1),
    "retention.ms": "-1",
}
LARGE: Final = {"max.message.bytes": str(_BATCH_BYTES)}


async def _until_read(lane: Lane, service: str, topic: str, count: int) -> None:
    """Wait until a service has worked through the partition, and all that it had to say is in Kafka."""

    async def read() -> bool:
        if service not in QUEUES:
            return await lane.metric(service, "trackfold_records_total", outcome="applied") == count
        query = f"select next_offset from {service}.consumer_offset where topic = $1 and part = $2"  # noqa: S608 - ours
        rows = await lane.ask(query, lane.pipeline.prefix + topic, PARTITION)
        left = await lane.ask(f"select id from {QUEUES[service]}")  # noqa: S608 - ours
        return [row["next_offset"] for row in rows] == [count] and left == []

    await eventually(read, LIMIT_S, poll_s=0.2, what=f"{service} at the end of {topic}")


async def _letters(pipeline: Pipeline) -> list[DeadLetter]:
    wire_name = pipeline.prefix + DEAD_LETTERS
    consumer = AIOKafkaConsumer(wire_name, bootstrap_servers=pipeline.kafka.bootstrap_servers)
    await consumer.start()
    try:
        count = sum((await consumer.end_offsets(sorted(consumer.assignment()))).values())
    finally:
        await consumer.stop()
    found = await pipeline.messages(DEAD_LETTERS, lambda records: len(records) >= count, LIMIT_S)
    return [DEAD_LETTER.validate_json(one.value) for one in found]


def check_letter(lane: Lane, name: str, service: str, *, topic: str, reason: str) -> None:
    """Fail unless the case is set aside by the service with its place, its reason and its bytes, or their hash."""
    letter, sent = lane.letters_of(name).get(service), lane.sent[name]
    assert letter is not None, f"{service} set nothing aside at {lane.offsets[name]}"
    place = (letter.topic, letter.partition, letter.offset, letter.reason)
    assert place == (topic, PARTITION, lane.offsets[name], reason), place
    stays = topic in BYTES_STAY
    assert letter.value == (None if stays else sent.value)
    digest = None if sent.value is None else hashlib.sha256(sent.value).hexdigest()
    assert letter.value_sha256 == digest
    assert sent.timestamp_ms is None or letter.timestamp_ms == sent.timestamp_ms
    assert not (stays and (letter.headers or letter.key_base64))
    assert letter.detail is None or CANARY not in letter.detail


def check_logs(lane: Lane) -> None:
    """Fail unless each line of each log is one whole JSON object, and nothing of a record stands in any."""
    for process in lane.processes.values():
        assert process.running, process.child.tail()
        lines = process.log().splitlines()
        assert [line for line in lines if not isinstance(json.loads(line), dict)] == []
        assert [line for line in lines if CANARY in line or "Traceback" in line] == []


async def write(kafka: Kafka, topic: str, records: Sequence[Wire]) -> list[int]:
    """Write records to one partition in as few batches as can be, and return their offsets."""
    offsets: list[int] = []
    async with (
        topics.producer(kafka, compression_type="gzip", max_batch_size=_BATCH_BYTES) as packed,
        topics.producer(kafka, max_batch_size=_BATCH_BYTES) as plain,
    ):
        for named, run in groupby(records, key=lambda one: one.header_name is not None):
            for batch in _batches(list(run)):
                offsets += await _send(plain if named else packed, topic, batch)
    return offsets


async def _send(producer: AIOKafkaProducer, topic: str, records: Sequence[Wire]) -> list[int]:
    batch = producer.create_batch()
    for one in records:
        headers = [*one.headers, *([] if one.header_name is None else [(_MARK, b"x")])]
        added = batch.append(key=one.key, value=one.value, timestamp=one.timestamp_ms, headers=headers)
        assert added is not None
    names = [one.header_name for one in records if one.header_name is not None]
    if names:
        _rename(batch, names)
    done = await (await producer.send_batch(batch, topic, partition=PARTITION))
    return [done.offset + number for number in range(len(records))]


def _rename(batch: Any, names: Iterable[bytes]) -> None:
    # aiokafka would only take text.
    data = batch._buffer = bytearray(batch._build())  # noqa: SLF001
    start = 0
    for name in names:
        start = data.index(_MARK.encode(), start)
        data[start : start + len(_MARK)] = name
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_CRC_AT + 4 :])))


def _batches(records: Sequence[Wire]) -> list[list[Wire]]:
    batches: list[list[Wire]] = [[]]
    size = 0
    for one in records:
        size += len(one.value or b"") + sum(len(name) + len(value or b"") + 8 for name, value in one.headers) + 100
        if size > _BATCH_BYTES // 2 and batches[-1]:
            batches.append([])
            size = len(one.value or b"")
        batches[-1].append(one)
    return batches


def _between(case: str, one: Wire, around: tuple[Wire, Wire]) -> list[tuple[Wire, str | None]]:
    return [(around[0], None), (one, case), (around[1], None)]


def _environment(kafka: Kafka, database: str, prefix: str) -> dict[str, str]:
    told = str("end_offsets" in kafka.capabilities).lower()
    own = {"TRACKFOLD_KAFKA__TRUST_LOG_ENDS": told, "TRACKFOLD_LOG__FORMAT": "json", "TRACKFOLD_LOG__LEVEL": "DEBUG"}
    return service_environment(kafka=kafka.bootstrap_servers, database=database, prefix=prefix) | own
