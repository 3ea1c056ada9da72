"""Memory that ends in the middle of a burst: a service holds out or is killed and starts again, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import pytest

from tests.faults import limits
from tests.nemesis import lengths
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
TIGHT_S: Final = lengths.seconds(3, 60)
CONTROLLERS: Final = Path("/sys/fs/cgroup/memory")
MIB: Final = 1024 * 1024
#: Before the burst; as much as nobody needs.
ROOMY_MIB: Final = 1024
MOST_SPARE_MIB: Final = 16
SIGKILLED: Final = -9
STRANGERS: Final = 60
LARGE: Final = b"x" * 250_000


@dataclass(frozen=True)
class Cap:
    """The memory that a member may have, in all its lives."""

    group: Path

    @classmethod
    def of(cls, member: Member) -> "Cap":
        """Find it."""
        lines = Path(f"/proc/{member.pid}/cgroup").read_text().splitlines()
        (path,) = (line.split(":", 2)[2] for line in lines if ":memory:" in line)
        return cls(CONTROLLERS / path.lstrip("/"))

    def tighten(self) -> None:
        """Allow hardly more than what is used now and cannot be had back: files that were read can."""
        cache = next(line for line in self._read("memory.stat").splitlines() if line.startswith("cache "))
        used = int(self._read("memory.usage_in_bytes")) - int(cache.split()[1])
        for spare_mib in range(1, MOST_SPARE_MIB):
            with suppress(OSError):  # at this moment it holds more than that
                self._allow(used + spare_mib * MIB)
                return
        raise AssertionError(f"a limit of {used // MIB} MiB and a little more was refused")

    def loosen(self) -> None:
        """Allow as much as before."""
        self._allow(ROOMY_MIB * MIB)

    @property
    def refusals(self) -> int:
        """How often there was no more."""
        return int(self._read("memory.failcnt"))

    def _allow(self, size: int) -> None:
        (self.group / "memory.limit_in_bytes").write_text(str(size))

    def _read(self, name: str) -> str:
        return (self.group / name).read_text()


@pytest.fixture(autouse=True)
def needs_a_cap() -> None:
    if (reason := limits.why_no_memory_cap()) is not None:
        pytest.skip(reason)


@asynccontextmanager
async def strangers(door: Member) -> AsyncIterator[None]:
    """Have many post large bodies without a signature at once, again and again."""
    url = f"{door.life.http_url}/webhooks/easypost"  # the same in all its lives

    async def post(client: httpx2.AsyncClient) -> None:
        while True:
            with suppress(httpx2.TransportError):
                await client.post(url, content=LARGE)
            await asyncio.sleep(0)

    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        posting = [asyncio.create_task(post(client)) for _ in range(STRANGERS)]
        try:
            yield
        finally:
            for one in posting:
                one.cancel()
            await asyncio.gather(*posting, return_exceptions=True)


async def runs_out(stage: Stage, member: Member, flood: AbstractAsyncContextManager[None] | None = None) -> None:
    """Take away, in a tenfold burst, what memory a service has beyond what it needs now; and give it back."""
    member.may_end_with.add(SIGKILLED)
    await stage.begin(seed=571, orders=12, per_second=30)
    await stage.sent()
    cap = Cap.of(member)
    cap.tighten()
    before = cap.refusals
    await stage.begin(seed=572, orders=132, per_second=300)
    async with flood or nullcontext():
        await eventually(lambda: cap.refusals > before, LIMIT_S, what="it got no more memory")
        await lengths.lasts(TIGHT_S)
    cap.loosen()


@pytest.mark.timeout(200 + TIGHT_S)
@pytest.mark.fault("memory_cap")
async def test_status_without_memory_in_a_tenfold_burst_holds_out_or_starts_again_and_nothing_is_lost(
    stage: Stage,
) -> None:
    with limits.memory_cap(ROOMY_MIB) as under:
        status = await stage.start("status", under=under)
        await runs_out(stage, status)
        await stage.heal_and_judge()


@pytest.mark.timeout(200 + TIGHT_S)
@pytest.mark.fault("memory_cap")
async def test_a_door_without_memory_in_a_flood_of_bodies_holds_out_or_starts_again_and_nothing_is_lost(
    stage: Stage,
) -> None:
    with limits.memory_cap(ROOMY_MIB) as under:
        await stage.start("status")
        door = await stage.start("ingest", under=under)
        await runs_out(stage, door, strangers(door))
        await stage.heal_and_judge()
