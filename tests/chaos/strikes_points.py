"""Faults at a chosen place of our code: the next life of a process dies, fails, dawdles or stands still there."""

import random
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import asyncpg
import httpx2

from tests.chaos.kind import FAILS, STANDS_STILL, Blow, Kind, Strike
from tests.chaos.schedule import Area
from tests.chaos.world import MissedError, World
from tests.faults.freezing import is_frozen
from tests.under_fire.supervising import SIGKILLED, Member
from tests.waiting import eventually

#: So long a process has to come to its place under the steady load.
HIT_S: Final = 30.0
#: Whose event loop turns answers within this.
ANSWER_S: Final = 1.5
_BATCH: Final = ("consume.polled", "consume.fenced", "consume.applied", "consume.before_commit")
_AFTER: Final = ("consume.after_commit", "consume.after_kafka_commit")
_RELAY: Final = ("relay.before_send", "relay.after_snapshot", "relay.after_send", "relay.before_commit")
_SENDER: Final = ("notify.before_claim", "notify.before_call", "notify.after_call", "notify.before_record")
#: Places that every process of a service passes again and again under load.
POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "ingest": ("ingest.before_send", "ingest.after_send", "normalise.before_send", "normalise.before_commit"),
    "status": (*_BATCH, *_AFTER, *_RELAY),
    "notify": (*_BATCH, *_AFTER, *_SENDER, "outcomes.before_send", "outcomes.after_send"),
}
#: Where a transaction is open, so that one sees from outside that somebody dawdles there.
IN_TRANSACTION: Final = ("consume.fenced", "consume.applied", "consume.before_commit")
_DAWDLES: Final = """
select count(*) from pg_stat_activity where datname = current_database() and state = 'idle in transaction'
and application_name like $1 and now() - state_change > interval '1 s'
"""


async def armed(world: World, member: Member, point: str, action: str) -> int:
    """Tell a member to end, and let its next life have a point armed; returns the number of that life."""
    await world.told_to_end(member)
    if action == "kill":
        member.may_end_with.add(SIGKILLED)
    return await world.back(member, {"TRACKFOLD_FAILPOINTS": f"{point}:{action}"})


def ended(member: Member, life: int) -> bool:
    """Say whether a life is over."""
    return any(end.process == f"{member.name} (life {life})" for end in member.ends)


async def came_true(ask: object, what: str) -> None:
    """Wait until a process came to its place; one that did not in time was not struck."""
    try:
        await eventually(ask, HIT_S, poll_s=0.1, what=what)  # type: ignore[call-overload]
    except AssertionError as error:
        raise MissedError(str(error)) from None


async def deaf(member: Member) -> bool:
    """Say whether a process takes connections and does not answer them."""
    if not member.running:  # between two lives
        return False
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        try:
            await client.get(f"{member.life.admin_url}/readyz")
        except httpx2.ReadTimeout:
            return True
        except httpx2.TransportError:  # it does not listen yet
            return False
    return False


def killed_there(service: str) -> Strike:
    """The next life of a process kills itself at a point."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        member, point = world.one_of(service, dice), dice.choice(POINTS[service])
        life = await armed(world, member, point, "kill")
        try:
            await came_true(lambda: ended(member, life), f"{member.name} died at {point}")
            yield Blow(f"{member.name} at {point}")
        finally:
            _disarmed(member, life)
            member.may_end_with.discard(SIGKILLED)

    return strike


def failing_there(service: str) -> Strike:
    """The next life of a process fails at a point, several times."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        member, point, times = world.one_of(service, dice), dice.choice(POINTS[service]), dice.randint(1, 3)
        life = await armed(world, member, point, f"raise*{times}")
        log = member.logs[-1]

        def failed() -> bool:
            return log.read_text(errors="replace").count("FailpointError") > 0

        try:
            await came_true(failed, f"{member.name} failed at {point}")
            yield Blow(f"{member.name} at {point}, {times} times")
        finally:
            if not failed():
                _disarmed(member, life)

    return strike


def frozen_there(service: str) -> Strike:
    """The next life of a process stops itself at a point, and is let go on later."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        member, point = world.one_of(service, dice), dice.choice(POINTS[service])
        life = await armed(world, member, point, "stop*1")
        await came_true(lambda: member.running, f"{member.name} running again")
        process = member.life
        try:
            await came_true(lambda: is_frozen(process.pid), f"{member.name} stopped at {point}")
            yield Blow(f"{member.name} at {point}")
        finally:
            if not is_frozen(process.pid):
                _disarmed(member, life)
            process.send(signal.SIGCONT)

    return strike


def blocked_there(service: str) -> Strike:
    """The event loop of a process blocks at a point: nothing of it answers."""

    @asynccontextmanager
    async def strike(world: World, dice: random.Random) -> AsyncIterator[Blow]:
        member, point, seconds = world.one_of(service, dice), dice.choice(POINTS[service]), dice.randint(4, 9)
        life = await armed(world, member, point, f"block={seconds}*1")
        try:
            await came_true(lambda: deaf(member), f"{member.name} blocked at {point}")
            yield Blow(f"{member.name} at {point} for {seconds} s")
        except MissedError:
            _disarmed(member, life)
            raise

    return strike


@asynccontextmanager
async def slow_batch(world: World, dice: random.Random) -> AsyncIterator[Blow]:
    """A process takes seconds in the middle of a batch's transaction, with its locks held."""
    service, point = dice.choice(("status", "notify")), dice.choice(IN_TRANSACTION)
    member, seconds = world.one_of(service, dice), dice.randint(3, 5)
    life = await armed(world, member, point, f"sleep={seconds}*2")

    async def dawdles() -> bool:
        connection = await asyncpg.connect(world.database_url, timeout=5, command_timeout=5)
        try:
            return bool(await connection.fetchval(_DAWDLES, f"trackfold-{service}%"))
        finally:
            await connection.close(timeout=5)

    try:
        await came_true(dawdles, f"{member.name} dawdled at {point}")
        yield Blow(f"{member.name} at {point} for {seconds} s, twice")
    except MissedError:
        _disarmed(member, life)
        raise


def _disarmed(member: Member, life: int) -> None:
    """End a life that still has its point armed."""
    if member.running and member.lives == life and not ended(member, life):
        member.kill()


KINDS: Final = (
    *(Kind(f"killed_at_a_point_of_{name}", Area.OURS, killed_there(name), (0.0, 2.0)) for name in POINTS),
    *(
        Kind(f"failing_at_a_point_of_{name}", Area.OURS, failing_there(name), (1.0, 3.0), may_end_with=FAILS)
        for name in POINTS
    ),
    *(
        Kind(f"frozen_at_a_point_of_{name}", Area.OURS, frozen_there(name), (3.0, 8.0), may_end_with=STANDS_STILL)
        for name in POINTS
    ),
    *(
        Kind(f"blocked_at_a_point_of_{name}", Area.OURS, blocked_there(name), (4.0, 9.0), may_end_with=STANDS_STILL)
        for name in POINTS
    ),
    Kind("slow_batch", Area.OURS, slow_batch, (3.0, 6.0)),
)
