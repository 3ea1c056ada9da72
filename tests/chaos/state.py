"""What everybody was doing when nothing moved any more: for whoever reads the log of a run that failed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

import asyncpg
import httpx2

from tests.chaos import recovering
from tests.chaos.world import World
from tests.oracle_evidence import ORDER_EVENTS, SCANS, STATUS, WEBHOOKS
from tests.under_fire.quiet import AWAY
from tests.under_fire.supervising import Member

LAST_LINES: Final = 15
STACK_LINES: Final = 60
DUMPED_S: Final = 2.0
_TABLES: Final = {
    "offsets": """
        select 'status' as service, topic, part, next_offset, updated_at::text from status.consumer_offset
        union all select 'notify', topic, part, next_offset, updated_at::text from notify.consumer_offset
        order by 1, 2, 3
    """,
    "outbox": "select topic, part, count(*), min(id), min(created_at)::text from status.outbox group by 1, 2",
    "messages": "select state, reason, count(*), min(next_at)::text from notify.notification group by 1, 2",
    "backends": """
        select pid, application_name, state, wait_event_type, wait_event, pg_blocking_pids(pid)::text as blocked_by,
            (now() - xact_start)::text as transaction, left(regexp_replace(query, '\\s+', ' ', 'g'), 100) as query
        from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() order by 2, 1
    """,
}


async def told(world: World) -> str:
    """Return everything, line by line."""
    return "\n".join([line async for line in _told(world)])


async def _told(world: World) -> AsyncIterator[str]:
    for member in world.stage.members:
        yield f"--- {member.name}: pid {member.pid if member.running else '-'}, life {member.lives}, held {member.held}"
        yield await _tried(lambda member=member: _readyz(member))  # type: ignore[misc]
        for line in _tail(member, LAST_LINES):
            yield f"    {line}"
    yield f"--- brokers that are well: {world.brokers.cluster.well}"
    yield "--- ends of the logs: " + await _tried(lambda: _ends(world))
    for name, query in _TABLES.items():
        yield f"--- {name}"
        yield await _tried(lambda query=query: _rows(world, query))  # type: ignore[misc]


async def stacks(world: World) -> str:
    """End every process that runs with the stacks of its threads in its log, and return them."""
    members = world.running()
    for member in members:
        member.may_end_with.add(-signal.SIGABRT)
        member.life.send(signal.SIGCONT)
        member.life.send(signal.SIGABRT)
    await asyncio.sleep(DUMPED_S)
    return "\n".join(line for member in members for line in (f"--- {member.name}", *_stack(member)))


async def _tried(ask: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(15):
            return await ask()
    except (*AWAY, httpx2.HTTPError, AssertionError) as error:
        return f"    cannot be asked: {error!r}"


async def _readyz(member: Member) -> str:
    async with httpx2.AsyncClient(trust_env=False, timeout=3) as client:
        answer = await client.get(f"{member.life.admin_url}/readyz")
        return f"    {answer.status_code} {answer.text}"


async def _ends(world: World) -> str:
    return str(await recovering.ends_of(world, (WEBHOOKS, SCANS, ORDER_EVENTS, STATUS)))


async def _rows(world: World, query: str) -> str:
    connection = await asyncpg.connect(world.database_url, timeout=5, command_timeout=5)
    try:
        found: list[Any] = await connection.fetch(query)
    finally:
        connection.terminate()
    return "\n".join(f"    {dict(row)}" for row in found)


def _tail(member: Member, count: int) -> list[str]:
    return member.logs[-1].read_text(errors="replace").splitlines()[-count:] if member.logs else []


def _stack(member: Member) -> Iterator[str]:
    log = next((log for log in reversed(member.logs) if "Fatal Python error" in log.read_text(errors="replace")), None)
    if log is not None:
        _, _, dump = log.read_text(errors="replace").partition("Fatal Python error")
        yield from (f"    {line}" for line in dump.splitlines()[:STACK_LINES])
