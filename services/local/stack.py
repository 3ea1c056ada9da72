"""The parts of a local run: brings them up in the order in which they need each other, and down in reverse.

Start from the main thread only: Linux ends children with the thread that made them.
"""

import asyncio
import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

from services.local.broker import EmbeddedBroker
from services.local.child import Child, ChildFailedError, listens
from services.local.environments import (
    HOST,
    SERVICES,
    Addresses,
    Secrets,
    base_environment,
    choose_ports,
    environments,
    kafka_variables,
    simulator_variables,
)
from services.local.kept import Kept, Program
from services.local.postgres import EmbeddedPostgres
from services.local.run_folder import RunFolder
from services.local.talk import Talk
from services.runtime import clock
from services.runtime.errors import ExitCode

OPERATOR_LIMIT_S: Final = 60.0
READY_LIMIT_S: Final = 120.0
CATCHER_LIMIT_S: Final = 20.0
PORT_TRIES: Final = 3
SLOW_STOP_S: Final = 3.0
LOOK_AT_GROUND_EVERY_S: Final = 5.0
_POLL_S: Final = 0.1
_ROOT: Final = Path(__file__).resolve().parents[2]


class StartFailedError(RuntimeError):
    """The run cannot go on; the message holds the last lines of whoever is to blame."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Stack:
    """Everything that runs beside this process."""

    def __init__(self, folder: RunFolder, talk: Talk) -> None:
        self.ports = choose_ports()
        self.secrets = Secrets()
        self.addresses = Addresses("", "")
        self.kept: list[Kept] = []
        self._folder = folder
        self._talk = talk
        self._broker = EmbeddedBroker(folder.log("broker"))
        self._postgres = EmbeddedPostgres(fsync=False, log=folder.log("postgres"))
        self._operators: list[Child] = []
        self._looked = clock.monotonic()

    async def start(self, stopping: asyncio.Event) -> None:
        """Bring up everything; returns when all services say that they are ready, or when told to stop."""
        talk, folder = self._talk, self._folder
        with talk.step(f"broker ({self._broker.version})"):
            kafka = self._broker.start()
        # Topics need only the broker: they are made while the database is.
        topics = self._operator("topics", "apply", env=base_environment(str(folder.path)) | kafka_variables(kafka))
        with talk.step(f"database ({self._postgres.version})"):
            database = self._postgres.start()
        self.addresses = Addresses(kafka, database)
        with talk.step("topics"):
            await self._done(topics, stopping)
        with talk.step("migrations"):
            await self._done(self._operator("migrate", "up", env=self._environments()["operator"]), stopping)
        with talk.step(f"{', '.join(SERVICES)} and the mail and SMS catcher"):
            for _ in range(PORT_TRIES):
                self._start_programs(self._environments())
                if await self._ready(stopping):
                    return
                # Another program took a port between our look and our listening: look again.
                self._stop_programs()
                self.ports = choose_ports()
        raise StartFailedError("other programs took our ports again and again", ExitCode.UNAVAILABLE)

    @property
    def settings_file(self) -> Path:
        """Settings for `trackfold simulate`, `notify why` and so on, for a shell to read; nobody else may."""
        path = self._folder.path / "run.env"
        if not path.exists():
            variables = simulator_variables(self.ports, self.secrets, self.addresses)
            variables |= {"DATABASE_URL": self.addresses.database}
            path.touch(mode=0o600)
            path.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()))
        return path

    def check(self) -> None:
        """Start again what has died; raises StartFailedError when something stays dead."""
        for kept in self.kept:
            fate = kept.look()
            if fate is None:
                continue
            name = kept.program.name
            if fate.final:
                message = f"{name} ended with {fate.code} and is not started again. Its last lines:"
                raise StartFailedError(f"{message}\n{kept.tail()}", fate.code or ExitCode.FAILED)
            self._talk.say(f"{name} ended with {fate.code}; starting it again ({kept.program.log})", style="yellow")
        if self.kept and clock.monotonic() - self._looked > LOOK_AT_GROUND_EVERY_S:
            self._looked = clock.monotonic()
            self._check_ground()

    def stop(self) -> None:
        """Stop the services in the order of the flow, then what they stand on."""
        self._stop_programs()
        for child in self._operators:
            child.stop(grace_s=2)
        self._broker.stop()
        self._postgres.stop()

    def kill(self) -> None:
        """End all our processes at once; their ends are collected by `stop`, which is under way."""
        own = Path(f"/proc/self/task/{os.getpid()}/children")
        with contextlib.suppress(OSError):  # not Linux, or one has just ended
            for pid in own.read_text().split():
                os.kill(int(pid), signal.SIGKILL)
        for kept in self.kept:
            kept.kill()

    def _stop_programs(self) -> None:
        for kept in self.kept:
            began = clock.monotonic()
            kept.stop()
            if (took := clock.monotonic() - began) > SLOW_STOP_S:
                self._talk.say(f"{kept.program.name} took {took:.1f} s to stop", style="yellow")
        self.kept.clear()

    def _environments(self) -> dict[str, dict[str, str]]:
        return environments(self.ports, self.secrets, self.addresses, folder=str(self._folder.path))

    def _operator(self, *arguments: str, env: Mapping[str, str]) -> Child:
        argv = [sys.executable, "-m", "services.cli", *arguments]
        name = " ".join(arguments)
        child = Child.start(name, argv, log=self._folder.log(name.replace(" ", "-")), env=env, cwd=_ROOT)
        self._operators.append(child)
        return child

    async def _done(self, child: Child, stopping: asyncio.Event) -> None:
        deadline = clock.monotonic() + OPERATOR_LIMIT_S
        while (code := child.process.poll()) is None and not stopping.is_set():
            if clock.monotonic() > deadline:
                raise ChildFailedError(f"`{child.name}` took more than {OPERATOR_LIMIT_S:.0f} s\n{child.tail()}")
            await asyncio.sleep(_POLL_S)
        if code:
            raise StartFailedError(f"`trackfold {child.name}` ended with {code}:\n{child.tail()}", code)

    def _start_programs(self, env: Mapping[str, Mapping[str, str]]) -> None:
        catcher = ["services.local.catcher", f"--smtp-port={self.ports.smtp}", f"--http-port={self.ports.outbox}"]
        base = base_environment(str(self._folder.path))
        runs = [(name, ["services.cli", name, "run"], env[name]) for name in SERVICES]
        # The catcher goes last, so that what notify still sends while it stops arrives.
        for name, module, variables in [*runs, ("catcher", catcher, base)]:
            argv = [sys.executable, "-m", *module]
            kept = Kept(Program(name, argv, variables, self._folder.log(name), _ROOT, self.ports.of(name)))
            self.kept.append(kept)
            kept.start()

    async def _ready(self, stopping: asyncio.Event) -> bool:
        """Wait until all are ready; False when one lost its port to another program."""
        deadline = clock.monotonic() + READY_LIMIT_S
        waiting = dict.fromkeys(SERVICES, "starting") | {"catcher": "starting"}
        async with httpx2.AsyncClient(trust_env=False, timeout=2) as client:
            while waiting and not stopping.is_set():
                if any(kept.lost_its_port() for kept in self.kept):
                    return False
                self.check()
                for name in list(waiting):
                    why = await self._why_not_ready(client, name)
                    waiting = {**waiting, name: why} if why else {n: w for n, w in waiting.items() if n != name}
                self._talk.status("waiting for " + ", ".join(f"{name} ({why})" for name, why in waiting.items()))
                if clock.monotonic() > deadline:
                    tails = "\n".join(kept.tail() for kept in self.kept if kept.program.name in waiting)
                    raise StartFailedError(f"not ready in time: {waiting}\n{tails}", ExitCode.UNAVAILABLE)
                await asyncio.sleep(_POLL_S)
        return True

    async def _why_not_ready(self, client: httpx2.AsyncClient, name: str) -> str:
        """Ask one process; an empty answer means that it is ready."""
        if name == "catcher":
            return "" if listens(self.ports.smtp) and listens(self.ports.outbox) else "starting"
        try:
            answer = await client.get(f"http://{HOST}:{self.ports.admin(name)}/readyz")
        except httpx2.TransportError:
            return "starting"
        if answer.is_success:
            return ""
        waits = answer.json().get("waiting", [])
        return "; ".join(f"{wait['for']}: {wait['why']}" for wait in waits) or "starting"

    def _check_ground(self) -> None:
        """Neither the broker nor the database is started again: their data went with them."""
        ground = {"broker": self.addresses.kafka, "postgres": self.addresses.database}
        for name, address in ground.items():
            port = urlsplit(address if "//" in address else f"//{address}").port
            if port is not None and not listens(port):
                log = self._folder.log(name)
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else ""
                raise StartFailedError(f"the embedded {name} is gone. Its last lines:\n{tail}", ExitCode.UNAVAILABLE)
