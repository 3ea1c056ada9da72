"""What waits in the outbox, message by message, as the relay will send it."""

from typing import Any, NamedTuple

from services.status import relay_rows
from services.status.messages import STATUS_TOPIC
from services.status.record_batches import Entry, unpack
from services.status.relay_rows import Head, Queue

QUEUES = "select topic, part from status.outbox group by 1, 2 order by min(id)"
ALL = 2**31 - 1


class Waiting(NamedTuple):
    """A message of the outbox."""

    topic: str
    key: bytes
    value: bytes | None
    """None: nothing is told, only the snapshot goes."""
    headers: list[tuple[str, bytes]]
    timestamp_ms: int
    tombstone: bool
    """The order's snapshot goes."""


async def heads(connection: Any) -> list[Head]:
    """Read all rows, queue by queue."""
    queues = [Queue(*row) for row in await connection.fetch(QUEUES)]
    return await relay_rows.read(connection, queues, limit=ALL, limit_bytes=ALL * max(1, len(queues)))


async def waiting(connection: Any, topic: str | None = None, key: str | None = None) -> list[Waiting]:
    """Return the messages, of one topic or of all; those of an order in its order."""
    found = [one for head in await heads(connection) for one in _messages(head)]
    return [one for one in found if topic in (None, one.topic) and key in (None, one.key.decode())]


async def values(connection: Any, topic: str = STATUS_TOPIC, key: str | None = None) -> list[bytes]:
    """Return what is told."""
    return [one.value for one in await waiting(connection, topic, key) if one.value is not None]


def _messages(head: Head) -> list[Waiting]:
    found: list[Waiting] = []
    for row in head.rows:
        told, snapshots = list(unpack(row.batches)), {one.key: one for one in unpack(row.snapshots)}
        last = {one.key: place for place, one in enumerate(told)}
        found += [_one(head, one, gone=_goes(snapshots, one) and last[one.key] == n) for n, one in enumerate(told)]
        found += [_one(head, one, gone=True) for key, one in snapshots.items() if key not in last]
    return found


def _goes(snapshots: dict[bytes, Entry], told: Entry) -> bool:
    return told.key in snapshots and snapshots[told.key].value is None


def _one(head: Head, entry: Entry, *, gone: bool) -> Waiting:
    return Waiting(head.queue.topic, *entry, tombstone=gone)
