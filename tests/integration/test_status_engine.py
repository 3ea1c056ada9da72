"""The status handler on a real Postgres: what a batch of records leaves in the ledger, the orders and the outbox."""

import itertools
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from schemas.dead_letters import DEAD_LETTER
from schemas.order_status import ORDER_STATUS
from services.runtime import metrics
from services.runtime.consume import Batch
from services.runtime.errors import Conflict
from services.runtime.kafka import Record
from services.runtime.settings import OperatorSettings, PostgresSettings
from services.status import expiry_rows, loading, unknown_carriers
from services.status.handler import Handler
from services.status.messages import DEAD_LETTER_TOPIC, SNAPSHOT_TOPIC, STATUS_TOPIC
from services.status.outputs import Outputs
from tests import shown
from tests.outbox import values, waiting
from tests.records import event, placed, record, scan, shipment

OUTPUTS = Outputs({STATUS_TOPIC: 3, SNAPSHOT_TOPIC: 3, DEAD_LETTER_TOPIC: 1})
HANDLER = Handler(OUTPUTS)
TABLES = "status.outbox, status.ledger, status.shipment, status.order_event, status.orders"


class Engine:
    """Applies batches to one database and reads back what they left."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.connection = connection

    async def apply(self, *bodies: dict[str, Any]) -> None:
        """Apply one batch."""
        await self.apply_records([record(body) for body in bodies])

    async def apply_records(self, records: Sequence[Record]) -> None:
        """Apply one batch of records in one transaction."""
        async with self.connection.transaction():
            await HANDLER.apply(batch := Batch(self.connection, tuple(records)))
        for act in batch.committed:
            act()

    async def document(self, order: str = "main:1001") -> dict[str, Any]:
        """Return what the order shows."""
        return await shown.document(self.connection, order)

    async def versions(self, order: str = "main:1001") -> list[tuple[int, str]]:
        """Return (version, state) of the order's messages in the order of the outbox."""
        messages = [ORDER_STATUS.validate_json(value) for value in await values(self.connection, key=order)]
        return [(message.change.version, message.state) for message in messages]

    async def letters(self) -> list[Any]:
        """Return the dead letters."""
        return [DEAD_LETTER.validate_json(value) for value in await values(self.connection, DEAD_LETTER_TOPIC)]


@pytest.fixture
async def engine(database: str) -> AsyncIterator[Engine]:
    """An engine on a fresh database."""
    connection = await asyncpg.connect(database)
    yield Engine(connection)
    await connection.close()


STORY = (
    placed(minutes=0),
    event("picking_started", minutes=5),
    shipment(minutes=10),
    scan("announced", minutes=11),
    scan("accepted", minutes=60),
    scan("out_for_delivery", minutes=1500),
    scan("delivered", minutes=1700),
)


async def test_a_story_in_one_batch_takes_one_version_for_each_visible_change(engine: Engine) -> None:
    await engine.apply(*STORY)
    assert await engine.versions() == [
        (1, "processing"), (2, "picking"), (3, "picking"), (4, "picking"), (5, "in_transit"), (6, "out_for_delivery"),
        (7, "delivered"),
    ]  # fmt: skip


async def test_batches_of_one_record_end_in_the_same_messages_as_one_batch(engine: Engine) -> None:
    async def messages() -> list[Any]:
        found = await waiting(engine.connection)
        await engine.connection.execute(f"truncate {TABLES}")
        return [(one.key, one.value) for one in found]

    await engine.apply(*STORY)
    at_once = await messages()
    for body in STORY:
        await engine.apply(body)
    assert await messages() == at_once
    assert len(at_once) == len(STORY)


async def test_repeating_everything_changes_nothing(engine: Engine) -> None:
    await engine.apply(*STORY)
    before = await engine.versions(), await engine.document()
    rows = await engine.connection.fetchval("select count(*) from status.ledger")
    await engine.apply(*STORY, *STORY)
    assert (await engine.versions(), await engine.document()) == before
    assert await engine.connection.fetchval("select count(*) from status.ledger") == rows


async def test_scans_before_their_order_are_folded_and_join_it_when_it_comes(engine: Engine) -> None:
    """R13, E2: the order claims what was scanned before it."""
    await engine.apply(scan("in_transit", minutes=60), scan("out_for_delivery", minutes=1500))
    assert await engine.versions() == []
    await engine.apply(shipment(minutes=10))
    await engine.apply(placed(minutes=0))
    document = await engine.document()
    assert document["state"] == "out_for_delivery"
    assert document["parcels"][0]["last_scan"]["stage"] == "out_for_delivery"


