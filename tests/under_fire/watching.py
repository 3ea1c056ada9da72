"""What is sampled while faults happen: offsets, what processes hold, and what the API shows of the orders.

A sample that cannot be taken now (a service or the database is down, that is the point) is left out.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import asyncpg
import httpx2

from services.runtime import clock
from tests import oracle_collect
from tests.oracle_evidence import OffsetRow, PageSample, ProcessSample
from tests.under_fire.settings import API_KEY
from tests.under_fire.supervising import Member

EVERY_S: Final = 0.3
_CONNECTIONS: Final = """
select application_name as service, count(*) as connections from pg_stat_activity
where datname = current_database() and application_name like 'trackfold%' group by 1
"""
#: A door or a database that is down, or going down while it is asked.
AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, httpx2.HTTPError)


@dataclass
class Watch:
    """Samples of one run, in the order in which they were taken."""

    database_url: str
    prefix: str
    members: Sequence[Member]
    orders: Callable[[], Sequence[str]]
    """The order keys to look at."""
    pages: list[PageSample] = field(default_factory=list)
    offsets: list[OffsetRow] = field(default_factory=list)
    processes: list[ProcessSample] = field(default_factory=list)

    async def run(self) -> None:
        """Sample until cancelled."""
        async with httpx2.AsyncClient(trust_env=False, timeout=3) as client:
            for turn in itertools.count():
                await self.look(client, turn)
                await self.note_offsets()
                self.note_processes("load")
                await asyncio.sleep(EVERY_S)

    async def look(self, client: httpx2.AsyncClient, turn: int) -> None:
        """Ask every process of status for one order each."""
        orders = self.orders()
        doors = [one for one in self.members if one.service == "status" and one.running]
        for n, member in enumerate(doors if orders else ()):
            order = orders[(turn + n) % len(orders)]
            at = clock.monotonic()
            try:
                url = f"{member.http_url}/v1/orders/{order.replace(':', '/')}"
                answer = await client.get(url, headers={"Authorization": f"Bearer {API_KEY}"})
            except AWAY:
                continue
            self.pages.append(PageSample(at, order, answer.status_code, _version(answer), answer.text))

    async def note_offsets(self) -> None:
        """Note where every service stands."""
        try:
            connection = await asyncpg.connect(self.database_url, timeout=3, command_timeout=3)
        except AWAY:
            return
        try:
            self.offsets += await oracle_collect.offsets(connection, self.prefix, at=clock.monotonic())
        except AWAY:
            return
        finally:
            connection.terminate()

    async def note_held(self, moment: str) -> None:
        """Note what each process holds, and each service of the database's connections."""
        self.note_processes(moment)
        connection = await asyncpg.connect(self.database_url, timeout=5, command_timeout=5)
        try:
            for name, count in await connection.fetch(_CONNECTIONS):
                self.processes.append(ProcessSample(f"all of {name}", name, moment, 0, 0, count))
        finally:
            await connection.close(timeout=5)

    def note_processes(self, moment: str) -> None:
        """Note what each process holds."""
        for member in self.members:
            if member.running and (sample := held(member, moment)) is not None:
                self.processes.append(sample)


def held(member: Member, moment: str) -> ProcessSample | None:
    """Return what a process holds; None for one that just ended."""
    folder = Path("/proc") / str(member.pid)
    try:
        status = (folder / "status").read_text()
        files = len(list((folder / "fd").iterdir()))
    except (OSError, ProcessLookupError):
        return None
    line = next((one for one in status.splitlines() if one.startswith("VmRSS:")), "VmRSS: 0 kB")
    return ProcessSample(member.name, member.service, moment, int(line.split()[1]) / 1024, files)


def _version(answer: httpx2.Response) -> int:
    try:
        return int(json.loads(answer.text)["change"]["version"])
    except (ValueError, KeyError, TypeError):
        return 0
