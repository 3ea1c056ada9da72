"""Faults of our processes as wholes: killed, told to end, frozen, short of CPU, of file descriptors, of a log."""

import asyncio
import fcntl
import os
import random
import resource
import signal
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from tests.chaos.kind import STANDS_STILL, Blow, Kind, Strike
from tests.chaos.schedule import Area
from tests.chaos.world import END_S, World
from tests.faults import limits
from tests.waiting import eventually

#: Longer than a consumer's session, a message's lease and what the server allows an idle transaction.
BEYOND_S: Final = (8.0, 9.0)
TAKES_PART_S: Final = 60.0
#: File descriptors that a process is left with: fewer than it has.
FEW_FILES: Final = 16
NO_FILE: Final = "Too many open files"
CPU_GROUPS: Final = Path("/sys/fs/cgroup/cpu")
SMALL_PIPE: Final = 4096
#: 120 is Python's word for a standard output that could not be flushed at the end.
FLUSHED: Final = frozenset({0, 120})


def killed(service: str) -> Strike:
    """SIGKILL one process of a service."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        member = world.one_of(service, dice)
        member.kill()
        yield Blow(member.name)

    return strike


def all_killed(*services: str) -> Strike:
    """SIGKILL every process of these services at once."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        del dice
        members = [one for one in world.running() if one.service in services]
        for member in members:
            member.kill()
        yield Blow(", ".join(member.name for member in members), struck=bool(members))

    return strike


