"""A batch is folded before its orders are locked: what others commit in between is seen, and folded again."""

import random
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.runtime.kafka import Record
from services.status import ahead
from services.status.inputs import ScanIn, read
from services.status.loaded import Loaded
from tests.integration.cache_stage import Process, processes, wrong
from tests.integration.cache_streams import stream
from tests.integration.test_status_cache_streams import left
from tests.records import event, placed, record, scan, shipment
from tests.stack.databases import PostgresServer, note_compared

Between = Callable[[Loaded], Awaitable[None]]

TWO_PARCELS = placed(), shipment("A1", parcel="A"), shipment("B1", parcel="B")


class Interrupted:
    """What happens after a batch was folded and before its orders are locked, and what is folded once more then."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        """Stand between the two."""
        self.between: list[Between] = []
        self.again: list[set[str]] = []
        self._lock, self._fold_again = ahead._lock, ahead._fold_again  # noqa: SLF001
        patch.setattr(ahead, "_lock", self._interrupt)
        patch.setattr(ahead, "_fold_again", self._note)

    async def _interrupt(self, connection: Any, loaded: Loaded) -> ahead.Moved:
        if self.between:
            await self.between.pop()(loaded)
        return await self._lock(connection, loaded)

    async def _note(self, connection: Any, old: Any, *rest: Any) -> Any:
        self.again.append({order for part in old for order in part.world.orders})
        return await self._fold_again(connection, old, *rest)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Interrupted:
    """Stand between the folding and the locks."""
    return Interrupted(monkeypatch)


@pytest.fixture
async def both(database: str) -> Any:
    """Two processes on one database."""
    async with processes(database, 2) as opened:
        yield opened


def by(process: Process, *bodies: dict[str, Any]) -> Between:
    """Have a process apply a batch."""

    async def apply(_: Loaded) -> None:
        await process.apply(*bodies)

    return apply


async def test_a_parcel_that_another_process_scans_in_between_is_not_lost(
    both: list[Process], interrupted: Interrupted
) -> None:
    one, two = both
    await one.apply(*TWO_PARCELS)
    interrupted.between.append(by(two, scan("delivered", minutes=61, number="B1")))
    await one.apply(scan("delivered", minutes=60, number="A1"))
    assert [parcel["stage"] for parcel in (await one.document())["parcels"]] == ["delivered", "delivered"]
    assert await one.version() == 5
    assert interrupted.again == [{"main:1001"}]
    assert not await wrong(one.connection)


async def test_an_order_of_which_nothing_moved_is_folded_once(both: list[Process], interrupted: Interrupted) -> None:
    one, two = both
    await one.apply(*TWO_PARCELS, placed(order="2"), shipment("C1", order="2"))
    interrupted.between.append(by(two, scan("delivered", minutes=61, number="B1")))
    await one.apply(scan("accepted", minutes=60, number="A1"), scan("accepted", minutes=60, number="C1"))
    assert interrupted.again == [{"main:1001"}]
    assert not await wrong(one.connection)


async def test_what_the_shop_says_in_between_counts(both: list[Process], interrupted: Interrupted) -> None:
    one, two = both
    await one.apply(placed())
    interrupted.between.append(by(two, event("on_hold", minutes=50)))
    await one.apply(event("released", minutes=60))
    assert interrupted.again == [{"main:1001"}]
    assert not await wrong(one.connection)


async def test_an_order_that_two_processes_make_at_once_is_one(both: list[Process], interrupted: Interrupted) -> None:
    one, two = both
    interrupted.between.append(by(two, event("on_hold", minutes=5)))
    await one.apply(placed())
    assert await one.version() == 2
    assert not await wrong(one.connection)


async def test_a_claim_that_needs_another_parcel_now_is_a_conflict_and_is_tried_again(
    both: list[Process], interrupted: Interrupted
) -> None:
    one, two = both
    await one.apply(placed())
    interrupted.between.append(by(two, shipment("A1", parcel="A")))
    await one.apply(event("shipment_corrected", minutes=20, shipment="A", number="A2"))
    assert one.conflicts == 1
    assert (await one.document())["parcels"][0]["number"] == "A2"
    assert not await wrong(one.connection)


async def test_a_cold_process_reads_again_what_it_had_read_too_early(
    both: list[Process], interrupted: Interrupted
) -> None:
    one, two = both
    one.cache = None
    await two.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"))
    interrupted.between.append(by(two, scan("delivered", minutes=61, number="B1")))
    await one.apply(scan("delivered", minutes=60, number="A1"))
    assert [parcel["stage"] for parcel in (await one.document())["parcels"]] == ["delivered", "delivered"]
    assert not await wrong(one.connection)


async def test_a_reading_told_earlier_and_folded_again_is_moved_once(
    both: list[Process], interrupted: Interrupted
) -> None:
    one, two = both
    await one.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"))
    earlier = scan("accepted", minutes=50, number="A1", told_at="2026-11-20T09:50:30+00:00")
    interrupted.between.append(by(two, scan("delivered", minutes=61, number="B1")))
    await one.apply(earlier, scan("in_transit", minutes=60, number="A1"))
    assert interrupted.again
    assert not await wrong(one.connection)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(10))
async def test_batches_that_meet_end_as_one_after_the_other(
    database: str, postgres_server: PostgresServer, interrupted: Interrupted, seed: int
) -> None:
    name = await postgres_server.create(template=urlsplit(database).path.removeprefix("/"))
    other = postgres_server.database_url(name)
    await note_compared(other)
    dice = random.Random(seed)  # noqa: S311 - no secret
    try:
        async with processes(database, 2) as both, processes(other, 1) as (plain,):
            plain.cache = None
            batches = stream(seed)
            while batches:
                batch, one = batches.pop(0), dice.choice(both)
                beside: list[Record] = []
                interrupted.between.append(_scanning(next(p for p in both if p is not one), batches, beside))
                await one.apply_records(batch)
                for some in (beside, batch):
                    if some:
                        await plain.apply_records(some)
                assert not await wrong(one.connection), f"seed {seed}"
            assert await left(both[0].connection) == await left(plain.connection)
            assert interrupted.again, "nothing ever met"
    finally:
        await postgres_server.drop(name)


def _scanning(process: Process, batches: list[list[Record]], beside: list[Record]) -> Between:
    """Have a process take scans that would come later, of parcels that nobody has locked."""

    async def apply(loaded: Loaded) -> None:
        for batch in batches[:3]:
            for one in list(batch):
                item = read(one)
                if isinstance(item, ScanIn) and item.shipment not in loaded.locked:
                    batch.remove(one)
                    beside.append(one)
        batches[:] = [batch for batch in batches if batch]
        if beside:
            await process.apply_records(beside)

    return apply


async def test_a_batch_of_which_nothing_moved_is_written_as_it_was_folded(
    both: list[Process], interrupted: Interrupted
) -> None:
    await both[0].apply(*TWO_PARCELS)
    await both[0].apply(scan("delivered", minutes=60, number="A1"))
    assert interrupted.again == []


async def test_the_record_of_a_batch_that_was_folded_again_counts_once(
    both: list[Process], interrupted: Interrupted
) -> None:
    one, two = both
    await one.apply(*TWO_PARCELS)
    interrupted.between.append(by(two, scan("delivered", minutes=61, number="B1")))
    told = [record(scan("accepted", minutes=60, number="A1"))] * 2
    await one.apply_records(told)
    assert await one.connection.fetchval("select next_n from status.shipment where shipment = 'royal-mail:A1'") == 3
    assert await one.connection.fetchval("select sum(repeats) from status.ledger") == 1
