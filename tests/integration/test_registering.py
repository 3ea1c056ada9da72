"""Registered, not hoped for: real clients against fakes of EasyPost, UPS and 17TRACK, with real Kafka and Postgres."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse

from schemas.envelope import header
from services.ingest.apis.client import open_client
from services.ingest.handler import Intake
from services.ingest.poller import repository
from services.ingest.poller.engine import Poller
from services.ingest.poller.settings import PollerSection
from services.runtime import failpoints
from services.runtime.kafka import Record
from services.runtime.life import Life
from services.runtime.settings import ServiceSettings
from tests.fake_api import FakeApi, serving
from tests.fakes_of_aggregators import FakeEasyPost, FakeTrack17
from tests.fakes_of_apis import CALLBACK, OWN, FakeProvider
from tests.fakes_of_carriers import FakeUps
from tests.integration.poller_stage import FAST, Stage, scans_of, snapshot, staged, until_idle, watching
from tests.stack.kafka import Kafka

ON_ITS_WAY, OVER = "in_transit", "delivered"
#: Nothing is read for its silence: these stories are about registering.
NEVER_SILENT: dict[str, Any] = {"silent_s": 365 * 86_400}


@pytest.fixture
async def stage(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """A prepared stage."""
    async with staged(kafka, prefix, database) as prepared:
        yield prepared
    failpoints.arm("")


def pace(fake: FakeProvider, **own: Any) -> dict[str, Any]:
    """Return the poller's settings for one provider, as fast as it goes."""
    return {**FAST, "api_rates": {fake.provider: 60_000}, **NEVER_SILENT, **own}


@asynccontextmanager
async def polling(stage: Stage, fake: FakeProvider, server: FakeApi, **own: Any) -> AsyncIterator[Poller]:
    """Give a poller with the provider's real client."""
    section = PollerSection.model_validate(pace(fake, **own))
    intake = Intake(stage.producer, stage.settings, keys={}, timeout_s=3)
    async with stage.pool.transaction() as connection:
        await repository.add_providers(connection, [fake.provider])
    async with open_client(server.url, credentials=OWN, callback=CALLBACK, timeout_s=5) as client:
        yield Poller(
            Life("ingest", ServiceSettings(kafka=stage.settings)),
            section,
            stage.pool,
            fake.api,
            client,
            intake.keep,
            watching(fake.api, section),
            random=lambda: 1.0,
        )


def order(fake: FakeProvider, count: int, word: str = ON_ITS_WAY, **own: Any) -> Record:
    """Return the snapshot of an order with so many of the provider's parcels."""
    return snapshot([(one.number, word) for one in fake.subjects(count)], carrier=fake.carrier, **own)


async def listed(stage: Stage, number: str) -> dict[str, Any]:
    """Return what `trackfold carriers registrations` shows of a number."""
    async with stage.pool.acquire() as connection:
        (row,) = await repository.listed(connection, number, limit=2)
    return row


async def test_a_parcel_is_registered_once_and_a_refused_one_says_why(stage: Stage) -> None:
    fake = FakeEasyPost()
    good, bad = (one.number for one in fake.subjects(2))
    fake.refused = {bad}
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 2), api=fake.api, **pace(fake))
        assert (await listed(stage, good))["registration"] == "waiting"
        assert await until_idle(poller) == 2
        await stage.watch(order(fake, 2), order(fake, 2, order="1002"), api=fake.api, **pace(fake))
        assert await until_idle(poller) == 0
    assert fake.registered == [good]
    row = (await stage.rows())[good]
    assert (row["registration"], row["reference"], row["why"]) == ("registered", f"trk_{good}", None)
    shown = await listed(stage, bad)
    assert (shown["registration"], shown["why"], shown["next"]) == ("refused", "TRACKER.CREATE.ERROR", "register")


async def test_a_refused_number_is_tried_again_a_day_later(stage: Stage) -> None:
    fake = FakeEasyPost()
    (number,) = (one.number for one in fake.subjects(1))
    fake.refused = {number}
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 1), api=fake.api, **pace(fake))
        await until_idle(poller)
        fake.refused = set()
        await stage.execute("update ingest.watch set refused_at = refused_at - interval '23 hours'")
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 0
        await stage.execute("update ingest.watch set refused_at = refused_at - interval '1 hour'")
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 1
    shown = await listed(stage, number)
    assert (shown["registration"], shown["why"]) == ("registered", None)


async def test_two_processes_register_each_parcel_once(stage: Stage) -> None:
    fake = FakeEasyPost()

    async def work(poller: Poller) -> None:
        while len(fake.registered) < 8:
            await poller.life.pause(await poller.turn())

    async with serving(fake) as server, polling(stage, fake, server) as one, polling(stage, fake, server) as two:
        await stage.watch(order(fake, 8), api=fake.api, **pace(fake))
        async with asyncio.timeout(30):
            await asyncio.gather(work(one), work(two))
        assert await until_idle(one) == 0
    assert sorted(fake.registered) == [one.number for one in fake.subjects(8)]


