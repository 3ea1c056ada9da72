"""A database, a broker, a provider's API of our own, and the poller's parts between them, as one process has them."""

import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response

from services.ingest.apis.australiapost import AUSTRALIAPOST
from services.ingest.apis.base import (
    Answer,
    Api,
    Callback,
    Client,
    Credentials,
    Later,
    Rate,
    ReadResult,
    Refused,
    Registered,
    RegisterResult,
    Subject,
    Traits,
)
from services.ingest.apis.client import open_client
from services.ingest.handler import Intake
from services.ingest.normalise import normalise
from services.ingest.poller import repository
from services.ingest.poller.engine import Poller
from services.ingest.poller.keeper import Keeper
from services.ingest.poller.serving import Serving
from services.ingest.poller.settings import PollerSection
from services.ingest.poller.watching import Watching
from services.runtime import clock
from services.runtime.consume import Batch
from services.runtime.kafka import Record, open_producer
from services.runtime.life import Life
from services.runtime.postgres import Pool, open_pool
from services.runtime.settings import KafkaSettings, PostgresSettings, ServiceSettings
from tests.fake_api import FakeApi, Seen, says
from tests.stack import topics
from tests.stack.kafka import Kafka

WEBHOOKS, SCANS, SNAPSHOTS = "carrier.webhooks.v1", "carrier.scans.v1", "order.snapshots.v1"
EXAMPLE = Path(__file__).parents[2] / "schemas/order.snapshots/examples/v1/out_for_delivery.json"
OWN = Credentials("user", "password", "0001234567")
NUMBERS = [f"33AAA{number:05}" for number in range(1, 31)]
FAST = {"api_rates": {"australiapost": 60_000}, "turn_s": 0.02, "retry_first_s": 0.05, "hint_s": 0}

_offsets = itertools.count()


class PushApi:
    """An aggregator's API: registers two numbers at once, reads one, ends two."""

    traits = Traits(
        provider="standard", base_url="https://x", rate=Rate(1000, 1), reads=1, registers=2, ends=2,
        renew_after=timedelta(days=13),
    )  # fmt: skip

    async def read(self, client: Client, subjects: Sequence[Subject]) -> Sequence[ReadResult]:
        """Read one."""
        reply = await client.call("GET", f"/track/{subjects[0].number}")
        return [Answer((subjects[0].key,), reply.body)]

    async def register(self, client: Client, subjects: Sequence[Subject]) -> Sequence[RegisterResult]:
        """Register two; what the server does not name is done later."""
        reply = await client.call("POST", "/register", json=[one.number for one in subjects])
        said: dict[str, str] = reply.json()
        return [self._result(one, said.get(one.number, "later")) for one in subjects]

    async def end(self, client: Client, subjects: Sequence[Subject]) -> None:
        """End two."""
        await client.call("POST", "/end", json=[one.reference for one in subjects])

    def _result(self, subject: Subject, said: str) -> RegisterResult:
        if said == "ok":
            return Registered(subject.key, f"ref-{subject.number}")
        return Later(subject.key, said) if said == "later" else Refused(subject.key, said)


@dataclass
class Stage:
    """What a test has in its hands."""

    kafka: Kafka
    settings: KafkaSettings
    pool: Pool
    producer: AIOKafkaProducer

    @asynccontextmanager
    async def poller(self, fake: FakeApi, api: Api = AUSTRALIAPOST, **own: Any) -> AsyncIterator[Poller]:
        """Give a poller as one process has it."""
        section = PollerSection.model_validate(FAST | own)
        intake = Intake(self.producer, self.settings, keys={}, timeout_s=3)
        life = Life("ingest", ServiceSettings(kafka=self.settings))
        async with self.pool.transaction() as connection:
            await repository.add_providers(connection, [api.traits.provider])
        async with open_client(
            fake.url, credentials=OWN, callback=Callback("http://127.0.0.1/webhooks"), timeout_s=section.call_timeout_s
        ) as client:
            yield Poller(life, section, self.pool, api, client, intake.keep, watching(api, section), random=lambda: 1.0)

    async def watch(self, *records: Record, api: Api = AUSTRALIAPOST, **own: Any) -> None:
        """Apply a batch as the watching consumer does."""
        committed: list[Callable[[], None]] = []
        section = PollerSection.model_validate(FAST | own)
        async with self.pool.transaction() as connection:
            await watching(api, section).apply(Batch(connection, records, committed))
        for act in committed:
            act()

    async def plan_anew(self, api: Api, **own: Any) -> None:
        """Plan every parcel as a fresh process does."""
        life = Life("ingest", ServiceSettings(kafka=self.settings))
        keeper = Keeper(life, self.pool, watching(api, PollerSection.model_validate(FAST | own)))
        after: str | None = ""
        while after is not None:
            after = await keeper.plan(after)
        await keeper.tidy()

    async def answers(self, count: int) -> list[Record]:
        """Return the answers that are in Kafka, once there are so many."""
        wire = self.settings.topic(WEBHOOKS)
        found = await topics.read_until(self.kafka, wire, lambda read: len(read) >= count)
        return [Record(WEBHOOKS, 0, one.offset, one.timestamp, one.key, one.value, tuple(one.headers)) for one in found]

    async def rows(self) -> dict[str, dict[str, Any]]:
        """Return the watched parcels by their number."""
        async with self.pool.acquire() as connection:
            return {row["number"]: dict(row) for row in await connection.fetch("select * from ingest.watch")}

    async def execute(self, statement: str) -> None:
        """Change something behind the poller's back."""
        async with self.pool.acquire() as connection:
            await connection.execute(statement)

    async def value(self, query: str) -> Any:
        """Ask the database for one value."""
        async with self.pool.acquire() as connection:
            return await connection.fetchval(query)


