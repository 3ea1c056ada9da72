"""Clocks that are an hour wrong: leases go by the database's clock, and only the wrong host refuses fresh webhooks."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from services.ingest.carriers.standard import Standard
from services.runtime import clock
from tests.faults import limits
from tests.nemesis.striking import ask, logged, metric
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member

HOUR_S: Final = 3600
#: How far apart two clocks are that are both right, on a machine that is busy.
SAME: Final = timedelta(minutes=4)
KEY: Final = b"a key of standard webhooks, 32 b"
OPERATOR: Final = "an-operator-of-the-test"
DOOR: Final[dict[str, Any]] = {
    "TRACKFOLD_INGEST__SECRETS__STANDARD": "whsec_" + base64.b64encode(KEY).decode(),
    "TRACKFOLD_INGEST__OPERATOR_TOKENS": OPERATOR,
}
SCAN: Final = json.dumps(
    {"carrier": "royal-mail", "number": "RM123456785GB", "occurred_at": "2026-11-21T10:00:00Z", "stage": "in_transit"}
).encode()
TAKEN_FOR_LOST: Final = "select count(*) from notify.notification where reason = 'lease_ended'"


@pytest.fixture(autouse=True)
def needs_another_clock() -> None:
    if (reason := limits.why_no_clock_offset()) is not None:
        pytest.skip(reason)


def shifted(folder: Path, seconds: int) -> dict[str, Any]:
    """Return the settings of a process whose clock is so far ahead."""
    return dict(limits.clock_offset(folder, seconds))


def hours_off(member: Member) -> float:
    """Return how far a process's clock is from ours, by its last log line."""
    told = datetime.fromisoformat(logged(member)[-1]["timestamp"])
    off = told - clock.now()
    hours = round(off / timedelta(hours=1))
    assert abs(off - timedelta(hours=hours)) < SAME
    return hours


@pytest.mark.timeout(200)
@pytest.mark.fault("clock_shifted")
async def test_notifiers_an_hour_ahead_and_an_hour_behind_keep_each_others_leases_and_tell_nobody_twice(
    stage: Stage, tmp_path: Path
) -> None:
    ahead, behind = shifted(tmp_path, HOUR_S), shifted(tmp_path, -HOUR_S)
    # Each call takes a while, so that the other one always finds leases that are alive, by the right clock.
    slow: dict[str, Any] = {"TRACKFOLD_FAILPOINTS": "notify.before_call:sleep=0.5", "TRACKFOLD_NOTIFY__LEASE_S": "30"}
    status = await stage.start("status", **ahead)
    early = await stage.start("notify", **ahead, **slow)
    late = await stage.start("notify", **behind, **slow)
    await stage.begin(seed=531, orders=22)
    evidence = await stage.heal_and_judge()
    assert [hours_off(member) for member in (status, early, late)] == [1, 1, -1]
    assert await ask(stage, TAKEN_FOR_LOST) == 0
    told = [await metric(one, "trackfold_notifications_total", outcome="accepted") for one in (early, late)]
    assert min(told) > 0, "both sent some"
    assert sum(told) == len(evidence.mails)


async def post(door: Member, signed_at: datetime, *, dry: bool) -> httpx2.Response:
    """Post a scan, signed at that time; a dry run keeps nothing."""
    headers = Standard().sign(SCAN, KEY, at=signed_at, path="/webhooks/standard", delivery="msg_1")
    if dry:
        headers["Authorization"] = f"Bearer {OPERATOR}"
    async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
        url = f"{door.life.http_url}/webhooks/standard{'?dry_run=1' if dry else ''}"
        return await client.post(url, content=SCAN, headers=headers)


async def believed(door: Member, signed_at: datetime) -> bool:
    """Say whether a door believes a signature of that time; what it would refuse is really refused."""
    said: dict[str, Any] = (await post(door, signed_at, dry=True)).json()
    if not said["authentic"]:
        assert (await post(door, signed_at, dry=False)).status_code == 401
    return bool(said["authentic"])


@pytest.mark.timeout(200)
@pytest.mark.fault("clock_shifted")
async def test_a_door_whose_clock_is_wrong_refuses_fresh_signatures_and_the_others_are_not_touched(
    stage: Stage, tmp_path: Path
) -> None:
    await stage.start("status", **shifted(tmp_path, -HOUR_S))
    right = await stage.start("ingest", **DOOR)
    ahead = await stage.start("ingest", **DOOR, **shifted(tmp_path, HOUR_S))
    behind = await stage.start("ingest", **DOOR, **shifted(tmp_path, -HOUR_S))
    for seed, door in ((532, ahead), (533, behind)):
        load = await stage.begin(seed=seed, orders=12, webhook_share=1.0)
        load.ingest_urls = [door.life.http_url]  # EasyPost's signature says no time: each door takes it
    await stage.half()
    now, hour = clock.now(), timedelta(hours=1)
    believing = {
        hours: [await believed(door, now + hours * hour) for door in (right, ahead, behind)] for hours in (0, 1, -1)
    }
    assert believing == {0: [True, False, False], 1: [False, True, False], -1: [False, False, True]}
    await stage.heal_and_judge()
    assert [hours_off(member) for member in stage.members] == [-1, 0, 1, -1]
    assert min([await metric(door, "trackfold_webhooks_total", answer="202") for door in (ahead, behind)]) > 0
