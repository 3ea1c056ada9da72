"""When a fault is over: all that was sent before it healed is counted, published and told, while the load goes on.

Asked from the inputs to the outputs, as `tests/under_fire/quiet.py` does; but there the load has ended, and here it
goes on, so that each step asks for what was there when it began.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient

from services.runtime import clock
from tests.chaos.world import World
from tests.oracle_collect import partitions_of
from tests.oracle_evidence import ORDER_EVENTS, SCANS, STATUS, WEBHOOKS
from tests.under_fire.quiet import AWAY, NORMALISER

Place = tuple[str, int]
AGAIN_S: Final = 0.25
ASK_S: Final = 15.0
_READ: Final = "select topic, part, next_offset from {}.consumer_offset"
_NEWEST: Final = "select coalesce(max(id), 0) from status.outbox"
_UNSENT: Final = "select count(*) from status.outbox where id <= $1"
_NOW: Final = "select now()"
_UNTOLD: Final = """
select count(*) from notify.notification
where created_at < $1 and (outcome_no is null or outcome_no is distinct from published_no)
"""


@dataclass(frozen=True, slots=True)
class Caught:
    """After how many seconds all had caught up; None: not within the limit, and why."""

    seconds: float | None
    why: tuple[str, ...] = ()


async def caught_up(world: World, *, since: float, limit_s: float) -> Caught:
    """Wait until everything that was there when a fault healed is done."""
    probe = _Probe(world)
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + limit_s - (clock.monotonic() - since)):
            await probe.all_steps()
    except TimeoutError:
        return Caught(None, probe.why or ("a step has just ended, and the next one was not asked for yet",))
    return Caught(clock.monotonic() - since)


class _Probe:
    def __init__(self, world: World) -> None:
        self._world = world
        self.why: tuple[str, ...] = ("nothing was asked yet",)

    async def all_steps(self) -> None:
        """Go from the load to the last outcome."""
        before = acknowledged(world := self._world)
        await self._until(lambda: self._moved(before))
        await self._until(self._unready)
        ends = await self._known(lambda: ends_of(world, (WEBHOOKS,)))
        await self._until(lambda: self._behind("ingest", ends, lambda: normalised(world)))
        inputs = await self._known(lambda: ends_of(world, (SCANS, ORDER_EVENTS)))
        await self._until(lambda: self._behind("status", inputs, lambda: applied(world, "status")))
        newest = await self._known(lambda: ask(world, _NEWEST))
        await self._until(lambda: self._left(_UNSENT, newest, "rows of the outbox"))
        told = await self._known(lambda: ends_of(world, (ORDER_EVENTS, STATUS)))
        await self._until(lambda: self._behind("notify", told, lambda: applied(world, "notify")))
        now = await self._known(lambda: ask(world, _NOW))
        await self._until(lambda: self._left(_UNTOLD, now, "messages"))

    async def _until(self, unrest: Callable[[], Awaitable[tuple[str, ...]]]) -> None:
        while self._note(await self._asked(unrest)):  # noqa: ASYNC110 - others are asked, no event is ours
            await asyncio.sleep(AGAIN_S)

    async def _known(self, question: Callable[[], Awaitable[Any]]) -> Any:
        found: list[Any] = []

        async def known() -> tuple[str, ...]:
            found.append(await question())
            return ()

        await self._until(known)
        return found[-1]

    async def _asked(self, unrest: Callable[[], Awaitable[tuple[str, ...]]]) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(ASK_S):
                return await unrest()
        except AWAY as error:
            return (f"cannot be asked: {error!r}",)

    def _note(self, why: tuple[str, ...]) -> tuple[str, ...]:
        self.why = why
        return why

    async def _moved(self, before: int) -> tuple[str, ...]:
        return () if acknowledged(self._world) > before else (f"{before} letters are acknowledged, and no more",)

    async def _unready(self) -> tuple[str, ...]:
        now = [await member.now() for member in self._world.stage.members]
        return tuple(f"{one.process} is not ready" for one in now if not one.ready and not one.expected_gone)

    async def _behind(
        self, service: str, ends: Mapping[Place, int], read: Callable[[], Awaitable[Mapping[Place, int]]]
    ) -> tuple[str, ...]:
        at = await read()
        lags = {place: end - max(0, at.get(place, 0)) for place, end in ends.items()}
        return tuple(f"{service} is {lag} behind in {place[0]}/{place[1]}" for place, lag in lags.items() if lag > 0)

    async def _left(self, query: str, mark: object, what: str) -> tuple[str, ...]:
        count = await ask(self._world, query, mark)
        return (f"{count} {what} are left",) if count else ()


def acknowledged(world: World) -> int:
    """Return how much of all loads is acknowledged."""
    return sum(load.done for load in world.stage.loads)


async def ask(world: World, query: str, *values: object) -> Any:
    """Ask the database for one value."""
    connection = await asyncpg.connect(world.database_url, timeout=5, command_timeout=5)
    try:
        return await connection.fetchval(query, *values)
    finally:
        connection.terminate()


async def applied(world: World, service: str) -> dict[Place, int]:
    """Return where a service stands, by its own database."""
    connection = await asyncpg.connect(world.database_url, timeout=5, command_timeout=5)
    try:
        return {
            (row["topic"], row["part"]): row["next_offset"] for row in await connection.fetch(_READ.format(service))
        }
    finally:
        connection.terminate()


async def normalised(world: World) -> dict[Place, int]:
    """Return where the normaliser stands, by Kafka."""
    source = world.stage.source
    admin = AIOKafkaAdminClient(bootstrap_servers=source.bootstrap_servers, request_timeout_ms=5_000)
    try:
        await admin.start()
        committed = await admin.list_consumer_group_offsets(source.prefix + NORMALISER)
    finally:
        await admin.close()
    return {(one.topic, one.partition): meta.offset for one, meta in committed.items()}


async def ends_of(world: World, topics: tuple[str, ...]) -> dict[Place, int]:
    """Return the end of every partition."""
    source = world.stage.source
    consumer = AIOKafkaConsumer(
        bootstrap_servers=source.bootstrap_servers, isolation_level="read_committed", request_timeout_ms=5_000
    )
    try:
        await consumer.start()
        ends = await consumer.end_offsets(await partitions_of(consumer, [source.prefix + name for name in topics]))
    finally:
        await consumer.stop()
    return {(one.topic, one.partition): end for one, end in ends.items()}
