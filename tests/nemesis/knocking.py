"""A sender of webhooks beside the load: what does ingest answer now, how fast, and does it say when to come again?

It sends once more what the load sends, so that nothing counts that nobody expects.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from services.runtime import clock
from tests.oracle_evidence import WEBHOOKS, Evidence
from tests.under_fire.stage import Stage
from tests.under_fire.stories import Letter, signature
from tests.waiting import eventually

ACCEPTED: Final = 202
REFUSED: Final = 503
#: Carriers give up a call after a few seconds more than this.
ANSWER_S: Final = 5.0
LIMIT_S: Final = 60.0
_HANGS_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Knock:
    """One answer of the door."""

    status: int
    retry_after: str | None
    seconds: float


async def knock(stage: Stage) -> Knock:
    """Send one webhook of the load once more, to the first ingest."""
    body = next(one.value for one in letters(stage) if one.sent.topic == WEBHOOKS)
    headers = {"X-Hmac-Signature": signature(body), "Content-Type": "application/json"}
    began = clock.monotonic()
    async with httpx2.AsyncClient(trust_env=False, timeout=_HANGS_S) as client:
        url = f"{stage.of('ingest')[0].life.http_url}/webhooks/easypost"
        answer = await client.post(url, content=body, headers=headers)
    return Knock(answer.status_code, answer.headers.get("retry-after"), clock.monotonic() - began)


async def is_told_to_come_again(stage: Stage) -> None:
    """Wait until the door refuses because of Kafka: in time, and with the word when to come again."""
    heard: list[Knock] = []

    async def refused() -> bool:
        answer = await knock(stage)
        heard.append(answer)
        return answer.status == REFUSED

    await eventually(refused, LIMIT_S, poll_s=0.2, what="ingest says that it cannot keep anything")
    assert heard[-1].retry_after is not None
    assert max(answer.seconds for answer in heard) < ANSWER_S, "a sender waited for longer than senders do"


async def is_taken(stage: Stage) -> None:
    """Wait until the door takes what is sent."""

    async def taken() -> bool:
        return (await knock(stage)).status == ACCEPTED

    await eventually(taken, LIMIT_S, poll_s=0.2, what="ingest takes it")


def letters(stage: Stage) -> Sequence[Letter]:
    """Return everything that the loads send."""
    return [one for load in stage.loads for one in load.plan.letters]


def kept_again(stage: Stage, evidence: Evidence, topic: str) -> int:
    """Return how many records of an input lie there once more than they were to be sent: Kafka had taken them."""
    sent = Counter(one.value for one in letters(stage) if one.sent.topic == topic)
    kept = Counter(one.value for one in evidence.records(topic) if one.value is not None)
    return sum(max(0, kept[value] - count) for value, count in sent.items())


def grown_mib(evidence: Evidence) -> float:
    """Return by how much the memory of any process was above what it held before the load, at its largest."""
    before = {one.process: one.memory_mib for one in evidence.processes if one.moment == "baseline"}
    return max(one.memory_mib - before[one.process] for one in evidence.processes if one.process in before)
