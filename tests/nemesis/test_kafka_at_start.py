"""Kafka away while services start: they say what they wait for, and begin by themselves when it comes."""

import asyncio
import json
from collections.abc import Sequence
from typing import Final

import httpx2
import pytest

from tests.faults.proxy import Proxy
from tests.nemesis import lengths
from tests.nemesis.striking import unwanted_ends
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member
from tests.waiting import eventually

LIMIT_S: Final = 60.0
AWAY_S: Final = lengths.seconds(3, 60)


async def waits_for(member: Member) -> Sequence[str]:
    """Return what a process says that it waits for; nothing while it does not answer, or answers that it is ready."""
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=5) as client:
            answer = await client.get(f"{member.life.admin_url}/readyz")
    except httpx2.TransportError:
        return ()
    if answer.status_code != httpx2.codes.SERVICE_UNAVAILABLE:
        return ()
    return [one["for"] for one in json.loads(answer.text)["waiting"]]


@pytest.mark.timeout(150 + AWAY_S)
@pytest.mark.fault("broker_down_at_start")
async def test_services_that_start_without_kafka_name_it_and_begin_when_it_comes(
    stage: Stage, kafka_wire: Proxy
) -> None:
    kafka_wire.refuse()
    members = await asyncio.gather(
        *(
            stage.start(name, wait_ready=False, KAFKA_BOOTSTRAP_SERVERS=kafka_wire.bootstrap)
            for name in ("ingest", "status", "notify")
        )
    )
    for member in members:
        await until_it_names_kafka(member)
    await lengths.lasts(AWAY_S)
    for member in members:
        await until_it_names_kafka(member)
    await kafka_wire.accept()
    await asyncio.gather(*(member.life.wait_ready(LIMIT_S) for member in members))
    await stage.begin(seed=321, orders=12)
    await stage.heal_and_judge()
    assert not unwanted_ends(stage), "who waits for Kafka at the start only has to wait"


async def until_it_names_kafka(member: Member) -> None:
    """Wait until a process says that it is not ready, and names Kafka."""

    async def names() -> bool:
        return any("kafka" in one for one in await waits_for(member))

    await eventually(names, LIMIT_S, poll_s=0.2, what=f"{member.name} is not ready and names Kafka")
