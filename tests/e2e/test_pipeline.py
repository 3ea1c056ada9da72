"""From a carrier's signed webhook to the customer's inbox, through real processes, Kafka, Postgres and SMTP."""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.local.catcher import Catcher
from services.runtime import clock
from tests.e2e import easypost_sender
from tests.pipeline import SNAPSHOTS, STATUS, Pipeline, judge, of_order, status_of
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.stack.processes import Process, Processes
from tests.waiting import eventually

SECRET = "a secret shared with EasyPost"
ORDER = "main:1001"
API_KEY = "an-api-key-of-the-test"
CANARY = "canary.person@example.com"
LINK = re.compile(r"https?://[^\s\"<>]+/t/[^\s\"<>]+")
OFFICIAL = "event_body_official_signed"


@dataclass(frozen=True)
class System:
    """The three services and what they lean on."""

    pipeline: Pipeline
    ingest: Process
    status: Process
    notify: Process
    catcher: Catcher

    async def metric(self, process: Process, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples that carry the labels."""
        async with httpx2.AsyncClient(trust_env=False) as client:
            page = (await client.get(f"{process.admin_url}/metrics")).text
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        lines = [line for line in page.splitlines() if line.startswith(f"{name}{{")]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(one in line for one in wanted))

    def subjects(self) -> list[str]:
        """Return the subjects of the mails that arrived."""
        return [mail.subject for mail in self.catcher.outbox.mails]


@pytest.fixture
async def start(
    kafka: Kafka, prefix: str, processes: Processes, environment: Callable[..., dict[str, str]]
) -> AsyncIterator[Callable[[str], Any]]:
    """Start the whole system with a secret for EasyPost."""
    pipeline = Pipeline(kafka, prefix, processes, environment)
    await pipeline.apply_topics()
    async with Catcher() as catcher:

        async def begin(secret: str) -> System:
            ingest = await pipeline.start("ingest", TRACKFOLD_INGEST__SECRETS__EASYPOST=secret)
            status = await pipeline.start("status", TRACKFOLD_STATUS__API_KEYS=API_KEY)
            notify = await pipeline.start(
                "notify",
                TRACKFOLD_NOTIFY__SMTP_PORT=str(catcher.smtp_port),
                TRACKFOLD_NOTIFY__SMTP_TLS="none",
                TRACKFOLD_NOTIFY__SETTLE_S="0",
                TRACKFOLD_LINKS__TRACKING_BASE_URL=status.http_url,
            )
            return System(pipeline, ingest, status, notify, catcher)

        yield begin


def order_events(*, carrier: str, number: str, at: datetime) -> list[dict[str, Any]]:
    """Return an order of one article in one parcel, with a buyer to tell."""
    common = {"shop": "main", "order": "1001"}
    contacts = [{"role": "buyer", "name": "Canary Person", "email": CANARY}]
    line = {"line": "1", "name": "Wool blanket", "quantity": 1}
    return [
        {"type": "placed", **common, "occurred_at": at.isoformat(), "lines": [line], "contacts": contacts,
         "locale": "en-GB", "time_zone": "Europe/London"},
        {"type": "shipment_created", **common, "occurred_at": (at + timedelta(seconds=1)).isoformat(),
         "shipment": "S1", "carrier": carrier, "number": number},
    ]  # fmt: skip


async def test_growing_easypost_bodies_become_one_parcel_one_page_and_one_mail_per_milestone(
    start: Callable[[str], Any],
) -> None:
    system: System = await start(SECRET)
    placed_at = clock.now() - timedelta(hours=1)
    await system.pipeline.produce(order_events(carrier="Royal Mail", number="AB 1234 5678 5GB", at=placed_at))
    bodies = [body.encode() for body in easypost_sender.story()]
    mails_after = [0, 1, 1, 2, 3]

    for body, mails in zip(bodies, mails_after, strict=True):
        answer = await easypost_sender.post(system.ingest.http_url, body, secret=SECRET)
        assert answer.status_code == 202, answer.text
        await until_mails(system, mails)

    messages = await system.pipeline.until_state(ORDER, "delivered")
    versions = judge(messages)
    assert [parcel.stage for parcel in versions[-1].parcels] == ["delivered"]
    await the_snapshot_is_the_newest(system, messages)
    await each_scan_is_there_once(system, bodies[-1])
    assert await page_of_the_last_mail_shows(system, "Delivered")
    subjects = system.subjects()
    assert len(set(subjects)) == 3, subjects

    await post_everything_again(system, bodies)
    assert judge(await system.pipeline.until_state(ORDER, "delivered")) == versions
    assert system.subjects() == subjects
    await no_contact_left_its_place(system)


async def test_the_official_signed_event_is_taken_shown_and_too_old_to_be_told(
    start: Callable[[str], Any], recorded_folders: list[Path]
) -> None:
    files = [folder / "easypost" / f"{OFFICIAL}.json" for folder in recorded_folders]
    present = [file for file in files if file.exists()]
    if not present:
        pytest.skip(f"no --recorded folder has easypost/{OFFICIAL}.json")
    body, meta = present[0].read_bytes(), json.loads(present[0].with_suffix(".meta.json").read_text())
    system: System = await start(meta["signature"]["secret"])
    events = order_events(carrier="FedEx", number="1", at=datetime(2024, 7, 31, 14, tzinfo=UTC))
    await system.pipeline.produce(events)
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{system.ingest.http_url}/webhooks/easypost", content=body, headers=meta["headers"])
    assert answer.status_code == 202, answer.text
    versions = judge(await system.pipeline.until_state(ORDER, "in_transit"))
    assert versions[-1].parcels[0].stage == "in_transit"
    outcomes = await system.pipeline.messages("notification.outcomes.v1", lambda found: len(found) >= 1)
    assert {json.loads(one.value)["outcome"] for one in outcomes} == {"suppressed"}
    assert {json.loads(one.value)["reason"] for one in outcomes} == {"too_old"}
    assert system.subjects() == []
    order = await ask_api(system, "/v1/orders/main/1001")
    assert order["state"] == "in_transit"


async def until_mails(system: System, count: int) -> None:
    """Wait until so many mails have arrived, and not one more."""
    await eventually(lambda: len(system.catcher.outbox.mails) >= count, what=f"mail number {count}")
    assert len(system.catcher.outbox.mails) == count


async def post_everything_again(system: System, bodies: list[bytes]) -> None:
    """Post all bodies once more and wait until each has gone all the way."""
    for body in bodies:
        assert (await easypost_sender.post(system.ingest.http_url, body, secret=SECRET)).status_code == 202

    async def normalised() -> bool:
        read = await system.metric(
            system.ingest, "trackfold_records_total", group="trackfold.ingest.normalise", outcome="applied"
        )
        return read == 2 * len(bodies)

    await eventually(normalised, what="every webhook normalised")
    marker = order_events(carrier="Royal Mail", number="MARKER1", at=clock.now())
    await system.pipeline.produce([{**event, "order": "marker"} for event in marker])
    await system.pipeline.until_state("main:marker", "processing")


async def the_snapshot_is_the_newest(system: System, messages: list[Any]) -> None:
    newest = max(messages, key=lambda one: status_of(one).change.version)
    snapshots = await system.pipeline.messages(
        SNAPSHOTS, lambda found: any(one.value == newest.value for one in of_order(found, ORDER))
    )
    assert of_order(snapshots, ORDER)[-1].value == newest.value


async def each_scan_is_there_once(system: System, last_body: bytes) -> None:
    details = json.loads(last_body)["result"]["tracking_details"]
    path = "/v1/orders/main/1001/shipments/royal-mail:AB123456785GB"
    history = (await ask_api(system, path))["history"]
    scans = [entry for entry in history if entry["kind"] == "scan"]
    assert len(scans) == len(details)


async def ask_api(system: System, path: str) -> dict[str, Any]:
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{system.status.http_url}{path}", headers={"Authorization": f"Bearer {API_KEY}"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def page_of_the_last_mail_shows(system: System, word: str) -> bool:
    mail = system.catcher.outbox.mails[-1]
    link = LINK.search(mail.text or "")
    assert link is not None, mail.text
    async with httpx2.AsyncClient(trust_env=False) as client:
        page = await client.get(link.group())
    assert page.status_code == 200
    return word in page.text


async def no_contact_left_its_place(system: System) -> None:
    """Search logs, metrics and every topic but `order.events.v1` for the canary, a refused order event's too."""
    pipeline = system.pipeline
    refused = json.dumps({"type": "placed", "order": "refused", "contacts": [{"role": "buyer", "email": CANARY}]})
    async with topics.producer(pipeline.kafka) as producer:
        await producer.send_and_wait(f"{pipeline.prefix}order.events.v1", refused.encode(), key=b"main:refused")
    letters = await system.pipeline.messages("dead-letters.v1", lambda found: len(found) >= 2)
    assert sorted(json.loads(one.value)["service"] for one in letters) == ["notify", "status"]
    places = {"dead-letters.v1": str([(one.key, one.value, one.headers) for one in letters])}
    for process in (system.ingest, system.status, system.notify):
        places[f"log of {process.name}"] = process.log()
        async with httpx2.AsyncClient(trust_env=False) as client:
            places[f"metrics of {process.name}"] = (await client.get(f"{process.admin_url}/metrics")).text
    for topic in (STATUS, SNAPSHOTS, "carrier.webhooks.v1", "carrier.scans.v1", "notification.outcomes.v1"):
        records = await system.pipeline.messages(topic, lambda found: len(found) >= 3)
        places[topic] = str([(one.key, one.value, one.headers) for one in records])
    assert not [place for place, text in places.items() if "canary" in text.lower()]
