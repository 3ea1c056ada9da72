"""Places where a test can make a process die, fail, sleep or stop: `TRACKFOLD_FAILPOINTS=name:kill,other:raise*2`.

Names are registered here, so that a misspelt one is an error (78) and a test can walk through them all. Unarmed, a
fail-point costs one look into an empty dict.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from typing import Final

import structlog

from services.runtime.errors import Misconfigured

log = structlog.stdlib.get_logger("trackfold.failpoints")

#: Name -> where it stands. Add yours here before you call `hit()`.
POINTS: Final[dict[str, str]] = {
    "consume.polled": "a batch was handed over, nothing is done yet",
    "consume.fenced": "the batch's offsets are locked, nothing is written",
    "consume.applied": "the batch's rows are written, its offsets have not moved",
    "consume.before_commit": "the batch's transaction is complete but for its COMMIT",
    "consume.after_commit": "Postgres has committed, Kafka does not know",
    "consume.after_kafka_commit": "Kafka was told as well, nothing new is polled",
    "relay.before_send": "outbox rows are read, nothing is sent",
    "relay.after_snapshot": "Kafka has acknowledged the snapshots, their status messages are not sent",
    "relay.after_send": "Kafka has acknowledged, the rows are still there",
    "relay.before_commit": "the rows are deleted and the place is advanced, but for the COMMIT",
    "restoring.after_mark": "some orders that a lost future published are marked, their inputs are not read",
    "restoring.before_commit": "restored orders are published, their transaction is complete but for its COMMIT",
    "timers.before_send": "timers are due and taken, nothing is sent",
    "timers.after_send": "Kafka has acknowledged the time events, their timers have not moved",
    "timers.before_commit": "the timers are moved, but for the COMMIT",
    "purge.before_commit": "finished orders are forgotten, the transaction is complete but for its COMMIT",
    "ingest.before_send": "the webhook is verified, nothing is sent",
    "ingest.after_send": "Kafka has the webhook, the sender has no answer",
    "normalise.before_send": "webhooks are read, none of their scans is sent",
    "normalise.before_commit": "the scans are acknowledged, the webhooks' offsets are not committed",
    "import.after_batch": "Kafka has a batch of an import, its place in the file is not noted",
    "replay.before_mark": "a dead letter's record is written again, the letter is not marked",
    "poller.before_call": "parcels are leased, their provider is not asked",
    "poller.after_call": "the provider has answered, nothing is done with the answer",
    "poller.before_record": "answers are in Kafka, the transaction that records them is complete but for its COMMIT",
    "notify.before_claim": "messages are due, none is claimed",
    "notify.before_call": "the message is claimed and committed, the provider is not called",
    "notify.after_call": "the provider has answered, nothing is done with the answer",
    "notify.before_record": "the transaction that records the outcome is complete but for its COMMIT",
    "outcomes.before_send": "outcomes are read, none is sent",
    "outcomes.after_send": "Kafka has acknowledged the outcomes, they are not marked as published",
}

_KINDS: Final = {"kill", "raise", "sleep", "block", "stop"}


class FailpointError(Exception):
    """Raised by `name:raise`; unknown to every decision on purpose."""


@dataclass(slots=True)
class _Armed:
    kind: str
    seconds: float
    left: int | None


_armed: dict[str, _Armed] = {}


def parse(text: str) -> dict[str, _Armed]:
    """Read the setting; raises Misconfigured for an unknown name or kind."""
    return dict(_parse_one(part.strip()) for part in text.split(",") if part.strip())


def arm(text: str) -> None:
    """Arm the fail-points of this process, replacing what was armed."""
    armed = parse(text)
    _armed.clear()
    _armed.update(armed)
    if armed:
        log.warning("fail-points are armed: this process dies or fails on purpose", points=sorted(armed))


async def hit(name: str) -> None:
    """Do what a test asked for at this place: nothing, unless armed."""
    if _armed and (armed := _take(name)) is not None:
        await _act(name, armed)


def _parse_one(part: str) -> tuple[str, _Armed]:
    name, _, action = part.partition(":")
    action, _, count = action.partition("*")
    kind, _, seconds = action.partition("=")
    if name not in POINTS:
        raise Misconfigured("unknown_failpoint", f"no fail-point is called {name!r}", hint=", ".join(sorted(POINTS)))
    try:
        armed = _Armed(kind, float(seconds or 1), int(count) if count else None)
    except ValueError:
        armed = None
    if armed is None or kind not in _KINDS:
        raise Misconfigured("bad_failpoint", f"cannot read {part!r}", hint="name:kill|raise|sleep=S|block=S|stop[*N]")
    return name, armed


def _take(name: str) -> _Armed | None:
    armed = _armed.get(name)
    if armed is None or armed.left == 0:
        return None
    if armed.left is not None:
        armed.left -= 1
    return armed


async def _act(name: str, armed: _Armed) -> None:
    match armed.kind:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "sleep":
            await asyncio.sleep(armed.seconds)
        case "block":
            time.sleep(armed.seconds)  # noqa: ASYNC251 - to block the event loop is what was asked for
        case _:
            raise FailpointError(name)
