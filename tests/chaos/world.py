"""The world of a run: three brokers, a database server and a stage of its own, every wire in hand.

Load, samples and oracle go straight to Kafka and Postgres; the services go through wires: one in front of each broker,
and one to Postgres for each service. What blocks is done by another thread (`by_hand`), so that the wires go on.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from services.local.ports import free_port
from tests.faults import brokers
from tests.faults.brokers import Brokers
from tests.faults.own_postgres import OwnPostgres
from tests.faults.proxy import Proxy, address_of, proxy, through
from tests.oracle_evidence import SERVICES
from tests.stack import databases
from tests.stack.databases import PostgresServer
from tests.stack.processes import Process, Processes, service_environment
from tests.under_fire.stage import Stage, open_stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

T = TypeVar("T")

PREFIX: Final = "chaos."
MEMBERS: Final = {"ingest": 1, "status": 2, "notify": 2}
READY_S: Final = 120.0
END_S: Final = 40.0
_PORTS: Final = ("TRACKFOLD_ADMIN__PORT", "TRACKFOLD_HTTP__PORT")
#: Few enough that they can be used up.
_POSTGRES: Final = {"max_connections": "80"}


class MissedError(Exception):
    """A fault that could not be struck now: the timeline says why, and it counts for nothing."""


@dataclass
class World:
    """Everything that can be broken, and who stands on it."""

    stage: Stage
    processes: Processes
    brokers: Brokers
    postgres: OwnPostgres
    kafka_wires: Mapping[int, Proxy]
    postgres_wires: Mapping[str, Proxy]
    folder: Path
    hand: ThreadPoolExecutor
    partitions: int = 3
    """Of the inputs; they may grow."""
    extras: dict[str, Member] = field(default_factory=dict)
    """Members that come and go, by service."""

    @property
    def database_url(self) -> str:
        """The database, straight."""
        return self.stage.source.database_url

    async def by_hand(self, work: Callable[..., T], *values: Any) -> T:
        """Do something that blocks, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self.hand, partial(work, *values))

    async def start(self, service: str) -> Member:
        """Start one more process of a service behind the wires."""
        env = {
            "KAFKA_BOOTSTRAP_SERVERS": ",".join(wire.bootstrap for wire in self.kafka_wires.values()),
            "DATABASE_URL": through(self.database_url, self.postgres_wires[service]),
            "PYTHONFAULTHANDLER": "1",  # a run that is stuck asks for their stacks
        }
        return await self.stage.start(service, wait_ready=False, once=None, **env)

    async def start_all(self) -> None:
        """Start all services and wait until they are ready."""
        for service, count in MEMBERS.items():
            for _ in range(count):
                await self.start(service)
        for member in self.stage.members:
            await self.ready(member)

    async def ready(self, member: Member, within_s: float = READY_S) -> None:
        """Wait until a member is ready, whichever life it is."""

        async def now() -> bool:
            return (await member.now()).ready

        await eventually(now, within_s, poll_s=0.2, what=f"{member.name} is ready")

    def one_of(self, service: str, dice: random.Random) -> Member:
        """Choose one of a service's processes that run."""
        found = [one for one in self.stage.of(service) if one.running and not one.held]
        if not found:
            raise MissedError(f"no process of {service} runs")
        return dice.choice(found)

    def running(self) -> list[Member]:
        """Return all members that run and shall."""
        return [one for one in self.stage.members if one.running and not one.held]

    async def told_to_end(self, member: Member) -> None:
        """SIGTERM a member and keep it down; anything but a good end in time is a finding."""
        code = await member.terminate(END_S)
        assert code == 0, f"{member.name} was told to end, and ended with {code}"

    async def back(self, member: Member, env: Mapping[str, str] | None = None) -> int:
        """Start a member that is down again, its next life alone with these settings; returns its number."""
        member.note_end()
        own = member.env
        member.env = {**own, **(env or {})}
        try:
            await member.start(wait_ready=False)
        finally:
            member.env = own
        member.held = False
        return member.lives

    async def one_more(self, service: str) -> Member:
        """Let the member that comes and goes come."""
        if (member := self.extras.get(service)) is None:
            self.extras[service] = member = await self.start(service)
        else:
            await self.back(member)
        return member

    async def outsider(self, service: str, *, under: list[str], **env: str) -> Process:
        """Start a process beside the members that nobody starts again, run by another command."""
        like = self.stage.of(service)[0].env
        ports = {name: str(free_port()) for name in _PORTS}
        return await self.processes.start(service, env={**like, **ports, **env}, wait_ready=False, under=under)


@asynccontextmanager
async def open_world(folder: Path, say: Callable[[str], None]) -> AsyncIterator[World]:
    """Make a world, nobody on its stage yet; everything of it is gone at the end."""
    loop, hand = asyncio.get_running_loop(), ThreadPoolExecutor(max_workers=2, thread_name_prefix="hand")
    async with AsyncExitStack() as closing:
        closing.callback(hand.shutdown)
        three = await loop.run_in_executor(hand, brokers.make, say)
        closing.callback(three.cluster.stop)
        postgres = OwnPostgres(settings=_POSTGRES)
        closing.callback(postgres.stop)
        await asyncio.gather(
            loop.run_in_executor(hand, three.cluster.start), loop.run_in_executor(hand, postgres.start)
        )
        server = PostgresServer(postgres.url, "embedded", "")
        database = server.database_url(await databases.make_template(server))
        kafka_wires = {
            node: await closing.enter_async_context(proxy(("127.0.0.1", three.cluster.proxied_port(node)), port=port))
            for node, port in three.proxy_ports.items()
        }
        postgres_wires = {
            service: await closing.enter_async_context(proxy(address_of(database))) for service in SERVICES
        }
        processes = Processes(folder)
        closing.callback(processes.stop)

        def environment(**overrides: str) -> dict[str, str]:
            servers = three.kafka.bootstrap_servers
            return service_environment(kafka=servers, database=database, prefix=PREFIX, replicas=3) | overrides

        stage = await closing.enter_async_context(open_stage(three.kafka, PREFIX, processes, environment, folder))
        yield World(stage, processes, three, postgres, kafka_wires, postgres_wires, folder, hand)
