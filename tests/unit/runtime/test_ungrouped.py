"""What a reading in no group waits for, and for how long."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.runtime import clock, ungrouped
from services.runtime.errors import Transient
from services.runtime.settings import KafkaSettings

HERE, THERE = TopicPartition("t", 0), TopicPartition("t", 1)


class Log:
    """A consumer over a clock of its own: each poll takes a second and brings the next of `pieces`, then nothing."""

    def __init__(self, pieces: Iterable[Mapping[TopicPartition, tuple[list[int], int]]]) -> None:
        """Take what the polls bring: by partition, the offsets of records, and where it stands afterwards."""
        self.pieces = list(pieces)
        self.now = 0.0
        self.paused: set[TopicPartition] = set()
        self.stands = {HERE: 0, THERE: 0}

    async def getmany(self, **_: int) -> dict[TopicPartition, list[Any]]:
        self.now += 1.0
        piece = self.pieces.pop(0) if self.pieces else {}
        self.stands |= {one: stands for one, (_, stands) in piece.items()}
        return {one: [SimpleNamespace(offset=at) for at in offsets] for one, (offsets, _) in piece.items()}

    async def position(self, one: TopicPartition) -> int:
        return self.stands[one]

    def pause(self, *those: TopicPartition) -> None:
        self.paused.update(those)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """An empty log that the clock follows."""
    made = Log([])
    monkeypatch.setattr(clock, "monotonic", lambda: made.now)
    return made


async def read(log: Log, ends: Mapping[TopicPartition, int]) -> list[list[int]]:
    """Return the offsets that come, piece by piece."""
    return [[raw.offset for raw in piece] async for piece in ungrouped.read_to(log, ends)]


async def test_a_log_that_gives_nothing_though_it_has_more_is_given_up_after_half_a_minute(log: Log) -> None:
    log.pieces = [{HERE: ([0], 1)}]
    with pytest.raises(Transient):
        await read(log, {HERE: 2})
    assert log.now == 32


async def test_offsets_without_a_record_are_passed_over_however_many_there_are(log: Log) -> None:
    log.pieces = [{HERE: ([], at)} for at in range(1, 101)]
    assert await read(log, {HERE: 100}) == [[]] * 100


async def test_what_is_done_with_a_piece_is_no_waiting(log: Log) -> None:
    log.pieces = [{HERE: ([0], 1)}, {}, {HERE: ([1], 2)}]
    found = []
    async for piece in ungrouped.read_to(log, {HERE: 2}):
        found += [raw.offset for raw in piece]
        log.now += 60
    assert found == [0, 1]


async def test_what_was_written_after_the_question_is_not_read(log: Log) -> None:
    log.pieces = [{HERE: ([0, 1, 2], 3)}, {THERE: ([0], 1)}]
    assert await read(log, {HERE: 2, THERE: 1}) == [[0, 1], [0]]
    assert log.paused == {HERE}


async def test_a_log_without_anything_is_done_at_once(log: Log) -> None:
    assert await read(log, {HERE: 0}) == []


async def test_a_broker_that_takes_the_connection_and_says_nothing_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ungrouped, "ANSWER_S", 0.2)
    stopped, stop = [], AIOKafkaConsumer.stop

    async def stopping(self: AIOKafkaConsumer) -> None:
        stopped.append(self)
        await stop(self)

    monkeypatch.setattr(AIOKafkaConsumer, "stop", stopping)
    ended = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    address, port = server.sockets[0].getsockname()[:2]
    try:
        with pytest.raises(TimeoutError):
            async with ungrouped.open_consumer(KafkaSettings(bootstrap_servers=(f"{address}:{port}",)), "test"):
                pass
    finally:
        ended.set()
        server.close()
        await server.wait_closed()
    assert len(stopped) == 1


class Stuck:
    """Work that takes the end of a wait for its own, and goes on, until it is let go."""

    def __init__(self) -> None:
        """Be stuck."""
        self.let_go = asyncio.Event()

    async def work(self, *_: object, **__: object) -> None:
        while not self.let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.let_go.wait()


async def test_what_is_asked_of_kafka_has_its_limit_even_where_the_answer_cannot_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ungrouped, "ANSWER_S", 0.05)
    stuck = Stuck()
    monkeypatch.setattr(AIOKafkaConsumer, "start", stuck.work)
    with pytest.raises(TimeoutError):
        async with ungrouped.open_consumer(KafkaSettings(), "test"):
            raise AssertionError("it was never open")
    stuck.let_go.set()
    await asyncio.sleep(0)


async def test_whoever_is_cancelled_while_kafka_is_asked_takes_the_question_back() -> None:
    begun = asyncio.Event()
    taken_back = asyncio.Event()

    async def ask() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            taken_back.set()

    waiting = asyncio.ensure_future(ungrouped.answered(ask()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(taken_back.wait(), 5)
