"""Who reads the status topic, as a process of its own: notes when each message could be read, and why it was written.

A consumer as it is by default (read_uncommitted). `python -m benchmarks.full.reader BOOTSTRAP TOPIC FILE` reads until
SIGTERM, and adds a line a message: key, cause, the cause's time, moment of reading.
"""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop
from aiokafka import AIOKafkaConsumer

from benchmarks.engine.designs.design import STATUS
from benchmarks.engine.stack import Stack
from services.local.child import Child, ChildFailedError

_LIMIT_S: Final = 60.0
_POLL_S: Final = 0.05
_CAUSE: Final = re.compile(rb'"cause":\{[^{}]*?"event":"([^"]*)"[^{}]*?"at":"([^"]*)"')
_CHANGE: Final = b'"change":{'


@dataclass(frozen=True, slots=True)
class Seen:
    """One message, as it was read first."""

    key: str
    cause: str
    """The id of the record that led to it."""
    cause_at: str
    """When that happened."""
    at: float


@dataclass(slots=True)
class Reader:
    """The process, and what it has told so far."""

    child: Child
    file: Path
    bootstrap: str
    topic: str
    messages: int = 0
    seen: list[Seen] = field(default_factory=list)
    _read: int = 0

    def take(self) -> None:
        """Read what it has told since the last time."""
        with self.file.open("rb") as told:
            told.seek(self._read)
            whole, _, _ = told.read().rpartition(b"\n")
        if not whole:
            return
        self._read += len(whole) + 1
        for line in whole.decode().split("\n"):
            key, cause, cause_at, at = line.split("\t")
            self.seen.append(Seen(key, cause, cause_at, float(at)))

    async def caught_up(self) -> None:
        """Return when it has read what lies on the topic now."""
        consumer = AIOKafkaConsumer(self.topic, bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            end = sum((await consumer.end_offsets(consumer.assignment())).values())
        finally:
            await consumer.stop()
        async with asyncio.timeout(_LIMIT_S):
            while len(self.seen) < end:
                if self.child.process.poll() is not None:
                    raise ChildFailedError(f"the reader ended\n{self.child.tail()}")
                await asyncio.sleep(_POLL_S)
                self.take()


@asynccontextmanager
async def reading(stack: Stack, prefix: str) -> AsyncIterator[Reader]:
    """Start a reader of a prefix's status topic, whose partitions are there."""
    file = stack.folder / f"{prefix}read"
    file.touch()
    argv: list[str | Path] = [sys.executable, "-m", "benchmarks.full.reader", stack.bootstrap, prefix + STATUS, file]
    child = Child.start("the reader", argv, log=file.with_suffix(".log"))
    try:
        yield Reader(child, file, stack.bootstrap, prefix + STATUS)
    finally:
        child.stop()
        file.unlink()


def cause_of(value: bytes) -> tuple[bytes, bytes]:
    """Return which record a message says it was written for, and when that happened; what changed stands last in it."""
    found = _CAUSE.search(value, max(0, value.rfind(_CHANGE)))
    return (found[1], found[2]) if found else (b"", b"")


async def _run(bootstrap: str, topic: str, file: Path) -> None:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        with file.open("ab") as told:
            while True:
                polled = await consumer.getmany(timeout_ms=1_000)
                at = str(time.time()).encode()
                told.writelines(_line(one, at) for records in polled.values() for one in records)
                told.flush()
    finally:
        await consumer.stop()


def _line(record: Any, at: bytes) -> bytes:
    cause, when = cause_of(record.value)
    return b"\t".join((record.key, cause, when, at)) + b"\n"


if __name__ == "__main__":
    uvloop.run(_run(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
