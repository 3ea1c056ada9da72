"""What is seldom, folded ahead of the locks: erasures, timers that others keep, one record that takes its time."""

import json
from typing import Any

import pytest

from services.status import handler, timer_rows
from tests.integration.cache_stage import Process, processes, wrong
from tests.integration.test_status_ahead import TWO_PARCELS, Interrupted, by
from tests.records import START, event, placed, record, scan, shipment

DAY = 24 * 60


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    """Stand between the folding and the locks."""
    return Interrupted(monkeypatch)


@pytest.fixture
async def both(database: str) -> Any:
    """Two processes on one database."""
    async with processes(database, 2) as opened:
        yield opened


async def now_in_minutes(process: Process) -> int:
    """Return how long after the start of every story it is."""
    now = await process.connection.fetchval("select now()")
    return int((now - START).total_seconds() // 60)


async def is_late(process: Process, order: str) -> bool:
    """Tell whether an order's timer stands behind what it awaits."""
    now = await process.connection.fetchval("select now()")
    awaited = (await timer_rows.awaited(process.connection, [order]))[order]
    first = min((one.expectation.due_at for one in awaited if one.expectation.due_at > now), default=None)
    due = await process.connection.fetchval("select due_at from status.timer where key = $1", order)
    return first is not None and (due is None or due > first)


async def work_off(process: Process, *orders: str) -> list[dict[str, Any]]:
    """Do what the timers' worker does with what is due; return what it tells."""
    connection, told = process.connection, []
    now = await connection.fetchval("select now()")
    for order in orders:
        awaited = (await timer_rows.awaited(connection, [order]))[order]
        told += [json.loads(one.value) for one in awaited if one.expectation.due_at <= now]
        if await connection.fetchval("select due_at <= now() from status.timer where key = $1", order):
            left = [one for one in awaited if one.expectation.due_at > now]
            await timer_rows.move(connection, {order: timer_rows.next_date(left)})
    return told


async def test_an_erasure_that_is_folded_again_still_shows_in_the_order_that_shares_the_number(
    both: list[Process], interrupted: Interrupted
) -> None:
    """E9: what the thrown-away fold took out of a shared history is not kept."""
    one, two = both
    await one.apply(placed(order="1"), shipment("S", parcel="A", order="1", minutes=0))
    again = (shipment(number, parcel=number, order="2", minutes=40 * DAY) for number in ("S", "B1"))
    await one.apply(placed(order="2", minutes=40 * DAY), *again)
    await one.apply(scan("in_transit", minutes=DAY, number="S"))
    interrupted.between.append(by(two, scan("accepted", minutes=41 * DAY, number="B1")))
    await one.apply(event("erased", order="1", minutes=41 * DAY))
    assert interrupted.again
    assert not await wrong(one.connection)


async def test_an_erasure_that_gives_another_order_earlier_scans_moves_its_timer(both: list[Process]) -> None:
    """E3, E15."""
    one, _ = both
    now = await now_in_minutes(one)
    for order, placed_at in (("1", now - 41 * DAY), ("2", now - DAY)):
        made = shipment("S", parcel="A", order=order, minutes=placed_at)
        await one.apply(placed(order=order, minutes=placed_at), made)
    await one.apply(scan("in_transit", minutes=now - 9 * DAY, number="S"))
    await one.apply(event("erased", order="1", minutes=now))
    assert not await wrong(one.connection)


async def test_a_timer_that_others_have_moved_is_kept_by_a_batch_that_is_folded_again(
    both: list[Process], interrupted: Interrupted
) -> None:
    """E15: what was seen of others the first time is no news the second time."""
    one, two = both
    now = await now_in_minutes(one)
    made = {"S": now - DAY // 2, "B": now - 26 * DAY // 10, "C": now - 26 * DAY // 10}
    owners = {"S": ("1", "2"), "B": ("1",), "C": ("2",)}
    told = [
        shipment(number, parcel=number, order=order, minutes=made[number])
        for number, orders in owners.items()
        for order in orders
    ]
    await one.apply(*(placed(order=order, minutes=now - 26 * DAY // 10) for order in ("1", "2")), *told)
    await one.apply(
        scan("in_transit", minutes=now - 25 * DAY // 10, number="B"),
        scan("accepted", minutes=now - DAY // 5, number="C"),
    )
    await two.apply(scan("out_for_delivery", minutes=now - 2 * DAY, number="B"))
    await work_off(one, "main:1")
    interrupted.between.append(by(two, scan("in_transit", minutes=now - DAY // 10, number="C")))
    await one.apply(scan("in_transit", minutes=now - 22 * DAY // 10, number="S"))
    assert interrupted.again
    assert not await is_late(one, "main:1")


async def test_a_batch_that_reads_what_others_scanned_believes_no_timer_of_orders_it_has_no_record_of(
    both: list[Process],
) -> None:
    """E15."""
    one, two = both
    now = await now_in_minutes(one)
    early = now - 26 * DAY // 10
    made = {"S": early, "A": now - DAY // 2, "T": now - DAY // 2}
    owners = {"S": ("1", "2"), "A": ("1",), "T": ("2",)}
    told = [
        shipment(number, parcel=number, order=order, minutes=made[number])
        for number, orders in owners.items()
        for order in orders
    ]
    await one.apply(*(placed(order=order, minutes=early) for order in ("1", "2")), *told)
    await one.apply(scan("in_transit", minutes=now - 25 * DAY // 10, number="S"))
    await two.apply(scan("out_for_delivery", minutes=now - 2 * DAY, number="S"))
    await two.apply(*await work_off(one, "main:1", "main:2"))
    await work_off(one, "main:1", "main:2")
    await one.apply(scan("in_transit", minutes=now - 3 * DAY // 10, number="A"))
    await one.apply(scan("in_transit", minutes=now - 22 * DAY // 10, number="T"))
    assert not await is_late(one, "main:2")


async def test_an_erased_order_of_which_one_parcel_comes_under_two_numbers_stays_erased(both: list[Process]) -> None:
    """E9: each event that comes late is read for itself."""
    one, _ = both
    await one.apply(placed(), event("erased", minutes=5))
    late = [record(shipment(f"N{n}", parcel="A", minutes=10 + n), event_id=f"{n}") for n in (1, 2)]
    await one.apply_records(late)
    assert one.conflicts == 0
    assert not await wrong(one.connection)


async def test_one_record_that_takes_its_time_and_is_folded_again_is_applied(
    both: list[Process], interrupted: Interrupted, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = both
    await one.apply(*TWO_PARCELS)
    interrupted.between.append(by(two, scan("delivered", minutes=61, number="B1")))
    monkeypatch.setattr(handler, "REPLAY_LIMIT_S", -1.0)
    await one.apply(scan("delivered", minutes=60, number="A1"))
    assert one.conflicts == 0
    assert not await wrong(one.connection)
