"""Our own services as real processes: started as an operator would, logs in files, gone when the test ends."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from services.local.child import Child, ChildFailedError
from services.local.ports import free_port

READY_LIMIT_S = 30.0
STOP_LIMIT_S = 30.0
POLL_S = 0.05
PORT_SETTINGS = ("TRACKFOLD_ADMIN__PORT", "TRACKFOLD_HTTP__PORT")
# What a process needs of the machine; nothing else of the caller's environment may change what a test sees.
INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SSL_CERT_FILE", "COVERAGE_PROCESS_START")


def base_environment() -> dict[str, str]:
    """Give the part of our environment that a process of a test inherits."""
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {"PYTHONWARNINGS": "default"}


def service_environment(*, kafka: str, database: str, prefix: str, replicas: int = 1) -> dict[str, str]:
    """Give the environment of a service process on these parts; with three replicas, two must be in sync."""
    return base_environment() | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "DATABASE_URL": database,
        "TRACKFOLD_KAFKA__TOPIC_PREFIX": prefix,
        "TRACKFOLD_KAFKA__PARTITIONS": "3",
        "TRACKFOLD_KAFKA__REPLICATION_FACTOR": str(replicas),
        "TRACKFOLD_KAFKA__MIN_INSYNC_REPLICAS": str(min(replicas, 2)),
        "TRACKFOLD_KAFKA__FETCH_MAX_WAIT_MS": "20",
        "TRACKFOLD_KAFKA__SESSION_TIMEOUT_MS": "6000",
        "TRACKFOLD_LINKS__KEYS": '["test:0123456789abcdef0123456789abcdef"]',
    }


@dataclass(frozen=True)
class Process:
    """One running service."""

    name: str
    child: Child
    admin_url: str
    http_url: str

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.child.process.poll() is None

    def log(self) -> str:
        """Everything that it wrote so far, to stdout and stderr."""
        return self.child.log.read_text(errors="replace")

    def send(self, what: signal.Signals) -> None:
        """Send a signal (SIGSTOP and SIGCONT make a frozen owner)."""
        self.child.process.send_signal(what)

    def kill(self) -> None:
        """SIGKILL it and wait until it is gone."""
        self.child.process.kill()
        self.child.process.wait()

    async def terminate(self, limit_s: float = STOP_LIMIT_S) -> int:
        """SIGTERM it, wait for its drain and give the exit code; a process that does not end is a failure."""
        self.child.process.terminate()
        return await self.wait(limit_s)

    async def wait(self, limit_s: float = STOP_LIMIT_S) -> int:
        """Wait until it ends by itself and give the exit code."""
        deadline = time.monotonic() + limit_s
        while self.running:
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} did not end within {limit_s:.0f} s\n{self.child.tail()}")
            await asyncio.sleep(POLL_S)
        return int(self.child.process.returncode)

    async def ready(self) -> bool:
        """Say whether its /readyz answers 200."""
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=2) as client:
                return (await client.get(f"{self.admin_url}/readyz")).status_code == httpx2.codes.OK
        except httpx2.TransportError:
            return False

    async def wait_ready(self, limit_s: float = READY_LIMIT_S) -> None:
        """Wait until it is ready; its end before that is a failure that shows its log."""
        deadline = time.monotonic() + limit_s
        while not await self.ready():
            if not self.running:
                raise ChildFailedError(f"{self.name} ended with {self.child.process.returncode}\n{self.child.tail()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.name} was not ready within {limit_s:.0f} s\n{self.child.tail()}")
            await asyncio.sleep(POLL_S)


class Processes:
    """Starts services for one test and ends them after it, each by its own pid."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Process] = []

    async def start(
        self,
        service: str,
        *,
        env: Mapping[str, str],
        arguments: Sequence[str] | None = None,
        wait_ready: bool = True,
        limit_s: float = READY_LIMIT_S,
        under: Sequence[str] = (),
    ) -> Process:
        """Run `trackfold SERVICE run` (or other arguments) and return when it is ready.

        `wait_ready=False` gives it back at once, for processes that are expected to die on the way. `under` is a
        command that runs ours in its place, such as `prlimit --nofile=64`: the process id stays ours.
        """
        env = {name: str(free_port()) for name in PORT_SETTINGS if name not in env} | dict(env)
        name = f"{service}-{len(self._started) + 1}"
        child = Child.start(
            name,
            [*under, sys.executable, "-m", "services.cli", *(arguments or (service, "run"))],
            log=self._folder / f"{name}.log",
            env=env,
        )
        process = Process(
            name,
            child,
            admin_url=f"http://{env.get('TRACKFOLD_ADMIN__HOST', '127.0.0.1')}:{env['TRACKFOLD_ADMIN__PORT']}",
            http_url=f"http://{env.get('TRACKFOLD_HTTP__HOST', '127.0.0.1')}:{env['TRACKFOLD_HTTP__PORT']}",
        )
        self._started.append(process)
        if wait_ready:
            await process.wait_ready(limit_s)
        return process

    def stop(self) -> None:
        """Kill what still runs."""
        for process in self._started:
            process.kill()

    def logs(self) -> str:
        """Give the end of every log, for the report of a failed test."""
        return "\n".join(f"--- {process.name}\n{process.child.tail()}" for process in self._started)