@asynccontextmanager
async def staged(kafka: Kafka, prefix: str, database: str) -> AsyncIterator[Stage]:
    """Prepare a stage."""
    settings = KafkaSettings(bootstrap_servers=(kafka.bootstrap_servers,), topic_prefix=prefix)
    async with (
        open_pool(PostgresSettings(url=SecretStr(database)), "test") as pool,
        open_producer(settings, "test") as producer,
    ):
        await topics.create(kafka, settings.topic(WEBHOOKS))
        yield Stage(kafka, settings, pool, producer)


def watching(api: Api, section: PollerSection) -> Watching:
    """Return what applies batches, with one API that serves every carrier it can."""
    traits = api.traits
    serving = Serving({}, traits) if traits.carriers is None else Serving(dict.fromkeys(traits.carriers, traits))
    return Watching(serving, section.pace, timedelta(seconds=section.missed_after_s))


async def until_idle(poller: Poller, limit: int = 50) -> int:
    """Let a poller work until nothing is due; return how many requests that were."""
    for worked in range(limit):
        if await poller.turn() > 0:
            return worked
    raise AssertionError(f"still at work after {limit} turns")


def snapshot(
    parcels: Iterable[tuple[str, str]] | None, *, carrier: str = "australia-post", order: str = "1001"
) -> Record:
    """Return an order's snapshot with parcels (number, stage); None: its tombstone."""
    value = None if parcels is None else snapshot_body(parcels, carrier=carrier, order=order)
    return Record(SNAPSHOTS, 0, next(_offsets), 1_700_000_000_000, f"main:{order}".encode(), value, ())


def snapshot_body(parcels: Iterable[tuple[str, str]], *, carrier: str = "australia-post", order: str = "1001") -> bytes:
    """Return the value of a snapshot."""
    document = json.loads(EXAMPLE.read_bytes())
    (example,) = document["parcels"]
    document["order"] = order
    document["parcels"] = [
        example
        | {"shipment": f"S{place}", "key": f"{carrier}:{number}", "carrier": carrier, "number": number, "stage": stage}
        for place, (number, stage) in enumerate(parcels)
    ]
    return json.dumps(document).encode()


def standard_body(number: str, *codes: str, at: datetime, carrier: str = "royal-mail") -> bytes:
    """Return what the `standard` provider says of a parcel: one scan a minute from `at`, as in its webhooks."""
    return json.dumps(
        [
            {
                "type": "tracking.scan", "carrier": carrier, "number": number, "code": code, "stage": "in_transit",
                "occurred_at": (at + timedelta(minutes=place)).isoformat(),
            }
            for place, code in enumerate(codes)
        ]
    ).encode()  # fmt: skip


def webhook(body: bytes, *, told_at: datetime | None = None) -> Record:
    """Return a webhook of `standard` as it lies in Kafka."""
    meta = {
        "trackfold_provider": "standard",
        "trackfold_told_at": (told_at or clock.now()).isoformat(),
        "trackfold_delivery": "d1",
    }
    headers = tuple((name, value.encode()) for name, value in meta.items())
    return Record(WEBHOOKS, 0, next(_offsets), 1_700_000_000_000, None, body, headers)


def scans_of(*records: Record) -> list[Record]:
    """Return the scans that the normaliser makes of webhooks and answers."""
    return [
        Record(one.topic, 0, next(_offsets), 1_700_000_000_000, one.key, one.value, one.headers)
        for record in records
        for one in normalise(record, allow_test=True).outgoing
    ]


def tracks(seen: Seen) -> Response:
    """Answer as Australia Post does for numbers it knows."""
    numbers = seen.query["tracking_ids"].split(",")
    return JSONResponse({"tracking_results": [_track(number) for number in numbers]})


def _track(number: str) -> dict[str, Any]:
    event = {"location": "SYDNEY NSW", "description": "In transit", "date": "2026-11-20T10:00:00+11:00"}
    items = [{"article_id": number, "product_type": "eParcel", "events": [event]}]
    return {"tracking_id": number, "status": "In transit", "trackable_items": items}


registers_all = says(dict.fromkeys(NUMBERS, "ok"))
