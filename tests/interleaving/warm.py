"""Sessions of processes that have worked before: each begins a run with what its process kept of that."""

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from services.runtime.consume import Batch
from services.status import repository
from services.status.cache import Cache
from tests.interleaving.sessions import BATCH, EVENTS_ONLY, HANDLER, UNCLAIMED, Script
from tests.interleaving.stage import Case, Connection, Stage
from tests.interleaving.stepping import Session
from tests.records import record

#: begin, fence and guess | shipments, orders | what others did to siblings | locks | ledger to offsets | commit
LOCKS: Final = (repository.LOCK_SHIPMENTS, repository.READ_STAMPS, repository.LOCK_ORDERS)
#: Where a batch stops when it reads less: which reads it needs depends on what it knows.
POINTS: Final[dict[Sequence[str], Sequence[str]]] = {
    BATCH: (*LOCKS, *BATCH[3:]),
    EVENTS_ONLY: (*LOCKS, *EVENTS_ONLY[3:]),
    UNCLAIMED: (repository.LOCK_SHIPMENTS, repository.READ_LEDGER_FROM, *BATCH[3:]),
}
ROOM: Final = 10**9


def warmed(case: Case) -> Case:
    """Return the case with batches that stop where a process with a cache does."""
    scripts = [replace(one, points=POINTS.get(tuple(one.points), one.points)) for one in case.scripts]
    return replace(case, scripts=scripts)


@dataclass
class WarmSession(Session):
    """Passes over the points that its work does without."""

    async def reach(self, statement: str) -> None:
        """Stop before a statement if it is one of the next points."""
        if statement in self.missed:
            self._met += list(self.missed).index(statement)
        await super().reach(statement)


class WarmStage(Stage):
    """Every session begins with a copy of what was kept of the records before, or of all but the last few."""

    def __init__(self, stage: Stage, *, behind: int = 0) -> None:
        """Take the connections; another process has applied the last `behind` of the records before."""
        super().__init__(stage.observer, stage.connections)
        self._behind = behind
        self._cache = Cache(ROOM)

    def session(self, script: Script, connection: Connection) -> Session:
        """Return who does a script in a run."""
        return WarmSession(script.name, connection, script.points, copy.deepcopy(self._cache))

    async def apply_before(self, case: Case) -> None:
        """Apply the records that came before."""
        self._cache = Cache(ROOM)
        known = len(case.before) - self._behind
        await self._apply(case.before[:known], self._cache)
        await self._apply(case.before[known:], None)

    async def _apply(self, bodies: Iterable[Mapping[str, Any]], cache: Cache | None) -> None:
        records: Sequence[Any] = [record(body) for body in bodies]
        if not records:
            return
        async with self.observer.transaction():
            batch = Batch(self.observer, tuple(records))
            await replace(HANDLER, cache=cache).apply(batch)
        for act in batch.committed:
            act()
