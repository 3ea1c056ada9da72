"""Small stories that lead a process past a fail-point, and what must be true once another has taken over.

A story starts its process, armed or not, does what brings it to the point, and says whether the end is right. The
points of a service share one, so that a new point needs a line in test_failpoints_walk.py and no more.
"""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg
import httpx2

from services.ingest.import_command import SENT_AT_ONCE
from tests.contract.providers import SmtpSetup
from tests.fake_api import FakeApi
from tests.integration import test_ingest, test_notify, test_orders_in, test_poller_process, test_status_timers
from tests.integration.poller_stage import NUMBERS, WEBHOOKS, snapshot_body
from tests.pipeline import SNAPSHOTS, STATUS, Pipeline, judge, of_order, status_of
from tests.records import event, placed, scan, shipment
from tests.stack.processes import Process
from tests.waiting import eventually

ORDER: Final = "main:1001"
LIMIT_S: Final = 40.0
ONE_ORDER: Final = (
    placed(minutes=0),
    event("picking_started", minutes=5),
    shipment(minutes=10),
    scan("accepted", minutes=60),
    scan("in_transit", minutes=120),
    scan("out_for_delivery", minutes=1500),
    scan("delivered", minutes=1700),
)


class Story(Protocol):
    """What a point's process does, and when all is well. `start` may be called again after a death."""

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Start the process and lead it to the point."""

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """Fail unless the end is right; a process without arming runs."""


class StatusStory:
    """One order from placed to delivered."""

    _told = False

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Write the records once."""
        if not self._told:
            await pipeline.produce(ONE_ORDER)
            self._told = True
        return await pipeline.start("status", wait_ready=not armed, **armed)

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """Every scan once, versions without a hole, repeats the same bytes, all read, the newest snapshot last."""
        records = await pipeline.until_state(ORDER, "delivered")
        versions = judge(records)
        assert versions[-1].state == "delivered"
        if point == "relay.after_send":
            assert len(records) > len(versions), "nothing was sent again: the point was passed by"
        keys = [row[0] for row in await ask(pipeline, "select event_key from status.ledger where kind = 'scan'")]
        assert len(keys) == len(set(keys)) == 4
        read = "select sum(next_offset) from status.consumer_offset"
        await eventually(lambda: holds(pipeline, f"({read}) = {len(ONE_ORDER)}"), LIMIT_S)
        await eventually(lambda: holds(pipeline, "(select count(*) from status.outbox) = 0"), LIMIT_S)
        newest = max(records, key=lambda one: status_of(one).change.version)
        snapshots = await pipeline.messages(SNAPSHOTS, lambda found: found and found[-1].value == newest.value)
        assert of_order(snapshots, ORDER)[-1].value == newest.value


class TimerStory:
    """A parcel that has been silent for years."""

    _told = False

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Write the records once; later, let the timers be due again at once."""
        if not self._told:
            await pipeline.produce(test_status_timers.STORY)
            self._told = True
        else:
            await ask(pipeline, "update status.timer set due_at = now()")
        return await pipeline.start("status", wait_ready=not armed, TRACKFOLD_STATUS__TIMER_GRACE_S="0", **armed)

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """Both time events count once, and nothing more is awaited."""
        del point

        def silent(records: list[Any]) -> bool:
            found = of_order(records, ORDER)
            names = {one.name for one in status_of(found[-1]).parcels[0].conditions} if found else set()
            return names == {"silent", "expired_tracking"}

        await pipeline.messages(STATUS, silent)
        await eventually(lambda: holds(pipeline, "(select count(*) from status.timer) = 0"), LIMIT_S)
        assert await holds(pipeline, "(select count(*) from status.ledger where kind = 'time') = 2")


class PurgeStory:
    """A delivered order that nothing has happened to for years."""

    _told = False

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Have it delivered, let years pass in the database, then look for what is to be purged."""
        if not self._told:
            await pipeline.produce(ONE_ORDER)
            process = await pipeline.start("status")
            await pipeline.until_state(ORDER, "delivered")
            process.kill()
            await ask(pipeline, "update status.orders set updated_at = now() - interval '900 days'")
            self._told = True
        own = {"TRACKFOLD_STATUS__PURGE_ROUND_S": "0.1"}
        return await pipeline.start("status", wait_ready=not armed, **own, **armed)

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """It is closed, its parcel gone, its snapshot a tombstone."""
        del point
        closed = "(select count(*) from status.orders where closed = 'purged') = 1"
        await eventually(lambda: holds(pipeline, closed), LIMIT_S)
        assert await holds(pipeline, "(select count(*) from status.ledger) = 0")
        await pipeline.messages(SNAPSHOTS, lambda found: found and found[-1].value is None)


