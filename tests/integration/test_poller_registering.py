"""Registrations and silence on real Kafka and Postgres, against an aggregator's API of our own."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.responses import Response

from services.ingest.poller import heard
from services.runtime import clock
from tests.fake_api import Seen, says, serving
from tests.integration.poller_stage import (
    NUMBERS,
    PushApi,
    Stage,
    registers_all,
    scans_of,
    snapshot,
    staged,
    standard_body,
    until_idle,
    webhook,
)
from tests.stack.kafka import Kafka

PUSH = PushApi()
OPEN = [(NUMBERS[0], "in_transit")]
ROYAL = {"carrier": "royal-mail"}
#: A webhook takes no time here.
NO_GRACE: dict[str, Any] = {"missed_after_s": 0}


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with staged(kafka, prefix, database) as prepared:
        yield prepared


async def test_parcels_are_registered_in_batches_and_a_refusal_says_why(stage: Stage) -> None:
    said = {NUMBERS[0]: "ok", NUMBERS[1]: "carrier not supported", NUMBERS[2]: "ok"}
    own: dict[str, Any] = {"refused_again_s": 3600}
    async with serving(says(said)) as fake, stage.poller(fake, PUSH, **own) as poller:
        await stage.watch(snapshot([(number, "announced") for number in NUMBERS[:3]], **ROYAL), api=PUSH, **own)
        assert await until_idle(poller) == 2
    assert [json.loads(seen.body) for seen in fake.seen] == [NUMBERS[:2], NUMBERS[2:3]]
    rows = await stage.rows()
    assert [rows[number]["registration"] for number in NUMBERS[:3]] == ["registered", "refused", "registered"]
    assert (rows[NUMBERS[1]]["why"], rows[NUMBERS[0]]["reference"]) == ("carrier not supported", f"ref-{NUMBERS[0]}")
    assert [rows[number]["duty"] for number in NUMBERS[:3]] == ["silent", "register", "silent"]


async def test_a_number_that_was_not_taken_is_tried_again(stage: Stage) -> None:
    async with serving(says({})) as fake, stage.poller(fake, PUSH) as poller:
        await stage.watch(snapshot(OPEN, **ROYAL), api=PUSH)
        assert await until_idle(poller) == 1
        row = (await stage.rows())[NUMBERS[0]]
        assert (row["registration"], row["why"], row["attempts"]) == ("waiting", "later", 1)
        fake.answer = registers_all
        await stage.execute("update ingest.watch set due_at = now()")
        assert await until_idle(poller) == 1
    assert (await stage.rows())[NUMBERS[0]]["registration"] == "registered"


async def test_a_registration_is_renewed_before_it_expires_and_ended_after_the_parcel(stage: Stage) -> None:
    async with serving(registers_all) as fake, stage.poller(fake, PUSH, end_s=0, silent_s=9_999_999) as poller:
        own: dict[str, Any] = {"end_s": 0, "silent_s": 9_999_999}
        await stage.watch(snapshot(OPEN, **ROYAL), api=PUSH, **own)
        await until_idle(poller)
        row = (await stage.rows())[NUMBERS[0]]
        assert (row["duty"], row["due_at"] - row["registered_at"]) == ("renew", timedelta(days=13))
        await stage.execute("update ingest.watch set due_at = now()")
        assert await until_idle(poller) == 1
        await stage.watch(snapshot([(NUMBERS[0], "delivered")], **ROYAL), api=PUSH, **own)
        assert await until_idle(poller) == 1
        assert await until_idle(poller) == 0
    assert [seen.path for seen in fake.seen] == ["/register", "/register", "/end"]
    assert json.loads(fake.seen[-1].body) == [f"ref-{NUMBERS[0]}"]
    assert (await stage.rows())[NUMBERS[0]]["registration"] == "ended"


async def test_a_silent_parcel_is_read_once_and_what_no_webhook_told_was_missed(stage: Stage) -> None:
    number = NUMBERS[0]
    began = clock.now() - timedelta(hours=1)
    known, all_ = standard_body(number, "A", at=began), standard_body(number, "A", "B", "C", at=began)

    def answer(seen: Seen) -> Response:
        return Response(all_) if seen.method == "GET" else registers_all(seen)

    def missed() -> float:
        return REGISTRY.get_sample_value("trackfold_missed_webhooks_total", {"provider": "standard"}) or 0.0

    before = missed()
    own: dict[str, Any] = {"api": PUSH, **NO_GRACE}
    async with serving(answer) as fake, stage.poller(fake, PUSH, **NO_GRACE) as poller:
        await stage.watch(snapshot(OPEN, **ROYAL), **own)
        await until_idle(poller)
        # As if all this had been two days ago: it was told one scan then, and nothing since.
        await stage.execute("update ingest.watch set opened_at = opened_at - interval '2 days'")
        await stage.execute("update ingest.watch set registered_at = registered_at - interval '2 days'")
        await stage.watch(*scans_of(webhook(known, told_at=clock.now() - timedelta(hours=30))), **own)
        assert await until_idle(poller) == 1
        assert await until_idle(poller) == 0
        await stage.watch(*scans_of(*await stage.answers(1)), **own)
        assert await until_idle(poller) == 0
    assert [seen.path for seen in fake.seen] == ["/register", f"/track/{number}"]
    row = (await stage.rows())[number]
    assert (row["missed"], row["duty"], row["due_at"] - row["asked_at"]) == (2, "silent", timedelta(days=1))
    assert missed() - before == 2
    async with stage.pool.acquire() as connection:
        _, (one,) = await heard.read(connection)
    assert (one.provider, one.missed, sum(hour.missed for hour in one.hours.values())) == ("standard", 2, 2)
    # The webhook that was told counts as heard, the answer does not.
    assert sum(hour.events for hour in one.hours.values()) == 1


async def test_the_same_scans_told_by_webhook_are_not_missed(stage: Stage) -> None:
    number, began = NUMBERS[0], clock.now() - timedelta(hours=1)
    body = standard_body(number, "A", "B", at=began)
    own: dict[str, Any] = {"api": PUSH, **NO_GRACE}

    def answer(seen: Seen) -> Response:
        return Response(body) if seen.method == "GET" else registers_all(seen)

    async with serving(answer) as fake, stage.poller(fake, PUSH, **NO_GRACE) as poller:
        await stage.watch(snapshot(OPEN, **ROYAL), **own)
        await until_idle(poller)
        await stage.execute("update ingest.watch set registered_at = registered_at - interval '2 days'")
        await stage.watch(*scans_of(webhook(body)), **own)
        await stage.execute("update ingest.watch set due_at = now()")
        assert await until_idle(poller) == 1
        await stage.watch(*scans_of(*await stage.answers(1)), **own)
    row = (await stage.rows())[number]
    assert (row["missed"], row["due_at"] - row["asked_at"]) == (0, timedelta(days=7))


async def test_a_new_provider_for_a_carrier_reaches_parcels_that_are_watched_already(stage: Stage) -> None:
    await stage.watch(snapshot(OPEN))
    assert (await stage.rows())[NUMBERS[0]]["provider"] == "australiapost"
    await stage.plan_anew(PUSH)
    row = (await stage.rows())[NUMBERS[0]]
    assert (row["provider"], row["registration"], row["duty"]) == ("standard", "waiting", "register")


async def test_what_is_over_is_forgotten_after_a_week_but_never_with_an_open_registration(stage: Stage) -> None:
    async with serving(registers_all) as fake, stage.poller(fake, PUSH) as poller:
        await stage.watch(snapshot(OPEN, **ROYAL), api=PUSH)
        await until_idle(poller)
        await stage.watch(snapshot(None), api=PUSH)
        await stage.execute("update ingest.watch set closed_at = now() - interval '8 days'")
        await stage.plan_anew(PUSH)
        assert len(await stage.rows()) == 1
        assert await until_idle(poller) == 1
        await stage.plan_anew(PUSH)
    assert await stage.rows() == {}
