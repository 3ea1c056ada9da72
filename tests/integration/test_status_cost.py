"""What a batch costs, in counters that no busy machine moves: statements, rows, bytes of the log, plans."""

import itertools
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Final

import asyncpg
import pytest

from services.runtime import clock
from services.runtime.consume import Batch
from services.runtime.kafka import Record
from services.status import relay_rows, repository, saving, timer_rows
from services.status.cache import Cache
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from tests.records import START, placed, record, scan, shipment

OUTPUTS: Final = Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1})
ROOM: Final = 2**30
#: machine, its version, database, clock | shipments | orders | their stamps | ledger | shipments | orders | outbox
KNOWN_PARCEL: Final = 12
#: The same, and what is made and read anew: shipments, claimants, orders, events, claims, timers.
NEW_ORDER: Final = 22
WAL_BYTES: Final = 1_250
"""A scan that shows, with all that is stored and published of it, of orders with one parcel and one line."""


class Counting:
    """A connection that writes down what it was asked."""

    def __init__(self, connection: Any) -> None:
        self.asked: list[str] = []
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        """As asyncpg, and remembered where it is a round trip."""
        call = getattr(self._connection, name)
        if name not in {"execute", "fetch", "fetchrow", "fetchval", "executemany", "copy_records_to_table"}:
            return call

        async def ask(what: str, *args: Any, **options: Any) -> Any:
            self.asked.append(what)
            return await call(what, *args, **options)

        return ask


class Engine:
    """Applies batches with a cache, as the service does."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.handler = Handler(OUTPUTS, cache=Cache(ROOM))

    async def apply(self, *bodies: dict[str, Any]) -> list[str]:
        """Apply one batch; return the statements that it took."""
        return await self.apply_records([record(body) for body in bodies])

    async def apply_records(self, records: Sequence[Record]) -> list[str]:
        """Apply records in one transaction."""
        counting = Counting(self.connection)
        async with self.connection.transaction():
            await self.handler.apply(batch := Batch(counting, tuple(records)))  # type: ignore[arg-type]
        for act in batch.committed:
            act()
        return counting.asked


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine on a fresh database."""
    connection = await asyncpg.connect(database)
    yield Engine(connection)
    await connection.close()


def orders(count: int) -> list[dict[str, Any]]:
    """Return the events of so many orders of one parcel."""
    made = ((placed(order=f"{n}"), shipment(f"AB{n}", order=f"{n}")) for n in range(1, count + 1))
    return list(itertools.chain.from_iterable(made))


def scans(count: int, *, minutes: int) -> list[dict[str, Any]]:
    """Return a scan of each parcel."""
    return [scan("in_transit", minutes=minutes, number=f"AB{n}") for n in range(1, count + 1)]


async def test_a_batch_takes_as_many_statements_for_hundreds_of_records_as_for_one(engine: Engine) -> None:
    assert len(await engine.apply(*orders(1))) <= NEW_ORDER
    await engine.apply(*orders(100))
    await engine.apply(*scans(100, minutes=100))
    few = await engine.apply(*scans(1, minutes=200))
    many = await engine.apply(*scans(100, minutes=300), *scans(100, minutes=400))
    assert len(few) == len(many) <= KNOWN_PARCEL


async def test_of_a_parcel_that_this_process_knows_no_history_is_read(engine: Engine) -> None:
    await engine.apply(*orders(3), *scans(3, minutes=100))
    asked = await engine.apply(*scans(3, minutes=200))
    reads = {
        repository.READ_LEDGER, repository.READ_LEDGER_FROM, repository.READ_EVENTS, repository.READ_DOCUMENTS,
        repository.READ_CLAIMANTS, repository.READ_CLAIMED_KEYS, repository.CREATE_SHIPMENTS, repository.CREATE_ORDERS,
    }  # fmt: skip
    assert not reads & set(asked)


async def test_a_timer_that_need_not_be_earlier_is_left_alone(engine: Engine) -> None:
    # Of today: one that is due may be in its worker's hands, and is written again.
    today = (clock.now() - START) // timedelta(minutes=1)
    await engine.apply(*orders(3), *scans(3, minutes=today))
    assert timer_rows.KEEP not in await engine.apply(*scans(3, minutes=today + 100))


async def test_a_record_is_one_row_of_history_and_a_batch_one_row_of_messages_a_partition(engine: Engine) -> None:
    await engine.apply(*orders(100))
    await engine.connection.execute("truncate status.outbox")
    before = await engine.connection.fetchval("select count(*) from status.ledger")
    await engine.apply(*scans(100, minutes=100))
    assert await engine.connection.fetchval("select count(*) from status.ledger") - before == 100
    assert await engine.connection.fetchval("select count(*) from status.outbox") == OUTPUTS.partitions[STATUS_TOPIC]
    assert await engine.connection.fetchval("select sum(messages) from status.outbox") == 100


