"""By which signs a log is known again: what the database keeps of it against what Kafka has now (rule E7).

Pure. A record that was applied is named by its offset alone, so an offset means nothing in another cluster, in a topic
that was made anew, or in a log that lost its end: these are refused, never guessed at. Asked by `going_back.py`.
"""

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from services.runtime.kafka import Record

HASH_BYTES: Final = 16
_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the database stands in a partition, and how it knows that partition again."""

    next_offset: int
    cluster: str | None = None
    """None: not known, as in rows from before it was kept."""
    last_hash: bytes | None = None
    """Of the record at `next_offset - 1`; None: not known, accepted."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What Kafka has of a partition now."""

    start: int
    end: int
    """Behind the last record, committed or not."""
    last_hash: bytes | None = None
    """Of the record just below the mark's `next_offset`; None: there is none, or nobody needed it."""


class Reason(StrEnum):
    """Why a log is not the one that was read."""

    ANOTHER_CLUSTER = "another_cluster"
    LOG_CUT = "log_cut"
    ANOTHER_RECORD = "another_record"
    NO_RECORD = "no_record"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A log that must not be read on from the stored offset; both sides in words, without content."""

    reason: Reason
    message: str


def record_hash(record: "Record") -> bytes:
    """Return the hash of a record as it lies in the log; fields have their lengths, so that none runs into another."""
    digest = hashlib.sha256(struct.pack(">q", record.timestamp_ms))
    for field in _fields(record):
        digest.update(struct.pack(">q", _NONE if field is None else len(field)))
        digest.update(field or b"")
    return digest.digest()[:HASH_BYTES]


def _fields(record: "Record") -> Iterable[bytes | None]:
    yield record.key
    yield record.value
    for name, value in record.headers:
        # Whatever a client wrote as a name: a byte that is no UTF-8 came as a lone surrogate.
        yield name.encode("utf-8", "surrogatepass")
        yield value


def must_be_read(mark: Mark, seen: Seen) -> bool:
    """Tell whether the record below `next_offset` is needed to judge, and still there to be read."""
    return mark.last_hash is not None and seen.start < mark.next_offset <= seen.end


def judge(mark: Mark, seen: Seen | None, *, cluster: str | None, compacted: bool = False) -> Refusal | None:
    """Return why this log is not the one that the database has applied, or None when it is, so far as can be seen.

    `seen` is None where the broker's answers about a log are not to be believed. A compacted topic may have lost the
    record itself.
    """
    if mark.cluster is not None and cluster is not None and mark.cluster != cluster:
        return Refusal(Reason.ANOTHER_CLUSTER, f"it was read from cluster {mark.cluster}, this is cluster {cluster}")
    if seen is None:
        return None
    if seen.end < mark.next_offset:
        text = f"all below offset {mark.next_offset} is applied, and the log ends at {seen.end}"
        return Refusal(Reason.LOG_CUT, text)
    if not must_be_read(mark, seen):
        return None
    return _by_record(mark, seen, compacted=compacted)


def _by_record(mark: Mark, seen: Seen, *, compacted: bool) -> Refusal | None:
    last = mark.next_offset - 1
    if seen.last_hash is None:
        text = f"a record was applied at offset {last}, and the log has none there"
        return None if compacted else Refusal(Reason.NO_RECORD, text)
    if seen.last_hash != mark.last_hash:
        text = f"the record at offset {last} is another one than was applied: the topic was made anew, or lost its end"
        return Refusal(Reason.ANOTHER_RECORD, text)
    return None
