"""Ingest with a poller as a real process: from a snapshot to a scan, through deaths, with and without its database."""

import json
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
from starlette.responses import Response

from schemas.dead_letters import DEAD_LETTER
from services.ingest.carriers.registry import CARRIERS
from services.runtime import clock
from tests.fake_api import FakeApi, Seen, serving
from tests.integration.poller_stage import NUMBERS, SCANS, SNAPSHOTS, WEBHOOKS, snapshot_body, standard_body, tracks
from tests.pipeline import Pipeline
from tests.stack import topics
from tests.stack.processes import Process
from tests.unit.ingest.samples import SECRETS, signed
from tests.waiting import eventually, never

SIGKILLED = -9
OPEN = [(NUMBERS[0], "in_transit")]
POLLER = "TRACKFOLD_INGEST__POLLER__"


def settings(fake: FakeApi, **own: str) -> dict[str, str]:
    """Return the settings of a poller that is quick."""
    return {
        f"{POLLER}API_KEYS__AUSTRALIAPOST": "user:password",
        f"{POLLER}API_ACCOUNTS__AUSTRALIAPOST": "0001234567",
        f"{POLLER}API_URLS__AUSTRALIAPOST": fake.url,
        f"{POLLER}API_RATES__AUSTRALIAPOST": "6000",
        f"{POLLER}TURN_S": "0.05",
        "TRACKFOLD_INGEST__SECRETS__STANDARD": SECRETS["standard"][0],
        **own,
    }


async def begin(
    pipeline: Pipeline, fake: FakeApi, *, wait_ready: bool = True, poll_s: float = 3600, **own: str
) -> Process:
    """Start ingest."""
    own[f"{POLLER}POLL_S"] = str(poll_s)
    return await pipeline.start("ingest", wait_ready=wait_ready, **settings(fake, **own))


async def say(pipeline: Pipeline, value: bytes | None) -> None:
    """Write a snapshot of the order."""
    async with topics.producer(pipeline.kafka) as producer:
        await producer.send_and_wait(pipeline.prefix + SNAPSHOTS, value, key=b"main:1001")


async def post(process: Process, body: bytes) -> int:
    """Post a webhook of `standard`."""
    carrier = CARRIERS["standard"]
    key = carrier.secret_key(SECRETS["standard"][0])
    headers = list(signed(carrier, body, key, at=clock.now()).headers)
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        return (await client.post(f"{process.http_url}/webhooks/standard", content=body, headers=headers)).status_code


async def query(database: str, statement: str) -> Any:
    """Ask the database for one value."""
    connection = await asyncpg.connect(database, timeout=10, command_timeout=10)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close(timeout=5)


async def command(pipeline: Pipeline, *words: str) -> tuple[int, Any]:
    """Run a command; return its exit code and the document it printed."""
    made = await pipeline.processes.start(words[1], env=pipeline.environment(), arguments=words, wait_ready=False)
    code, text = await made.wait(30), made.log()
    return code, json.loads(text[text.index("[") :])


async def test_a_snapshot_becomes_a_question_and_its_answer_scans_until_the_parcel_is_done(
    pipeline: Pipeline, database: str
) -> None:
    async with serving(tracks) as fake:
        ingest = await begin(pipeline, fake, poll_s=0.2)
        await say(pipeline, snapshot_body(OPEN))
        await eventually(lambda: len(fake.seen) >= 3)
        (scan, *_) = await pipeline.messages(SCANS, len)
        assert (scan.key, json.loads(scan.value)["provider"]) == (
            f"australia-post:{NUMBERS[0]}".encode(),
            "australiapost",
        )
        (kept, *_) = await pipeline.messages(WEBHOOKS, len)
        assert dict(kept.headers)["trackfold_via"] == b"pull"
        code, (listed,) = await command(pipeline, "carriers", "registrations", NUMBERS[0], "--json")
        assert (code, listed["registration"], listed["provider"]) == (0, "pull", "australiapost")
        await say(pipeline, snapshot_body([(NUMBERS[0], "delivered")]))
        await eventually(lambda: query(database, "select closed_at is not null from ingest.watch"))
        # One question may have been on its way when the parcel was closed.
        await eventually(lambda: query(database, "select leased_until is null from ingest.watch"))
        asked = len(fake.seen)
        await never(lambda: len(fake.seen) > asked, 0.6)
        assert NUMBERS[0] not in ingest.log()
        assert "password" not in ingest.log()
        assert await ingest.terminate() == 0
    assert await command(pipeline, "carriers", "registrations", "NOSUCH1", "--json") == (1, [])