@pytest.fixture
async def without_page_images(engine: Engine) -> AsyncIterator[None]:
    """Leave what follows a checkpoint out of the log: when one comes is not ours to say."""
    for value in ("off", "default"):
        if value == "default":
            yield
        await engine.connection.execute(f"alter system set full_page_writes = {value}")
        await engine.connection.execute("select pg_reload_conf()")


@pytest.mark.usefixtures("without_page_images")
async def test_a_record_that_shows_writes_few_bytes_into_the_log_of_the_database(engine: Engine) -> None:
    await engine.apply(*orders(100))
    await engine.apply(*scans(100, minutes=100))
    before = await engine.connection.fetchval("select pg_current_wal_insert_lsn()::text")
    for minutes in (200, 300, 400):
        await engine.apply(*scans(100, minutes=minutes))
    written = await engine.connection.fetchval("select pg_current_wal_insert_lsn() - $1::text::pg_lsn", before)
    assert written / 300 < WAL_BYTES


KEYS: Final = [f"royal-mail:AB{n}" for n in range(500)]
ORDERS: Final = [f"main:{n}" for n in range(500)]
PARTS: Final = [0] * 3
HOT: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "shipments are made": (repository.CREATE_SHIPMENTS, (KEYS,)),
    "shipments are locked": (repository.LOCK_SHIPMENTS, (KEYS,)),
    "stamps are read": (repository.READ_STAMPS, (KEYS,)),
    "claimants are read": (repository.READ_CLAIMANTS, (KEYS,)),
    "orders are locked": (repository.LOCK_ORDERS, (ORDERS,)),
    "documents are read": (repository.READ_DOCUMENTS, (ORDERS,)),
    "events are read": (repository.READ_EVENTS, (ORDERS,)),
    "claims are read": (repository.READ_CLAIMED_KEYS, (ORDERS,)),
    "new rows of histories are read": (repository.READ_LEDGER_FROM, (KEYS, [5] * 500)),
    "whole histories are read": (repository.READ_LEDGER, (KEYS,)),
    "shipments move on": (saving.ADVANCE_SHIPMENTS, (KEYS, [9] * 500)),
    "timers are kept": (timer_rows.KEEP, (ORDERS, [None] * 500, 60.0)),
    "the head of the outbox is read": (relay_rows.READ_ROWS, ([STATUS_TOPIC] * 3, PARTS, 100, 2**20)),
}
#: Fifty thousand orders of one parcel with ten rows of history; only plans are asked for.
LARGE: Final = (
    "insert into status.shipment (shipment, next_n) select 'royal-mail:AB' || n, 11 from generate_series(1, 50000) n",
    """insert into status.ledger (shipment, n, kind, event_key, content, claimed_by, told_at, occurred_at, body)
    select 'royal-mail:AB' || s, n, 'scan', n::text, n::text, case n when 1 then 'main:' || s end, now(), now(), '{}'
    from generate_series(1, 50000) s, generate_series(1, 10) n""",
    "insert into status.orders (order_key, version) select 'main:' || n, 1 from generate_series(1, 50000) n",
    """insert into status.order_event (order_key, source, id, content, occurred_at, body)
    select 'main:' || o, 'oms', n::text, '', now(), '{}' from generate_series(1, 50000) o, generate_series(1, 3) n""",
    "insert into status.timer (key, due_at) select 'main:' || n, now() from generate_series(1, 50000) n",
    "analyze",
)


async def test_hot_statements_use_their_indexes_on_large_tables(engine: Engine) -> None:
    for statement in LARGE:
        await engine.connection.execute(statement)
    for mode in ("force_custom_plan", "force_generic_plan"):
        await engine.connection.execute(f"set plan_cache_mode = {mode}")
        scanned = [what for what, (statement, args) in HOT.items() if await _scans_a_table(engine, statement, args)]
        assert not scanned, mode


async def _scans_a_table(engine: Engine, statement: str, args: tuple[Any, ...]) -> bool:
    async with engine.connection.transaction():
        plan = await engine.connection.fetch(f"explain {statement}", *args)
    text = "\n".join(row[0] for row in plan)
    return any(f"Seq Scan on {table}" in text for table in ("shipment", "ledger", "orders", "order_event", "timer"))


async def test_a_statement_that_reads_a_whole_table_is_found(engine: Engine) -> None:
    """What looks for plans does not look away."""
    for statement in LARGE:
        await engine.connection.execute(statement)
    assert await _scans_a_table(engine, "select * from status.ledger where content = $1", ("x",))