async def test_whoever_dies_after_registering_registers_again_and_that_changes_nothing(stage: Stage) -> None:
    fake = FakeEasyPost()
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 1), api=fake.api, **pace(fake))
        failpoints.arm("poller.after_call:raise*1")
        with pytest.raises(failpoints.FailpointError):
            await poller.turn()
        assert len(fake.registered) == 1
        await stage.execute("update ingest.watch set leased_until = now()")
        assert await until_idle(poller) == 1
    (row,) = (await stage.rows()).values()
    assert (row["registration"], row["reference"]) == ("registered", f"trk_{fake.subject(0).number}")


async def test_a_refused_key_is_one_request_and_a_long_pause_with_its_reason(stage: Stage) -> None:
    fake = FakeEasyPost()
    fake.fault = lambda _: JSONResponse({"error": {"code": "APIKEY.INACTIVE"}}, 401)
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 5), api=fake.api, **pace(fake))
        assert await until_idle(poller) == 1
        assert len(server.seen) == 1
        left = await stage.value("select extract(epoch from paused_until - now())::float8 from ingest.provider")
        assert 800 < left <= 900
        assert await stage.value("select paused_why from ingest.provider") == "http_401"
        # The key was mended, and the pause is over: nothing was lost.
        fake.fault = None
        await stage.execute("update ingest.provider set paused_until = now(), next_at = now()")
        await stage.execute("update ingest.watch set due_at = now()")
        assert await until_idle(poller) == 5
    assert {row["registration"] for row in (await stage.rows()).values()} == {"registered"}


async def test_ups_is_subscribed_by_the_hundred_and_renewed_after_thirteen_days(stage: Stage) -> None:
    fake = FakeUps()
    numbers = [one.number for one in fake.subjects(120)]
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 120), api=fake.api, **pace(fake))
        assert await until_idle(poller) == 2
        assert sorted(fake.registered) == numbers
        rows = await stage.rows()
        assert {row["due_at"] - row["registered_at"] for row in rows.values()} == {timedelta(days=13)}
        assert {row["duty"] for row in rows.values()} == {"renew"}
        await stage.execute("update ingest.watch set registered_at = registered_at - interval '12 days 23 hours'")
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 0
        await stage.execute("update ingest.watch set registered_at = registered_at - interval '1 hour'")
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 2
        assert await until_idle(poller) == 0
    assert sorted(fake.registered) == sorted(numbers * 2)
    assert fake.tokens == 1


async def test_what_is_delivered_is_not_renewed(stage: Stage) -> None:
    fake = FakeUps()
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 1), api=fake.api, **pace(fake))
        await until_idle(poller)
        await stage.watch(order(fake, 1, OVER), api=fake.api, **pace(fake))
        await stage.execute("update ingest.watch set registered_at = registered_at - interval '14 days'")
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 0
    assert len(fake.registered) == 1


async def test_a_registration_is_ended_a_day_after_its_parcel_was_delivered(stage: Stage) -> None:
    fake = FakeTrack17()
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        await stage.watch(order(fake, 45), api=fake.api, **pace(fake))
        assert await until_idle(poller) == 2
        await stage.watch(order(fake, 45, OVER), api=fake.api, **pace(fake))
        assert await until_idle(poller) == 0
        await stage.execute("update ingest.watch set closed_at = closed_at - interval '1 day'")
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 2
        assert await until_idle(poller) == 0
    assert sorted(fake.ended) == [one.number for one in fake.subjects(45)]
    assert {(row["registration"], row["duty"]) for row in (await stage.rows()).values()} == {("ended", None)}
    assert {seen.path for seen in server.seen} == {"/register", "/stoptrack"}


async def test_a_delivery_that_is_taken_back_ends_nothing(stage: Stage) -> None:
    fake = FakeTrack17()
    async with serving(fake) as server, polling(stage, fake, server) as poller:
        for word in (ON_ITS_WAY, OVER, ON_ITS_WAY):
            await stage.watch(order(fake, 1, word), api=fake.api, **pace(fake))
            await until_idle(poller)
        await stage.plan_anew(fake.api, **pace(fake))
        assert await until_idle(poller) == 0
    assert (fake.registered, fake.ended) == ([fake.subject(0).number], [])


async def test_a_registered_parcel_that_stays_silent_is_read_and_its_answer_becomes_scans(stage: Stage) -> None:
    fake, own = FakeEasyPost(), {"silent_s": 86_400}
    number = fake.subject(0).number
    async with serving(fake) as server, polling(stage, fake, server, **own) as poller:
        await stage.watch(order(fake, 1), api=fake.api, **pace(fake, **own))
        assert await until_idle(poller) == 1
        await stage.execute(
            "update ingest.watch set opened_at = opened_at - interval '1 day',"
            " registered_at = registered_at - interval '1 day'"
        )
        await stage.plan_anew(fake.api, **pace(fake, **own))
        assert await until_idle(poller) == 1
    assert [seen.path for seen in server.seen] == ["/v2/trackers", f"/v2/trackers/trk_{number}"]
    (answer,) = await stage.answers(1)
    assert answer.value == fake.sent[-1]
    assert header(answer.headers, "trackfold_provider") == "easypost"
    assert {scan.key for scan in scans_of(answer)} == {f"usps:{number}".encode()}
