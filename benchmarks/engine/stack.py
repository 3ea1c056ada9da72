"""What the designs run on: Apache Kafka, Postgres that keeps its word, and the designs' own processes.

One broker and one server for a whole run; a database and topics of their own for each round. Called by `run.py`.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.engine.designs.design import Config, Design
from services.local.child import Child, ChildFailedError
from services.local.postgres import EmbeddedPostgres
from services.local.scratch import Scratch
from tests.stack import apache

_PREPARE_LIMIT_S: Final = 60.0
_STOP_LIMIT_S: Final = 40.0
_LIMIT_S: Final = 60.0

#: Only what a server of this size would have; nothing that loses a commit.
POSTGRES: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
#: Deleted topics leave the disk at once; the cleaning that tests have done in haste waits as it does by default.
KAFKA: Final = {
    "log.segment.delete.delay.ms": "1000",
    "log.cleaner.backoff.ms": "15000",
    "log.retention.check.interval.ms": "300000",
}


class _Broker(apache.Cluster):
    """One broker whose JVM may compile as well as it can: it runs for long, and others are measured against it."""

    def _java(self, *arguments: object, **named: object) -> list[str]:
        command = super()._java(*arguments, **named)  # type: ignore[arg-type]
        return [argument for argument in command if argument != "-XX:TieredStopAtLevel=1"]


class _Server(EmbeddedPostgres):
    """Every commit on disk, as delivered."""

    def __init__(self) -> None:
        super().__init__(fsync=True)
        self._settings = self._settings | POSTGRES

    @property
    def pid(self) -> int:
        """The process that has all others as its children."""
        if self._child is None:
            raise RuntimeError("Postgres does not run")
        return self._child.process.pid


@dataclass(frozen=True, slots=True)
class Stack:
    """The parts of a run."""

    bootstrap: str
    broker: str
    """Its name and version."""
    broker_pid: int
    postgres: str
    """Its name and version."""
    postgres_pid: int
    url: str
    folder: Path
    """For configurations and logs."""

    def dsn(self, database: str) -> str:
        """Return the URL of one database."""
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{database}"))

    async def create_database(self, name: str) -> str:
        """Create an empty database; returns its URL."""
        await self._execute(f'create database "{name}"')
        return self.dsn(name)

    async def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected."""
        await self._execute(f'drop database if exists "{name}" with (force)')
        await self._execute("checkpoint")  # nothing of it is written in the next round

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url, timeout=10, command_timeout=_LIMIT_S)
        try:
            await connection.execute(statement)
        finally:
            await connection.close(timeout=5)


@contextmanager
def started(say: Callable[[str], None]) -> Iterator[Stack]:
    """Start broker and server for a run; both are gone at its end, with all they wrote."""
    broker, server, scratch = _Broker(say=say, extra=KAFKA, heap_mb=1024), _Server(), Scratch("benchmark")
    try:
        url = server.start()
        broker.start()
        yield Stack(
            bootstrap=broker.bootstrap_servers,
            broker=f"Apache Kafka {broker.version}, one node",
            broker_pid=broker.pid(1),
            postgres=server.version,
            postgres_pid=server.pid,
            url=url,
            folder=scratch.path,
        )
    finally:
        broker.stop()
        server.stop()
        scratch.remove()


class Workers:
    """The processes of one design in one round."""

    def __init__(self, module: str, design: Design, stack: Stack, *, prefix: str, dsn: str) -> None:
        self.design = design
        self._module = module
        self._stack = stack
        self._configs = [
            Config(
                bootstrap=stack.bootstrap,
                dsn=dsn,
                prefix=prefix,
                group=prefix + design.group,
                workers=design.processes,
                worker=worker,
            )
            for worker in range(design.processes)
        ]
        self._children: list[Child] = []

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [child.process.pid for child in self._children]

    async def prepare(self) -> None:
        """Let the design create its tables."""
        child = self._start(self._configs[0], "--prepare")
        await self._ended(child, _PREPARE_LIMIT_S)

    def start(self) -> None:
        """Start them all."""
        self._children = [self._start(config) for config in self._configs]

    def check(self) -> None:
        """Raise ChildFailedError where one has ended."""
        for child in self._children:
            if child.process.poll() is not None:
                raise ChildFailedError(f"{child.name} ended with {child.process.returncode}\n{child.tail()}")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let none of them run meanwhile."""
        try:
            self._send(signal.SIGSTOP)
            yield
        finally:
            self._send(signal.SIGCONT)

    async def stop(self) -> None:
        """Tell them to end; raises ChildFailedError where one does not end in good order."""
        self._send(signal.SIGTERM)
        for child in self._children:
            await self._ended(child, _STOP_LIMIT_S)

    def kill(self) -> None:
        """End what still runs, however."""
        for child in self._children:
            child.process.kill()
            child.process.wait()

    def _send(self, what: signal.Signals) -> None:
        for child in self._children:
            child.process.send_signal(what)

    def _start(self, config: Config, *arguments: str) -> Child:
        name = f"{config.prefix}{config.worker}"
        path = self._stack.folder / f"{name}.json"
        config.write(path)
        argv: Sequence[str | Path] = [sys.executable, "-m", self._module, path, *arguments]
        return Child.start(f"{self._module} {name}", argv, log=self._stack.folder / f"{name}.log")

    async def _ended(self, child: Child, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                while child.process.poll() is None:  # noqa: ASYNC110 - another process ends
                    await asyncio.sleep(0.02)
        except TimeoutError:
            child.process.kill()
            raise ChildFailedError(f"{child.name} did not end within {limit_s:.0f} s\n{child.tail()}") from None
        if child.process.returncode != 0:
            raise ChildFailedError(f"{child.name} ended with {child.process.returncode}\n{child.tail()}")
