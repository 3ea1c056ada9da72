"""A member leaves its group within a limit, or its process ends: in the group it would own what nobody polls."""

import asyncio
from typing import Final

import pytest

from services.runtime import kafka, reader, subscribing
from services.runtime.errors import Exit, ExitCode
from services.runtime.life import Life
from services.runtime.plain_consume import PlainConsumer
from services.runtime.settings import KafkaSettings, ProcessSettings, ServiceSettings

SOON_S: Final = 0.01


class Broker:
    """Stands for FastStream's, on which a consumer begins as it is told to and never leaves unless it may."""

    def __init__(self) -> None:
        self.refuses: Exception | None = None
        self.lets_go = asyncio.Event()

    async def start(self) -> None:
        """Join, or not."""
        if self.refuses is not None:
            raise self.refuses

    async def stop(self) -> None:
        """Leave."""
        await self.lets_go.wait()


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    """A broker under every consumer of a test; the limits of leaving are short."""
    made = Broker()

    async def none_missing(*_: object) -> list[str]:
        return []

    monkeypatch.setattr(kafka, "missing_topics", none_missing)
    monkeypatch.setattr(kafka, "consumer_hangs_s", lambda _: SOON_S)
    monkeypatch.setattr(reader, "_LEAVE_MARGIN_S", SOON_S)
    monkeypatch.setattr(subscribing, "make_broker", lambda *_, **__: made)
    monkeypatch.setattr(subscribing, "subscribe", lambda *_, **__: None)
    return made


@pytest.fixture
def consumer(broker: Broker) -> PlainConsumer:  # noqa: ARG001 - it stands under the consumer
    """A member that has not begun."""

    async def nothing(_: object) -> None: ...

    life = Life("test", ServiceSettings(process=ProcessSettings(drain_s=SOON_S)))
    return PlainConsumer(life, KafkaSettings(), group="g", topics=("t",), apply=nothing)


async def test_a_member_that_could_not_join_and_cannot_leave_either_ends_the_process(
    broker: Broker, consumer: PlainConsumer
) -> None:
    broker.refuses = ConnectionResetError()
    async with asyncio.timeout(5):
        with pytest.raises(Exit, match="g: leaving its group took too long") as caught:
            await consumer.start()
    assert caught.value.code == ExitCode.TRY_AGAIN


async def test_a_member_that_could_not_join_and_has_left_says_why_it_could_not_join(
    broker: Broker, consumer: PlainConsumer
) -> None:
    broker.refuses = ConnectionResetError()
    broker.lets_go.set()
    with pytest.raises(ConnectionResetError):
        await consumer.start()


async def test_a_member_that_is_stopped_and_cannot_leave_ends_the_process(
    broker: Broker, consumer: PlainConsumer
) -> None:
    assert broker.refuses is None
    await consumer.start()
    async with asyncio.timeout(5):
        with pytest.raises(Exit, match="g: leaving its group took too long"):
            await consumer.stop()
