"""Ingest as a real process on a real Kafka: what it answers, what it keeps, and what it makes of it."""

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from schemas.dead_letters import DEAD_LETTER
from services.ingest.carriers.registry import CARRIERS
from services.runtime import clock
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.processes import Process
from tests.unit.ingest.samples import SECRETS, body_of, signed
from tests.waiting import eventually

WEBHOOKS, SCANS, DEAD_LETTERS = "carrier.webhooks.v1", "carrier.scans.v1", "dead-letters.v1"
GROWN = [
    body_of(f"easypost/royal_mail_{name}")
    for name in ("1_label", "2_accepted", "3_in_transit", "4_out_for_delivery", "5_delivered")
]
GARBAGE = b'{"description": "tracker.updated", "result": \xff'
SETTINGS = {
    "TRACKFOLD_INGEST__SECRETS__EASYPOST": json.dumps(SECRETS["easypost"]),
    "TRACKFOLD_INGEST__SECRETS__STANDARD": SECRETS["standard"][0],
    "TRACKFOLD_LOG__FORMAT": "json",
    "TRACKFOLD_LOG__LEVEL": "DEBUG",
}


async def begin(pipeline: Pipeline, **settings: str) -> Process:
    """Start ingest."""
    return await pipeline.processes.start("ingest", env=pipeline.environment(**SETTINGS, **settings))


async def post(process: Process, body: bytes, *, provider: str = "easypost", secret: int = 0) -> httpx2.Response:
    """Sign a body and post it; `secret` -1 signs with one that nobody knows."""
    carrier = CARRIERS[provider]
    key = b"somebody else's" if secret < 0 else carrier.secret_key(SECRETS[provider][secret])
    headers = list(signed(carrier, body, key, at=clock.now()).headers)
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.post(f"{process.http_url}/webhooks/{provider}", content=body, headers=headers)


def keys(records: Sequence[Any]) -> list[str]:
    """Return the event keys of scans, in order of their first appearance."""
    return list(dict.fromkeys(json.loads(record.value)["event_key"] for record in records))


