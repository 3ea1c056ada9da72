"""How a test shows that its fault struck: what processes count and log, and what their database says.

A fault that did not happen proves nothing, so that every test of a fault asks one of these.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.oracle_evidence import DEAD_LETTERS, STATUS, Evidence
from tests.under_fire.stage import Stage
from tests.under_fire.supervising import Member

ANSWER_S = 5.0


async def metric(member: Member, name: str, **labels: str) -> float:
    """Return what a process counts now, all samples with these labels together; 0 where there is none."""
    async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S) as client:
        page = (await client.get(f"{member.life.admin_url}/metrics")).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


async def ask(stage: Stage, query: str, *values: object) -> Any:
    """Ask the stage's database for one value."""
    connection = await asyncpg.connect(stage.source.database_url, timeout=10, command_timeout=20)
    try:
        return await connection.fetchval(query, *values)
    finally:
        await connection.close(timeout=5)


def logged(member: Member, event: str = "", *, level: str = "") -> list[dict[str, Any]]:
    """Return the lines of all its lives that begin with these words and have this level."""
    return [
        line
        for line in _lines(member)
        if str(line.get("event", "")).startswith(event) and level in ("", line.get("level"))
    ]


def published_again(evidence: Evidence) -> int:
    """Return how many records of the relay's topics are repeats of an earlier one."""
    told = Counter((topic, one.key, one.value) for topic in (STATUS, DEAD_LETTERS) for one in evidence.records(topic))
    return sum(told.values()) - len(told)


def unwanted_ends(stage: Stage) -> list[str]:
    """Return every life that ended without the test having killed or stopped it, and with what."""
    return [f"{end.process}: {end.code}" for member in stage.members for end in member.ends if not end.wanted]


def _lines(member: Member) -> Iterator[dict[str, Any]]:
    for line in member.log().splitlines():
        if line.startswith("{") and line.endswith("}"):
            yield json.loads(line)
