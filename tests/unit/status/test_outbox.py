"""Rows of the outbox: what goes into one, how much, and which of it is snapshots (rule E1)."""

import hashlib
from dataclasses import replace

import pytest

from services.status import outbox
from services.status.messages import DEAD_LETTER_TOPIC, STATUS_TOPIC, Message
from services.status.outbox import MAX_ROW_BYTES, MAX_ROW_MESSAGES, Packed, packed
from services.status.record_batches import MAX_BATCH_BYTES, Entry, split, unpack


def message(order: str, version: int, *, value: bytes | None = None, topic: str = STATUS_TOPIC) -> Message:
    """Return a message of an order."""
    told = b'{"version":%d}' % version if value is None else value
    return Message(topic, order.encode(), told, [("ce_id", f"{order}/{version}")], 1_700_000_000_000 + version)


def noise(length: int, seed: int = 0) -> bytes:
    """Return bytes that cannot be compressed."""
    rounds = range(length // 64 + 1)
    return b"".join(hashlib.sha512(b"%d/%d" % (seed, n)).digest() for n in rounds)[:length]


def told(row: Packed) -> list[list[str]]:
    """Return what each batch of a row tells, as the ids of its messages."""
    return [[_id(one) for one in unpack([batch])] for batch in split(row.payload)]


def snapshots(row: Packed) -> list[tuple[str, bool]]:
    """Return the snapshots of a row: ids, and whether they have a value."""
    batches = split(row.payload)[-1:] if row.snapshots is None else split(row.snapshots)
    return [(_id(one), one.value is not None) for one in unpack(batches)]


def _id(one: Entry) -> str:
    return dict(one.headers)["ce_id"].decode()


def test_a_row_tells_the_older_messages_first_and_then_the_newest_of_each_order_which_are_its_snapshots() -> None:
    (row,) = packed(STATUS_TOPIC, [message("a", 1), message("b", 1), message("a", 2), message("c", 1), message("a", 3)])
    assert told(row) == [["a/1", "a/2"], ["b/1", "c/1", "a/3"]]
    assert row.snapshots is None
    assert snapshots(row) == [("b/1", True), ("c/1", True), ("a/3", True)]
    assert row.messages == 5


def test_where_no_order_is_told_twice_there_is_one_batch() -> None:
    (row,) = packed(STATUS_TOPIC, [message(order, 1) for order in "abc"])
    assert told(row) == [["a/1", "b/1", "c/1"]]


def test_the_snapshot_of_an_erased_order_has_no_value_and_its_last_message_has() -> None:
    (row,) = packed(STATUS_TOPIC, [message("a", 1), replace(message("a", 2), tombstone=True), message("b", 1)])
    assert told(row) == [["a/1"], ["a/2", "b/1"]]
    assert snapshots(row) == [("a/2", False), ("b/1", True)]


def test_of_a_purged_order_nothing_is_told() -> None:
    gone = replace(message("a", 2), value=None, tombstone=True)
    (row,) = packed(STATUS_TOPIC, [gone])
    assert (row.payload, row.messages) == (b"", 1)
    assert snapshots(row) == [("a/2", False)]
    (mixed,) = packed(STATUS_TOPIC, [message("b", 1), message("a", 1), gone])
    assert told(mixed) == [["a/1"], ["b/1"]]
    assert snapshots(mixed) == [("b/1", True), ("a/2", False)]


def test_dead_letters_keep_their_order_and_have_no_snapshots() -> None:
    letters = [message("t/0/1", n, topic=DEAD_LETTER_TOPIC) for n in (1, 2, 1)]
    (row,) = packed(DEAD_LETTER_TOPIC, letters)
    assert told(row) == [["t/0/1/1", "t/0/1/2", "t/0/1/1"]]
    assert row.snapshots is None


@pytest.mark.parametrize(
    ("size", "each"), [(4_000, MAX_ROW_BYTES // 4_412), (200_000, 5), (10, MAX_ROW_MESSAGES), (2_000_000, 1)]
)
def test_rows_are_bounded_and_no_message_is_in_two(size: int, each: int) -> None:
    messages = [message(f"order {n}", 1, value=b"x" * size) for n in range(each * 2 + 1)]
    rows = list(packed(STATUS_TOPIC, messages))
    assert [one for row in rows for batch in told(row) for one in batch] == [
        f"order {n}/1" for n in range(len(messages))
    ]
    assert len(rows) == 3
    assert max(row.messages for row in rows) - each in range(20)


def test_what_cannot_be_compressed_is_split_until_each_row_is_one_batch_for_kafka() -> None:
    messages = [message("a", n, value=noise(100_000, n)) for n in range(1, 8)]
    rows = list(packed(STATUS_TOPIC, messages))
    assert all(len(row.payload) <= MAX_BATCH_BYTES for row in rows)
    assert [one for row in rows for batch in told(row) for one in batch] == [f"a/{n}" for n in range(1, 8)]
    assert len(rows) in range(4, 8)


def test_a_single_message_that_cannot_be_compressed_is_a_row_however_large() -> None:
    """As a dead letter of 300 KiB: its topic takes it."""
    (row,) = packed(DEAD_LETTER_TOPIC, [message("t/0/1", 1, value=noise(300_000), topic=DEAD_LETTER_TOPIC)])
    assert len(row.payload) > MAX_BATCH_BYTES


def test_a_restored_database_reckons_with_as_many_versions_as_a_row_can_skip() -> None:
    (row,) = packed(STATUS_TOPIC, [message("a", n) for n in range(1, MAX_ROW_MESSAGES + 1)])
    assert snapshots(row) == [(f"a/{MAX_ROW_MESSAGES}", True)]
    assert row.messages <= outbox.MAX_ROW_MESSAGES
