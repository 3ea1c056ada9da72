"""Dead letters: records that could not be applied, with coordinates, reason and bytes (topic `dead-letters.v1`).

Replay and discard are further records under the same key. Records of `order.events.v1` hold contacts, so theirs carry
a hash only; replay reads the source topic.
"""

import base64
import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final, Protocol

from pydantic import ConfigDict, Field, TypeAdapter

from schemas.base import Instant, LongText, Model, ShortText, Word

#: Topics whose bytes never leave them.
BYTES_STAY: Final = frozenset({"order.events.v1"})

#: So many bytes of a record fit in a dead letter, as base64 and with the rest, under the topic's 4 MiB. A compressed
#: record can be far larger than the limit of its topic.
MAX_BYTES: Final = 3_000_000
_MAX_HEADERS: Final = 100


class Action(StrEnum):
    """What a record of the topic says. An open vocabulary: another word decides nothing."""

    QUARANTINED = "quarantined"
    """A service could not apply the record and set it aside."""
    REPLAYED = "replayed"
    """The record was written to its topic once more."""
    DISCARDED = "discarded"
    """It is not going to be applied."""
    REVEALED = "revealed"
    """Somebody was shown what it holds."""


class DeadLetter(Model):
    """One record that was set aside, or what was later done with it."""

    action: Word = Action.QUARANTINED.value
    """`quarantined`, `replayed`, `discarded` or `revealed`."""
    service: Word
    """Who set it aside; the same in what is done with it later."""
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
    headers_cut: bool = False
    """Headers are missing here, or were renamed: only the record's topic has them all."""
    timestamp_ms: int | None = None
    """Kafka's timestamp of the record; a record that is written again keeps it."""
    at: Instant
    author: ShortText | None = None
    """Who did it, where a person did."""
    note: LongText | None = None
    """Why they did it, in their words."""
    replayed_to: ShortText | None = None
    """Where the record was written again: what fails once more is a dead letter of that place."""

    @property
    def key(self) -> str:
        """The Kafka key: the coordinates of the source record."""
        return dead_letter_key(self.topic, self.partition, self.offset)

    @property
    def value(self) -> bytes | None:
        """The original bytes, where they were kept."""
        return None if self.value_base64 is None else base64.b64decode(self.value_base64)

    @property
    def holds_record(self) -> bool:
        """Whether the whole record stands in here; else only its topic has it."""
        if self.headers_cut:
            return False
        if self.value_sha256 is not None:
            return self.value_base64 is not None
        return self.key_base64 is not None or bool(self.headers)


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
    def timestamp_ms(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]: ...  # noqa: D102


def quarantine(service: str, record: SourceRecord, *, reason: str, detail: str | None, at: Instant) -> DeadLetter:
    """Return the dead letter of one record; of `order.events.v1`, and of a giant, only coordinates and a hash.

    What cannot stand in here as it was is cut, and said to be: what is replayed must be what was set aside.
    """
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
        headers_cut=keep and _cut(record),
        timestamp_ms=record.timestamp_ms,
        at=at,
    )


def _cut(record: SourceRecord) -> bool:
    names = [name for name, _ in record.headers]
    return len(names) > _MAX_HEADERS or any(_NAME.validate_python(name) != name for name in names)


def _base64(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


_NAME: Final[TypeAdapter[str]] = TypeAdapter(ShortText, config=ConfigDict(hide_input_in_errors=True))
DEAD_LETTER: Final[TypeAdapter[DeadLetter]] = TypeAdapter(DeadLetter)