async def test_killed_with_an_answer_in_hand_another_process_asks_when_the_lease_ends(
    pipeline: Pipeline, database: str
) -> None:
    async with serving(tracks) as fake:
        dying = await begin(pipeline, fake, wait_ready=False, TRACKFOLD_FAILPOINTS="poller.after_call:kill")
        await say(pipeline, snapshot_body(OPEN))
        assert await dying.wait(60) == SIGKILLED
        assert len(fake.seen) == 1
        await begin(pipeline, fake)
        await never(lambda: len(fake.seen) > 1, 0.5)
        await query(database, "update ingest.watch set leased_until = now()")
        await eventually(lambda: len(fake.seen) == 2)
        (kept,) = await pipeline.messages(WEBHOOKS, len)
        assert NUMBERS[0].encode() in kept.value


async def test_a_snapshot_that_is_none_is_set_aside_and_stops_nobody(pipeline: Pipeline) -> None:
    async with serving(tracks) as fake:
        await begin(pipeline, fake)
        await say(pipeline, b'{"shop": "main"}')
        await say(pipeline, snapshot_body(OPEN))
        await eventually(lambda: len(fake.seen) == 1)
    (letter,) = [DEAD_LETTER.validate_json(one.value) for one in await pipeline.messages("dead-letters.v1", len)]
    assert (letter.service, letter.topic, letter.reason) == ("ingest", SNAPSHOTS, "unreadable")


async def test_without_its_database_webhooks_are_taken_in_all_the_same(pipeline: Pipeline) -> None:
    body = standard_body(NUMBERS[0], "A", at=clock.now() - timedelta(hours=1))
    async with serving(tracks) as fake:
        ingest = await begin(pipeline, fake, DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
        assert await ingest.ready()
        assert await post(ingest, body) == 202
        await pipeline.messages(SCANS, len)
        async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
            report = (await client.get(f"{ingest.admin_url}/readyz")).json()
        assert [one["for"] for one in report["waiting"]] == ["postgres"]
        assert await ingest.terminate() == 0


async def test_freshness_tells_when_a_provider_is_silent_against_its_usual_hour(
    pipeline: Pipeline, database: str
) -> None:
    def refuses(_: Seen) -> Response:
        return Response(status_code=404)

    assert await command(pipeline, "carriers", "freshness", "--json") == (0, [])
    began = clock.now() - timedelta(minutes=10)
    async with serving(refuses) as fake:
        ingest = await begin(pipeline, fake)
        assert await post(ingest, standard_body(NUMBERS[0], "A", "B", at=began)) == 202
        await eventually(lambda: query(database, "select count(*) = 1 from ingest.hearing"))
        code, found = await command(pipeline, "carriers", "freshness", "--json")
        (one,) = [row for row in found if row["provider"] == "standard"]
        assert (code, one["silent"], one["usual"], one["missed"]) == (0, False, None, 0)
        # Of two scans in one webhook the newer one counts, nine minutes old: the class from five to ten.
        assert (one["delay_median_s"], one["delay_p90_s"]) == (450, 570)
        await query(
            database,
            "insert into ingest.heard (provider, hour, events, delays)"
            " select 'standard', date_trunc('hour', now()) - make_interval(weeks => w, hours => h), 100,"
            "        array_fill(0::bigint, array[14])"
            " from generate_series(1, 4) w, generate_series(0, 5) h",
        )
        await query(database, "update ingest.hearing set told_at = now() - interval '3 hours'")
        code, found = await command(pipeline, "carriers", "freshness", "--json")
        (one,) = [row for row in found if row["provider"] == "standard"]
        assert (code, one["silent"], one["usual"]) == (1, True, 100)
        assert 290 <= one["expected"] <= 310
        assert await ingest.terminate() == 0
