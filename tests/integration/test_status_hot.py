"""What batches change again and again is written where it stands: no index has it, and there is room beside it.

Such an update (HOT) writes no index, and what it leaves behind is cleared away by whoever reads the page next.
"""

import json
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from tests.integration.test_status_cost import Engine, orders, scans

PARCELS: Final = 60
#: Another transaction may see what is old for a moment, autovacuum's too: then a page has no room once.
FEW: Final = 0.1
COUNTED: Final = """
select relname, n_tup_upd as updated, n_tup_hot_upd as hot from pg_stat_user_tables
where schemaname = 'status' and relname in ('orders', 'shipment')
"""
#: With the columns of its expressions and of its condition.
INDEXED: Final = """
select index.relname as index, tab.relname as table, col.attname as column
from pg_index i
join pg_class index on index.oid = i.indexrelid join pg_class tab on tab.oid = i.indrelid
join pg_attribute col on col.attrelid = i.indrelid and (col.attnum = any(i.indkey) or exists (
    select from pg_depend d where d.objid = i.indexrelid and d.refobjid = i.indrelid and d.refobjsubid = col.attnum))
where tab.relnamespace = 'status'::regnamespace and tab.relname in ('orders', 'shipment')
"""


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine whose orders have their first scans."""
    connection = await asyncpg.connect(database)
    made = Engine(connection)
    await made.apply(*orders(PARCELS))
    for minutes in (100, 200, 300):
        await made.apply(*scans(PARCELS, minutes=minutes))
    yield made
    await connection.close()


async def counted(engine: Engine) -> dict[str, tuple[int, int]]:
    """Return by table how many rows were updated, and how many of them where they stand."""
    await engine.connection.execute("select pg_stat_force_next_flush()")
    await engine.connection.execute("select pg_stat_clear_snapshot()")
    return {row["relname"]: (row["updated"], row["hot"]) for row in await engine.connection.fetch(COUNTED)}


async def updates(engine: Engine) -> dict[str, float]:
    """Apply batches of known orders; return by table which part of its updates wrote an index."""
    before = await counted(engine)
    for minutes in range(400, 1400, 100):
        await engine.apply(*scans(PARCELS, minutes=minutes))
    after = await counted(engine)
    moved = {table: (after[table][0] - before[table][0], after[table][1] - before[table][1]) for table in after}
    assert all(updated >= 10 * PARCELS for updated, _ in moved.values()), moved
    return {table: 1 - hot / updated for table, (updated, hot) in moved.items()}


async def rows(engine: Engine, table: str, key: str) -> dict[str, dict[str, Any]]:
    """Return a table by key, each row by column."""
    found = await engine.connection.fetch(f"select {key}, to_jsonb(t)::text from status.{table} t")  # noqa: S608
    return {one[0]: json.loads(one[1]) for one in found}


async def changed_by_batches(engine: Engine) -> set[tuple[str, str]]:
    """Return (table, column) of all that batches change in rows that are there."""
    keys = {"orders": "order_key", "shipment": "shipment"}
    before = {table: await rows(engine, table, key) for table, key in keys.items()}
    await engine.apply(*scans(PARCELS, minutes=2000), *scans(PARCELS, minutes=2100))
    after = {table: await rows(engine, table, key) for table, key in keys.items()}
    return {
        (table, column)
        for table, old in before.items()
        for key, row in old.items()
        for column, value in row.items()
        if after[table][key][column] != value
    }


async def indexed(engine: Engine) -> set[tuple[str, str]]:
    """Return (table, column) of all that stands in an index."""
    return {(row["table"], row["column"]) for row in await engine.connection.fetch(INDEXED)}


async def test_batches_write_orders_and_parcels_where_they_stand(engine: Engine) -> None:
    written = await updates(engine)
    assert all(part < FEW for part in written.values()), written


@pytest.mark.parametrize(("table", "column"), [("orders", "updated_at"), ("shipment", "next_n")])
async def test_an_index_on_a_changing_column_would_end_that(engine: Engine, table: str, column: str) -> None:
    await engine.connection.execute(f"create index on status.{table} ({column})")
    written = await updates(engine)
    assert written[table] == 1


async def test_full_pages_would_end_that_too(engine: Engine) -> None:
    for table in ("orders", "shipment"):
        await engine.connection.execute(f"alter table status.{table} set (fillfactor = 100)")
        await engine.connection.execute(f"vacuum full status.{table}")
    written = await updates(engine)
    assert any(part > FEW for part in written.values()), written


async def test_no_index_has_a_column_that_batches_change(engine: Engine) -> None:
    changed = await changed_by_batches(engine)
    assert {("orders", "version"), ("orders", "updated_at"), ("shipment", "next_n")} <= changed
    assert not changed & await indexed(engine)


async def test_an_index_is_known_by_its_columns_its_expressions_and_its_condition(engine: Engine) -> None:
    known = await indexed(engine)
    assert {("orders", "order_key"), ("orders", "restored"), ("shipment", "shipment")} <= known
    for index in ("(updated_at)", "((version + 1))", "(order_key) where state = 'delivered'"):
        await engine.connection.execute(f"create index on status.orders {index}")
    assert await indexed(engine) - known == {("orders", "updated_at"), ("orders", "version"), ("orders", "state")}
