"""By which signs a log is known again, each branch."""

from dataclasses import replace

import pytest

from services.runtime.kafka import Record
from services.runtime.marks import HASH_BYTES, Mark, Reason, Seen, judge, must_be_read, record_hash

RECORD = Record("inbox.v1", 0, 9, 1_700_000_000_000, b"k", b"value", (("a", b"1"), ("b", None)))
HASH = record_hash(RECORD)
MARK = Mark(10, "here", HASH)
SAME = Seen(0, 12, HASH)


def reason(mark: Mark, seen: Seen | None, *, cluster: str | None = "here", compacted: bool = False) -> Reason | None:
    """Return why it is refused."""
    refusal = judge(mark, seen, cluster=cluster, compacted=compacted)
    return None if refusal is None else refusal.reason


def test_the_log_that_was_applied_is_known_again() -> None:
    assert reason(MARK, SAME) is None


def test_another_cluster_is_refused_whatever_lies_there() -> None:
    assert reason(MARK, SAME, cluster="elsewhere") is Reason.ANOTHER_CLUSTER
    assert reason(MARK, None, cluster="elsewhere") is Reason.ANOTHER_CLUSTER


@pytest.mark.parametrize("mark", [MARK, replace(MARK, last_hash=None)])
def test_a_log_that_ends_below_what_was_applied_is_refused(mark: Mark) -> None:
    assert reason(mark, Seen(0, 9)) is Reason.LOG_CUT
    assert reason(mark, Seen(0, 0)) is Reason.LOG_CUT


def test_a_log_that_ends_just_where_it_was_left_is_the_same() -> None:
    assert reason(MARK, Seen(0, 10, HASH)) is None


def test_another_record_in_the_place_of_the_last_one_is_refused() -> None:
    assert reason(MARK, Seen(0, 12, b"other")) is Reason.ANOTHER_RECORD


def test_no_record_in_the_place_of_the_last_one_is_refused_but_where_records_may_vanish() -> None:
    assert reason(MARK, Seen(0, 12)) is Reason.NO_RECORD
    assert reason(MARK, Seen(0, 12), compacted=True) is None
    assert reason(MARK, Seen(0, 12, b"other"), compacted=True) is Reason.ANOTHER_RECORD


@pytest.mark.parametrize("start", [10, 11])
def test_what_lies_below_the_log_start_cannot_be_checked_and_is_accepted(start: int) -> None:
    assert reason(MARK, Seen(start, 12)) is None
    assert not must_be_read(MARK, Seen(start, 12))


def test_the_last_record_at_the_log_start_is_checked() -> None:
    assert must_be_read(MARK, Seen(9, 12))
    assert reason(MARK, Seen(9, 12, b"other")) is Reason.ANOTHER_RECORD


@pytest.mark.parametrize(
    ("mark", "cluster"), [(Mark(10), "here"), (Mark(10, None, HASH), "here"), (Mark(10, "here"), None)]
)
def test_what_was_never_kept_is_accepted(mark: Mark, cluster: str | None) -> None:
    assert reason(mark, SAME, cluster=cluster) is None


def test_ends_that_are_not_to_be_believed_judge_nothing_but_the_cluster() -> None:
    assert reason(MARK, None) is None


def test_a_refusal_names_both_sides_and_no_content() -> None:
    refusal = judge(MARK, Seen(0, 4), cluster="here")
    assert refusal is not None
    assert refusal.message == "all below offset 10 is applied, and the log ends at 4"


@pytest.mark.parametrize(
    "other",
    [
        replace(RECORD, timestamp_ms=RECORD.timestamp_ms + 1),
        replace(RECORD, key=None),
        replace(RECORD, key=b""),
        replace(RECORD, value=None),
        replace(RECORD, key=b"kv", value=b"alue"),
        replace(RECORD, headers=()),
        replace(RECORD, headers=(("b", None), ("a", b"1"))),
        replace(RECORD, headers=(("a", b"1b"), ("", None))),
        replace(RECORD, headers=(("a", b"1"), ("b", b""))),
        replace(RECORD, headers=(("a", b"1"), ("\udcff", None))),
    ],
)
def test_every_part_of_a_record_counts(other: Record) -> None:
    assert record_hash(other) != HASH


def test_the_hash_is_of_the_content_alone_and_short() -> None:
    assert record_hash(replace(RECORD, topic="other.v1", partition=3, offset=77)) == HASH
    assert len(HASH) == HASH_BYTES
