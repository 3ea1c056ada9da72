"""The running system as a test drives it: topics made, records written, status messages read and judged."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.order_status import ORDER_STATUS, OrderStatus
from tests.records import key_and_headers, topic_of
from tests.stack import topics
from tests.stack.kafka import Kafka
from tests.stack.processes import Process, Processes

STATUS = "order.status.v1"
SNAPSHOTS = "order.snapshots.v1"


@dataclass(frozen=True)
class Pipeline:
    """One prefix on the broker of the run."""

    kafka: Kafka
    prefix: str
    processes: Processes
    environment: Callable[..., dict[str, str]]

    async def apply_topics(self) -> None:
        """Create the topics as an operator does."""
        applied = await self.processes.start(
            "topics", env=self.environment(), arguments=("topics", "apply"), wait_ready=False
        )
        assert await applied.wait(60) == 0, applied.log()

    async def start(self, service: str, *, wait_ready: bool = True, **overrides: str) -> Process:
        """Start a service."""
        return await self.processes.start(service, env=self.environment(**overrides), wait_ready=wait_ready)

    async def produce(self, bodies: Iterable[dict[str, Any]]) -> None:
        """Write order events and scans, each acknowledged before the next."""
        async with topics.producer(self.kafka) as producer:
            for body in bodies:
                key, headers = key_and_headers(body)
                wire, value = self.prefix + topic_of(body), json.dumps(body).encode()
                await producer.send_and_wait(wire, value, key=key.encode(), headers=headers)

    async def messages(self, topic: str, enough: Callable[[list[Any]], object], timeout_s: float = 40) -> list[Any]:
        """Read a topic from its start until there is enough."""
        return await topics.read_until(self.kafka, self.prefix + topic, enough, timeout_s=timeout_s)

    async def until_state(self, order: str, state: str, *, timeout_s: float = 40) -> list[Any]:
        """Read the status messages of an order until one shows the state; returns all of that order's records."""

        def arrived(records: list[Any]) -> bool:
            return any(status_of(one).state == state for one in of_order(records, order))

        return of_order(await self.messages(STATUS, arrived, timeout_s), order)

    async def until_version(self, order: str, version: int) -> list[Any]:
        """Read the status messages of an order until it has reached a version."""

        def reached(records: list[Any]) -> bool:
            return any(status_of(one).change.version >= version for one in of_order(records, order))

        return of_order(await self.messages(STATUS, reached), order)


def of_order(records: Iterable[Any], order: str) -> list[Any]:
    """Return the records of one order."""
    return [one for one in records if one.key == order.encode()]


def status_of(record: Any) -> OrderStatus:
    """Return what a status record says."""
    return ORDER_STATUS.validate_json(record.value)


def judge(records: Sequence[Any]) -> list[OrderStatus]:
    """Return the first appearances of an order's versions; fails on a gap, a wrong order or a repeat that differs."""
    seen: dict[int, Any] = {}
    for one in records:
        version = status_of(one).change.version
        first = seen.setdefault(version, one)
        same = (one.key, one.value, one.headers, one.timestamp) == (
            first.key, first.value, first.headers, first.timestamp,
        )  # fmt: skip
        assert same, f"version {version} was repeated with other bytes"
    assert list(seen) == list(range(1, len(seen) + 1)), f"versions in the order of first appearance: {list(seen)}"
    return [status_of(one) for one in seen.values()]


async def in_disorder(work: Sequence[Callable[[], Awaitable[object]]], seed: int) -> None:
    """Run pieces of work at once, started in a seeded random order."""
    shuffled = random.Random(seed).sample(list(work), len(work))  # noqa: S311 - a test's disorder
    await asyncio.gather(*(piece() for piece in shuffled))
