"""The poller on real Kafka and Postgres, against an API of our own: whom it asks, how often, what it makes of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from schemas.envelope import header
from services.ingest.poller.engine import Poller
from services.ingest.poller.repository import Claim
from services.runtime import failpoints
from tests.fake_api import Seen, says, serving
from tests.integration.poller_stage import (
    NUMBERS,
    SCANS,
    Stage,
    scans_of,
    snapshot,
    staged,
    tracks,
    until_idle,
)
from tests.stack.kafka import Kafka

OPEN = [(NUMBERS[0], "in_transit")]


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with staged(kafka, prefix, database) as prepared:
        yield prepared
    failpoints.arm("")


async def test_an_open_parcel_is_asked_for_once_and_its_answer_comes_through_the_door(stage: Stage) -> None:
    async with serving(tracks) as fake, stage.poller(fake) as poller:
        await stage.watch(snapshot(OPEN))
        assert await until_idle(poller) == 1
        assert await until_idle(poller) == 0
    (answer,) = await stage.answers(1)
    assert json.loads(answer.value or b"")["tracking_results"][0]["tracking_id"] == NUMBERS[0]
    assert header(answer.headers, "trackfold_via") == "pull"
    assert header(answer.headers, "trackfold_provider") == "australiapost"
    assert answer.key == NUMBERS[0].encode()
    (scan, *_) = scans_of(answer)
    assert (scan.topic, scan.key, header(scan.headers, "trackfold_via")) == (
        SCANS, f"australia-post:{NUMBERS[0]}".encode(), "pull",
    )  # fmt: skip
    row = (await stage.rows())[NUMBERS[0]]
    assert (row["registration"], row["duty"], row["leased_until"]) == ("pull", "poll", None)
    assert row["due_at"] - row["asked_at"] == timedelta(hours=4)


async def test_ten_numbers_travel_in_one_request(stage: Stage) -> None:
    async with serving(tracks) as fake, stage.poller(fake) as poller:
        await stage.watch(snapshot([(number, "in_transit") for number in NUMBERS[:23]]))
        assert await until_idle(poller) == 3
        asked = [seen.query["tracking_ids"].split(",") for seen in fake.seen]
    assert [len(numbers) for numbers in asked] == [10, 10, 3]
    assert sorted(number for numbers in asked for number in numbers) == NUMBERS[:23]


async def test_a_parcel_in_two_orders_is_asked_for_once_and_until_both_are_done(stage: Stage) -> None:
    async with serving(tracks) as fake, stage.poller(fake, poll_s=0.001) as poller:
        own: dict[str, Any] = {"poll_s": 0.001}
        await stage.watch(snapshot(OPEN), snapshot(OPEN, order="1002"), **own)
        assert await poller.turn() == 0
        await stage.watch(snapshot([(NUMBERS[0], "delivered")]), **own)
        assert await poller.turn() == 0
        await stage.watch(snapshot(None, order="1002"), **own)
        assert await until_idle(poller) == 0
    assert len(fake.seen) == 2


@pytest.mark.parametrize("stage_word", ["delivered", "returned", "cancelled", "lost", "disposed"])
async def test_a_parcel_that_is_over_is_never_asked_for(stage: Stage, stage_word: str) -> None:
    async with serving(tracks) as fake, stage.poller(fake) as poller:
        await stage.watch(snapshot([(NUMBERS[0], stage_word)]))
        assert await until_idle(poller) == 0
        await stage.watch(snapshot([(NUMBERS[0], "in_transit")]))
        await stage.watch(snapshot([(NUMBERS[0], stage_word)]))
        assert await until_idle(poller) == 0
    assert fake.seen == []


async def test_a_carrier_that_nobody_serves_is_watched_and_not_asked_for(stage: Stage) -> None:
    async with serving(tracks) as fake, stage.poller(fake) as poller:
        await stage.watch(snapshot(OPEN, carrier="royal-mail"))
        assert await until_idle(poller) == 0
    row = (await stage.rows())[NUMBERS[0]]
    assert (row["provider"], row["registration"], row["duty"]) == (None, "none", None)


async def test_two_pollers_do_not_ask_for_one_parcel_while_a_lease_holds(stage: Stage) -> None:
    waiting, release = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.set()
        await release.wait()
        await tracks(fake.seen[-1])(scope, receive, send)

    def answer(_: Seen) -> Response:
        return slow  # type: ignore[return-value]

    async with serving(answer) as fake, stage.poller(fake) as first, stage.poller(fake) as second:
        await stage.watch(snapshot(OPEN))
        asking = asyncio.create_task(first.turn())
        async with asyncio.timeout(10):
            await waiting.wait()
        assert await until_idle(second) == 0
        release.set()
        assert await asking == 0
        assert await until_idle(second) == 0
    assert len(fake.seen) == 1


@pytest.mark.parametrize("point", ["poller.before_call", "poller.after_call", "poller.before_record"])
async def test_whoever_dies_with_a_parcel_in_hand_leaves_it_due_when_the_lease_ends(stage: Stage, point: str) -> None:
    async with serving(tracks) as fake, stage.poller(fake) as dying, stage.poller(fake) as other:
        await stage.watch(snapshot(OPEN))
        failpoints.arm(f"{point}:raise*1")
        with pytest.raises(failpoints.FailpointError):
            await dying.turn()
        before = len(fake.seen)
        assert await until_idle(other) == 0
        await stage.execute("update ingest.watch set leased_until = now()")
        assert await until_idle(other) == 1
        assert len(fake.seen) == before + 1


async def test_whoever_comes_back_after_the_lease_changes_nothing(stage: Stage) -> None:
    async with serving(tracks) as fake, stage.poller(fake) as late, stage.poller(fake) as other:
        await stage.watch(snapshot(OPEN))
        await late._claim()  # noqa: SLF001 - the first half of a turn
        await stage.execute("update ingest.watch set leased_until = now()")
        claim = await other._claim()  # noqa: SLF001
        assert isinstance(claim, Claim)
        await stage.execute("update ingest.watch set lease = lease + 1, leased_until = now() + interval '1 hour'")
        before = await stage.rows()
        await other._record(claim, await other._ask(claim))  # noqa: SLF001
        assert await stage.rows() == before


async def test_too_many_requests_leave_the_provider_alone_for_as_long_as_it_says(stage: Stage) -> None:
    async with serving(says({}, 429, retry_after="120")) as fake, stage.poller(fake) as poller:
        await stage.watch(snapshot([(number, "in_transit") for number in NUMBERS[:12]]))
        assert await until_idle(poller) == 1
        assert len(fake.seen) == 1
        left = await stage.value("select extract(epoch from paused_until - now())::float8 from ingest.provider")
        assert 100 < left <= 120
        assert await stage.value("select paused_why from ingest.provider") == "http_429"
        rows = await stage.rows()
        assert {row["attempts"] for row in rows.values()} == {0}, "a limit is no parcel's fault"
        fake.answer = tracks
        await stage.execute("update ingest.provider set paused_until = now(), next_at = now()")
        await stage.execute("update ingest.watch set due_at = now()")
        assert await until_idle(poller) == 2
        assert await stage.value("select failures from ingest.provider") == 0
        assert {row["attempts"] for row in (await stage.rows()).values()} == {0}


async def test_a_number_the_provider_stumbles_over_is_in_the_end_asked_for_alone(stage: Stage) -> None:
    bad = NUMBERS[4]

    def answer(seen: Seen) -> Response:
        return JSONResponse({}, 500) if bad in seen.query["tracking_ids"] else tracks(seen)

    async with serving(answer) as fake, stage.poller(fake) as poller:
        await stage.watch(snapshot([(number, "in_transit") for number in NUMBERS[:8]]))
        for _ in range(12):
            await stage.execute("update ingest.provider set paused_until = now(), next_at = now()")
            await stage.execute("update ingest.watch set due_at = now() where duty is not null and attempts > 0")
            await poller.turn()
        answered = {number for number, row in (await stage.rows()).items() if row["asked_at"] is not None}
    assert answered == set(NUMBERS[:8]) - {bad}


@pytest.mark.parametrize("pollers", [1, 3])
async def test_the_rate_is_kept_by_all_processes_together(stage: Stage, pollers: int) -> None:
    spacing_s = 0.1
    rate: dict[str, Any] = {"api_rates": {"australiapost": 60 / spacing_s}, "poll_s": 0.001}

    async def work(poller: Poller) -> None:
        while len(fake.seen) < 6:
            await poller.life.pause(await poller.turn())

    async with serving(tracks) as fake:
        await stage.watch(snapshot([(number, "in_transit") for number in NUMBERS]), **rate)
        async with (
            stage.poller(fake, **rate) as one,
            stage.poller(fake, **rate) as two,
            stage.poller(fake, **rate) as three,
        ):
            async with asyncio.timeout(30):
                await asyncio.gather(*(work(poller) for poller in (one, two, three)[:pollers]))
    times = sorted(seen.at for seen in fake.seen)
    # The server notes when a request has come in, so one that was slow on its way may be close to the next.
    assert times[-1] - times[0] >= spacing_s * (len(times) - 1) * 0.7
