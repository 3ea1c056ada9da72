"""Looks at what a service will need from outside and says, for each thing, whether it is there and what to do if not.

Changes nothing. Called by `trackfold doctor`; the local stack adds its own findings.
"""

import asyncio
import platform
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.runtime import delivery, migrate, postgres, topics
from services.runtime.errors import TrackfoldError
from services.runtime.settings import OperatorSettings

_LIMIT_S = 20.0
_LEAST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


async def findings(settings: OperatorSettings) -> list[Finding]:
    """Look at Python, Kafka with its topics, and Postgres with its migrations."""
    return [
        _python(),
        await _look("kafka", lambda: _kafka(settings), "start a broker, or set KAFKA_BOOTSTRAP_SERVERS"),
        await _look("postgres", lambda: _postgres(settings), "start a database, or set DATABASE_URL"),
    ]


def _python() -> Finding:
    ok = sys.version_info >= _LEAST_PYTHON
    return Finding("python", ok, platform.python_version(), "" if ok else "install Python 3.11 or newer")


async def _look(name: str, work: Callable[[], Awaitable[Finding]], remedy: str) -> Finding:
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await work()
    except Exception as exc:  # noqa: BLE001 - whatever it was, it is the finding
        hint = exc.hint if isinstance(exc, TrackfoldError) and exc.hint else remedy
        return Finding(name, ok=False, detail=delivery.describe(exc), remedy=hint)


async def _kafka(settings: OperatorSettings) -> Finding:
    steps = await topics.plan(settings.kafka)
    servers = ", ".join(settings.kafka.bootstrap_servers)
    missing = [step.topic for step in steps if step.action is topics.Action.CREATE]
    if missing:
        return Finding("kafka", ok=False, detail=f"{servers}: no topic {missing[0]}", remedy="trackfold topics apply")
    different = [f"{step.topic}: {', '.join(step.differences)}" for step in steps if step.differences]
    if different:
        return Finding("kafka", ok=False, detail="; ".join(different), remedy="trackfold topics plan")
    return Finding("kafka", ok=True, detail=f"{servers}: all {len(steps)} topics")


async def _postgres(settings: OperatorSettings) -> Finding:
    async with postgres.connect(settings.postgres, "trackfold.doctor") as connection:
        states = await migrate.status(connection)
        number = connection.get_server_version()
    pending = [state for state in states if not state.applied]
    version = f"PostgreSQL {number.major}.{number.minor}"
    if pending:
        detail = f"{version}: {len(pending)} migrations pending"
        return Finding("postgres", ok=False, detail=detail, remedy="trackfold migrate up")
    return Finding("postgres", ok=True, detail=f"{version}: all {len(states)} migrations")
