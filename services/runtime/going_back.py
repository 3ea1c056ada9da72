"""Rule E7, going back: nothing is applied of a partition before its log was known again, once per assignment.

A log that is shorter than what was applied, has another record there, or lies in another cluster ends the process with
78: offsets in the database would name other records. That Kafka does not answer is no reason: then it is waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import groupby
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from services.runtime import delivery, incarnation, log_reading, metrics
from services.runtime.delivery import Decision
from services.runtime.errors import Misconfigured, Transient
from services.runtime.fence import Fence
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.marks import Mark, Refusal, record_hash
from services.runtime.positions import Late, Partition, Positions
from services.runtime.postgres import Pool
from services.runtime.settings import KafkaSettings

log = structlog.stdlib.get_logger("trackfold.consume")

REMEDY: Final = "`trackfold offsets show` says more, `trackfold offsets adopt` accepts what Kafka has now"
_LIMIT_S: Final = 10.0
#: So many at a time: the limit is one of each look, and what a look has shown stays known.
_TOGETHER: Final = 50
_EVERY_S: Final = 1.0
#: A person must mend a refusal: one stale answer of a broker that lost its leadership shall not call for one.
_LOOKS: Final = 3
_BETWEEN_S: Final = 1.0


class GoingBack:
    """Remembers which partitions of this assignment were known again, and asks for the others."""

    def __init__(
        self, life: Life, settings: KafkaSettings, pool: Pool, fence: Fence, positions: Positions, *, name: str
    ) -> None:
        """Take the fence whose marks are compared, what knows of rebalances, and the name of the group."""
        self._life = life
        self._settings = settings
        self._pool = pool
        self._fence = fence
        self._positions = positions
        self._name = name
        self.cluster: str | None = None
        """The cluster that the last look found; None before, and where the broker does not tell."""
        #: As last looked at; empty: not known, so whatever is found is another one.
        self._database = ""
        self._sound: dict[Partition, int] = {}
        self._one_at_a_time = asyncio.Lock()

    async def know(self, assigned: Callable[[], set[Partition]]) -> None:
        """Return when what is assigned was known again, waiting for Kafka and Postgres; raises Exit (78) else.

        Some partitions without a leader hold up nothing: `watch` goes on asking for them, and nothing of them is
        applied before that.
        """

        async def check() -> None:
            partitions = assigned()
            late = await self._know(partitions)
            if late.keys() >= partitions:
                _raise_first(late)

        await delivery.persist(check, life=self._life, what=f"{self._name} log")

    async def watch(self, assigned: Callable[[], set[Partition]]) -> None:
        """Look at what each rebalance brings: a log that was cut may have no record that would show it."""

        async def check() -> None:
            _raise_first(await self._know(assigned()))

        while not await self._life.pause(_EVERY_S):
            await delivery.persist(check, life=self._life, what=f"{self._name} log")

    async def remember(self) -> None:
        """Look which database this is, before anything is applied to it; raises what Postgres raises.

        At the first look of `follow` it may be another one already, and lack what was applied meanwhile.
        """
        self._database = self._database or await self._read()

    def forget(self) -> None:
        """Say that the partitions may not stand where the database does: at its next look `follow` goes back."""
        self._database = ""

    async def follow(self, go_back: Callable[[], Awaitable[None]]) -> None:
        """Look whether the database has become another one: what it lacks may lie where no record comes any more."""
        while not await self._life.pause(_EVERY_S):
            await delivery.persist(lambda: self._follow(go_back), life=self._life, what=f"{self._name} database")

    async def _follow(self, go_back: Callable[[], Awaitable[None]]) -> None:
        """Go back to where the database stands, once it is not known to be the one of the last look."""
        name = await self._read()
        if not name or name == self._database:
            return
        log.info("going back to where the database stands", group=self._name)
        self._database = name
        try:
            async with asyncio.timeout(_LIMIT_S):
                await go_back()
        except BaseException:
            self.forget()
            raise

    async def _read(self) -> str:
        """Return the database's own name; empty while it is recovering."""
        async with self._pool.acquire() as connection:
            return await incarnation.read(connection)

    async def check(self, firsts: Mapping[Partition, int]) -> None:
        """Let a batch with these first records pass; raises Misconfigured, or what Kafka and Postgres raise.

        Raises Late of those that cannot be judged, where anything else of this assignment was: it goes on without them.

        aiokafka hands records over before it tells of a rebalance, and a log that was made anew may be read from its
        start without any: so a batch is asked for, whatever `watch` has found.
        """
        for one in self._positions.below(firsts):
            self._sound.pop(one, None)
        late = await self._know(firsts)
        if late and self._positions.epoch in self._sound.values():
            raise Late(late.keys()) from late[min(late)]
        _raise_first(late)

    def marks(self, lasts: Mapping[Partition, Record]) -> dict[Partition, Mark]:
        """Return what the database is to remember once these were the last records applied."""
        return {one: Mark(last.offset + 1, self.cluster, record_hash(last)) for one, last in lasts.items()}

    async def _know(self, partitions: Iterable[Partition]) -> dict[Partition, Exception]:
        """Return which of them could not be asked for, and why; all others are known again."""
        wanted = list(partitions)
        if not self._unknown(wanted):
            return {}
        late: dict[Partition, Exception] = {}
        async with self._one_at_a_time:
            unknown = self._unknown(wanted)
            for first in range(0, len(unknown), _TOGETHER):
                late |= await self._judge(unknown[first : first + _TOGETHER])
        return late

    def _unknown(self, partitions: Iterable[Partition]) -> list[Partition]:
        return sorted(one for one in partitions if self._sound.get(one) != self._positions.epoch)

    async def _judge(self, partitions: list[Partition]) -> dict[Partition, Exception]:
        """Judge them together; where that fails, those of each broker apart: one that is away is not all of Kafka."""
        failure = await self._attempt(partitions)
        if failure is None:
            return {}
        try:
            async with asyncio.timeout(_LIMIT_S):
                leaders = await log_reading.read_leaders(self._settings, self._name)
        except (OSError, KafkaError):
            return dict.fromkeys(partitions, failure)
        led = sorted((one for one in partitions if one in leaders), key=leaders.__getitem__)
        late: dict[Partition, Exception] = {
            one: Transient("no_leader", f"{_place(one)} has no leader") for one in partitions if one not in leaders
        }
        groups = [list(group) for _, group in groupby(led, key=leaders.__getitem__)]
        for group in groups:
            again = failure if group == partitions else await self._attempt(group)
            late |= {} if again is None else dict.fromkeys(group, again)
        return late

    async def _attempt(self, partitions: list[Partition]) -> Exception | None:
        """Return why they could not be judged now; None when each is the log that was applied."""
        epoch = self._positions.epoch
        try:
            await self._look_until_sure(partitions)
        except (OSError, KafkaError, Transient) as exc:
            if delivery.decide(exc) is not Decision.WAIT:
                raise
            return exc
        self._sound.update(dict.fromkeys(partitions, epoch))
        return None

    async def _look_until_sure(self, partitions: list[Partition]) -> None:
        refused: dict[Partition, Refusal] = {}
        for look in range(_LOOKS):
            if look:
                await self._life.rest(_BETWEEN_S)
            async with asyncio.timeout(_LIMIT_S):
                refused = await self._look(partitions)
            if not refused:
                metrics.LOG_CHECKS.labels(self._name, "sound").inc()
                return
        for partition, refusal in refused.items():
            metrics.LOG_CHECKS.labels(self._name, refusal.reason.value).inc()
            log.error("not the log that was applied", partition=_place(partition), why=refusal.message)
        raise _misconfigured(refused)

    async def _look(self, partitions: list[Partition]) -> dict[Partition, Refusal]:
        async with self._pool.acquire() as connection:
            marks = await self._fence.marks(connection, partitions)
        self.cluster = await log_reading.read_cluster_id(self._settings, self._name)
        found = await log_reading.compare(self._settings, marks, cluster=self.cluster, name=self._name)
        return {one: refusal for one, refusal in found.items() if refusal is not None}


def _raise_first(late: Mapping[Partition, Exception]) -> None:
    if late:
        raise late[min(late)]


def _misconfigured(refused: Mapping[Partition, Refusal]) -> Misconfigured:
    first = min(refused)
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    text = f"{_place(first)}{more} is not the log that was applied: {refused[first].message}. {REMEDY}"
    return Misconfigured(refused[first].reason.value, text, hint=REMEDY)


def _place(partition: Partition) -> str:
    return f"{partition.topic}/{partition.number}"
