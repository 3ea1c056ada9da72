"""Stories of orders in few words: events, scans and what came of them on the way."""

from collections.abc import Sequence
from typing import Any

from schemas.order_status import Change
from schemas.scans import Scan
from services.status.explain import Evidence, story_of
from services.status.explain_answers import ParcelStory, ScanStory, Story
from services.status.explain_parcel import Path
from services.status.order_facts import StoredEvent
from tests.builders import KEY, after, line, make_scan
from tests.unit.status.making import Told, histories_of, told


def event(kind: str, key: str, minutes: float = 20, **overrides: Any) -> StoredEvent:
    return told(kind, event_id=key, occurred_at=after(minutes=minutes), **overrides)


def scanned(stage: str | None, hours: float, key: str, **overrides: Any) -> Scan:
    return make_scan(stage=stage, occurred_at=after(hours=hours), event_key=key, **overrides)


def explained(*everything: Told, path: Path | None = None, change: Change | None = None, **kind: Any) -> Story:
    events = [one for one in everything if isinstance(one, StoredEvent)]
    histories = histories_of({KEY: events}, [one for one in everything if isinstance(one, Scan)])
    return story_of(Evidence(KEY, events, histories, path or Path(), change), **kind)


def parcel(story: Story, shipment: str = "S1") -> ParcelStory:
    return next(one for one in story.parcels if one.shipment == shipment)


def scan_of(story: Story, key: str) -> ScanStory:
    return next(scan for one in story.parcels for scan in one.scans if scan.event_key == key)


PLACED = told(event_id="p", lines=[line(2)], destination={"country": "GB", "time_zone": "Europe/London"})
CREATED = event("shipment_created", "s", 10, shipment="S1", lines=[line(2)])
BEGIN: Sequence[Told] = (PLACED, CREATED)
