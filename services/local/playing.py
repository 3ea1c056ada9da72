"""`trackfold simulate`: plays one score with live progress, ends on Ctrl-C, and says what became of it."""

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from aiokafka.errors import KafkaConnectionError

from services.local.sending import Tally
from services.local.settings import LocalSettings
from services.local.simulator import Score, Simulator, open_simulator
from services.local.talk import Talk
from services.runtime import clock
from services.runtime.errors import ExitCode, Misconfigured, Transient
from services.runtime.settings import KafkaSettings

_LOOK_EVERY_S = 0.25
_PLAIN_EVERY_S = 5.0
_PROVIDERS = ("easypost", "standard")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    tally: Tally
    code: ExitCode
    summary: str


async def play(score: Score, settings: LocalSettings) -> Outcome:
    """Play until the end, the limit, or Ctrl-C; raises Transient when no broker answers."""
    if absent := [name for name in _PROVIDERS if name not in settings.local.secrets]:
        names = " and ".join(f"TRACKFOLD_LOCAL__SECRETS__{name.upper()}" for name in absent)
        raise Misconfigured("no_secret", f"{names} not set", hint=f"or give --secret {absent[0]}=...")
    stopping = asyncio.Event()
    told = stop_on_signals(stopping)
    began = clock.monotonic()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its words would break into the live line
    with broker_needed(settings.kafka):
        async with open_simulator(score, settings) as simulator:
            with Talk(sys.stderr, plain_every_s=_PLAIN_EVERY_S) as talk:
                await _show(simulator, asyncio.create_task(simulator.play(stopping)), talk)
    code = end_code(told, failed=simulator.tally.failed > 0)
    return Outcome(simulator.tally, code, _summary(score, simulator.tally, clock.monotonic() - began))


def stop_on_signals(stopping: asyncio.Event) -> list[signal.Signals]:
    """Set `stopping` on Ctrl-C and SIGTERM; returns a list that will hold the signals that came."""
    told: list[signal.Signals] = []

    def stop(by: signal.Signals) -> None:
        told.append(by)
        stopping.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop, name)
    return told


def end_code(told: Sequence[signal.Signals], *, failed: bool) -> ExitCode:
    """Return how a run ends: the signal that ended it goes before what failed."""
    if told:
        return ExitCode.INTERRUPTED if told[0] is signal.SIGINT else ExitCode.OK
    return ExitCode.FAILED if failed else ExitCode.OK


@contextmanager
def broker_needed(settings: KafkaSettings) -> Iterator[None]:
    """Turn a broker that does not answer into Transient, with where it should be."""
    try:
        yield
    except KafkaConnectionError:
        servers = ", ".join(settings.bootstrap_servers)
        raise Transient(
            "kafka_unreachable", f"no broker answers at {servers}", hint="start one, or set KAFKA_BOOTSTRAP_SERVERS"
        ) from None


async def _show(simulator: Simulator, playing: "asyncio.Task[Tally]", talk: Talk) -> None:
    while not playing.done():
        await asyncio.wait({playing}, timeout=_LOOK_EVERY_S)
        tally, wanted = simulator.tally, simulator.score.orders
        talk.status(
            f"{tally.finished} of {wanted} orders over ({tally.orders} begun), {tally.events} order events, "
            f"{tally.webhooks} webhooks, {tally.retries} tried again, {tally.failed} failed"
        )
    playing.result()


def _summary(score: Score, tally: Tally, seconds: float) -> str:
    lines = [
        f"orders    {tally.orders} begun, {tally.finished} over; numbers {score.prefix}-..., seed {score.seed}",
        f"events    {tally.events} on Kafka",
        f"webhooks  {tally.webhooks} accepted",
        f"disorder  {tally.late} late, {tally.repeated} repeated; {tally.retries} sent again after a failure",
        f"failed    {tally.given_up} given up" + "".join(f", {n} refused: {why}" for why, n in tally.refused.items()),
        f"time      {seconds:.1f} s",
    ]
    return "\n".join(lines)
