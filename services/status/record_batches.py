"""Record batches as Kafka keeps them, made once and sent as they are, by aiokafka's own builder and reader.

This file alone touches what aiokafka does not call public: `send_batch` takes a `BatchBuilder` and asks it for its
bytes. Built when the message is written, those bytes are compressed once, lie in the outbox, and are what both output
topics get. `tests/unit/status/test_record_batches.py` fails when a new aiokafka works otherwise.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

#: Kafka bounds a record batch, as it is sent, by the topic's max.message.bytes (256 KiB): stay under it.
MAX_BATCH_BYTES: Final = 240 * 1024

_MAGIC: Final = 2
#: Messages of one batch are alike: a fifteenth of their bytes is left, for less work than the copies it saves.
_ZSTD: Final = 4
_NO_LIMIT: Final = 2**31 - 1
#: Where a batch says how long it is behind that number, and at its end of the header how many records it has.
_LENGTH: Final = struct.Struct(">8xi")
_COUNT: Final = struct.Struct(">57xi")


class Entry(NamedTuple):
    """One record of a batch."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp_ms: int


class Ready(BatchBuilder):  # type: ignore[misc]  # aiokafka has no types
    """A finished batch, for `AIOKafkaProducer.send_batch`."""

    def __init__(self, batch: bytes) -> None:
        """Take the bytes; of the builder that it stands for nothing is needed any more."""
        self.batch = batch
        self._count = count(batch)

    def append(self, **_: object) -> None:
        """Take nothing more."""

    def close(self) -> None:
        """Be closed, as ever."""

    def closed(self) -> bool:
        """Tell that nothing more is taken."""
        return True

    def size(self) -> int:
        """Return how many bytes it has."""
        return len(self.batch)

    def record_count(self) -> int:
        """Return how many records it has."""
        return self._count

    def _build(self) -> bytes:
        return self.batch


def pack(entries: Iterable[Entry]) -> bytes:
    """Return one batch of all the entries, of which there is one at least; its bound is the caller's to keep."""
    builder = DefaultRecordBatchBuilder(
        magic=_MAGIC, compression_type=_ZSTD, is_transactional=0,
        producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=_NO_LIMIT,
    )  # fmt: skip
    for place, one in enumerate(entries):
        builder.append(place, one.timestamp_ms, one.key, one.value, one.headers)
    return bytes(builder.build())


def count(batch: bytes) -> int:
    """Return how many records a batch has."""
    found: int = _COUNT.unpack_from(batch)[0]
    return found


def split(payload: bytes) -> list[bytes]:
    """Return the batches that lie one behind the other, each as it is sent."""
    found, at = [], 0
    while at < len(payload):
        end = at + _LENGTH.size + _LENGTH.unpack_from(payload, at)[0]
        found.append(payload[at:end])
        at = end
    return found


def unpack(batches: Sequence[bytes]) -> Iterator[Entry]:
    """Read batches back, record by record."""
    for one in batches:
        read = MemoryRecords(one).next_batch()
        for record in read:
            yield Entry(record.key, record.value, list(record.headers), record.timestamp)
