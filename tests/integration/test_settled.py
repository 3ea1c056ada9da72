"""A database that does not know yet what it had published or read lets nothing go: no purge, no expiry (E7, E8)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from services.runtime.life import Life
from services.runtime.settings import ServiceSettings
from services.status import expiry, purge
from services.status.expiry import Expiry
from tests.integration.closing_stage import Closing, opened
from tests.records import placed, scan, shipment
from tests.stack.databases import PostgresServer, note_compared
from tests.waiting import eventually

#: An input that the lost future had read further than this database.
GOAL: Final = "insert into status.restoring (grp, topic, part, until_offset) values ('apply', 'scans', 0, 10)"


async def finish(stage: Closing) -> None:
    """Have an order that is to be purged."""
    await stage.apply(placed(), shipment(minutes=10), scan("delivered", minutes=1700))
    await stage.age()


async def outlive(stage: Closing) -> None:
    """Have marks of a purged order that are to be forgotten."""
    await finish(stage)
    await stage.purge()
    for table in ("orders", "shipment"):
        await stage.connection.execute(f"update status.{table} set closed_at = now() - interval '397 days'")  # noqa: S608


async def abandon(stage: Closing) -> None:
    """Have a parcel that nobody claimed."""
    await stage.apply(scan("in_transit", minutes=60))
    for table in ("shipment set created_at", "ledger set received_at"):
        await stage.connection.execute(f"update status.{table} = now() - interval '61 days'")


async def sweep(stage: Closing, life: Life) -> None:
    """Walk once, as the loop of the purge does."""
    await replace(stage.purge_of(), life=life).sweep()


async def expire(stage: Closing, life: Life) -> None:
    """Run the loop of expiry."""
    await Expiry(life, stage.pool).run()


@dataclass(frozen=True)
class Case:
    """Something that goes for its age."""

    what: str
    """What `/readyz` shows while it waits."""
    prepare: Callable[[Closing], Awaitable[None]]
    work: Callable[[Closing, Life], Coroutine[Any, Any, None]]
    left: str
    """Counts what is there only as long as it did not go."""


CASES: Final = [
    pytest.param(Case(purge.WHAT, finish, sweep, "order_event"), id="purge"),
    pytest.param(Case(purge.WHAT, outlive, sweep, "orders"), id="forget"),
    pytest.param(Case(expiry.WHAT, abandon, expire, "ledger"), id="expiry"),
]


@asynccontextmanager
async def at_work(stage: Closing, case: Case) -> AsyncIterator[Life]:
    """Have the loop run, as in a process."""
    life = Life("status", ServiceSettings())
    running = asyncio.create_task(case.work(stage, life))
    try:
        yield life
        await eventually(lambda: gone(stage, case), what=f"{case.what} after the wait")
    finally:
        life.draining.set()
        life.stopping.set()
        await asyncio.wait({running}, timeout=20)
    await running


async def gone(stage: Closing, case: Case) -> bool:
    """Tell whether it did its work."""
    return await stage.count(case.left) == 0


async def waits_and_leaves_all(stage: Closing, life: Life, case: Case) -> None:
    """Pass when it has tried and waits, and everything is still there."""
    await eventually(lambda: life.health.is_waiting(case.what))
    assert await stage.count(case.left) > 0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expiry does not rest for ten minutes first."""
    monkeypatch.setattr(expiry, "ROUND_S", 0.01)


@pytest.fixture
async def copies(postgres_server: PostgresServer) -> AsyncIterator[Callable[[str], Awaitable[str]]]:
    """Make another database of one, as a restore does; nobody is connected to that one."""
    made: list[str] = []

    async def copy(url: str) -> str:
        made.append(await postgres_server.create(template=urlsplit(url).path.lstrip("/")))
        return postgres_server.database_url(made[-1])

    yield copy
    for name in made:
        await postgres_server.drop(name)


@pytest.mark.parametrize("case", CASES)
async def test_nothing_goes_before_the_database_is_compared_and_then_it_does(
    case: Case, database: str, copies: Callable[[str], Awaitable[str]]
) -> None:
    async with opened(database) as before:
        await case.prepare(before)
    restored = await copies(database)
    async with opened(restored) as stage, at_work(stage, case) as life:
        await waits_and_leaves_all(stage, life, case)
        await note_compared(restored)


@pytest.mark.parametrize("case", CASES)
async def test_nothing_goes_before_the_inputs_are_read_again_and_then_it_does(case: Case, database: str) -> None:
    async with opened(database) as stage:
        await case.prepare(stage)
        await stage.connection.execute(GOAL)
        async with at_work(stage, case) as life:
            await waits_and_leaves_all(stage, life, case)
            await stage.connection.execute("delete from status.restoring")
