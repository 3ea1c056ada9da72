"""A sender whose lease is over does not call: it stood still, or its database was away."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest

from services.runtime import clock
from tests.contract import providers
from tests.contract.providers import SmtpSetup
from tests.faults.freezing import is_frozen
from tests.faults.proxy import Proxy, through
from tests.integration.notify_desk import Desk, FakeChannel, open_pool, reached
from tests.integration.test_notify import outcomes, placed, produce, start, story
from tests.pipeline import Pipeline
from tests.unit.notify.making import placed_body
from tests.waiting import eventually

LATE = "came too late to send a message"
LEASE_S = 1.0


@pytest.fixture
async def smtp() -> AsyncIterator[SmtpSetup]:
    """The customers' mail server."""
    async with providers.smtp() as setup:
        yield setup


async def test_a_notifier_that_stood_still_before_its_call_beyond_its_lease_does_not_call(
    pipeline: Pipeline, smtp: SmtpSetup
) -> None:
    await produce(pipeline, placed(), story(1))
    zombie = await start(pipeline, smtp, TRACKFOLD_FAILPOINTS="notify.before_call:stop*1")
    await eventually(lambda: is_frozen(zombie.pid), 60, what="it stopped itself")
    await start(pipeline, smtp)
    (lost,) = await outcomes(pipeline, 1)
    assert (lost.milestone, lost.outcome, lost.reason) == ("shipped", "unknown", "lease_ended")
    zombie.send(signal.SIGCONT)
    await eventually(lambda: LATE in zombie.log() or smtp.taken, what="it comes to its call")
    await produce(pipeline, story(2))
    told = await outcomes(pipeline, 2)
    assert [(one.milestone, one.outcome) for one in told] == [("shipped", "unknown"), ("out_for_delivery", "accepted")]
    assert [mail["Subject"] for mail in smtp.taken] == ["Your order 1001 is out for delivery"]
    assert zombie.running


async def test_what_could_not_be_looked_at_within_its_lease_is_looked_at_anew_and_told_once(
    database: str, postgres_wire: Proxy
) -> None:
    async with open_pool(through(database, postgres_wire)) as pool:
        desk = Desk(pool, database, FakeChannel(), lease_s=LEASE_S, call_timeout_s=LEASE_S / 2)
        await desk.apply(placed_body(), reached("shipped"))
        (claimed,) = await desk.sender.claim(1)
        postgres_wire.refuse()
        postgres_wire.cut()
        waiting = asyncio.create_task(desk.sender.deliver(claimed))
        await eventually(lambda: clock.monotonic() - claimed.since > LEASE_S, what="its lease is over")
        await postgres_wire.heal()
        await waiting
        assert desk.channel.sent == []
        assert await desk.rows() == [("shipped", "pending", "lease_ended")]
        await eventually(desk.turn, what="it is due again")
        assert await desk.rows() == [("shipped", "accepted", None)]
        assert len(desk.channel.sent) == 1
