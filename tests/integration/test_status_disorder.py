"""Arrival order does not matter, through the database as well: any order, batching and owners, the same documents."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest

from schemas.order_status import ORDER_STATUS
from services.runtime.consume import Batch
from services.runtime.errors import Conflict
from services.runtime.kafka import Record
from services.status import repository
from services.status.order import fold_order
from tests import shown
from tests.integration.test_status_engine import HANDLER, TABLES
from tests.outbox import values
from tests.records import event, placed, record, scan, shipment

OWNERS = 3
LIMIT_S = 60
DAY = 60 * 24
TOLD = ("2026-11-20T08:00:00Z", "2026-11-20T09:30:00+02:00", "2027-01-20T00:00:00Z")


def story(rng: random.Random) -> list[Record]:
    """Return two orders whose parcels share numbers, with contradictions, corrections and several readings."""
    told = [one for order in "12" for one in order_story(rng, order)]
    return told + [one for number in ("N1", "N2", "N3") for one in parcel_story(rng, number)]


def order_story(rng: random.Random, order: str) -> list[Record]:
    """Return the events of one order."""
    bodies = [placed(order=order, payment_awaited=rng.random() < 0.3)]
    for name in ("payment_confirmed", "packed", "dispatched", "cancelled"):
        bodies += [event(name, order=order, minutes=40)] if rng.random() < 0.3 else []
    records = [record(body) for body in bodies]
    for parcel in "AB":
        for number in rng.sample(["N1", "N2", None], rng.choice([1, 1, 2])):
            body = shipment(number, parcel=parcel, order=order, minutes=rng.choice([10, 50 * DAY]))
            # One id for all: where there are two, one contradicts the other.
            records.append(record({**body, "references": rng.choice([{}, {"sf": "7"}])}, event_id=f"made-{parcel}"))
        changes = [
            event("shipment_corrected", order=order, minutes=20, shipment=parcel, number=rng.choice(["N1", "N3"])),
            event("shipment_voided", order=order, minutes=20, shipment=parcel),
        ]
        records += [record(body) for body in changes if rng.random() < 0.4]
    return records


def parcel_story(rng: random.Random, number: str) -> list[Record]:
    """Return scans of one number, each told up to three times, not always alike."""
    records = []
    for stage in ("announced", "in_transit", "out_for_delivery", "delivered", "returned", None):
        known: dict[str, Any] = rng.choice(
            [{"number": number}, {"number": number}, {"number": None, "references": {"sf": "7"}}]
        )
        body = scan(stage, minutes=rng.choice([60, 1500, 51 * DAY]), kind=rng.choice(["scan", "scan", "summary"]))
        for _ in range(rng.randint(0, 3)):
            extra = {"description": rng.choice(["x", "ÿ"]), "told_at": rng.choice(TOLD), "provider": "ups"}
            some = {name: value for name, value in extra.items() if rng.random() < 0.5}
            remap: dict[str, Any] = {"kind": "remap", "map_version": rng.randint(1, 3)} if rng.random() < 0.2 else {}
            records.append(record({**body, **known, **some, **remap, "event_key": f"{number}-{stage}"}))
    return records


class Owners:
    """Several connections that apply batches at once."""

    def __init__(self, connections: Sequence[Any]) -> None:
        self.connections = connections

    async def outcome(self, records: Sequence[Record], rng: random.Random, *, owners: int) -> dict[str, Any]:
        """Apply the records in a random order, some of them twice, and return what every order shows."""
        first = self.connections[0]
        await first.execute(f"truncate {TABLES}")
        shares: list[list[Record]] = [[] for _ in range(owners)]
        for one in rng.sample([*records, *records[::3]], len(records) + len(records[::3])):
            rng.choice(shares).append(one)
        async with asyncio.timeout(LIMIT_S):
            await asyncio.gather(*(self._own(self.connections[n], share, rng) for n, share in enumerate(shares)))
        rows = await shown.rows(first)
        documents = {row.order: row.document for row in rows}
        assert await self._folded(list(documents)) == documents
        for row in rows:
            assert await self._versions(row.order) == list(range(1, row.version + 1))
        return documents

    async def _own(self, connection: Any, share: Sequence[Record], rng: random.Random) -> None:
        left = list(share)
        while left:
            batch = left[: rng.choice([1, 1, 3, 20])]
            try:
                async with connection.transaction():
                    await HANDLER.apply(Batch(connection, tuple(batch)))
            except Conflict:
                continue
            left = left[len(batch) :]

    async def _folded(self, orders: list[str]) -> dict[str, Any]:
        """Fold what is stored, as the next process to touch the orders would."""
        first = self.connections[0]
        events, keys = await repository.events(first, orders), await repository.claimed_keys(first, orders)
        histories = await repository.histories(first, sorted(keys))
        return {order: fold_order(order, events[order].values(), histories) for order in orders}

    async def _versions(self, order: str) -> list[int]:
        found = await values(self.connections[0], key=order)
        return [ORDER_STATUS.validate_json(value).change.version for value in found]


@pytest.fixture
async def owners(database: str) -> AsyncIterator[Owners]:
    """Owners of one database."""
    opened = [await asyncpg.connect(database) for _ in range(OWNERS)]
    yield Owners(opened)
    for connection in opened:
        await connection.close()


@pytest.mark.parametrize("seed", range(8))
async def test_any_order_batching_and_owners_end_in_the_same_documents(owners: Owners, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a test's disorder
    records = story(rng)
    expected = await owners.outcome(records, rng, owners=1)
    assert set(expected) == {"main:1", "main:2"}
    for count in (1, OWNERS, OWNERS):
        assert await owners.outcome(records, rng, owners=count) == expected
