"""The simulated webhooks are authentic and readable to ingest: two writings of one format must agree."""

import base64
from datetime import UTC, datetime

import pytest

from services.ingest.carriers.base import Request, Webhook
from services.ingest.carriers.registry import CARRIERS
from services.local.disorder import Report, plan_arrivals
from services.local.journeys import SCANS
from services.local.messages import StoryClock, sign, webhook
from services.local.stories import Story, make_story

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CLOCK = StoryClock(NOW, speed=1200)
SECRETS = {"easypost": "sécret", "standard": "whsec_" + base64.b64encode(bytes(range(24))).decode()}
TOLD = [
    (story, arrival.what)
    for story in (make_story(3, index, prefix="T1") for index in range(60))
    for arrival in plan_arrivals(story, 3)
    if isinstance(arrival.what, Report)
]


@pytest.mark.parametrize("provider", ["easypost", "standard"])
def test_a_simulated_webhook_is_authentic_and_a_changed_one_is_not(provider: str) -> None:
    story, report = first_of(provider)
    message = webhook(story, report.parcel, scans=report.scans, clock=CLOCK)
    headers = [(k.encode(), v.encode()) for k, v in sign(message, SECRETS[provider], at=NOW).items()]
    carrier = CARRIERS[provider]
    keys = [carrier.secret_key(SECRETS[provider])]

    request = Request(method="POST", path=f"/webhooks/{provider}", headers=headers, body=message.body)
    changed = Request(method="POST", path=f"/webhooks/{provider}", headers=headers, body=message.body + b" ")

    assert carrier.verify(request, keys, now=NOW)
    assert not carrier.verify(changed, keys, now=NOW)


def test_every_told_scan_is_read_with_the_stage_it_has_in_the_story() -> None:
    for story, report in TOLD:
        message = webhook(story, report.parcel, scans=report.scans, clock=CLOCK)
        reading = CARRIERS[message.provider].parse(Webhook(body=message.body, told_at=NOW))
        scans = [scan for scan in reading.scans if scan.kind == "scan"]
        kinds = [report.parcel.scans[n].kind for n in report.scans]

        assert not reading.problems
        assert reading.ignored is None
        assert [scan.stage for scan in scans] == [SCANS[kind].stage for kind in kinds]
        assert {scan.number for scan in reading.scans} == {report.parcel.number}


def test_repeating_and_growing_bodies_never_changes_a_scans_identity() -> None:
    keys: dict[tuple[str, int], set[str]] = {}
    for story, report in TOLD:
        message = webhook(story, report.parcel, scans=report.scans, clock=CLOCK)
        reading = CARRIERS[message.provider].parse(Webhook(body=message.body, told_at=NOW))
        scans = [scan for scan in reading.scans if scan.kind == "scan"]
        for n, scan in zip(report.scans, scans, strict=True):
            keys.setdefault((report.parcel.number, n), set()).add(scan.event_key)

    assert all(len(found) == 1 for found in keys.values())
    assert len({key for found in keys.values() for key in found}) == len(keys)


def first_of(provider: str) -> tuple[Story, Report]:
    return next((story, report) for story, report in TOLD if report.parcel.carrier.provider == provider)
