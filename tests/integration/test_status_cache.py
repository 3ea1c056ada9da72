"""What a process keeps between its batches counts only while the locked rows say that it is still so."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from services.runtime.life import Life
from services.runtime.postgres import open_pool
from services.runtime.settings import PostgresSettings, ServiceSettings
from services.status import expiry_rows, repository, versions
from services.status.inputs import OrderIn, read
from services.status.purge import Purge
from tests.integration.cache_stage import OUTPUTS, Process, processes, wrong
from tests.records import at, event, placed, record, scan, shipment

ORDER = "main:1001"
B1 = "royal-mail:B1"
#: Years after every clock that a test may run on.
FAR_OFF = 40_000_000
TWO_PARCELS = (placed(), shipment("A1", parcel="A"), shipment("B1", parcel="B"))


@pytest.fixture
async def both(database: str) -> AsyncIterator[list[Process]]:
    """Two processes on a fresh database."""
    async with processes(database, 2) as opened:
        yield opened


async def statements(process: Process, *bodies: dict[str, Any]) -> list[str]:
    """Apply a batch; return the statements that were run for it."""
    asked: list[str] = []

    def note(query: Any) -> None:
        asked.append(query.query)

    with process.connection.query_logger(note):
        await process.apply(*bodies)
    return asked


async def test_what_is_known_is_not_read_again(both: list[Process]) -> None:
    one, _ = both
    await one.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"))
    asked = await statements(one, scan("in_transit", minutes=60, number="A1"))
    histories = {repository.READ_LEDGER_FROM, repository.READ_EVENTS, repository.READ_DOCUMENTS}
    assert not histories & set(asked)
    assert not {repository.READ_CLAIMANTS, repository.READ_CLAIMED_KEYS, repository.CREATE_SHIPMENTS} & set(asked)
    assert not await wrong(one.connection)


async def test_what_another_process_appended_to_a_sibling_is_seen(both: list[Process]) -> None:
    one, two = both
    await one.apply(*TWO_PARCELS, scan("accepted", minutes=50, number="A1"), scan("accepted", minutes=51, number="B1"))
    await two.apply(scan("delivered", minutes=61, number="B1"))
    await one.apply(scan("delivered", minutes=60, number="A1"))
    assert [await one.stage("A"), await one.stage("B")] == ["delivered", "delivered"]
    assert not await wrong(one.connection)


async def test_what_another_process_appended_to_the_same_parcel_is_not_told_again(both: list[Process]) -> None:
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    await two.apply(scan("delivered", minutes=61, number="A1"))
    await one.apply(scan("delivered", minutes=61, number="A1"), scan("in_transit", minutes=55, number="A1"))
    assert await one.stage() == "delivered"
    assert await one.connection.fetchval("select count(*) from status.ledger where claimed_by is null") == 3
    assert not await wrong(one.connection)


async def test_a_reading_told_earlier_by_another_process_counts(both: list[Process]) -> None:
    """Of two readings of one scan the earlier told counts first: which that is can change (rule E5)."""
    one, two = both
    first = {**scan("delivered", minutes=60, number="A1"), "event_key": "k1", "told_at": at(180)}
    other = {**scan("in_transit", minutes=60, number="A1"), "event_key": "k1", "told_at": at(240)}
    await one.apply(placed(), shipment("A1"), first, other)
    assert await one.stage() == "delivered"
    await two.apply({**other, "told_at": at(120)})
    assert await one.stage() == "in_transit"
    await one.apply(event("note", minutes=99, text="asked for a call"), scan("estimated", minutes=58, number="A1"))
    assert await one.stage() == "in_transit"
    assert not await wrong(one.connection)


async def test_an_erased_claim_on_a_shared_parcel_is_gone(both: list[Process]) -> None:
    """Both orders claim one number: with one of them erased, all of its scans are the other's (rule E3)."""
    one, two = both
    await one.apply(
        placed(), shipment("A1"), placed(order="2002"), shipment("A1", order="2002", minutes=60 * 24 * 60),
        scan("in_transit", minutes=60, number="A1"), scan("delivered", minutes=60 * 24 * 61, number="A1"),
    )  # fmt: skip
    await two.apply(event("erased", minutes=60 * 24 * 62))
    await one.apply(scan("returned", minutes=60 * 24 * 63, number="A1"))
    assert await one.connection.fetchval("select count(*) from status.ledger where claimed_by = $1", ORDER) == 0
    assert not await wrong(one.connection)


async def purge(database: str, process: Process) -> None:
    """Purge all orders that are finished, as another process does."""
    await process.connection.execute("update status.orders set updated_at = now() - interval '401 days'")
    async with open_pool(PostgresSettings(url=SecretStr(database)), "test", schema="status") as pool:
        assert await Purge(Life("status", ServiceSettings()), pool, OUTPUTS, 400, 0, between_s=0).sweep() == 1


async def test_a_purged_parcel_has_no_history_any_more(both: list[Process], database: str) -> None:
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("delivered", minutes=60, number="A1"))
    await purge(database, two)
    await one.apply(scan("returned", minutes=FAR_OFF, number="A1"))
    await one.apply(shipment("A1", order="2002", minutes=FAR_OFF), placed(order="2002", minutes=FAR_OFF))
    assert not await wrong(one.connection)
    assert (await one.stage(order="main:2002")) == "returned"


