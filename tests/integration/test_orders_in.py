"""Orders in without Kafka: shops' webhooks and files against the real processes, up to what status shows of them."""

import json
import signal
from pathlib import Path
from typing import Any

import httpx2

from services.ingest.carriers.registry import CARRIERS
from services.ingest.import_command import SENT_AT_ONCE
from services.ingest.import_state import SUFFIX
from services.runtime import clock
from tests.pipeline import STATUS, Pipeline, judge, of_order, status_of
from tests.stack.processes import Process
from tests.unit.ingest.samples import FIXTURES, SECRETS, body_of, document, headers_of, signed
from tests.waiting import eventually

ORDER_EVENTS, DEAD_LETTERS = "order.events.v1", "dead-letters.v1"
SHOPIFY_ORDER = "lamps-and-more:6100000000000000017"
SETTINGS = {
    f"TRACKFOLD_INGEST__SECRETS__{name.upper()}": json.dumps(SECRETS[name])
    for name in ("orders", "shopify", "standard")
}
AT = "2026-11-20T09:00:00+01:00"


async def begin(pipeline: Pipeline) -> Process:
    await pipeline.start("status")
    return await pipeline.processes.start("ingest", env=pipeline.environment(**SETTINGS))


async def post(ingest: Process, provider: str, body: bytes, **headers: str) -> httpx2.Response:
    carrier = CARRIERS[provider]
    key = carrier.secret_key(SECRETS[provider][0])
    own = list(signed(carrier, body, key, at=clock.now()).headers)
    sent = own + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.post(f"{ingest.http_url}/webhooks/{provider}", content=body, headers=sent)


async def post_case(ingest: Process, name: str) -> None:
    sent = {header.replace("-", "_"): value for header, value in headers_of(FIXTURES / f"shopify/{name}.json").items()}
    assert (await post(ingest, "shopify", body_of(f"shopify/{name}"), **sent)).status_code == 202


def identities(records: list[Any]) -> list[tuple[bytes, bytes]]:
    return [(dict(one.headers)["ce_source"], dict(one.headers)["ce_id"]) for one in records]