async def test_every_order_of_arrival_ends_in_the_same_document(engine: Engine) -> None:
    story = (STORY[0], STORY[2], STORY[4], STORY[6])
    seen = set()
    for number, arrival in enumerate(itertools.permutations(story)):
        order, parcel = f"P{number}", f"PN{number}"
        moved = [
            {**body, "order": order, "number": parcel} if "type" in body
            else {**body, "number": parcel, "event_key": f"{parcel}-{body['event_key']}"}
            for body in arrival
        ]  # fmt: skip
        for body in moved:
            await engine.apply(body)
        document = json.dumps(await engine.document(f"main:{order}")).replace(parcel, "N").replace(order, "O")
        seen.add(document)
    assert len(seen) == 1


async def test_two_orders_with_one_number_close_together_read_one_box_and_show_only_their_own(engine: Engine) -> None:
    await engine.apply(
        placed(order="1"), shipment(order="1", parcel="A"), placed(order="2"), shipment(order="2", parcel="B")
    )
    await engine.apply(scan("out_for_delivery", minutes=1500))
    one, two = await engine.document("main:1"), await engine.document("main:2")
    assert one["state"] == two["state"] == "out_for_delivery"
    assert [parcel["shipment"] for parcel in one["parcels"]] == ["A"]
    assert [parcel["shipment"] for parcel in two["parcels"]] == ["B"]


async def test_a_number_used_again_after_two_months_starts_a_new_box(engine: Engine) -> None:
    later = 60 * 24 * 60
    await engine.apply(placed(order="1"), shipment(order="1"), scan("delivered", minutes=1000))
    await engine.apply(placed(order="2", minutes=later), shipment(order="2", minutes=later))
    assert (await engine.document("main:2"))["state"] == "processing"
    await engine.apply(scan("in_transit", minutes=later + 60))
    assert (await engine.document("main:1"))["state"] == "delivered"
    assert (await engine.document("main:2"))["state"] == "in_transit"


async def test_two_shops_with_the_same_order_number_never_mix(engine: Engine) -> None:
    await engine.apply(placed(shop="books"), placed(shop="shoes"), shipment("X1", shop="books"))
    await engine.apply(scan("delivered", minutes=100, number="X1"))
    assert (await engine.document("books:1001"))["state"] == "delivered"
    assert (await engine.document("shoes:1001"))["state"] == "processing"
    assert (await engine.document("shoes:1001"))["parcels"] == []


async def test_a_corrected_number_leaves_the_old_box_and_reads_the_new_one(engine: Engine) -> None:
    await engine.apply(placed(), shipment("WRONG1"), scan("delivered", minutes=100, number="WRONG1"))
    assert (await engine.document())["state"] == "delivered"
    await engine.apply(event("shipment_corrected", minutes=200, shipment="S1", number="RIGHT1"))
    document = await engine.document()
    assert document["state"] == "processing"
    assert document["parcels"][0]["number"] == "RIGHT1"
    await engine.apply(scan("in_transit", minutes=300, number="RIGHT1"))
    assert (await engine.document())["state"] == "in_transit"
    await engine.apply(scan("returned", minutes=400, number="WRONG1"))
    assert (await engine.versions())[-1] == (5, "in_transit")


async def test_a_parcel_known_by_number_and_reference_reads_both_histories(engine: Engine) -> None:
    """E4: a parcel with several keys reads the union of their histories."""
    await engine.apply(placed(), shipment("AB1", references={"shopify-fulfillment": "77"}))
    by_reference = scan("out_for_delivery", minutes=1500, number=None, references={"shopify-fulfillment": "77"})
    await engine.apply(scan("in_transit", minutes=60), by_reference)
    assert (await engine.document())["state"] == "out_for_delivery"


async def test_a_wider_told_reading_only_moves_back_when_it_was_told(engine: Engine) -> None:
    await engine.apply(placed(), shipment(), scan("in_transit", minutes=60, told_at="2026-11-20T12:00:00Z"))
    await engine.apply(scan("in_transit", minutes=60, told_at="2026-11-20T11:00:00Z"))
    rows = await engine.connection.fetch("select told_at from status.ledger where kind = 'scan'")
    assert [row["told_at"].hour for row in rows] == [11]
    assert len(await engine.versions()) == 3


async def test_of_two_contents_under_one_id_the_same_one_counts_in_either_order(engine: Engine) -> None:
    bodies = placed(minutes=0), placed(minutes=1)
    before, kept = metrics.CONTRADICTED._value.get(), []  # noqa: SLF001 - the client has no other way to read one
    for batches in ([bodies], [bodies[::-1]], [bodies[:1], bodies[1:]], [bodies[1:], bodies[:1]]):
        for batch in batches:
            await engine.apply_records([record(body, event_id="e1") for body in batch])
        kept.append((await engine.document())["placed_at"])
        await engine.connection.execute(f"truncate {TABLES}")
    assert len(set(kept)) == 1
    assert metrics.CONTRADICTED._value.get() == before + len(kept)  # noqa: SLF001


