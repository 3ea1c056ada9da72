"""Aiokafka's consumer, made to tell of every poll and to survive a record that stops it.

A failing poll may have taken records of other partitions with it, so positions mean nothing after it: before the next
one the owner goes back to what it knows to be done. A header name that is not UTF-8 (anybody who may write to a topic
can send one) would block its partition for ever; such data is read again by aiokafka's slower Python parser, with the
bytes of the name shown as escapes.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.memory_records import _MemoryRecordsPy

from services.runtime import clock
from services.runtime.errors import Stopping

log = structlog.stdlib.get_logger("trackfold.kafka")

OnPoll = Callable[[KafkaError | None], None]
Recover = Callable[[], Awaitable[None]]

_FAST: Final = fetcher.MemoryRecords
_FORGIVING_S: Final = 60.0
_V2: Final = 2


class PollingConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Tells its owner of every poll: FastStream's loop turns inside, and nobody else would see it stand still."""

    def __init__(self, *args: Any, on_poll: OnPoll, recover: Recover, **options: Any) -> None:
        super().__init__(*args, **options)
        self._on_poll = on_poll
        self._recover = recover
        self._failed = False
        self._idle = False

    async def getmany(self, *partitions: Any, **limits: Any) -> dict[Any, list[Any]]:
        """Poll, and say how it went."""
        _Forgiveness.end_in_time()
        try:
            if self._failed:
                await self._recover()
                self._failed = False
            found: dict[Any, list[Any]] = await super().getmany(*partitions, **limits)
        except ConsumerStoppedError:
            raise
        except Stopping:
            return {}
        except UnicodeDecodeError:
            log.warning("a header name is not UTF-8: reading with care")
            _Forgiveness.begin()
            self._fail(CorruptRecordException("a header name is not UTF-8"))
            return {}
        except KafkaError as exc:
            self._fail(exc)
            raise
        except Exception as exc:
            # As a KafkaError, so that FastStream waits before the next poll; anything else it repeats without a pause.
            failure = KafkaError(f"poll failed: {type(exc).__name__}")
            self._fail(failure)
            raise failure from exc
        self._idle = not found
        self._on_poll(None)
        return found

    def idle_positions(self) -> dict[Any, int]:
        """Return the positions when the last poll brought nothing, so that everything below them is done; else none."""
        if not self._idle:
            return {}
        assignment = self._subscription.subscription.assignment
        states = {one: assignment.state_value(one) for one in self.assignment()}
        return {one: int(state.position) for one, state in states.items() if state and state.has_valid_position}

    def _fail(self, exc: KafkaError) -> None:
        self._failed = True
        self._idle = False
        self._on_poll(exc)


class _Forgiveness:
    """Which parser aiokafka uses, for the whole process: it has one name for it, and no other way in."""

    _until = 0.0

    @classmethod
    def begin(cls) -> None:
        cls._until = clock.monotonic() + _FORGIVING_S
        fetcher.MemoryRecords = _ForgivingRecords

    @classmethod
    def end_in_time(cls) -> None:
        if cls._until and clock.monotonic() > cls._until:
            cls._until = 0.0
            fetcher.MemoryRecords = _FAST


class _ForgivingBytes(bytearray):
    """Bytes whose decoding never fails."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _ForgivingBytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - forgiving is the point
        return super().decode(encoding, "backslashreplace")


class _ForgivingBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _ForgivingBytes):
            self._buffer = _ForgivingBytes(self._buffer)


class _ForgivingRecords(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self, *_: Any) -> Any:
        piece = self._next_slice
        if piece is None:
            return None
        if len(piece) < self.MIN_SLICE:
            raise CorruptRecordException("a record batch is shorter than its head")
        self._cache_next()
        magic = piece[self.MAGIC_OFFSET]
        return _ForgivingBatch(piece) if magic >= _V2 else LegacyRecordBatch(piece, magic)
