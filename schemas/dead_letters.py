"""Dead letters: records that could not be applied, with coordinates, reason and bytes (topic `dead-letters.v1`).

Replay and discard are further records under the same key. Records of `order.events.v1` hold contacts, so theirs carry
a hash only; replay reads the source topic.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Annotated, Final, Protocol

from pydantic import Field, TypeAdapter

from schemas.base import Instant, LongText, Model, ShortText, Word

#: Topics whose bytes never leave them.
BYTES_STAY: Final = frozenset({"order.events.v1"})

#: So many bytes of a record fit in a dead letter, as base64 and with the rest, under the topic's 4 MiB. A compressed
#: record can be far larger than the limit of its topic.
MAX_BYTES: Final = 3_000_000
_MAX_HEADERS: Final = 100


class DeadLetter(Model):
    """One record that was set aside, or what was later done with it."""

    action: Word = "quarantined"
    """`quarantined`, `replayed` or `discarded`."""
    service: Word
    topic: ShortText
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    reason: Word
    """Short and bounded: also the metric's label."""
    detail: LongText | None = None
    """What was wrong, never the input itself."""
    key_base64: str | None = None
    value_base64: str | None = None
    value_sha256: str | None = None
    headers: tuple[tuple[ShortText, str | None], ...] = ()
    """Names and base64 values."""
    at: Instant
    author: ShortText | None = None

    @property
    def key(self) -> str:
        """The Kafka key: the coordinates of the source record."""
        return dead_letter_key(self.topic, self.partition, self.offset)

    @property
    def value(self) -> bytes | None:
        """The original bytes, where they were kept."""
        return None if self.value_base64 is None else base64.b64decode(self.value_base64)


def dead_letter_key(topic: str, partition: int, offset: int) -> str:
    """Return `topic/partition/offset`."""
    return f"{topic}/{partition}/{offset}"


class SourceRecord(Protocol):
    """A record as it lies in Kafka; nothing in it was decoded."""

    @property
    def topic(self) -> str: ...  # noqa: D102 - the contract's name
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102


def quarantine(service: str, record: SourceRecord, *, reason: str, detail: str | None, at: Instant) -> DeadLetter:
    """Return the dead letter of one record; of `order.events.v1`, and of a giant, only coordinates and a hash."""
    size = sum(len(part or b"") for part in (record.key, record.value, *(content for _, content in record.headers)))
    keep = record.topic not in BYTES_STAY and size <= MAX_BYTES
    headers = tuple((name, _base64(content)) for name, content in record.headers[:_MAX_HEADERS])
    return DeadLetter(
        service=service,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=reason,
        detail=detail,
        key_base64=_base64(record.key) if keep else None,
        value_base64=_base64(record.value) if keep else None,
        value_sha256=None if record.value is None else hashlib.sha256(record.value).hexdigest(),
        headers=headers if keep else (),
        at=at,
    )


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


DEAD_LETTER: Final[TypeAdapter[DeadLetter]] = TypeAdapter(DeadLetter)