async def test_what_cannot_be_applied_is_a_dead_letter_and_its_neighbours_are_applied(engine: Engine) -> None:
    good = record(placed())
    bad = [
        record(placed(), value=b"garbage"),
        record(placed(), value=None),
        record(placed(), key=b"main:other"),
        record(placed(), headers=()),
        record(scan("delivered", minutes=1), value=b'{"kind": "scan"}'),
        record(scan("delivered", minutes=1), key=None),
    ]
    await engine.apply_records([bad[0], good, *bad[1:]])
    letters = await engine.letters()
    assert sorted(letter.reason for letter in letters) == [
        "invalid", "invalid", "key_mismatch", "key_mismatch", "no_event_id", "no_value",
    ]  # fmt: skip
    assert await engine.versions() == [(1, "processing")]


async def test_a_dead_letter_of_an_order_event_has_a_hash_and_no_bytes(engine: Engine) -> None:
    canary = "canary@example.com"
    bad = placed(contacts=[{"role": "buyer", "email": canary}], delivery_method=7)
    await engine.apply_records([record(placed(), value=json.dumps(bad).encode())])
    (letter,) = await engine.letters()
    assert letter.value_base64 is None
    assert letter.value_sha256 is not None
    assert canary not in letter.model_dump_json()


async def test_no_contact_is_stored_anywhere_in_status(engine: Engine) -> None:
    contacts = [{"role": "buyer", "name": "Canary Person", "email": "canary@example.com", "phone": "+447700900999"}]
    await engine.apply(placed(contacts=contacts), event("contact_changed", minutes=1, contacts=contacts))
    dump = str(
        await engine.connection.fetch(
            "select o.*, e.body from status.orders o join status.order_event e using (order_key)"
        )
    )
    dump += str(await waiting(engine.connection))
    assert "anary" not in dump
    assert "900999" not in dump
    assert "buyer" in dump


async def test_a_claim_that_was_not_locked_is_a_conflict_and_changes_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.apply(placed())

    async def guess_nothing(*_: object) -> list[str]:
        return ["royal-mail:OTHER"]

    monkeypatch.setattr(loading.Loading, "shipments_to_lock", guess_nothing)
    with pytest.raises(Conflict):
        await engine.apply(shipment())
    assert await engine.versions() == [(1, "processing")]


async def test_shipments_that_no_order_claimed_expire_after_sixty_days_counted_per_provider(engine: Engine) -> None:
    """R13, E2: unclaimed shipments do not stay."""
    await engine.apply(placed(), shipment("CLAIMED1"))
    await engine.apply(scan("in_transit", minutes=1, number="CLAIMED1"), scan("in_transit", minutes=1, number="LOST1"))
    await engine.apply(scan("in_transit", minutes=1, number="YOUNG1"))
    for table in ("shipment set created_at", "ledger set received_at"):
        aged = f"update status.{table} = now() - interval '61 days' where shipment <> 'royal-mail:YOUNG1'"
        await engine.connection.execute(aged)
    async with engine.connection.transaction():
        assert await expiry_rows.expire(engine.connection, days=60, limit=10) == {"easypost": 1}
    left = await engine.connection.fetch("select shipment from status.shipment order by 1")
    assert [row["shipment"] for row in left] == ["royal-mail:CLAIMED1", "royal-mail:YOUNG1"]


async def test_an_unknown_carrier_becomes_a_slug_of_its_own_that_is_counted_and_listed(
    engine: Engine, database: str
) -> None:
    before = metrics.UNKNOWN_CARRIERS._value.get()  # noqa: SLF001 - the client has no other way to read one
    await engine.apply(placed(), {**shipment("Z1"), "carrier": "Ponies & Sons"})
    assert metrics.UNKNOWN_CARRIERS._value.get() == before + 1  # noqa: SLF001
    found = await unknown_carriers.find(OperatorSettings(postgres=PostgresSettings(url=SecretStr(database))))
    assert found == [{"carrier": "ponies-sons", "shipments": 1, "example": "ponies-sons:Z1"}]
    await engine.apply(event("shipment_corrected", minutes=20, shipment="S1", carrier="Royal Mail"))
    assert await unknown_carriers.find(OperatorSettings(postgres=PostgresSettings(url=SecretStr(database)))) == []
    await engine.apply(scan("in_transit", minutes=60, number="Z1"))
    assert (await engine.document())["state"] == "in_transit"
