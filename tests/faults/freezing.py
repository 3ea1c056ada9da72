"""SIGSTOP and SIGCONT: processes and single Postgres backends that neither answer nor die.

    with frozen(process.pid): ...                      # a service as a zombie owner
    pids = await backends(url, "trackfold-status%")    # of the database in `url`, by application name
    with frozen(*pids): ...                            # its backends hold locks and answer nobody
    await ended(url, pids)                             # pg_terminate_backend, from outside
    async with terminating(url, "trackfold-%", every_s=0.2): ...   # one backend at random dies again and again

`frozen` thaws at the end, whatever happened; who is gone by then is fine.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import asyncpg

_BACKENDS: Final = """
select pid from pg_stat_activity
where datname = current_database() and application_name like $1 and pid <> pg_backend_pid()
and backend_type = 'client backend'
order by pid
"""
_WAITING: Final = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Keep processes stopped within the block."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def is_frozen(pid: int) -> bool:
    """Say whether a process is stopped (state T)."""
    return _state_and_parent(pid)[0] == "T"


def family(pid: int) -> list[int]:
    """Give a process and all that descend from it."""
    numbers = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()]
    parents = {number: _state_and_parent(number)[1] for number in numbers}
    found = [pid]
    for one in found:  # grows while it is walked: children of children
        found += [child for child, parent in parents.items() if parent == one]
    return found


def _state_and_parent(pid: int) -> tuple[str, int]:
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return "", -1
    return state, int(parent)


async def backends(url: str, application: str = "trackfold%") -> list[int]:
    """Give the process ids of the backends whose application name is like that."""
    async with _outside(url) as connection:
        return [row["pid"] for row in await connection.fetch(_BACKENDS, application)]


async def waiting_for_locks(url: str) -> int:
    """Give how many backends wait for a lock now."""
    async with _outside(url) as connection:
        return int(await connection.fetchval(_WAITING))


async def ended(url: str, pids: Iterable[int]) -> None:
    """Have the server end these backends (57P01 on the other side)."""
    async with _outside(url) as connection:
        await connection.fetch("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", list(pids))


@asynccontextmanager
async def terminating(
    url: str, application: str = "trackfold%", *, every_s: float = 0.2, seed: int = 1
) -> AsyncIterator[list[int]]:
    """End one backend at random again and again within the block; gives the list of the ended ones."""
    dead: list[int] = []
    chance = random.Random(seed)  # noqa: S311 -- a test's disorder

    async def go_on() -> None:
        async with _outside(url) as connection:
            while True:
                found = [row["pid"] for row in await connection.fetch(_BACKENDS, application)]
                if found:
                    dead.append(chance.choice(found))
                    await connection.execute("select pg_terminate_backend($1)", dead[-1])
                await asyncio.sleep(every_s)

    task = asyncio.create_task(go_on())
    try:
        yield dead
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def lock_held(url: str, statement: str) -> AsyncIterator[None]:
    """Hold the row locks of `select ... for update` from outside, within the block."""
    async with _outside(url) as connection, connection.transaction():
        await connection.execute(statement)
        yield


@asynccontextmanager
async def idle_sessions(url: str, count: int) -> AsyncIterator[None]:
    """Keep so many idle connections open (max_connections)."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(_outside(url))
        yield


@asynccontextmanager
async def _outside(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(
        url, timeout=10, command_timeout=30, server_settings={"application_name": "nemesis"}
    )
    try:
        yield connection
    finally:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            await connection.close(timeout=5)
