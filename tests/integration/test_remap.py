"""`carriers unmapped` and `carriers remap`, typed by an operator after a map was mended: real topics, real database."""

import json
from datetime import datetime
from typing import Any

from schemas.scans import Scan
from services.ingest.carriers.base import Webhook, read
from services.ingest.carriers.registry import CARRIERS
from services.ingest.normalise import SCANS, scan_record
from services.runtime import clock
from tests.pipeline import STATUS, Pipeline, judge
from tests.records import placed, shipment
from tests.stack import topics
from tests.unit.ingest.samples import body_of, webhook_record

ORDER = "main:1001"
EASYPOST = CARRIERS["easypost"]


def told_now(case: str) -> tuple[bytes, datetime]:
    return body_of(f"easypost/{case}"), clock.now().replace(microsecond=0)


def as_an_older_map_read(scan: Scan) -> Scan:
    """What a map that did not know the code of the delivery made of it."""
    if scan.stage != "delivered":
        return scan.model_copy(update={"map_version": 0})
    return scan.model_copy(update={"map_version": 0, "stage": None, "substatus": "unmapped"})


async def command(pipeline: Pipeline, *words: str, exit_code: int = 0) -> str:
    ran = await pipeline.processes.start("cli", env=pipeline.environment(), arguments=words, wait_ready=False)
    assert await ran.wait(60) == exit_code, ran.log()
    return ran.log()


async def remap(pipeline: Pipeline, *options: str, exit_code: int = 0) -> str:
    words = ("carriers", "remap", "--provider", "easypost", "--since", "1d", *options)
    return await command(pipeline, *words, exit_code=exit_code)


def document(log: str) -> Any:
    """Return the JSON document in a command's output, between its talk."""
    starts = [at for at in (log.find("{\n"), log.find("[\n"), log.find("[]\n")) if at >= 0]
    return json.JSONDecoder().raw_decode(log[min(starts) :])[0]


async def tell_with_an_older_map(pipeline: Pipeline) -> list[Scan]:
    """Write an order, a raw webhook, and the scans that an older map read in it; return them."""
    body, told_at = told_now("royal_mail_5_delivered")
    reading = read(EASYPOST, Webhook(body=body, told_at=told_at))
    number = reading.scans[0].number
    await pipeline.produce([placed(), shipment(number)])
    raw = webhook_record("easypost", body, told_at=told_at)
    old = [as_an_older_map_read(scan) for scan in reading.scans]
    async with topics.producer(pipeline.kafka) as producer:
        wire = pipeline.prefix + "carrier.webhooks.v1"
        await producer.send_and_wait(wire, raw.value, headers=list(raw.headers))
        for one in map(scan_record, old):
            await producer.send_and_wait(pipeline.prefix + SCANS, one.value, key=one.key, headers=list(one.headers))
    return old


async def test_an_unmapped_code_is_listed_and_a_mended_map_is_shown_then_published_and_nobody_is_told(
    pipeline: Pipeline,
) -> None:
    await pipeline.start("status")
    old = await tell_with_an_older_map(pipeline)
    await pipeline.until_state(ORDER, "out_for_delivery")

    (listed,) = document(await command(pipeline, "carriers", "unmapped", "--since", "1d", "--json"))[:1]
    assert (listed["provider"], listed["carrier"], listed["map_version"]) == ("easypost", "royal-mail", 0)
    assert listed["sample"]["key"] == old[0].key

    shown = document(await remap(pipeline, "--dry-run", "--json"))
    assert {one["before"]["substatus"] for one in shown["remapped"]} == {"unmapped"}
    assert {one["after"]["stage"] for one in shown["remapped"]} == {"delivered"}
    (order,) = shown["orders"]
    assert order["order"] == ORDER
    assert order["state"] == {"before": "out_for_delivery", "after": "delivered"}
    assert [one["stage"] for one in order["parcels"]] == ["delivered"]
    assert "1 orders show another thing" in await remap(pipeline, "--dry-run")
    before = await pipeline.messages(STATUS, len)

    assert "remap records published" in await remap(pipeline, "--yes")
    versions = judge(await pipeline.until_state(ORDER, "delivered"))
    assert len(versions) > len(judge(before))
    change = versions[-1].change
    assert (change.marked, change.reason, change.correction, change.cause.type) == ("remap", "remap", False, "remap")

    again = document(await remap(pipeline, "--yes", "--json"))
    assert (again["remapped"], again["orders"]) == ([], [])


async def test_a_map_that_reads_all_as_before_changes_nothing(pipeline: Pipeline) -> None:
    assert "every code that was told is a known one" in await command(pipeline, "carriers", "unmapped")
    assert "today's map reads them as they were read" in await remap(pipeline, "--dry-run")


async def test_without_approval_nothing_is_published(pipeline: Pipeline) -> None:
    assert "give --yes" in await remap(pipeline, exit_code=2)
    assert "no provider is called" in await command(
        pipeline, "carriers", "remap", "--provider", "easypots", "--since", "1d", "--dry-run", exit_code=2
    )
    assert "as in 7d" in await command(
        pipeline, "carriers", "remap", "--provider", "easypost", "--since", "lately", "--dry-run", exit_code=2
    )
