"""The purge where something is in its way: what cannot be purged is left, and nothing else is (rule E8)."""

from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest
from pydantic import SecretStr

from services.runtime import metrics
from services.runtime.errors import Exit
from services.runtime.postgres import open_pool
from services.runtime.settings import PostgresSettings
from services.status import purge_rows
from tests.integration.closing_stage import Closing, opened
from tests.records import event, placed

CLAIMS = 2000
#: So many delivered orders, each with a claim on one parcel: by hand, as the engine would fold all for each of them.
MANY = """
insert into status.shipment (shipment) values ('royal-mail:ALL');
insert into status.orders (order_key, version, state, doc, updated_at)
select 'main:P' || n, 1, 'delivered', '{}', now() - interval '500 days' from generate_series(1, 2000) n;
insert into status.ledger (shipment, n, kind, event_key, content, claimed_by, told_at, occurred_at, body)
select 'royal-mail:ALL', n, 'claim', 'claim:main:P' || n || ':A', n, 'main:P' || n, now(), now(),
    '{"parcel": "A", "holds": true}' from generate_series(1, 2000) n;
"""
REFUSE = """
create function status.refuse() returns trigger language plpgsql as
$$ begin raise exception 'refused' using errcode = '{code}'; end $$;
create trigger refuse before update on status.orders for each row
when (new.order_key = 'main:T3' and new.closed = 'purged') execute function status.refuse();
"""
ORDERS = [f"T{number}" for number in range(8)]
CLOSED = "select count(*) from status.orders where closed = 'purged'"


@pytest.fixture
async def stage(database: str) -> AsyncIterator[Closing]:
    """A fresh database."""
    async with opened(database) as made:
        yield made


async def finished(stage: Closing) -> None:
    """Have some orders that are due."""
    for order in ORDERS:
        await stage.apply(placed(order=order), event("cancelled", order=order, minutes=5))
        await stage.age(f"main:{order}")


def left_out() -> float:
    """Return how many were left so far."""
    return float(metrics.PURGED.labels("left_out")._value.get())  # noqa: SLF001 - the client has no other way


async def test_thousands_of_orders_that_claim_one_parcel_are_purged_in_short_statements(
    stage: Closing, database: str
) -> None:
    await stage.connection.execute(MANY)
    settings = PostgresSettings(url=SecretStr(database), statement_timeout_s=3)
    before = left_out()
    async with open_pool(settings, "test", schema="status") as pool:
        assert await replace(stage.purge_of(), pool=pool).sweep() == CLAIMS
    assert left_out() == before
    assert await stage.count("ledger") == 0, "the parcel went with the last of them"


@pytest.mark.parametrize("code", ["57014", "23514", "22023", "P0001"])
async def test_an_order_that_cannot_be_purged_is_left_and_all_others_go(stage: Closing, code: str) -> None:
    await finished(stage)
    await stage.connection.execute(REFUSE.format(code=code))
    before = left_out()
    assert await stage.purge() == len(ORDERS) - 1
    assert (await stage.mark("main:T3"))[2] is None
    assert left_out() == before + 1
    await stage.connection.execute("drop trigger refuse on status.orders")
    assert await stage.purge() == 1


async def test_where_nothing_can_be_purged_the_walk_still_ends(stage: Closing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.status.purge.MOST_FAILURES", 3)
    await finished(stage)
    await stage.connection.execute(REFUSE.format(code="57014").replace("new.order_key = 'main:T3' and", ""))
    before = left_out()
    assert await stage.purge() == 0
    assert left_out() > before


async def test_a_right_that_is_missing_ends_the_process_for_a_person_to_mend_it(stage: Closing) -> None:
    await finished(stage)
    await stage.connection.execute(REFUSE.format(code="42501"))
    with pytest.raises(Exit) as ended:
        await stage.purge()
    assert ended.value.code == 78


async def test_while_another_process_walks_or_the_outbox_is_full_nobody_does(stage: Closing, database: str) -> None:
    await finished(stage)
    other = await asyncpg.connect(database)
    try:
        async with purge_rows.turn(other) as ours:
            assert ours
            assert await stage.purge() == 0
        assert await replace(stage.purge_of(), may_take=lambda: False).sweep() == 0
        assert await stage.connection.fetchval(CLOSED) == 0
        assert await stage.purge() == len(ORDERS)
    finally:
        await other.close()


async def test_a_walk_that_was_in_somebodys_way_goes_on_where_it_was_left(
    stage: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.status.purge.WINDOW", 3)
    await finished(stage)
    room = iter([True, False])
    purge = replace(stage.purge_of(), may_take=lambda: next(room, True))
    assert await purge.sweep() == 3
    await stage.connection.execute("update status.orders set closed = null where order_key < 'main:T3'")
    assert await purge.sweep() == len(ORDERS) - 3