async def test_growing_bodies_become_the_scans_of_one_parcel_and_again_nothing_new(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    for round_ in range(2):
        for body in GROWN:
            assert (await post(ingest, body, secret=round_)).status_code == 202
    await post(ingest, body_of("standard/one_scan"), provider="standard")
    scans = await pipeline.messages(SCANS, lambda found: any(one.key.startswith(b"dpd-uk") for one in found))
    parcel = [one for one in scans if one.key == b"royal-mail:AB123456785GB"]
    # Six scans, five summaries and three estimates; other readings of them are repeats for the fold.
    assert len(keys(parcel)) == 14
    times = [json.loads(one.value)["occurred_at"] for one in parcel if json.loads(one.value)["kind"] == "scan"]
    assert list(dict.fromkeys(times)) == sorted(set(times))
    kept = await pipeline.messages(WEBHOOKS, lambda found: len(found) >= 11)
    assert {one.key for one in kept} == {b"AB123456785GB", b"1550512345678"}
    assert [one.value for one in kept if b"not-a-real-password" in one.value] == []
    assert "not-a-real-password" not in ingest.log()
    assert await ingest.terminate() == 0


async def test_forged_and_oversized_bodies_leave_nothing_and_garbage_leaves_its_bytes(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    answers = [
        await post(ingest, GROWN[0], secret=-1),
        await post(ingest, b"x" * 300 * 1024),
        await post(ingest, b""),
        await post(ingest, GROWN[0]),
        await post(ingest, GARBAGE),
        await post(ingest, GROWN[1]),
    ]
    assert [answer.status_code for answer in answers] == [401, 413, 400, 202, 202, 202]
    (letter,) = await pipeline.messages(DEAD_LETTERS, len)
    opened = DEAD_LETTER.validate_json(letter.value)
    assert (opened.reason, opened.value, opened.topic) == ("not_json", GARBAGE, WEBHOOKS)
    assert letter.key == opened.key.encode()
    scans = await pipeline.messages(SCANS, lambda found: len(keys(found)) >= 5)
    assert len(keys(scans)) == 5
    assert len(await pipeline.messages(WEBHOOKS, lambda found: len(found) >= 3)) == 3


async def test_a_record_that_asks_for_a_reply_gets_none_and_stops_nobody(pipeline: Pipeline) -> None:
    target = await topics.create(pipeline.kafka, pipeline.prefix + "elsewhere")
    hostile = [("reply_to", target.encode()), ("correlation_id", b"a\r\nb"), ("bytes", b"\xff\xfe")]
    async with topics.producer(pipeline.kafka) as producer:
        for value in (GARBAGE, None):
            await producer.send_and_wait(pipeline.prefix + WEBHOOKS, value, key=b"\xff", headers=hostile)
    ingest = await begin(pipeline)
    letters = await pipeline.messages(DEAD_LETTERS, lambda found: len(found) >= 2)
    assert {DEAD_LETTER.validate_json(one.value).reason for one in letters} == {"bad_headers"}
    await post(ingest, GROWN[0])
    await pipeline.messages(SCANS, len)
    # Everything ingest does for a record is acknowledged before its scans: a reply would be here by now.
    async with topics.producer(pipeline.kafka) as producer:
        await producer.send_and_wait(target, b"the only one")
    assert [one.value for one in await topics.read_until(pipeline.kafka, target, len)] == [b"the only one"]


async def test_killed_before_its_answer_the_sender_repeats_and_the_scans_are_the_same(pipeline: Pipeline) -> None:
    dying = await begin(pipeline, TRACKFOLD_FAILPOINTS="ingest.after_send:kill")
    with pytest.raises(httpx2.TransportError):
        await post(dying, GROWN[0])
    ingest = await begin(pipeline)
    assert (await post(ingest, GROWN[0])).status_code == 202
    await pipeline.messages(WEBHOOKS, lambda found: len(found) >= 2)
    await post(ingest, GROWN[1])
    scans = await pipeline.messages(SCANS, lambda found: len(keys(found)) >= 5)
    assert len(keys(scans)) == 5


@pytest.mark.parametrize("point", ["normalise.before_send", "normalise.before_commit"])
async def test_killed_while_normalising_nothing_is_lost_and_repeats_are_the_same_bytes(
    pipeline: Pipeline, point: str
) -> None:
    dying = await begin(pipeline, TRACKFOLD_FAILPOINTS=f"{point}:kill")
    with contextlib.suppress(httpx2.RemoteProtocolError):  # it may die before the sender has its answer
        assert (await post(dying, GROWN[4])).status_code == 202
    await dying.wait()
    await begin(pipeline)
    repeats = 2 if point == "normalise.before_commit" else 1
    scans = await pipeline.messages(SCANS, lambda found: len(found) >= 7 * repeats)
    assert len(scans) == 7 * repeats
    assert len({(one.key, one.value, one.headers) for one in scans}) == 7


async def test_a_batch_that_fails_once_is_not_passed_over(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline, TRACKFOLD_FAILPOINTS="normalise.before_send:raise*2")
    for body in GROWN:
        assert (await post(ingest, body)).status_code == 202
    scans = await pipeline.messages(SCANS, lambda found: len(keys(found)) >= 14)
    assert len(keys(scans)) == 14
    await eventually(ingest.ready)


async def test_counters_say_what_came_and_what_became_of_it(pipeline: Pipeline) -> None:
    ingest = await begin(pipeline)
    await post(ingest, GROWN[0], secret=-1)
    await post(ingest, GARBAGE)
    await post(ingest, body_of("easypost/unknown_codes"))
    await post(ingest, body_of("easypost/test_mode_is_ignored"))
    wanted = {
        'trackfold_webhooks_total{answer="202",provider="easypost"} 3.0',
        'trackfold_webhooks_total{answer="401",provider="easypost"} 1.0',
        'trackfold_dead_letters_total{reason="not_json",service="ingest"} 1.0',
        'trackfold_unmapped_codes_total{carrier="ups",provider="easypost"} 2.0',
        'trackfold_ignored_webhooks_total{provider="easypost",reason="test_mode"} 1.0',
    }

    async def missing() -> bool:
        async with httpx2.AsyncClient(trust_env=False) as client:
            page = (await client.get(f"{ingest.admin_url}/metrics")).text
        assert wanted - set(page.splitlines()) == set()
        return True

    await eventually(missing)
