"""Prepared record batches are what aiokafka's producer would have built, and what its sender asks for."""

import inspect

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from services.status.record_batches import Entry, Ready, count, pack, split, unpack

ZSTD = 4
ENTRIES = [
    Entry(b"main:1", b'{"state":"processing","of":"one and the same"}', [("ce_id", b"main:1/1")], 1_700_000_000_000),
    Entry(b"main:2", b'{"state":"processing","of":"one and the same"}', [("ce_id", b"main:2/1")], 1_700_000_000_007),
    Entry(b"main:1", None, [("ce_id", b"main:1/2"), ("empty", b"")], 1_700_000_000_003),
    Entry(b"main:3", "größer".encode() * 50, [], 1_700_000_000_009),
]


def built(entries: list[Entry]) -> bytes:
    """Build a batch by what the producer gives for `create_batch`."""
    builder = BatchBuilder(1024 * 1024, ZSTD)
    for one in entries:
        builder.append(timestamp=one.timestamp_ms, key=one.key, value=one.value, headers=one.headers)
    return bytes(builder._build())  # noqa: SLF001 - what the sender asks for


@pytest.mark.parametrize("some", [ENTRIES[:1], ENTRIES, ENTRIES * 100])
def test_a_prepared_batch_has_the_bytes_that_the_producer_would_have_built(some: list[Entry]) -> None:
    assert pack(some) == built(some)


def test_what_is_packed_is_read_back_the_same() -> None:
    batch = pack(ENTRIES)
    assert count(batch) == len(ENTRIES)
    assert list(unpack([batch])) == ENTRIES


def test_batches_that_lie_one_behind_the_other_are_told_apart() -> None:
    batches = [pack(ENTRIES[:1]), pack(ENTRIES), pack(ENTRIES[2:])]
    assert split(b"".join(batches)) == batches
    assert [count(one) for one in batches] == [1, 4, 2]
    assert split(b"") == []


def test_messages_that_are_alike_take_a_fraction_of_their_bytes() -> None:
    alike = [one._replace(key=f"main:{n}".encode()) for n, one in enumerate(ENTRIES * 50)]
    assert len(pack(alike)) * 4 < sum(len(one.value or b"") for one in alike)


async def test_the_sender_gets_of_a_prepared_batch_what_it_gets_of_one_of_its_own() -> None:
    """As `MessageAccumulator` and `Sender` ask: for bytes, a count, and whether it is full."""
    batch = pack(ENTRIES)
    queued = MessageBatch(TopicPartition("t", 0), Ready(batch), ttl=60, linger_time=60)
    assert bytes(queued.get_data_buffer()) == batch
    assert (queued.record_count, queued.is_empty()) == (len(ENTRIES), False)
    assert queued.remaining_linger() is None, "nobody waits for more"
    assert queued.append(b"k", b"v", None) is None, "nothing of anybody else gets into it"
    assert Ready(batch).size() == len(batch)
    assert MemoryRecords(bytes(queued.get_data_buffer())).next_batch().validate_crc()
    queued.done_noack()


def test_a_builder_of_aiokafka_has_no_method_that_a_prepared_batch_lacks() -> None:
    """A new one, or one with other arguments, must be looked at before a new aiokafka is used."""
    known = {"append", "close", "closed", "size", "record_count", "_build"}
    unused = {"__init__", "_serialize", "_set_producer_state"}  # of serializers and of idempotent producers (rule E14)
    assert {name for name, one in vars(BatchBuilder).items() if inspect.isfunction(one)} == known | unused
    assert known <= vars(Ready).keys()
    Ready(pack(ENTRIES)).close()
