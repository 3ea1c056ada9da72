"""Connections, pools and producers as the code knows them, that stop before chosen statements.

The producer is a double, the only one here: what is stepped through is what sessions do to each other in PostgreSQL.
What Kafka does is tested on Kafka (tests/integration/test_relay.py, tests/under_fire).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final, TypeVar

import asyncpg

from services.runtime.postgres import Connection, Pool
from services.status.record_batches import Ready, unpack
from tests.interleaving.stepping import STEP_LIMIT_S, Session

T = TypeVar("T")

COMMIT: Final = "commit"
#: Points of a producer: before a topic (its name follows).
SEND: Final = "send "

Rewritten = Mapping[str, str]


class SteppedConnection:
    """A session's connection. Statements can be replaced by others: that is how a rule is taken out."""

    def __init__(self, session: Session, rewritten: Rewritten, used: set[str]) -> None:
        self.session = session
        self._rewritten = rewritten
        self._used = used

    def get_server_pid(self) -> int:
        """As asyncpg."""
        return self.session.pid

    async def execute(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg."""
        return await self._ask(self.session.connection.execute, query, *args, **options)

    async def executemany(self, query: str, *args: Any, **options: Any) -> Any:
        """As asyncpg."""
        return await self._ask(self.session.connection.executemany, query, *args, **options)

    async def fetch(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg."""
        return await self._ask(self.session.connection.fetch, query, *args, **options)

    async def fetchrow(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg."""
        return await self._ask(self.session.connection.fetchrow, query, *args, **options)

    async def fetchval(self, query: str, *args: object, **options: Any) -> Any:
        """As asyncpg."""
        return await self._ask(self.session.connection.fetchval, query, *args, **options)

    async def copy_records_to_table(self, table: str, **options: Any) -> Any:
        """As asyncpg; its statement is named after the table."""
        await self.session.reach(f"copy {options['schema_name']}.{table}")
        return await self._asking(self.session.connection.copy_records_to_table(table, **options))

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[None]:
        """As asyncpg; its end is a statement like any other."""
        real = self.session.connection.transaction(**options)
        await real.start()
        try:
            yield
        except BaseException:
            await real.rollback()
            raise
        await self.session.reach(COMMIT)
        await self._asking(real.commit())

    async def _ask(self, run: Callable[..., Awaitable[T]], query: str, *args: Any, **options: Any) -> T:
        await self.session.reach(query)
        if query in self._rewritten:
            self._used.add(query)
        return await self._asking(run(self._rewritten.get(query, query), *args, **options))

    async def _asking(self, statement: Awaitable[T]) -> T:
        self.session.asking = True
        try:
            return await statement
        except asyncpg.PostgresError as refused:
            self.session.sqlstates.append(refused.sqlstate or "")
            raise
        finally:
            self.session.asking = False


class SteppedPool(Pool):
    """A pool of one session's one connection; transactions are the real pool's."""

    def __init__(self, connection: SteppedConnection) -> None:
        """Take the connection; of the real pool's nothing else is needed."""
        self.session = connection.session
        self._connection = connection
        self.blocked_limit_s = STEP_LIMIT_S

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        """Lend the connection."""
        yield self._connection  # type: ignore[misc]  # as much of one as the code uses


@dataclass(frozen=True)
class Sent:
    """A record as Kafka would have it."""

    topic: str
    key: bytes
    value: bytes | None


@dataclass
class SteppedProducer:
    """Writes down what would be sent, in the order in which it would arrive; stops before it does."""

    session: Session
    log: list[Sent] = field(default_factory=list)
    """Shared by all producers of a run."""

    async def send_batch(self, batch: Ready, topic: str, *, partition: int) -> "asyncio.Future[Any]":  # noqa: ARG002
        """As aiokafka: the answer is already there."""
        await self.session.reach(SEND + topic)
        self.log.extend(Sent(topic, one.key, one.value) for one in unpack([batch.batch]))
        return _done(len(self.log) - batch.record_count())

    async def send_and_wait(self, topic: str, value: bytes | None, *, key: bytes, **_: Any) -> Any:
        """As aiokafka."""
        await self.session.reach(SEND + topic)
        self.log.append(Sent(topic, key, value))
        return SimpleNamespace(offset=len(self.log) - 1)


def _done(offset: int) -> "asyncio.Future[Any]":
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    future.set_result(SimpleNamespace(offset=offset))
    return future
