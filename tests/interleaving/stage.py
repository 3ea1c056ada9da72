"""A database on which a case is run again and again, each time from the same rows."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from graphlib import TopologicalSorter
from typing import Any, Final, TypeAlias

import asyncpg

from services.runtime.consume import Batch
from services.status.consumer import GROUP
from services.status.inputs import ORDER_EVENTS, SCANS
from tests.interleaving.connections import Sent, SteppedConnection, SteppedPool, SteppedProducer
from tests.interleaving.judging import End, read_end, wrong_with, wrong_with_sessions, wrong_with_timers
from tests.interleaving.schedules import Schedule, in_turn
from tests.interleaving.sessions import HANDLER, SETTINGS, Script
from tests.interleaving.stepping import Scheduler, Session
from tests.records import record

MAX_SESSIONS: Final = 3
MAX_STEPS: Final = 6
PARTITIONS: Final = 4

AT_THE_START: Final = """
insert into status.consumer_offset (grp, topic, part, next_offset)
select $1, topic, part, 0 from unnest($2::text[]) as topic, generate_series(0, $3 - 1) as part
"""
# Which database it is stays as it is.
TABLES: Final = "select tablename from pg_tables where schemaname = 'status' and tablename <> 'incarnation'"
REFERENCES: Final = """
select conrelid::regclass::text as table, confrelid::regclass::text as needs from pg_constraint where contype = 'f'
"""

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Facts = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Case:
    """Sessions that may run into each other, and what they find."""

    name: str
    scripts: Sequence[Script]
    before: Sequence[Mapping[str, Any]] = ()
    """Records that were applied before."""
    prepare: Sequence[str] = ()
    """Statements to run after them."""
    shows: Facts = lambda _: True
    """What all orders together must show in the end, whatever comes first; given every document by its order."""

    def without(self, rewritten: Mapping[str, str], *, of: str | None = None) -> "Case":
        """Return the case with statements replaced by others, in one session or in all: a rule taken out."""
        assert all(one != instead for one, instead in rewritten.items()), "the rule is written otherwise now"
        scripts = [replace(one, rewritten=rewritten) if of in (None, one.name) else one for one in self.scripts]
        return replace(self, scripts=scripts)


@dataclass
class Run:
    """One order of steps, and what came of it."""

    sessions: Sequence[Session]
    trace: Sequence[str]
    end: End
    wrong: list[str]
    used: set[str] = field(default_factory=set)
    """Replaced statements that were run."""

    def __str__(self) -> str:
        """Tell it to whoever reads a failed test."""
        return "\n  ".join(["; ".join(self.wrong), *self.trace])


@dataclass
class Search:
    """What came of many orders."""

    runs: int = 0
    wrong: Run | None = None
    used: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    """What the server refused and the service got over, by SQLSTATE."""

    def add(self, run: Run) -> None:
        """Count a run."""
        self.runs += 1
        self.used |= run.used
        self.refused.update(state for session in run.sessions for state in session.sqlstates)


class Stage:
    """An observer, and a connection for each session."""

    def __init__(self, observer: Connection, connections: Sequence[Connection]) -> None:
        """Take them."""
        self.observer = observer
        self.connections = connections
        self._reset = ""

    async def prepare(self, case: Case) -> list[End]:
        """Make the rows that each run begins with; return the ends that are right."""
        await self._seed(case)
        runs = [await self.run(case, schedule) for schedule in in_turn(len(case.scripts))]
        for run in runs:
            assert not run.wrong, f"{case.name}, one after the other: {run}"
            assert all(session.steps <= MAX_STEPS for session in run.sessions)
        for number, script in enumerate(case.scripts):
            assert any(not run.sessions[number].missed for run in runs), f"{script.name} never stops where it should"
        return [run.end for run in runs]

    async def search(
        self, case: Case, schedules: Iterable[Schedule], ends: Sequence[End], *, wanted: str = ""
    ) -> "Search":
        """Run a case in one order after the other, up to the first that is wrong in the wanted way."""
        found = Search()
        for schedule in schedules:
            run = await self.run(case, schedule, ends)
            found.add(run)
            if any(wanted in one for one in run.wrong):
                found.wrong = run
                break
        return found

    async def run(self, case: Case, schedule: Schedule, ends: Sequence[End] = ()) -> Run:
        """Run a case once; `ends` are the ends that are right."""
        await self.observer.execute(self._reset)
        log: list[Sent] = []
        used: set[str] = set()
        sessions = [
            self.session(script, connection) for script, connection in zip(case.scripts, self.connections, strict=False)
        ]
        scheduler = Scheduler(self.observer, sessions)
        works = [
            partial(script.work, SteppedPool(SteppedConnection(one, script.rewritten, used)), SteppedProducer(one, log))
            for one, script in zip(sessions, case.scripts, strict=True)
        ]
        await scheduler.during(schedule, works)
        end = await read_end(self.observer, log)
        wrong = [*wrong_with_sessions(sessions), *wrong_with(end, log), *await wrong_with_timers(self.observer, log)]
        if ends and end not in ends:
            wrong.append(f"no order of whole sessions ends so: {end.unlike(ends)}")
        if not case.shows(end.documents()):
            wrong.append(f"it shows {end.documents()}")
        return Run(sessions, scheduler.trace, end, wrong, used)

    async def _seed(self, case: Case) -> None:
        """Apply what came before, and keep all rows aside."""
        observer = self.observer
        await observer.execute("drop schema if exists kept cascade; create schema kept")
        tables = await self._tables()
        empty = [f"delete from status.{one}" for one in tables]  # noqa: S608 - names from the catalogue
        await observer.execute(";".join(empty))
        topics = [SETTINGS.topic(topic) for topic in (SCANS, ORDER_EVENTS)]
        await observer.execute(AT_THE_START, SETTINGS.group(GROUP), topics, PARTITIONS)
        if case.before:
            await self.apply_before(case)
        for statement in case.prepare:
            await observer.execute(statement)
        for one in tables:
            await observer.execute(f"create table kept.{one} as table status.{one}")
        put_back = [f"insert into status.{one} overriding system value table kept.{one}" for one in reversed(tables)]
        self._reset = ";".join([*empty, *put_back])

    def session(self, script: Script, connection: Connection) -> Session:
        """Return who does a script in a run."""
        return Session(script.name, connection, script.points)

    async def apply_before(self, case: Case) -> None:
        """Apply the records that came before."""
        async with self.observer.transaction():
            await HANDLER.apply(Batch(self.observer, tuple(record(body) for body in case.before)))

    async def _tables(self) -> list[str]:
        """Return all tables of the service, those first that need others."""
        graph: dict[str, set[str]] = {row["tablename"]: set() for row in await self.observer.fetch(TABLES)}
        for row in await self.observer.fetch(REFERENCES):
            table, needs = (row[one].removeprefix("status.") for one in ("table", "needs"))
            if table in graph and needs in graph:
                graph[table].add(needs)
        return list(TopologicalSorter(graph).static_order())[::-1]


@asynccontextmanager
async def open_stage(url: str) -> AsyncIterator[Stage]:
    """Give a stage on a migrated database."""
    opened = [await asyncpg.connect(url, server_settings={"timezone": "UTC"}) for _ in range(MAX_SESSIONS + 1)]
    try:
        for connection in opened:
            await connection.execute("set synchronous_commit = off")
            # Where a rule is taken out sessions wait for each other: the server notices after a second.
            await _where_allowed(connection.execute("set deadlock_timeout = '20ms'"))
        yield Stage(opened[0], opened[1:])
    finally:
        for connection in opened:
            await connection.close(timeout=5)


async def _where_allowed(statement: Awaitable[object]) -> None:
    """Go on where only a superuser may."""
    try:
        await statement
    except asyncpg.InsufficientPrivilegeError:
        return