@dataclass
class IngestStory:
    """A webhook with what a provider knows of a parcel, sent until it is accepted."""

    answers: list[int] = field(default_factory=list)

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Post it, unless it was accepted."""
        process = await test_ingest.begin(pipeline, **armed)
        if 202 not in self.answers:
            with contextlib.suppress(httpx2.TransportError):
                self.answers.append((await test_ingest.post(process, test_ingest.GROWN[4])).status_code)
        return process

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """Each of its scans is there, in one reading: repeats are the same bytes."""
        del point
        assert self.answers == [202]
        scans = await pipeline.messages(test_ingest.SCANS, lambda found: len(test_ingest.keys(found)) >= 7)
        assert len({(one.key, one.value, one.headers) for one in scans}) == len(test_ingest.keys(scans)) == 7


@dataclass
class NotifyStory:
    """A customer to be told that a parcel was shipped."""

    smtp: SmtpSetup
    _told: bool = False

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Write the order and its first message once."""
        if not self._told:
            await test_notify.produce(pipeline, test_notify.placed(), test_notify.story(1))
            self._told = True
        return await test_notify.start(pipeline, self.smtp, **armed)

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """One outcome; from the claim to its record, nobody knows whether the mail was taken: it is not sent again."""
        told = await test_notify.outcomes(pipeline, 1)
        known = point not in {"notify.before_call", "notify.after_call", "notify.before_record"}
        assert {(one.outcome, one.reason) for one in told} == {
            ("accepted", None) if known else ("unknown", "lease_ended")
        }
        assert len(self.smtp.taken) == (0 if point == "notify.before_call" else 1)
        marked = "(select bool_and(published_no = outcome_no) from notify.notification)"
        await eventually(lambda: holds(pipeline, marked), LIMIT_S)


@dataclass
class ImportStory:
    """A file of orders."""

    folder: Path

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Import it, from its beginning or from where it stood."""
        path = self.folder / "orders.csv"
        path.write_text(test_orders_in.rows(2 * SENT_AT_ONCE), "utf-8")
        return await test_orders_in.run_import(pipeline, path, "--yes", **armed)

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """Each order is there; repeats have the identity of the first."""
        del point
        count = 2 * SENT_AT_ONCE
        identities = test_orders_in.identities
        told = await pipeline.messages(
            test_orders_in.ORDER_EVENTS, lambda found: len(set(identities(found))) >= count, LIMIT_S
        )
        assert len({one.key for one in told}) == len(set(identities(told))) == count


@dataclass
class PollerStory:
    """A parcel whose provider must be asked."""

    fake: FakeApi
    _told: bool = False

    async def start(self, pipeline: Pipeline, **armed: str) -> Process:
        """Say once that it is under way; later, end the lease of the one who died."""
        if not self._told:
            await test_poller_process.say(pipeline, snapshot_body([(NUMBERS[0], "in_transit")]))
            self._told = True
        else:
            await ask(pipeline, "update ingest.watch set leased_until = now()")
        own = test_poller_process.settings(self.fake, **{f"{test_poller_process.POLLER}POLL_S": "3600"}, **armed)
        return await pipeline.start("ingest", wait_ready=not armed, **own)

    async def check(self, pipeline: Pipeline, point: str) -> None:
        """The provider was asked, and what it said is kept and noted."""
        kept = await pipeline.messages(WEBHOOKS, len)
        assert all(NUMBERS[0].encode() in one.value for one in kept)
        await eventually(lambda: holds(pipeline, "(select leased_until is null from ingest.watch)"), LIMIT_S)
        assert len(self.fake.seen) == (1 if point == "poller.before_call" else 2)


async def ask(pipeline: Pipeline, query: str) -> list[Any]:
    """Ask the database of the processes."""
    connection = await asyncpg.connect(pipeline.environment()["DATABASE_URL"], timeout=10, command_timeout=10)
    try:
        rows: list[Any] = await connection.fetch(query)
    finally:
        await connection.close(timeout=5)
    return rows


async def holds(pipeline: Pipeline, condition: str) -> bool:
    """Say whether a condition in SQL is true."""
    (row,) = await ask(pipeline, f"select {condition} as holds")
    return row["holds"] is True
