"""What the runner has to know of a design, and what a design's process gets from the runner.

A design's module has `DESIGN` and can be run: with `--prepare` it creates its tables in an empty database and ends;
without, it consumes until SIGTERM and ends with 0. It reads its inputs from their start, and commits the offsets of its
Kafka group only after its database has committed: from them the runner reads how far it is.
"""

import argparse
import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

SCANS: Final = "carrier.scans.v1"
ORDER_EVENTS: Final = "order.events.v1"
INPUTS: Final = (SCANS, ORDER_EVENTS)
STATUS: Final = "order.status.v1"
SNAPSHOTS: Final = "order.snapshots.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """One way to build the engine, and how the runner sees what it has done."""

    name: str
    processes: int
    pending_sql: str
    """How many messages wait in the database to be published; 0: all are out."""
    orders_sql: str
    """Rows (order key, version, document as JSON text), each order as it stands; with `folds_orders=False` rows
    (shipment key, version, JSON text with `stage`)."""
    order_of: Callable[[Sequence[Any]], tuple[str, int, str]] = tuple
    """Makes such a row of what the statement gives, where that is another."""
    history_sql: str
    """How many history rows there are: one a distinct scan."""
    snapshots: bool = False
    """It writes the newest message of each order to `order.snapshots.v1` as well."""
    folds_orders: bool = True
    """False: it leaves the order fold out, and publishes a message for each change of a parcel's stage: its key is the
    shipment key, its value JSON with `shipment`, `version` (1 to n) and `stage`."""
    publishes: bool = True
    """False: it only stores the history, as a limit for the others."""
    group: str = "benchmark"
    """Its Kafka group, behind the prefix."""
    progress_sql: str | None = None
    """For a design without a Kafka group: how many input records are done."""
    settings: tuple[str, ...] = ()
    """What the table says of how it was set up, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What one process of a design gets: a fresh database, topics of its own, and which of the workers it is."""

    bootstrap: str
    dsn: str
    prefix: str
    """Of the topics."""
    group: str
    """The Kafka group, with the prefix."""
    workers: int
    worker: int
    """From 0."""

    def topic(self, name: str) -> str:
        """Return a topic's name on the wire."""
        return self.prefix + name

    def write(self, path: Path) -> None:
        """Write it as a design's process reads it."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


Work = Callable[[Config], Awaitable[None]]


def arguments() -> tuple[Config, bool]:
    """Return what a design's process was told: its configuration, and whether it only prepares the database."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--prepare", action="store_true", help="create the tables and end")
    wanted = parser.parse_args()
    return Config(**json.loads(wanted.config.read_text(encoding="utf-8"))), wanted.prepare


def main(*, prepare: Work, run: Work) -> None:
    """Be the process of a design: `run` is cancelled at SIGTERM, and what it does then is its orderly end."""
    config, only_prepare = arguments()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(prepare(config) if only_prepare else run(config)))


async def _until_told(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