async def test_a_purged_order_that_is_opened_anew_shows_nothing_of_before(both: list[Process], database: str) -> None:
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("delivered", minutes=60, number="A1"))
    await purge(database, two)
    await one.apply(event("note", minutes=FAR_OFF, text="asked for a call"))
    assert not await wrong(one.connection)


async def test_an_unclaimed_shipment_that_expired_and_is_told_again_begins_anew(both: list[Process]) -> None:
    one, two = both
    await one.apply(scan("announced", minutes=1, number="A1"), scan("accepted", minutes=50, number="A1"))
    await two.connection.execute("update status.ledger set received_at = now() - interval '61 days'")
    await two.connection.execute("update status.shipment set created_at = created_at - interval '61 days'")
    async with two.connection.transaction():
        assert await expiry_rows.expire(two.connection, days=60, limit=10)
    await one.apply(scan("accepted", minutes=50, number="A1"))
    assert one.conflicts == 1
    assert await one.connection.fetchval("select count(*) from status.ledger") == 1


async def test_an_expired_shipment_that_another_process_made_anew_is_not_the_known_one(both: list[Process]) -> None:
    """It has as many rows as the known one had: only when it was created tells them apart."""
    one, two = both
    await one.apply(scan("announced", minutes=1, number="A1"), scan("accepted", minutes=50, number="A1"))
    await two.connection.execute("delete from status.ledger")
    await two.connection.execute("delete from status.shipment")
    await two.apply(scan("announced", minutes=1, number="A1"), scan("in_transit", minutes=70, number="A1"))
    await one.apply(scan("accepted", minutes=50, number="A1"), placed(), shipment("A1"))
    assert await one.connection.fetchval("select count(*) from status.ledger where claimed_by is null") == 3
    assert not await wrong(one.connection)


async def test_an_order_event_that_another_process_replaced_by_the_other_content_counts(both: list[Process]) -> None:
    one, two = both
    told = {
        stored.stored.content: body
        for body in (shipment("A1", minutes=10), shipment("B1", minutes=10))
        for stored in [item_of(body)]
    }
    smaller, larger = (told[content] for content in sorted(told))
    await one.apply(placed(), larger, scan("in_transit", minutes=60, number="A1"))
    await two.apply(smaller)
    await one.apply(event("note", minutes=99, text="asked for a call"))
    await one.apply(scan("delivered", minutes=60, number="B1"), scan("accepted", minutes=50, number="A1"))
    assert not await wrong(one.connection)
    assert (await one.document())["parcels"][0]["number"] == smaller["number"]


def item_of(body: dict[str, Any]) -> OrderIn:
    """Return a body as the replay has it."""
    item = read(record(body))
    assert isinstance(item, OrderIn)
    return item


async def test_an_event_that_another_process_told_of_an_order_counts(both: list[Process]) -> None:
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    await two.apply(event("promise_changed", minutes=20, promised={"day": "2026-11-30"}))
    await one.apply(scan("in_transit", minutes=60, number="A1"))
    assert not await wrong(one.connection)


async def test_a_number_that_another_process_corrected_is_a_conflict_and_then_counts(both: list[Process]) -> None:
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    await two.apply(event("shipment_corrected", minutes=20, shipment="S1", number="B1"))
    news = event("note", minutes=99, text="asked for a call"), scan("in_transit", minutes=60, number="B1")
    await one.apply(*news)
    assert await one.stage() == "in_transit"
    assert not await wrong(one.connection)


async def test_an_erasure_locks_every_parcel_that_its_order_ever_claimed(both: list[Process]) -> None:
    """Its claim is deleted there too: whoever works on that parcel waits before it, not crosswise."""
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    await two.apply(event("shipment_corrected", minutes=20, shipment="S1", number="B1"))
    await two.apply(event("shipment_corrected", minutes=21, shipment="S1", number="A1"))
    found: list[str] = []
    while not one.conflicts and not found:
        found = await locked_by(one, event("erased", minutes=99))
    assert B1 in (found if not one.conflicts else await locked_by(one, event("erased", minutes=99)))


async def locked_by(process: Process, *bodies: dict[str, Any]) -> list[str]:
    """Return the shipments that a batch locks."""
    found: list[str] = []

    def note(query: Any) -> None:
        if query.query == repository.LOCK_SHIPMENTS:
            found.extend(query.args[0])

    with process.connection.query_logger(note):
        await process.lose([record(body) for body in bodies])
    return found


async def test_after_another_machine_an_order_is_read_again(
    both: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = both
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    with monkeypatch.context() as patch:
        patch.setattr(versions, "MACHINE_VERSION", versions.MACHINE_VERSION + 1)
        await two.apply(scan("in_transit", minutes=60, number="A1"))
    await one.apply(scan("out_for_delivery", minutes=90, number="A1"))
    assert await one.stage() == "out_for_delivery"
    assert await one.connection.fetchval("select machine from status.orders") == versions.MACHINE_VERSION
    assert not await wrong(one.connection)


async def test_a_change_is_compared_with_what_another_process_showed_last(both: list[Process]) -> None:
    one, two = both
    late = scan("in_transit", minutes=60, number="A1")
    await one.apply(placed(), shipment("A1"), scan("accepted", minutes=50, number="A1"))
    await two.apply(late)
    shown = await one.version()
    await one.apply({**late, "raw_code": "the same in another word", "told_at": at(90)})
    assert await one.connection.fetchval("select count(*) from status.ledger where claimed_by is null") == 3
    assert await one.version() == shown