async def test_orders_by_webhook_are_shown_and_a_repeat_changes_nothing(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    body = body_of("orders/order_and_shipment_in_one_list")
    for _ in range(2):
        assert (await post(ingest, "orders", body)).status_code == 202
    forged = signed(CARRIERS["orders"], b"[]", b"another key", at=clock.now())
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        refused = await client.post(f"{ingest.http_url}/webhooks/orders", content=body, headers=list(forged.headers))
    assert refused.status_code == 401
    scan = {**document("standard/one_scan"), "carrier": "DPD", "number": "01234567890123", "stage": "in_transit"}
    scan |= {"occurred_at": "2026-11-21T08:00:00+01:00"}
    assert (await post(ingest, "standard", json.dumps(scan).encode())).status_code == 202
    records = await pipeline.until_state("lamps:A-1001", "in_transit")
    judge(records)
    told = await pipeline.messages(ORDER_EVENTS, lambda found: len(found) >= 4)
    assert len(set(identities(told))) == 2


async def test_a_bad_event_is_a_dead_letter_and_its_neighbours_count(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    assert (await post(ingest, "orders", body_of("orders/bad_event_costs_only_itself"))).status_code == 202
    (letter,) = await pipeline.messages(DEAD_LETTERS, len)
    assert json.loads(letter.value)["reason"] == "bad_event"
    (event,) = await pipeline.messages(ORDER_EVENTS, len)
    assert json.loads(event.value)["type"] == "shipment_created"


async def test_shopifys_bodies_move_the_parcel_in_whatever_order_they_come(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    # The event without a tracking number comes before the fulfilment that names it, and that before the order.
    for name in ("event_in_transit", "fulfillment_with_one_number", "order_created_not_paid_yet", "order_paid"):
        await post_case(ingest, name)
    await pipeline.until_state(SHOPIFY_ORDER, "partially_shipped")
    await post_case(ingest, "refund_of_units_not_sent")
    await post_case(ingest, "event_picked_up_by_the_customer")
    records = await pipeline.until_state(SHOPIFY_ORDER, "partially_delivered")
    (parcel,) = status_of(records[-1]).parcels
    assert (parcel.number, parcel.stage) == ("01234567890123", "delivered")
    for name in ("order_created_not_paid_yet", "refund_of_units_not_sent", "order_created_in_another_shop"):
        await post_case(ingest, name)
    await pipeline.until_state("chairs-2:6100000000000000017", "processing")
    shown = judge(of_order(await pipeline.messages(STATUS, len), SHOPIFY_ORDER))
    assert shown[-1].state == "partially_delivered"


def rows(number: int) -> str:
    return "order,occurred_at,product\n" + "".join(f"F-{one},{AT},Lamp\n" for one in range(number))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


async def run_import(pipeline: Pipeline, path: Path, *words: str, **overrides: str) -> Process:
    arguments = ("import", "orders", str(path), "--json", *words)
    return await pipeline.processes.start(
        "cli", env=pipeline.environment(**overrides), arguments=arguments, wait_ready=False
    )


def report(process: Process) -> Any:
    log = process.log()
    return json.JSONDecoder().raw_decode(log[log.index("{\n") :])[0]


async def test_a_file_is_checked_then_imported_and_again_without_effect(pipeline: Pipeline, tmp_path: Path) -> None:
    await pipeline.start("status")
    path = tmp_path / "orders.csv"
    path.write_text(rows(20) + "F-99,tomorrow,Lamp\n", "utf-8")
    checked = await run_import(pipeline, path)
    assert await checked.wait(60) == 1
    assert (report(checked)["events"], report(checked)["published"]) == ({"placed": 20}, 0)
    for _ in range(2):
        imported = await run_import(pipeline, path, "--yes")
        assert await imported.wait(60) == 1
        assert (report(imported)["published"], report(imported)["errors"][0]["line"]) == (20, 22)
    told = await pipeline.messages(ORDER_EVENTS, lambda found: len(found) >= 40)
    assert len(set(identities(told))) == 20
    await pipeline.produce(
        [{"type": "cancelled", "shop": "main", "order": "F-7", "occurred_at": "2026-11-20T12:00:00Z"}]
    )
    assert len(judge(await pipeline.until_state("main:F-7", "cancelled"))) == 2


async def test_an_import_that_was_killed_goes_on_where_it_was(pipeline: Pipeline, tmp_path: Path) -> None:
    folder = tmp_path / "files"  # apart from the logs of the processes
    folder.mkdir()
    path = folder / "orders.csv"
    path.write_text(rows(4 * SENT_AT_ONCE), "utf-8")
    doomed = await run_import(
        pipeline, path, "--yes", "--rate", "0", TRACKFOLD_FAILPOINTS="import.after_batch:sleep=0.5"
    )
    first = await pipeline.messages(ORDER_EVENTS, lambda found: len(found) >= SENT_AT_ONCE + 1)
    doomed.kill()
    noted = json.loads((folder / f"orders.csv{SUFFIX}").read_text())["next_line"]
    assert len(first) < 4 * SENT_AT_ONCE
    again = await run_import(pipeline, path, "--yes", "--rate", "0")
    assert await again.wait(60) == 0
    assert report(again)["from_line"] == noted > 1
    told = await pipeline.messages(ORDER_EVENTS, lambda found: len(set(identities(found))) >= 4 * SENT_AT_ONCE)
    assert len({one.key for one in told}) == 4 * SENT_AT_ONCE
    assert names(folder) == ["orders.csv"]


async def test_an_import_keeps_to_its_rate_and_ctrl_c_ends_its_sleep_at_once(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    path = folder / "orders.csv"
    path.write_text(rows(3), "utf-8")
    slow = await run_import(pipeline, path, "--yes", "--rate", "0.01")
    await eventually((folder / f"orders.csv{SUFFIX}").exists, 40)
    slow.send(signal.SIGINT)
    assert await slow.wait(50) == 130, slow.log()  # it slept for 100 seconds
    assert len(await pipeline.messages(ORDER_EVENTS, len)) == 1
    again = await run_import(pipeline, path, "--yes", "--rate", "0")
    assert await again.wait(60) == 0
    assert (report(again)["published"], report(again)["rate"]) == (2, 0)
