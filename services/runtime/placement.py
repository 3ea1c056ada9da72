"""To which partition of a topic a key belongs: Kafka's own partitioner (murmur2), so that every client agrees. Pure."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from aiokafka.partitioner import murmur2

from services.runtime.kafka import Record

_POSITIVE = 0x7FFFFFFF
#: A parcel's key comes again with each of its scans, and hashing it costs more than reading it.
_KNOWN_KEYS = 1 << 16


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of a key among `count`."""
    return _hashed(key) % count


@lru_cache(maxsize=_KNOWN_KEYS)
def _hashed(key: bytes) -> int:
    hashed: int = murmur2(key)
    return hashed & _POSITIVE


def misplaced(records: Iterable[Record], count: Callable[[str], int]) -> int:
    """Return how many records lie on another partition than their key's, by their topics' partition counts.

    They are applied like all others (rule E13): a topic that grew, or a producer with another partitioner, costs the
    order among neighbours, which the fold does not need.
    """
    keyed = ((one, one.key, count(one.topic)) for one in records if one.key is not None)
    return sum(one.partition != partition_of(key, known) for one, key, known in keyed if known)
