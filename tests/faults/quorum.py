"""Three questions to a KRaft cluster that the client libraries do not ask: who leads the controllers, and move leaders.

Spoken by hand, as bytes: one connection per question, to whichever broker is well.
"""

import asyncio
import struct
from collections.abc import Sequence
from typing import Final

LIMIT_S: Final = 20.0
_DESCRIBE_QUORUM, _ELECT_LEADERS, _ALTER_REASSIGNMENTS = 55, 43, 45
_NO_TAGS: Final = b"\x00"
_NOTHING_TO_DO: Final = 84  # ELECTION_NOT_NEEDED


class RefusedError(RuntimeError):
    """Kafka answered with an error code."""


async def controller(address: tuple[str, int]) -> int:
    """Give the node that leads the controllers now."""
    topic = _text("__cluster_metadata") + _count(1) + struct.pack(">i", 0) + _NO_TAGS + _NO_TAGS
    answer = await _ask(address, _DESCRIBE_QUORUM, _count(1) + topic + _NO_TAGS)
    # header tags, error code, topics, name, partitions, then partition, error code, leader
    (error,) = struct.unpack_from(">h", answer, 1)
    _refuse(error, "describe quorum")
    at = 1 + 2 + 1 + len(_text("__cluster_metadata")) + 1
    _, error, leader = struct.unpack_from(">ihi", answer, at)
    _refuse(error, "describe quorum")
    return int(leader)


async def reassign(address: tuple[str, int], topic: str, partition: int, *, replicas: Sequence[int]) -> None:
    """Put a partition on these brokers; the first becomes its preferred leader."""
    nodes = _count(len(replicas)) + b"".join(struct.pack(">i", node) for node in replicas)
    one = _text(topic) + _count(1) + struct.pack(">i", partition) + nodes + _NO_TAGS + _NO_TAGS
    body = struct.pack(">i", int(LIMIT_S * 1000)) + _count(1) + one + _NO_TAGS
    answer = await _ask(address, _ALTER_REASSIGNMENTS, body)
    (error,) = struct.unpack_from(">h", answer, 1 + 4)  # header tags, throttle time
    _refuse(error, f"reassign {topic}/{partition}")


async def elect_preferred(address: tuple[str, int], topic: str, partitions: Sequence[int]) -> None:
    """Give each partition's leadership to the first of its replicas; one that leads already is fine."""
    name = topic.encode()
    numbers = struct.pack(">i", len(partitions)) + b"".join(struct.pack(">i", each) for each in partitions)
    body = struct.pack(">i", 1) + struct.pack(">h", len(name)) + name + numbers
    body += struct.pack(">i", int(LIMIT_S * 1000))
    answer = await _ask(address, _ELECT_LEADERS, body, flexible=False)
    at = 4 + 4 + 2 + len(name)  # throttle time, number of topics, name
    (found,) = struct.unpack_from(">i", answer, at)
    at += 4
    for _ in range(found):
        partition, error, length = struct.unpack_from(">ihh", answer, at)
        at += 8 + max(0, length)
        _refuse(0 if error == _NOTHING_TO_DO else error, f"elect a leader of {topic}/{partition}")


async def _ask(address: tuple[str, int], api: int, body: bytes, *, flexible: bool = True) -> bytes:
    """Send one request of version 0, give the answer behind its correlation id."""
    client = b"faults"
    header = struct.pack(">hhih", api, 0, 1, len(client)) + client + (_NO_TAGS if flexible else b"")
    async with asyncio.timeout(LIMIT_S):
        reader, writer = await asyncio.open_connection(*address)
        try:
            writer.write(struct.pack(">i", len(header) + len(body)) + header + body)
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            return (await reader.readexactly(size))[4:]
        finally:
            writer.close()
            await writer.wait_closed()


def _refuse(error: int, what: str) -> None:
    if error:
        raise RefusedError(f"{what}: Kafka's error {error}")


def _text(value: str) -> bytes:
    return _count(len(value)) + value.encode()


def _count(number: int) -> bytes:
    """Give a compact length, which is one more than it says; ours are all short enough for one byte."""
    if number > 126:
        raise ValueError("too long for this small client")
    return bytes([number + 1])
