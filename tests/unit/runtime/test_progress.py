"""How a polled batch is worked through."""

from hypothesis import given
from hypothesis import strategies as st

from services.runtime.kafka import Record
from services.runtime.progress import Progress


def records(count: int) -> list[Record]:
    return [Record("t", 0, n, 0, None, b"", ()) for n in range(count)]


def test_without_trouble_all_is_tried_at_once() -> None:
    progress = Progress(records(10))
    assert len(progress.chunk()) == 10
    progress.done(progress.chunk())
    assert progress.left == []


def test_conflicts_halve_down_to_one() -> None:
    progress = Progress(records(10))
    sizes = []
    for _ in range(6):
        sizes.append(len(progress.chunk()))
        progress.conflict()
    assert sizes == [10, 5, 2, 1, 1, 1]


@given(st.sets(st.integers(0, 29)), st.integers(1, 30))
def test_exactly_the_refused_records_are_set_aside_and_every_record_leaves_once(bad: set[int], count: int) -> None:
    progress = Progress(records(count))
    applied, aside = [], []
    while progress.left:
        chunk = progress.chunk()
        if progress.reason:
            assert len(chunk) == 1
            aside.append(chunk[0].offset)
            progress.done(chunk)
        elif any(one.offset in bad for one in chunk):
            progress.refused("no")
        else:
            applied += [one.offset for one in chunk]
            progress.done(chunk)
    assert aside == sorted(n for n in bad if n < count)
    assert applied == [n for n in range(count) if n not in bad]


def test_records_that_will_be_read_again_leave_without_being_done() -> None:
    progress = Progress(records(4))
    progress.refused("no")
    progress.refused("no")
    progress.drop(progress.left[:2])
    assert [one.offset for one in progress.left] == [2, 3]
    assert progress.reason == ""