@asynccontextmanager
async def rolling_restart(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """SIGTERM one process after the other, each back and ready before the next goes."""
    members = world.running()
    dice.shuffle(members)
    for member in members:
        await world.told_to_end(member)
        await world.back(member)
        await world.ready(member)
    yield Blow(", ".join(member.name for member in members))


def frozen(service: str) -> Strike:
    """SIGSTOP one process of a service, then SIGCONT."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        member = world.one_of(service, dice)
        process = member.life
        process.send(signal.SIGSTOP)
        try:
            yield Blow(member.name)
        finally:
            process.send(signal.SIGCONT)

    return strike


@asynccontextmanager
async def member_comes_and_goes(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """One more member of a group comes, and leaves in good order or not."""
    member = await world.one_more(dice.choice(("status", "notify")))
    kills = dice.random() < 1 / 2
    try:
        await world.ready(member, TAKES_PART_S)
        yield Blow(f"{member.name}, then {'killed' if kills else 'told to end'}")
    finally:
        member.held = True
        if kills and member.running:
            member.kill()
        elif member.running:
            await world.told_to_end(member)


@asynccontextmanager
async def little_cpu(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """A tenth of a core for one process."""
    member = world.one_of(dice.choice(("status", "notify", "ingest")), dice)
    pid, blow = member.pid, Blow(member.name)
    with limits.cpu_share(pid, 0.1):
        yield blow
        count = held_back(pid)
    blow.detail, blow.struck = f"{member.name}, held back {count} times", count > 0


def held_back(pid: int) -> int:
    """Return how often a process was kept from its core; where that is done by SIGSTOP, it is all the time."""
    with suppress(FileNotFoundError, ProcessLookupError):  # it may have left for it
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if "cpu" in controllers.split(",") and "/trackfold-" in group:
                stat = (CPU_GROUPS / group.lstrip("/") / "cpu.stat").read_text()
                return int(dict(one.split() for one in stat.splitlines())["nr_throttled"])
    return 1


@asynccontextmanager
async def few_files(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """No further file descriptor for one process, and its connections to Postgres cut, so that it needs some."""
    member = world.one_of(dice.choice(("status", "notify")), dice)  # ingest may live without a connection
    pid, (_, hard) = member.pid, resource.prlimit(member.pid, resource.RLIMIT_NOFILE)
    log, blow = member.logs[-1], Blow()
    before = told_in(log, NO_FILE)
    limits.limit_files(pid, FEW_FILES)
    world.postgres_wires[member.service].cut()
    try:
        yield blow
    finally:
        with suppress(ProcessLookupError):  # as above
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
        count = told_in(log, NO_FILE) - before
        blow.detail, blow.struck = f"{member.name}, which told of it {count} times", count > 0


def told_in(log: Path, words: str) -> int:
    """Return how often a log has these words."""
    return log.read_text(errors="replace").count(words)


@asynccontextmanager
async def log_full(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """One more process takes part, whose log has no space: every write fails."""
    service = dice.choice(("status", "notify"))
    process = await world.outsider(service, under=limits.full_log())
    try:
        await eventually(process.ready, TAKES_PART_S, poll_s=0.2, what=f"{service} without a log is ready")
        yield Blow(service)
        code = await process.terminate(END_S)
        assert code in FLUSHED, f"{service} without a log was told to end, and ended with {code}"
    finally:
        process.kill()


@asynccontextmanager
async def log_blocked(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """One more process takes part, whose log is a pipe that is full: every write blocks."""
    service = dice.choice(("status", "notify"))
    with limits.deaf_log(world.folder) as under:
        (pipe,) = world.folder.glob("deaf-*")
        with _small(pipe) as reader:
            process = await world.outsider(service, under=under, TRACKFOLD_LOG__LEVEL="debug")
            try:
                await eventually(process.ready, TAKES_PART_S, poll_s=0.2, what=f"{service} with a deaf log is ready")
                blow = Blow(service)
                yield blow
                blow.struck = _waiting_in(reader) > SMALL_PIPE // 2
            finally:
                process.kill()


class _small:  # noqa: N801 - reads as the block that it is
    """A second reader of a pipe that reads nothing, but makes it small."""

    def __init__(self, pipe: Path) -> None:
        self._handle = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._handle, fcntl.F_SETPIPE_SZ, SMALL_PIPE)

    def __enter__(self) -> int:
        return self._handle

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)


def _waiting_in(pipe: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))
    return int(count)


@asynccontextmanager
async def storm_of_kills(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """One process after the other killed, a second apart, whoever runs by then."""
    names = []
    for _ in range(4):
        if members := world.running():
            member = dice.choice(members)
            member.kill()
            names.append(member.name)
        await asyncio.sleep(dice.uniform(0.3, 1.5))
    yield Blow(", ".join(names), struck=bool(names))


KINDS: Final = (
    Kind("kill_ingest", Area.OURS, killed("ingest")),
    Kind("kill_status", Area.OURS, killed("status")),
    Kind("kill_notify", Area.OURS, killed("notify")),
    Kind("kill_all_of_status", Area.OURS, all_killed("status")),
    Kind("kill_everything", Area.OURS, all_killed("ingest", "status", "notify")),
    Kind("storm_of_kills", Area.OURS, storm_of_kills, (0.0, 1.0)),
    Kind("rolling_restart", Area.ALONE, rolling_restart, (0.0, 0.5)),
    Kind("freeze_ingest", Area.OURS, frozen("ingest"), may_end_with=STANDS_STILL),
    Kind("freeze_status", Area.OURS, frozen("status"), (2.0, 4.0), may_end_with=STANDS_STILL),
    Kind("freeze_status_long", Area.OURS, frozen("status"), BEYOND_S, may_end_with=STANDS_STILL),
    Kind("freeze_notify", Area.OURS, frozen("notify"), (5.0, 7.0), may_end_with=STANDS_STILL),
    Kind("freeze_notify_long", Area.OURS, frozen("notify"), BEYOND_S, may_end_with=STANDS_STILL),
    Kind("member_comes_and_goes", Area.OURS, member_comes_and_goes),
    Kind("little_cpu", Area.OURS, little_cpu, may_end_with=STANDS_STILL),
    Kind("few_files", Area.OURS, few_files, may_end_with=STANDS_STILL),
    Kind("log_full", Area.ALONE, log_full),
    Kind("log_blocked", Area.ALONE, log_blocked),
)
