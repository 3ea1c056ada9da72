"""`trackfold simulate --scenario`: plays named bad histories onto Kafka, as our own integrations write them.

Each record is sent when the one before it is there, and after a pause where its key is another: Kafka keeps the order
within a key only, and readers take up several keys at once. Scenarios know nothing of each other and are played side by
side. Ends on Ctrl-C.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from services.local.messages import KafkaMessage
from services.local.playing import broker_needed, end_code, stop_on_signals
from services.local.retelling import Telling, days_until, retell
from services.local.scenario_files import Scenario, records
from services.local.sending import Publisher, Tally
from services.local.settings import LocalSettings
from services.local.simulator import GRACE_S, produce
from services.local.talk import Talk
from services.runtime import clock, kafka
from services.runtime.errors import ExitCode
from services.status.inputs import ORDER_EVENTS

_PLAIN_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait before a record of another key, how, and whether somebody stopped the run meanwhile."""

    seconds: float
    pause: Callable[[float], Awaitable[object]] = asyncio.sleep
    stopped: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class Performance:
    """One scenario as it is told this time."""

    scenario: Scenario
    messages: tuple[KafkaMessage, ...]

    @property
    def orders(self) -> list[str]:
        """The keys of its orders."""
        return list(dict.fromkeys(one.key.decode() for one in self.messages if one.topic == ORDER_EVENTS))

    def as_json(self) -> dict[str, object]:
        """Give it as data."""
        return {"name": self.scenario.name, "orders": self.orders, "records": len(self.messages)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    performances: tuple[Performance, ...]
    sent: int
    failed: int
    code: ExitCode

    def as_json(self) -> dict[str, object]:
        """Give it as data."""
        return {
            "scenarios": [one.as_json() for one in self.performances],
            "sent": self.sent,
            "failed": self.failed,
        }

    @property
    def summary(self) -> str:
        """Say it in words, with how to look at the orders."""
        lines = []
        for one in self.performances:
            lines.append(f"{one.scenario.name}: {one.scenario.title}")
            lines += [f"  order {key}" for key in one.orders]
        first = next((key for one in self.performances for key in one.orders), None)
        lines.append(f"sent {self.sent} records" + (f", {self.failed} given up" if self.failed else ""))
        if first is not None:
            lines.append(f"look at one: trackfold explain {first}, or GET /v1/orders/{first.replace(':', '/', 1)}")
        return "\n".join(lines)


def prepare(scenarios: Sequence[Scenario], *, prefix: str, as_written: bool) -> tuple[Performance, ...]:
    """Retell scenarios under fresh names, each under its own, for all of them call their first order 1001."""
    now, prepared = clock.now(), []
    for number, scenario in enumerate(scenarios, 1):
        told = records(scenario)
        own = prefix if len(scenarios) == 1 else f"{prefix}{number:02d}"
        telling = Telling(own, 0 if as_written else days_until(now, told))
        prepared.append(Performance(scenario, tuple(retell(told, telling))))
    return tuple(prepared)


async def perform(performances: tuple[Performance, ...], settings: LocalSettings, *, pace_s: float = 0) -> Outcome:
    """Play to the end or until Ctrl-C; raises Transient when no broker answers."""
    stopping = asyncio.Event()

    async def pause(seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), seconds)

    pace = Pace(pace_s, pause, stopping.is_set)
    told = stop_on_signals(stopping)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its words would break into the live line
    with broker_needed(settings.kafka):
        async with open_sender(settings) as sender:
            with Talk(sys.stderr, plain_every_s=_PLAIN_EVERY_S) as talk:
                sending = send_all(performances, sender, pace=pace, tell=talk.status)
                await _until_told(stopping, asyncio.create_task(sending))
    tally = sender.tally
    return Outcome(performances, tally.events, tally.failed, end_code(told, failed=tally.failed > 0))


async def _until_told(stopping: asyncio.Event, sending: "asyncio.Task[None]") -> None:
    """Wait for the end; what is being sent when somebody stops it is given a moment."""
    told = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({sending, told}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            await asyncio.wait({sending}, timeout=GRACE_S)
    finally:
        for task in (told, sending):
            task.cancel()
    with suppress(asyncio.CancelledError):
        await sending


async def send_all(
    performances: Sequence[Performance],
    sender: Publisher,
    *,
    pace: Pace,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Send the records of every scenario, each after the one before it in its story."""
    wanted = sum(len(one.messages) for one in performances)

    async def play(performance: Performance) -> None:
        key = None
        for message in performance.messages:
            if pace.seconds and key not in {None, message.key}:
                await pace.pause(pace.seconds)
            if pace.stopped():
                return
            key = message.key
            await sender.event(message)
            tell(f"{sender.tally.events} of {wanted} records sent, last one of {performance.scenario.name}")

    async with asyncio.TaskGroup() as group:
        for performance in performances:
            group.create_task(play(performance))


@asynccontextmanager
async def open_sender(settings: LocalSettings) -> AsyncIterator[Publisher]:
    """Connect to Kafka; raises what aiokafka raises when no broker answers."""
    async with kafka.open_producer(settings.kafka, "simulate") as producer:

        async def publish(message: KafkaMessage) -> object:
            return await produce(producer, settings.kafka, message)

        yield Publisher(publish=publish, tally=Tally())
