"""Placement: the partition that every Kafka client gives a key."""

from aiokafka.partitioner import DefaultPartitioner

from services.runtime.placement import misplaced, partition_of
from tests.records import placed, record

COUNT = 7


def test_a_key_lands_where_kafkas_own_partitioner_puts_it() -> None:
    everything, partitioner = list(range(COUNT)), DefaultPartitioner()
    keys = [f"main:{number}".encode() for number in range(100)]
    assert [partition_of(key, COUNT) for key in keys] == [partitioner(key, everything, everything) for key in keys]
    # As Java's Utils.murmur2 says of its own example.
    assert partition_of(b"21", 1 << 31) == -973932308 & 0x7FFFFFFF


def test_only_records_away_from_their_keys_partition_are_misplaced() -> None:
    right = partition_of(b"main:1001", COUNT)
    here, there = (record(placed(), partition=number) for number in (right, (right + 1) % COUNT))
    nowhere = record(placed(), key=None, partition=right)
    assert misplaced([here, there, nowhere, there], lambda _: COUNT) == 2
    assert misplaced([there], lambda _: 0) == 0
